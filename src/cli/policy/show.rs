use super::{Console, Failure};
use crate::{
    cli::{
        connection::{ConnectionArgs, PolicyClient, unary},
        describe,
        text::{escape, moment},
    },
    policy_file,
    proto::v1::{GetPolicyRequest, GetPolicyResponse, PolicyVersion},
};

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Version to show [default: the live version]
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

pub(super) async fn run(args: &ShowArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let response = get(&mut connection.policies().await?, args.version).await?;
    if console.json {
        return Ok(console.message(&response)?);
    }
    let version = response.version.unwrap_or_default();
    console.line(&format!("# {}", title(&version)))?;
    if let Some(file) = &response.file {
        console.line(&format!("# from the server's file {}", escape(&file.path)))?;
        for line in file.error.lines() {
            console.note(&format!("warning: cannot use the file: {}", escape(line)))?;
        }
    }
    let text = policy_file::write(&version.policy.unwrap_or_default());
    Ok(console.raw(text.as_bytes())?)
}

/// A version of the policy, or the live one.
pub(super) async fn get(client: &mut PolicyClient, version: Option<u64>) -> Result<GetPolicyResponse, Failure> {
    Ok(client.get_policy(unary(GetPolicyRequest { version })).await?.into_inner())
}

/// The version and its author, in one line.
pub(super) fn title(version: &PolicyVersion) -> String {
    if version.version == 0 {
        return "version 0, the built-in policy: every call needs approval".to_owned();
    }
    let (number, author) = (version.version, describe::actor(version.author.as_ref()));
    let comment = if version.comment.is_empty() { String::new() } else { format!(": {}", escape(&version.comment)) };
    format!("version {number}, set by {author} at {}{comment}", moment(version.create_time.as_ref()))
}
