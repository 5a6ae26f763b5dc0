//! `cargo xtask verify`: everything that must hold before a change is merged.

use std::fmt;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::setup;
use crate::step::Step;
use crate::tools;

/// A check: its name, variables for its environment, and its command. The cheap ones come first.
type Check = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const CHECKS: &[Check] = &[
    ("format", &[], "cargo fmt --all --check"),
    ("tracked files", &[], "cargo xtask tracked"),
    ("layers", &[], "cargo xtask layers"),
    // `cargo xtask` itself updates the workspace's lock file, so `.ci/run` checks that one first.
    ("fuzz lock file", &[], "cargo fetch --locked --manifest-path fuzz/Cargo.toml"),
    ("protos", &[], "buf lint"),
    ("released protos", &[], "cargo xtask breaking"),
    // No `advisories`: their database is not part of any registry, and a check must not need the network.
    ("dependencies", &[], "cargo deny --locked check --hide-inclusion-graph bans licenses sources"),
    ("lints", &[], "cargo clippy --workspace --all-targets --locked -- -D warnings"),
    // As it is shipped: in the workspace, tests turn the feature `testing` on.
    ("lints of the server", &[], "cargo clippy --package signoff --locked -- -D warnings"),
    ("docs", &[("RUSTDOCFLAGS", "-D warnings")], "cargo doc --workspace --no-deps --locked"),
    // Builds the crate as those get it who do not have the repository around it.
    ("package", &[], "cargo package --package signoff-client --locked --allow-dirty"),
    ("generated files", &[], "cargo xtask gen --check"),
    ("deployment", &[], "cargo xtask deploy"),
    ("tests", &[], "cargo xtask test"),
    ("fuzz targets", &[], "cargo xtask fuzz"),
];

/// Runs every check, in order, up to the first that fails.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let [first, ..] = args {
        return Err(Failure::Usage(format!("`verify` takes no arguments, not `{first}`")));
    }
    // Better now than after minutes of compiling.
    let found = tools::ensure(setup::tools())?;
    println!("verify: {}", found.join(", "));
    run_checks(CHECKS)
}

#[expect(clippy::disallowed_methods, reason = "how long a check takes is shown")]
fn run_checks(checks: &[Check]) -> Result<(), Failure> {
    let mut times = Times::default();
    for (index, (name, vars, line)) in checks.iter().enumerate() {
        let step = Step::new(vars, line);
        println!("==> {}/{} {name}: {}", index + 1, checks.len(), step.shown());
        let start = Instant::now();
        let result = step.run();
        times.0.push((*name, start.elapsed()));
        if let Err(failure) = result {
            let left: Vec<_> = checks[index + 1..].iter().map(|(name, ..)| *name).collect();
            let not_run = if left.is_empty() { "none".to_owned() } else { left.join(", ") };
            return Err(Failure::Stopped(format!(
                "verify stopped at {name}: {failure}\n{times}\n  not run: {not_run}"
            )));
        }
    }
    println!("verify: all {} checks passed\n{times}", checks.len());
    Ok(())
}

/// How long each check took; the last one may have failed.
#[derive(Debug, Default)]
struct Times(Vec<(&'static str, Duration)>);

impl fmt::Display for Times {
    /// One line for each check, and one for all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = ("total", self.0.iter().map(|(_, took)| *took).sum());
        for (name, took) in self.0.iter().chain([&total]) {
            let seconds = took.as_secs();
            write!(f, "  {:>3} min {:>2} s  {name}", seconds / 60, seconds % 60)?;
            f.write_str(if *name == "total" { "" } else { "\n" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failing_check_stops_the_run_and_is_named_with_what_was_not_run() {
        let checks: &[Check] = &[("one", &[], "true"), ("two", &[], "false"), ("three", &[], "true")];
        let text = run_checks(checks).expect_err("`false` fails").to_string();
        assert!(text.starts_with("verify stopped at two: `false` failed"), "{text}");
        assert!(text.contains(" s  one\n") && text.contains(" s  two\n"), "{text}");
        assert!(text.ends_with("not run: three"), "{text}");
    }

    #[test]
    fn all_checks_passing_is_success() {
        run_checks(&[("one", &[], "true"), ("two", &[], "true")]).expect("both pass");
    }

    #[test]
    fn times_are_minutes_and_seconds_one_check_a_line() {
        let times = Times(vec![("format", Duration::from_millis(1_900)), ("tests", Duration::from_secs(1_205))]);
        assert_eq!(times.to_string(), "    0 min  1 s  format\n   20 min  5 s  tests\n   20 min  6 s  total");
    }

    #[test]
    fn every_tool_that_a_check_starts_is_looked_for_first() {
        for (_, _, line) in CHECKS {
            let program = line.split(' ').next();
            let known = program == Some("cargo") || setup::tools().any(|tool| tool.probe.split(' ').next() == program);
            assert!(known, "{line}");
        }
    }
}
