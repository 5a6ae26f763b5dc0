//! The project's own commands, run as `cargo xtask <command>`.
//!
//! - [`setup`]: the tools that the other commands need.
//! - [`mod@test`]: all tests of the workspace and of the [`clients`], with their total.
//! - [`desk`]: the tests of the desk in a browser.
//! - [`adapters`]: the tests of the adapters for agent frameworks.
//! - [`deploy`]: what `deploy/` has for those who run the server, and its image.
//! - [`verify`]: everything that must hold before a change is merged, the tests included.
//! - [`fuzz`]: every fuzz target for a bounded number of runs.
//! - [`faults`]: the real server on failing disks, for a chosen number of runs.
//! - [`stores`]: the integration tests with PostgreSQL, with one server and with several.
//! - [`layers`]: the modules that each module of `src/` may use, without cycles.
//! - [`tracked`]: rejects large files in git. [`breaking`]: compares the protos with the last release.
//! - [`generated`]: writes the committed files, or parts of files, that are generated.
//!
//! [`step`] runs programs, [`tools`] finds and installs them, [`node_modules`] installs the packages of tests in
//! JavaScript, and [`failure`] says why a command stopped.

#![expect(clippy::disallowed_methods, reason = "reads only files of the repository")]

mod adapters;
mod breaking;
mod clients;
mod deploy;
mod desk;
mod failure;
mod faults;
mod fuzz;
mod generated;
mod layers;
mod node_modules;
mod setup;
mod step;
mod stores;
mod test;
mod tools;
mod tracked;
mod verify;

use std::process::ExitCode;

use failure::Failure;

/// A command: its name, its arguments, its description and its function.
type Command = (&'static str, &'static str, &'static str, fn(&[String]) -> Result<(), Failure>);

const COMMANDS: &[Command] = &[
    ("setup", "", "install missing tools; the other commands install those that they need", setup::run),
    ("test", "[ARGS...]", "run all tests, or with ARGS only `cargo test` with them", test::run),
    ("clients", "[NAMES...]", "run the tests of the named clients, or of all", test::run_named_clients),
    ("desk", "[SCENARIOS...] [OPTIONS]", "run the named scenarios of the desk in Chromium, or all", test::run_desk),
    (
        "adapters",
        "--all | LANGUAGE [FRAMEWORK [VERSION]]",
        "test the adapters with the newest and oldest versions of their frameworks",
        adapters::run,
    ),
    ("deploy", "[--image]", "check the unit, alerts, chart and workflows; with --image build the image", deploy::run),
    (
        "postgres",
        "[TESTS...] [--servers N]",
        "run the integration tests with PostgreSQL, with one server and with three",
        test::run_with_postgres,
    ),
    (
        "verify",
        "",
        "check format, layers, protos, dependencies, lints, docs, generated files, deployment; then run all tests",
        verify::run,
    ),
    ("fuzz", "[TARGETS...] [--runs N] [--seed N]", "run the named fuzz targets, or all", fuzz::run),
    (
        "faults",
        "[TEST] [--runs N] [--seed N]",
        "damage stores and fail calls to the disk N times, 100 by default; lose power N/4 times",
        faults::run,
    ),
    ("breaking", "", "compare the protos with the last release", breaking::run),
    ("tracked", "", "check that no large file is tracked by git", tracked::run),
    ("layers", "[--uses]", "check the modules that each module of src/ uses; with --uses print them", layers::run),
    ("gen", "[--check]", "write generated files; with --check only list outdated files", generated::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        return Err(Failure::Usage(usage()));
    };
    if ["help", "--help", "-h"].contains(&name.as_str()) {
        println!("{}", usage());
        return Ok(());
    }
    match COMMANDS.iter().find(|(command, ..)| command == name) {
        Some((.., run)) => run(rest),
        None => Err(Failure::Usage(format!("unknown command `{name}`\n{}", usage()))),
    }
}

fn usage() -> String {
    let lines = COMMANDS.iter().map(|(name, takes, does, _)| format!("\n  {:<40} {does}", format!("{name} {takes}")));
    format!("usage: cargo xtask <command>\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_missing_command_is_a_usage_error_that_lists_them_all() {
        for args in [vec![], vec!["tset".to_owned()]] {
            let failure = dispatch(&args).expect_err("must be refused");
            assert_eq!(failure.exit_code(), 2);
            let text = failure.to_string();
            assert!(COMMANDS.iter().all(|(name, ..)| text.contains(name)), "{text}");
        }
    }

    #[test]
    fn commands_without_arguments_refuse_them() {
        for (command, argument) in [
            ("verify", "--fast"),
            ("gen", "--chekc"),
            ("layers", "--usse"),
            ("tracked", "x"),
            ("breaking", "x"),
            ("setup", "go"),
            ("deploy", "--imgae"),
        ] {
            let failure = dispatch(&[command.to_owned(), argument.to_owned()]).expect_err("must be refused");
            assert!(matches!(failure, Failure::Usage(_)), "{failure}");
            assert!(failure.to_string().contains(argument), "{failure}");
        }
    }
}
