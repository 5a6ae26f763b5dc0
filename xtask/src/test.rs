//! `cargo xtask test`: every test of the workspace in one command, and their total.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::failure::Failure;
use crate::node_modules;
use crate::step::Step;

/// Unit, integration and documentation tests. Cargo builds the `signoff` binary that the integration tests start.
const COMMAND: &str = "cargo test --workspace --locked --no-fail-fast";

/// Runs all tests; `args` go to `cargo test`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    node_modules::install()?;
    let step = Step::new(&[], COMMAND).args(args);
    let not_started = |error| Failure::NotStarted(step.shown(), error);
    let mut child = step.command().stdout(Stdio::piped()).spawn().map_err(not_started)?;

    let mut total = Total::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.map_err(not_started)?;
            let text = String::from_utf8_lossy(&line);
            total.add(&text);
            writeln!(std::io::stdout(), "{text}").map_err(not_started)?;
        }
    }
    let status = child.wait().map_err(not_started)?;

    println!("\ntotal: {} passed, {} failed, {} skipped", total.passed, total.failed, total.ignored);
    if !status.success() {
        return Err(Failure::Unsuccessful(step.shown(), status));
    }
    // A filter that matches nothing must not look like tests that pass.
    if total.passed == 0 { Err(Failure::NoTestRan) } else { Ok(()) }
}

/// The sum over all test binaries: cargo prints one result for each.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Total {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`; any other adds nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|result| result.split_once(". ")) else {
            return;
        };
        for (number, what) in counts.split("; ").filter_map(|count| count.split_once(' ')) {
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_are_added_up_and_nothing_else_counts() {
        let mut total = Total::default();
        for line in [
            "running 12 tests",
            "test 3 passed; 1 failed ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 3 passed; 2 failed; 4 ignored; 0 measured; 7 filtered out; finished in 1.00s",
        ] {
            total.add(line);
        }
        assert_eq!(total, Total { passed: 15, failed: 2, ignored: 5 });
    }
}
