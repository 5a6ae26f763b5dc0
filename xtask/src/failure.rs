//! Why a command stopped.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a command stopped, worded for the person at the terminal.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong; the text says what is allowed.
    Usage(String),
    /// A program could not be started.
    NotStarted(String, io::Error),
    /// A program failed.
    Unsuccessful(String, ExitStatus),
    /// A program printed something unexpected.
    Output(String, &'static str),
    /// Cannot read or write a file.
    File(PathBuf, io::Error),
    /// A marker for generated text is missing from a file, or occurs twice.
    Marker(PathBuf, String),
    /// Generated files differ from their sources.
    OutOfDate(Vec<PathBuf>),
    /// Tools that a command needs cannot be installed: why, and for each how to install it by hand.
    ToolsMissing(String, Vec<String>),
    /// A check of `verify` failed; the text names it and the checks that did not run.
    Stopped(String),
    /// A check found these problems; the first text summarizes them.
    Problems(&'static str, Vec<String>),
    /// The run succeeded, but it contained no test.
    NoTestRan(String),
    /// The number of failed tests.
    TestsFailed(u64),
}

impl Failure {
    /// 2 for a wrong command line, otherwise 1.
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
                write!(f, "{}: `{marker}` must occur exactly once, before its end marker", path.display())
            }
            Self::OutOfDate(paths) => {
                f.write_str("generated files are out of date; run `cargo xtask gen`, and commit its changes:")?;
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
