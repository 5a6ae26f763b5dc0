//! `cargo xtask test`: every test of the workspace, of the clients and of the desk in one command, and their total.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::clients::{self, CLIENTS, Client};
use crate::desk;
use crate::failure::Failure;
use crate::node_modules;
use crate::step::Step;
use crate::stores;
use crate::tools;

/// Unit, integration and documentation tests. Cargo builds the `signoff` binary that the integration tests start.
const COMMAND: &str = "cargo test --workspace --locked --no-fail-fast";

/// Builds the `signoff` program that the tests in other languages start.
pub(crate) const BUILD: &str = "cargo build --locked --bin signoff";

/// Runs all tests; `args` go to `cargo test`, and with any the clients' and the desk's are left out.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let whole = args.is_empty();
    let clients: Vec<&Client> = if whole { CLIENTS.iter().collect() } else { Vec::new() };
    let desk = if whole { desk::tools().collect() } else { Vec::new() };
    let own = tools::NODE.iter().chain(tools::SMTP).chain(tools::POSTGRESQL);
    tools::ensure(clients.iter().flat_map(|client| client.tools).chain(own).chain(desk))?;
    node_modules::install(node_modules::OIDC_PROVIDER)?;
    let mut total = Total::default();
    let result = count(&Step::new(&[], COMMAND).args(args), &mut total)
        .and_then(|()| if whole { run_deployed(&stores::every_time()?, &mut total) } else { Ok(()) })
        .and_then(|()| run_clients(&clients, &mut total))
        .and_then(|()| if whole { run_scenarios(&[], &mut total) } else { Ok(()) });
    total.end(result)
}

/// `cargo xtask desk`: the scenarios of the desk that are named, or all; options go to Node.js's test runner.
pub(crate) fn run_desk(args: &[String]) -> Result<(), Failure> {
    desk::check(args)?;
    tools::ensure(desk::tools())?;
    node_modules::install(node_modules::OIDC_PROVIDER)?;
    Step::new(&[], BUILD).run()?;
    let mut total = Total::default();
    let result = run_scenarios(args, &mut total);
    total.end(result)
}

/// `cargo xtask postgres`: the integration tests with PostgreSQL.
pub(crate) fn run_with_postgres(args: &[String]) -> Result<(), Failure> {
    tools::ensure(tools::NODE.iter().chain(tools::SMTP).chain(tools::POSTGRESQL))?;
    node_modules::install(node_modules::OIDC_PROVIDER)?;
    let mut total = Total::default();
    // The second run also shows what it can when the first one fails.
    let results: Vec<_> = stores::runs(args)?.iter().map(|run| run_deployed(run, &mut total)).collect();
    total.end(results.into_iter().collect())
}

fn run_deployed(run: &stores::Run, total: &mut Total) -> Result<(), Failure> {
    let result = count(&run.step, total);
    total.ignored += run.report();
    result
}

fn run_scenarios(args: &[String], total: &mut Total) -> Result<(), Failure> {
    node_modules::install(node_modules::DESK)?;
    count(&desk::scenarios(args)?, total)
}

/// `cargo xtask clients`: the tests of the clients that are named, or of all.
pub(crate) fn run_named_clients(args: &[String]) -> Result<(), Failure> {
    let clients = clients::named(args)?;
    tools::ensure(clients.iter().flat_map(|client| client.tools))?;
    Step::new(&[], BUILD).run()?;
    let mut total = Total::default();
    let result = run_clients(&clients, &mut total);
    total.end(result)
}

fn run_clients(clients: &[&Client], total: &mut Total) -> Result<(), Failure> {
    for client in clients {
        client.set_up()?;
        count(&client.tests()?, total)?;
    }
    Ok(())
}

/// Runs tests with our output, and adds what they count.
fn count(step: &Step, total: &mut Total) -> Result<(), Failure> {
    let not_started = |error| Failure::NotStarted(step.shown(), error);
    let mut child = step.command().stdout(Stdio::piped()).spawn().map_err(not_started)?;
    let before = total.sum();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.map_err(not_started)?;
            let text = String::from_utf8_lossy(&line);
            total.add(&text);
            writeln!(std::io::stdout(), "{text}").map_err(not_started)?;
        }
    }
    let status = child.wait().map_err(not_started)?;
    if !status.success() {
        return Err(Failure::Unsuccessful(step.shown(), status));
    }
    // A filter that matches nothing, or a script that forgets to count, must not look like tests that pass.
    if total.sum() == before { Err(Failure::NoTestRan(step.shown())) } else { Ok(()) }
}

/// The sum over all test binaries, of which cargo prints one result each, and all clients.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Total {
    /// Adds cargo's `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or a client's `tests: 3 passed, 0 failed, 1
    /// skipped`; any other line adds nothing.
    fn add(&mut self, line: &str) {
        let of_cargo = line.strip_prefix("test result: ").and_then(|result| result.split_once(". "));
        let Some(counts) = of_cargo.map(|(_, counts)| counts).or_else(|| line.strip_prefix("tests: ")) else { return };
        for (number, what) in counts.split([';', ',']).filter_map(|count| count.trim().split_once(' ')) {
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" | "skipped" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl Total {
    fn sum(&self) -> u64 {
        self.passed + self.failed
    }

    /// Prints the total; a failed test is a failure even if its runner does not say so.
    fn end(&self, result: Result<(), Failure>) -> Result<(), Failure> {
        println!("\ntotal: {} passed, {} failed, {} skipped", self.passed, self.failed, self.ignored);
        result?;
        if self.failed > 0 { Err(Failure::TestsFailed(self.failed)) } else { Ok(()) }
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
            "tests: 20 passed, 1 failed, 2 skipped",
        ] {
            total.add(line);
        }
        assert_eq!(total, Total { passed: 35, failed: 3, ignored: 7 });
    }
}
