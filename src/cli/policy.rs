//! `signoff policy`: check and try policy files here; read and set the policy of a server.

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

/// What to do with policies.
#[derive(Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Tell everything that is wrong with a policy file, or probably not meant, with line and column
    Check(check::CheckArgs),
    /// Judge the calls in a file of cases by a policy file, and compare with what they expect
    Test(cases::TestArgs),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(schema::SchemaArgs),
    /// Print the server's policy as YAML
    Show(show::ShowArgs),
    /// Set the server's policy
    Set(set::SetArgs),
    /// Compare a policy file with the server's policy; exits 1 when they differ
    Diff(diff::DiffArgs),
    /// List the versions of the server's policy, the newest first
    History(history::HistoryArgs),
}

/// Returns the exit code: 1 when a check, a case or a comparison fails.
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

/// What a file holds; `-` is standard input.
fn contents(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        bounded_file::read_stream(io::stdin(), TEXT_MAX)
    } else {
        bounded_file::read_input(path, TEXT_MAX)
    };
    read.map_err(|error| {
        // The place, as in every problem with what a file holds.
        let place = if error.kind() == io::ErrorKind::FileTooLarge { ":1:1" } else { "" };
        Failure::Files(vec![format!("{}{place}: {error}", path.display())])
    })
}

/// What reading files found wrong, a line each.
fn wrong(problems: &str) -> Failure {
    Failure::Files(problems.lines().map(str::to_owned).collect())
}

/// Tells what is probably not meant, a line each.
fn warnings(console: &mut Console, warnings: &[String]) -> Result<(), Failure> {
    for warning in warnings {
        console.note(&format!("warning: {}", escape(warning)))?;
    }
    Ok(())
}

/// A file to read.
#[derive(Debug, clap::Args)]
struct PolicyFile {
    /// Policy file, as YAML; - for standard input
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_told() {
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
