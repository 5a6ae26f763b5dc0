use super::{Console, Failure, PolicyFile, contents, show, wrong};
use crate::{
    cli::{connection::ConnectionArgs, difference},
    policy_file,
    wire::encode,
};

#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    #[command(flatten)]
    file: PolicyFile,
    /// Compare with an older version; the live one when not given
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

/// Compares what both say, not how they are written: comments and order of fields do not count. Returns 0 when they are
/// the same, else 1.
pub(super) async fn run(args: &DiffArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
    let path = &args.file.path;
    let policy = policy_file::load(path, &contents(path)?).map_err(|problems| wrong(&problems))?;
    let response = show::get(&mut connection.policies().await?, args.version).await?;
    let version = response.version.unwrap_or_default();
    let before = policy_file::write(&version.policy.clone().unwrap_or_default());
    let after = policy_file::write(&encode::document(policy.document()));
    if before == after {
        console.note(&format!("{} says the same as version {}", path.display(), version.version))?;
        return Ok(0);
    }
    let names = [format!("version {}", version.version), path.display().to_string()];
    console.raw(difference::unified(&before, &after, names).as_bytes())?;
    Ok(1)
}
