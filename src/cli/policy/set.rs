use uuid::Uuid;

use super::{Console, Failure, PolicyFile, contents, show::title, wrong};
use crate::{
    cli::{
        connection::{ConnectionArgs, unary},
        text::escape,
    },
    policy_file,
    proto::v1::SetPolicyRequest,
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

pub(super) async fn run(args: SetArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let path = &args.file.path;
    let policy = policy_file::load(path, &contents(path)?).map_err(|problems| wrong(&problems))?;
    let request = SetPolicyRequest {
        // Whatever repeats the call on its way makes no second version.
        request_id: Uuid::new_v4().to_string(),
        policy: Some(encode::document(policy.document())),
        expected_version: args.expected_version,
        comment: args.comment,
        validate_only: args.dry_run,
    };
    let mut client = connection.policies().await?;
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
