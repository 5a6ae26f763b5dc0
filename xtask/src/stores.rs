//! `cargo xtask postgres`: the tests of `tests/it/` with the store in PostgreSQL, with one server and with three.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::step::Step;

/// The integration tests. `tests/it/deployment.rs` reads the variable [`VARIABLE`].
const COMMAND: &str = "cargo test --locked --no-fail-fast --test it";

/// Which store the tests' servers have.
const VARIABLE: &str = "SIGNOFF_IT_STORE";

/// Numbers of servers that the tests run with.
const SERVERS: [usize; 2] = [1, 3];

/// The tests that `cargo xtask test` also runs with three servers: calls of every kind, and races, in about a minute. The
/// names are parts of names, as cargo's filters are.
const EVERY_TIME: &[&str] = &[
    "blocking::",
    "policy::versions",
    "queue::",
    "remember::",
    "reviewers::",
    "rpc::answers",
    "rpc::lists",
    "rpc::refusals",
    "rpc::repetitions",
    "streams::contract",
    "tokens::",
];

/// A test that cannot run with every deployment: what its server must be, and why.
struct Exception {
    /// A part of its name, or of several tests' names.
    tests: &'static str,
    needs: Needs,
    reason: &'static str,
}

/// What a test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// A store in a data directory.
    Directory,
    /// One server, with any store.
    OneServer,
}

const EXCEPTIONS: &[Exception] = &[
    directory("backup::", "`signoff backup` copies a data directory"),
    directory("change_feed::", "the test opens the store in the directory itself"),
    directory("damage::", "the tests damage files of the store"),
    directory("demo::", "`signoff demo` has a store of its own"),
    directory("documents::", "the pages' commands name a data directory"),
    directory("failover::", "the tests have their own databases, in every run"),
    directory("failure::", "the test limits the size of the store's files"),
    directory("faults::", "the tests fail, hang and damage the store's disk"),
    directory("linearizable::", "the tests have their own databases, in every run"),
    directory("links::a_link_from_a_message", "the test opens the store in the directory itself"),
    directory("postgres::", "the tests have their own databases, in every run"),
    directory("rolling_upgrade::", "the tests have their own databases, in every run"),
    directory("schemas::", "the tests check the data directory with `signoff store check`"),
    directory("serve::a_second_server", "a data directory has one server"),
    directory("serve::development::", "the tests start the server without naming its directory"),
    directory("serve::logs::start_errors", "the test damages the data directory"),
    directory("serve::privacy::", "the tests are about the files of the store"),
    directory("several::", "the tests have their own databases, in every run"),
    directory("tokens::commands::the_first_token", "the command names a data directory"),
    one_server("oidc::sign_in::", "the provider sends browsers back to the address of the server itself"),
    one_server("policy::commands::a_policy_is_compared", "a new version reaches the other servers a moment later"),
    one_server("policy::reload::", "each server reads the policy file at its own moment"),
    one_server("policy::warnings::", "each server has its own names of calls and callers"),
    one_server("policy::writing::", "each server reads the policy file at its own moment"),
    one_server("rpc::refusals::too_many_open_streams", "the limit of streams is that of one server"),
    one_server("serve::a_port_in_use", "several servers do not listen on the address of the test"),
    one_server("serve::http::metrics_count_events", "metrics are those of one server"),
    one_server("serve::http::tools_that_only_match", "metrics are those of one server"),
    one_server("serve::limits::", "the limits are those of one server"),
    one_server("serve::logs::metrics_distinguish", "metrics are those of one server"),
    one_server("serve::readers::", "the tests measure one process"),
    one_server("serve::without_authentication", "the balancer listens on the address, not the server"),
    one_server("slack::kills::", "the test stops one process"),
    one_server("strangers::", "the limits of connections are those of one server, and the tests measure its process"),
    one_server("stopping::a_freeze_stops", "metrics are those of one server"),
    one_server("tokens::a_delayed_call", "a server saves the last use of a token within a minute"),
    one_server("tokens::a_token_and_its_streams", "a server saves the last use of a token within a minute"),
];

const fn directory(tests: &'static str, reason: &'static str) -> Exception {
    Exception { tests, needs: Needs::Directory, reason }
}

const fn one_server(tests: &'static str, reason: &'static str) -> Exception {
    Exception { tests, needs: Needs::OneServer, reason }
}

impl Exception {
    const fn excludes(&self, servers: usize) -> bool {
        match self.needs {
            Needs::Directory => true,
            Needs::OneServer => servers > 1,
        }
    }
}

