use std::path::PathBuf;

use serde_json::json;

use super::{Console, Failure, PolicyFile, cases, contents, warnings, wrong};
use crate::{cli::json, policy::Known, policy_file};

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    file: PolicyFile,
    /// YAML file of test cases; also warn about its tool names that nearly match a name in the policy
    #[arg(long, value_name = "CASES")]
    cases: Option<PathBuf>,
    /// Exit 1 if there are warnings
    #[arg(long)]
    strict: bool,
}

/// Returns 0 if there are no errors. With `--strict`, returns 1 if there are warnings.
pub(super) fn run(args: &CheckArgs, console: &mut Console) -> Result<u8, Failure> {
    let path = &args.file.path;
    let text = contents(path)?;
    let policy = policy_file::load(path, &text).map_err(|problems| wrong(&problems))?;
    let known = match &args.cases {
        Some(path) => {
            let cases = policy_file::load_cases(path, &contents(path)?).map_err(|problems| wrong(&problems))?;
            cases::known(&policy, &cases)
        }
        None => Known::default(),
    };
    let found = policy_file::place_warnings(path, &text, &policy.warnings(&known));
    let (rules, tools) = (policy.document().rules.len(), policy.document().tools.len());
    if console.json {
        console.line(
            &json::text(&json!({"rules": rules, "tools": tools, "warnings": found})).expect("strings and numbers"),
        )?;
    } else {
        warnings(console, &found)?;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let outcome = match found.len() {
            0 => "no problems".to_owned(),
            count => format!("{count} warning{}", plural(count)),
        };
        console.line(&format!(
            "{}: {rules} rule{}, {tools} listed tool{}; {outcome}",
            path.display(),
            plural(rules),
            plural(tools)
        ))?;
    }
    Ok(u8::from(args.strict && !found.is_empty()))
}
