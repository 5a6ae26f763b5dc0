use super::{Console, Failure, PolicyFile, contents, wrong};
use crate::policy_file;

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    #[command(flatten)]
    file: PolicyFile,
}

pub(super) fn run(args: &CheckArgs, console: &mut Console) -> Result<u8, Failure> {
    let path = &args.file.path;
    let policy = policy_file::load(path, &contents(path)?).map_err(|problems| wrong(&problems))?;
    let (rules, tools) = (policy.document().rules.len(), policy.document().tools.len());
    if !console.json {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        console.line(&format!(
            "{}: {rules} rule{}, {tools} listed tool{}; nothing is wrong",
            path.display(),
            plural(rules),
            plural(tools)
        ))?;
    }
    Ok(0)
}
