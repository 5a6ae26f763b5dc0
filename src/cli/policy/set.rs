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
pub struct SetArgs {
    #[command(flatten)]
    file: PolicyFile,
    /// What changes and why; kept with the version
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Set it only if this is the live version; 0: only if none was set yet
    #[arg(long, value_name = "N")]
    expected_version: Option<u64>,
    /// Only ask the server whether it would take the policy
    #[arg(long)]
    dry_run: bool,
}

/// Sets the policy, unless the live one says the same: that makes no version.
pub(super) async fn run(args: SetArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let path = &args.file.path;
    let policy = policy_file::load(path, &contents(path)?).map_err(|problems| wrong(&problems))?;
    let mut client = connection.policies().await?;
    let live = show::get(&mut client, None).await?;
    // A server that has its policy from a file refuses, whatever it says.
    if let (Some(live), None) = (live.version, live.file)
        && says_the_same(&live, &policy)
        && args.expected_version.is_none_or(|expected| expected == live.version)
    {
        return unchanged(live, console);
    }
    let request = SetPolicyRequest {
        // Whatever repeats the call on its way makes no second version.
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

/// Compares what both say, not how they are written. The built-in policy, version 0, is not one that was set.
fn says_the_same(live: &PolicyVersion, policy: &Policy) -> bool {
    let written = |document| policy_file::write(&document);
    live.version > 0 && written(live.policy.clone().unwrap_or_default()) == written(encode::document(policy.document()))
}

/// A policy that is live already makes no version: a history of versions shows what changed.
fn unchanged(live: PolicyVersion, console: &mut Console) -> Result<(), Failure> {
    let version = PolicyVersion { policy: None, ..live };
    if console.json {
        return Ok(console.message(&SetPolicyResponse { version: Some(version), warnings: Vec::new() })?);
    }
    console.line(&format!("nothing changes; this is live already: {}", title(&version)))?;
    Ok(())
}
