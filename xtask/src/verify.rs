//! `cargo xtask verify`: everything that must hold before a change is merged.

use std::time::{Duration, Instant};

use crate::clients::{self, CLIENTS};
use crate::failure::Failure;
use crate::step::Step;
use crate::tools::{self, Tool};

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
    ("tests", &[], "cargo xtask test"),
    ("fuzz targets", &[], "cargo xtask fuzz"),
];

const TOOLS: &[Tool] = &[
    ("git", "git --version", "apt-get install git"),
    ("rustfmt", "cargo fmt --version", "rustup component add rustfmt"),
    ("clippy", "cargo clippy --version", "rustup component add clippy"),
    ("buf", "buf --version", "pip install buf-bin, or see https://buf.build/docs/cli/installation"),
    ("cargo-deny", "cargo deny --version", "cargo install --locked cargo-deny"),
];

/// Runs every check, in order, up to the first that fails.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let [first, ..] = args {
        return Err(Failure::Usage(format!("`verify` takes no arguments, not `{first}`")));
    }
    // Better now than after minutes of compiling.
    tools::find(TOOLS)?;
    clients::find_tools(&CLIENTS.iter().collect::<Vec<_>>())?;
    run_checks(CHECKS)
}

#[expect(clippy::disallowed_methods, reason = "how long a check takes is shown")]
fn run_checks(checks: &[Check]) -> Result<(), Failure> {
    let mut passed = Vec::new();
    for (index, (name, vars, line)) in checks.iter().enumerate() {
        let step = Step::new(vars, line);
        println!("==> {}/{} {name}: {}", index + 1, checks.len(), step.shown());
        let start = Instant::now();
        let result = step.run();
        let took = start.elapsed();
        if let Err(failure) = result {
            let left: Vec<_> = checks[index + 1..].iter().map(|(name, ..)| *name).collect();
            return Err(Failure::Stopped(summary_of_stop(name, &failure, &passed, &left)));
        }
        passed.push((*name, took));
    }
    println!("verify: all {} checks passed: {}", checks.len(), listed(&passed));
    Ok(())
}

fn summary_of_stop(name: &str, failure: &Failure, passed: &[(&str, Duration)], left: &[&str]) -> String {
    let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    format!(
        "verify stopped at {name}: {failure}\n  passed: {}\n  not run: {}",
        or_none(listed(passed)),
        or_none(left.join(", "))
    )
}

fn listed(passed: &[(&str, Duration)]) -> String {
    let entries: Vec<_> = passed.iter().map(|(name, took)| format!("{name} ({:.1} s)", took.as_secs_f64())).collect();
    entries.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failing_check_stops_the_run_and_is_named_with_what_was_not_run() {
        let checks: &[Check] = &[("one", &[], "true"), ("two", &[], "false"), ("three", &[], "true")];
        let text = run_checks(checks).expect_err("`false` fails").to_string();
        assert!(text.starts_with("verify stopped at two: `false` failed"), "{text}");
        assert!(text.contains("passed: one ("), "{text}");
        assert!(text.ends_with("not run: three"), "{text}");
    }

    #[test]
    fn all_checks_passing_is_success() {
        run_checks(&[("one", &[], "true"), ("two", &[], "true")]).expect("both pass");
    }

    #[test]
    fn every_tool_that_a_check_starts_is_looked_for_first() {
        for (_, _, line) in CHECKS {
            let program = line.split(' ').next();
            let known =
                program == Some("cargo") || TOOLS.iter().any(|(_, probe, _)| probe.split(' ').next() == program);
            assert!(known, "{line}");
        }
    }
}
