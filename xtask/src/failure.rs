//! Why a command stopped.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a command stopped, worded for the person at the terminal.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line made no sense; says what would.
    Usage(String),
    /// A program could not be started.
    NotStarted(String, io::Error),
    /// A program ran and said no.
    Unsuccessful(String, ExitStatus),
    /// A program's output is not what it should be.
    Output(String, &'static str),
    /// A file could not be read or written.
    File(PathBuf, io::Error),
    /// A file lacks, or repeats, a marker between which generated text goes.
    Marker(PathBuf, String),
    /// Generated files are not what their sources say.
    OutOfDate(Vec<PathBuf>),
    /// Tools that a command needs cannot be installed: why, and for each how to install it by hand.
    ToolsMissing(String, Vec<String>),
    /// A step of `verify` failed; says which, and what was not run.
    Stopped(String),
    /// A check found these; says what does not hold.
    Problems(&'static str, Vec<String>),
    /// Tests ended well, but there were none.
    NoTestRan(String),
    /// So many tests failed.
    TestsFailed(u64),
}

impl Failure {
    /// 2 for a wrong command line, 1 for all else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Stopped(text) => f.write_str(text),
            Self::NotStarted(command, error) => write!(f, "cannot run `{command}`: {error}"),
            Self::Unsuccessful(command, status) => write!(f, "`{command}` failed ({status})"),
            Self::Output(command, problem) => write!(f, "`{command}` {problem}"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Marker(path, marker) => {
                write!(f, "{}: `{marker}` must be there exactly once, before its end", path.display())
            }
            Self::OutOfDate(paths) => {
                f.write_str("out of date, run `cargo xtask gen` and commit what it changes:")?;
                paths.iter().try_for_each(|path| write!(f, "\n  {}", path.display()))
            }
            Self::ToolsMissing(why, remedies) => {
                write!(f, "{why}\nInstall these tools, then run the command again:")?;
                remedies.iter().try_for_each(|remedy| write!(f, "\n  {remedy}"))
            }
            Self::Problems(what, problems) => {
                write!(f, "{what}:")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
            Self::NoTestRan(command) => write!(f, "`{command}` ran no test"),
            Self::TestsFailed(count) => write!(f, "{count} tests failed"),
        }
    }
}
