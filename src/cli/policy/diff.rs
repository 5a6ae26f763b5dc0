use super::{Console, Failure, PolicyFile, contents, show, wrong};
use crate::{
    cli::{connection::ConnectionArgs, difference},
    policy_file,
    wire::encode,
};

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    file: PolicyFile,
    /// Version to compare with [default: the live version]
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

/// Compares the meaning, not the text: comments and the order of fields do not count. Returns 0 if both are equivalent,
/// otherwise 1.
pub(super) async fn run(args: &DiffArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
    let path = &args.file.path;
    let policy = policy_file::load(path, &contents(path)?).map_err(|problems| wrong(&problems))?;
    let response = show::get(&mut connection.policies().await?, args.version).await?;
    let version = response.version.unwrap_or_default();
    let before = policy_file::write(&version.policy.clone().unwrap_or_default());
    let after = policy_file::write(&encode::document(policy.document()));
    if before == after {
        console.note(&format!("{} is equivalent to version {}", path.display(), version.version))?;
        return Ok(0);
    }
    let names = [format!("version {}", version.version), path.display().to_string()];
    console.raw(difference::unified(&before, &after, names.each_ref().map(String::as_str)).as_bytes())?;
    Ok(1)
}
