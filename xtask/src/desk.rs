//! The tests of the desk in a real Chromium, against the real server: `tests/desk`.

use crate::clients;
use crate::failure::Failure;
use crate::step::{Step, root};
use crate::tools::{self, Tool};

const SCRIPT: &str = "tests/desk/run";

/// What the scenarios need.
pub(crate) fn tools() -> impl Iterator<Item = &'static Tool> {
    tools::NODE.iter().chain(tools::CHROMIUM).chain(tools::SMTP)
}

/// Rejects a scenario that does not exist. Options, which begin with `-`, are checked by Node.js.
pub(crate) fn check(args: &[String]) -> Result<(), Failure> {
    let unknown = args.iter().filter(|arg| !arg.starts_with('-')).find(|name| !path(name).is_file());
    match unknown {
        Some(name) => {
            Err(Failure::Usage(format!("unknown scenario `{name}`; allowed: the files of tests/desk/scenarios")))
        }
        None => Ok(()),
    }
}

fn path(scenario: &str) -> std::path::PathBuf {
    root().join(format!("tests/desk/scenarios/{scenario}.test.mjs"))
}

/// Runs the named scenarios, or all, against the server that was built beside this program.
pub(crate) fn scenarios(args: &[String]) -> Result<Step, Failure> {
    clients::against_server(SCRIPT.to_owned(), args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_named_by_their_files() {
        assert!(root().join(SCRIPT).is_file());
        let args = |args: &[&str]| args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
        check(&args(&["sign-in", "--test-name-pattern=token"])).expect("it is there");
        let failure = check(&args(&["sign-inn"])).expect_err("no such file").to_string();
        assert!(failure.contains("sign-inn") && failure.contains("tests/desk/scenarios"), "{failure}");
    }
}