/// The runs that `args` ask for: names of tests, and `--servers N`.
pub(crate) fn runs(args: &[String]) -> Result<Vec<Run>, Failure> {
    let (mut servers, mut tests) = (SERVERS.to_vec(), Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--servers" {
            let number = args.next().and_then(|number| number.parse().ok()).filter(|number| (1..=9).contains(number));
            servers = vec![number.ok_or_else(|| Failure::Usage("--servers needs a number from 1 to 9".to_owned()))?];
        } else if arg.starts_with('-') {
            return Err(Failure::Usage(format!("unknown option `{arg}`: names of tests, and --servers N")));
        } else {
            tests.push(arg.clone());
        }
    }
    let all = names()?;
    Ok(servers.into_iter().map(|servers| Run::new(servers, &tests, &all)).collect())
}

/// The run of `cargo xtask test`.
pub(crate) fn every_time() -> Result<Run, Failure> {
    let tests: Vec<_> = EVERY_TIME.iter().map(ToString::to_string).collect();
    Ok(Run::new(3, &tests, &names()?))
}

/// The names of all integration tests.
fn names() -> Result<Vec<String>, Failure> {
    let list = Step::new(&[], COMMAND).args(&["--", "--list", "--format=terse"].map(str::to_owned)).output()?;
    let names: Vec<_> = list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
    for exception in EXCEPTIONS {
        // A renamed test would run where it cannot, or a new one would be left out where it could run.
        let mut found = names.iter().filter(|name| name.contains(exception.tests)).peekable();
        let excepted = |name: &String| EXCEPTIONS.iter().any(|other| name.starts_with(other.tests));
        if found.peek().is_none() || !found.all(excepted) {
            return Err(Failure::Usage(format!(
                "xtask/src/stores.rs: `{}` does not begin a test's name",
                exception.tests
            )));
        }
    }
    Ok(names)
}

/// One run of the tests, and what it leaves out.
pub(crate) struct Run {
    pub(crate) step: Step,
    servers: usize,
    left_out: BTreeMap<&'static str, Vec<String>>,
}

impl Run {
    fn new(servers: usize, tests: &[String], all: &[String]) -> Self {
        let asked = |name: &String| tests.is_empty() || tests.iter().any(|test| name.contains(test));
        let mut left_out: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut args = [&["--".to_owned()], tests].concat();
        for exception in EXCEPTIONS.iter().filter(|exception| exception.excludes(servers)) {
            args.extend(["--skip".to_owned(), exception.tests.to_owned()]);
            let names = all.iter().filter(|name| name.starts_with(exception.tests) && asked(name)).cloned();
            left_out.entry(exception.reason).or_default().extend(names);
        }
        left_out.retain(|_, names| !names.is_empty());
        let store = (VARIABLE.to_owned(), format!("postgres:{servers}"));
        Self { step: Step::new(&[], COMMAND).vars([store]).args(&args), servers, left_out }
    }

    /// Prints what it leaves out, with the reasons; returns how many tests.
    pub(crate) fn report(&self) -> u64 {
        let count: usize = self.left_out.values().map(Vec::len).sum();
        println!("\nwith PostgreSQL and {} server(s), {count} tests are skipped:", self.servers);
        for (reason, names) in &self.left_out {
            println!("- {reason}: {}", names.join(", "));
        }
        count as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_one_directory_are_left_out_with_their_reason() {
        for exception in EXCEPTIONS {
            assert!(exception.excludes(3) && exception.excludes(1) == (exception.needs == Needs::Directory));
            let all = ["a::b".to_owned(), format!("{}x", exception.tests)];
            let run = Run::new(3, &[], &all);
            assert_eq!(run.left_out[exception.reason], [all[1].clone()]);
            assert_eq!(run.report(), 1);
            assert!(run.step.shown().contains(&format!("--skip {}", exception.tests)));
            assert_eq!(Run::new(3, &["a::".to_owned()], &all).report(), 0, "only what was asked for is counted");
        }
    }

    #[test]
    fn options_that_do_not_exist_are_rejected() {
        for args in [&["--servers"][..], &["--servers", "0"], &["--servers", "many"], &["--server", "3"]] {
            let args: Vec<_> = args.iter().map(ToString::to_string).collect();
            assert!(matches!(runs(&args), Err(Failure::Usage(_))), "{args:?}");
        }
    }
}
