use uuid::Uuid;

use super::{
    Console, Failure, PolicyFile, contents,
    show::{self, title},
    wrong,
};
use crate::{
    cli::{
        connection::{ConnectionArgs, unary},
        text::escape,
    },
    policy::Policy,
    policy_file,
    proto::v1::{PolicyVersion, SetPolicyRequest, SetPolicyResponse},
    wire::encode,
};

#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    file: PolicyFile,
    /// Comment on what changes and why; stored with the version
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Set the policy only if this version is live; 0: only if no policy was set yet
    #[arg(long, value_name = "N")]
    expected_version: Option<u64>,
    /// Check whether the server accepts the policy, without setting it
    #[arg(long)]
    dry_run: bool,
}

/// Sets the policy. Creates no version if the live policy is equivalent.
pub(super) async fn run(args: SetArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let path = &args.file.path;
    let policy = policy_file::load(path, &contents(path)?).map_err(|problems| wrong(&problems))?;
    let mut client = connection.policies().await?;
    let live = show::get(&mut client, None).await?;
    // A server that reads its policy from a file rejects the call, so send it also without a change.
    if let (Some(live), None) = (live.version, live.file)
        && says_the_same(&live, &policy)
        && args.expected_version.is_none_or(|expected| expected == live.version)
    {
        return unchanged(live, console);
    }
    let request = SetPolicyRequest {
        // So that a repeated call creates no second version.
        request_id: Uuid::new_v4().to_string(),
        policy: Some(encode::document(policy.document())),
        expected_version: args.expected_version,
        comment: args.comment,
        validate_only: args.dry_run,
    };
    let response = client.set_policy(unary(request)).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    for warning in &response.warnings {
        console.note(&format!("warning: {}: {}", escape(&warning.field), escape(&warning.description)))?;
    }
    let version = response.version.ok_or(Failure::Protocol("no version"))?;
    let done = if args.dry_run { "would be set" } else { "is live" };
    console.line(&format!("{done}: {}", title(&version)))?;
    Ok(())
}

/// Compares the meaning, not the text. The built-in policy, version 0, never counts as set.
fn says_the_same(live: &PolicyVersion, policy: &Policy) -> bool {
    let written = |document| policy_file::write(&document);
    live.version > 0 && written(live.policy.clone().unwrap_or_default()) == written(encode::document(policy.document()))
}

/// Reports that the policy is already live. No version is created, so the history lists only changes.
fn unchanged(live: PolicyVersion, console: &mut Console) -> Result<(), Failure> {
    let version = PolicyVersion { policy: None, ..live };
    if console.json {
        return Ok(console.message(&SetPolicyResponse { version: Some(version), warnings: Vec::new() })?);
    }
    console.line(&format!("no change; already live: {}", title(&version)))?;
    Ok(())
}
