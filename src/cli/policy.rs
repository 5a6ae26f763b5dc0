//! `signoff policy`: check and test policy files locally; show and set the policy of a server.

mod cases;
mod check;
mod diff;
mod history;
mod schema;
mod set;
mod show;

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{connection::ConnectionArgs, console::Console, failure::Failure, text::escape};
use crate::{bounded_file, policy_file::TEXT_MAX};

/// The subcommands of `signoff policy`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PolicyCommand {
    /// Check a policy file; report errors and warnings with line and column
    Check(check::CheckArgs),
    /// Test a policy file: evaluate the calls in a file of test cases, and compare with the expected results
    Test(cases::TestArgs),
    /// Print the JSON Schema of policy files or test cases, for editors
    Schema(schema::SchemaArgs),
    /// Print the server's policy as YAML
    Show(show::ShowArgs),
    /// Set the server's policy
    Set(set::SetArgs),
    /// Compare a policy file with the server's policy; exit 1 if they differ
    Diff(diff::DiffArgs),
    /// List the versions of the server's policy, newest first
    History(history::HistoryArgs),
}

/// Returns the exit code: 1 if a check, a test case or a comparison fails.
pub(super) async fn run(
    command: PolicyCommand,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<u8, Failure> {
    match command {
        PolicyCommand::Check(args) => check::run(&args, console),
        PolicyCommand::Test(args) => cases::run(&args, console),
        PolicyCommand::Schema(args) => schema::run(&args, console).map(|()| 0),
        PolicyCommand::Show(args) => show::run(&args, connection, console).await.map(|()| 0),
        PolicyCommand::Set(args) => set::run(args, connection, console).await.map(|()| 0),
        PolicyCommand::Diff(args) => diff::run(&args, connection, console).await,
        PolicyCommand::History(args) => history::run(&args, connection, console).await.map(|()| 0),
    }
}

/// Reads a file; `-` is standard input.
fn contents(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        bounded_file::read_stream(io::stdin(), TEXT_MAX)
    } else {
        bounded_file::read_input(path, TEXT_MAX)
    };
    read.map_err(|error| {
        // With a place, like every problem in the contents of a file.
        let place = if error.kind() == io::ErrorKind::FileTooLarge { ":1:1" } else { "" };
        Failure::Files(vec![format!("{}{place}: {error}", path.display())])
    })
}

/// A failure with a line for each problem.
fn wrong(problems: &str) -> Failure {
    Failure::Files(problems.lines().map(str::to_owned).collect())
}

/// Prints a line for each warning.
fn warnings(console: &mut Console, warnings: &[String]) -> Result<(), Failure> {
    for warning in warnings {
        console.note(&format!("warning: {}", escape(warning)))?;
    }
    Ok(())
}

/// The policy file to read.
#[derive(Debug, clap::Args)]
struct PolicyFile {
    /// YAML policy file, or - for standard input
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_an_end_are_problems() {
        let directory = tempfile::tempdir().unwrap();
        let [zero, pipe, inner] = bounded_file::samples::endless(directory.path());
        for (path, expected) in [
            (zero, "zero:1:1: is larger than the limit of 1048576 bytes"),
            (pipe, "pipe: is a pipe without a writer"),
            (inner, "directory: Is a directory"),
        ] {
            let Err(Failure::Files(problems)) = contents(&path) else { panic!("{} is read", path.display()) };
            assert!(problems[0].contains(expected), "{problems:?}");
        }
    }
}
