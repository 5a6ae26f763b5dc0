//! Everything that can be wrong with a configuration, and where.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::Config;
use crate::domain::duration_text;

/// Where a value was given. Ordered by source, then as in the file or by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nowhere: the default.
    Default,
    /// In the configuration file. Line and column count from 1, the column in characters.
    File {
        /// The file as it was named.
        path: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In this environment variable.
    Environment(String),
    /// On the command line, by this flag; for `--set` with its key.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One thing that is wrong. Displayed as one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("{place}: cannot read {path:?}: {source}; allowed: the path of a TOML file")]
    Unreadable {
        /// Where the file was named.
        place: Place,
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration file is not TOML, or defines a key twice.
    #[error("{place}: {message}")]
    Syntax {
        /// Where it stopped making sense.
        place: Place,
        /// What the TOML parser said.
        message: String,
    },
    /// No setting has this name. The value is not shown, as it may be a secret that was misspelt.
    #[error("{place}: unknown {what}{}", suggest(.suggestion.as_deref()))]
    Unknown {
        /// Where it was given.
        place: Place,
        /// What is unknown, with its name.
        what: String,
        /// A name that is close to it.
        suggestion: Option<String>,
    },
    /// `--set` without `KEY=VALUE`.
    #[error("flag --set: {given} is not allowed; allowed: KEY=VALUE")]
    MalformedSet {
        /// What was given.
        given: String,
    },
    /// A value of the wrong type, out of range or otherwise not allowed.
    #[error("{place}: {key}: {given} is not allowed; allowed: {allowed}")]
    NotAllowed {
        /// Where it was given.
        place: Place,
        /// The setting.
        key: String,
        /// What was given.
        given: String,
        /// What is allowed.
        allowed: String,
    },
    /// One source gives a setting twice.
    #[error("{place}: {key} is given twice, first by {first}; allowed: once")]
    Twice {
        /// The second place.
        place: Place,
        /// The setting.
        key: &'static str,
        /// The first place.
        first: Place,
    },
    /// Development mode would be reachable from other machines.
    #[error("{place}: listen: {listen} is not allowed with dev; allowed: a loopback address such as 127.0.0.1:7766")]
    NotLoopback {
        /// Where the address was given.
        place: Place,
        /// The address.
        listen: SocketAddr,
    },
    /// What is sent could be read and changed on its way.
    #[error(
        "{place}: listen: {listen} is not loopback, and is not served without TLS; allowed: with tls.certificate and \
         tls.key, or with plaintext = true behind a mesh or proxy that encrypts"
    )]
    Plaintext {
        /// Where the address was given.
        place: Place,
        /// The address.
        listen: SocketAddr,
    },
    /// TLS is asked for, and no TLS.
    #[error("{place}: plaintext: true is not allowed with tls.certificate; allowed: one of them")]
    PlaintextWithTls {
        /// Where plaintext was given.
        place: Place,
    },
    /// A setting means nothing without another.
    #[error("{place}: {key} is given without {needs}; allowed: both, or neither")]
    Needs {
        /// Where it was given.
        place: Place,
        /// The setting.
        key: &'static str,
        /// The setting that is missing.
        needs: &'static str,
    },
    /// Whoever authenticated could do nothing.
    #[error(
        "{place}: oidc.issuer: nobody has a role; set roles.agent, roles.reviewer, roles.auditor or roles.operator"
    )]
    NoRoles {
        /// Where the issuer was given.
        place: Place,
    },
    /// Tokens could not be verified like that.
    #[error("{place}: oidc: {problem}")]
    Oidc {
        /// Where one of the settings was given.
        place: Place,
        /// What is wrong.
        problem: String,
    },
    /// Development mode has no place for its data.
    #[error(
        "data_dir: dev has no default without an absolute XDG_STATE_HOME or HOME in the environment; \
         allowed: a path in --data-dir, SIGNOFF_DATA_DIR or data_dir"
    )]
    NoDataDirectory,
    /// The shortest timeout is longer than the longest.
    #[error(
        "{place}: limits.timeout_min: {} is not allowed; allowed: at most {}, which is limits.timeout_max",
        duration_text(*.min), duration_text(*.max)
    )]
    TimeoutMin {
        /// Where one of the two was given.
        place: Place,
        /// `limits.timeout_min`.
        min: Duration,
        /// `limits.timeout_max`.
        max: Duration,
    },
    /// The default timeout could not be asked for.
    #[error(
        "{place}: limits.timeout_default: {} is not allowed; allowed: {} to {}, which are limits.timeout_min and \
         limits.timeout_max",
        duration_text(*.default), duration_text(*.min), duration_text(*.max)
    )]
    TimeoutDefault {
        /// Where one of the three was given.
        place: Place,
        /// `limits.timeout_default`.
        default: Duration,
        /// `limits.timeout_min`.
        min: Duration,
        /// `limits.timeout_max`.
        max: Duration,
    },
}

impl ConfigError {
    /// Where it is; `None` for what is missing or belongs to no one place.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Unreadable { place, .. }
            | Self::Syntax { place, .. }
            | Self::Unknown { place, .. }
            | Self::NotAllowed { place, .. }
            | Self::Twice { place, .. }
            | Self::NotLoopback { place, .. }
            | Self::NoRoles { place }
            | Self::Oidc { place, .. }
            | Self::Plaintext { place, .. }
            | Self::PlaintextWithTls { place }
            | Self::Needs { place, .. }
            | Self::TimeoutMin { place, .. }
            | Self::TimeoutDefault { place, .. } => Some(place),
            Self::MalformedSet { .. } | Self::NoDataDirectory => None,
        }
    }
}

fn suggest(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Everything that is wrong with a configuration; never empty. Displayed with one problem per line: the file's first,
/// then the environment's and the flags', each by place, and then what does not fit together.
#[derive(Debug)]
pub struct ConfigErrors {
    problems: Vec<ConfigError>,
    config: Box<Config>,
}

impl ConfigErrors {
    pub(super) fn new(problems: Vec<ConfigError>, config: Config) -> Self {
        Self { problems, config: Box::new(config) }
    }

    /// The problems, in the order of their display.
    pub fn problems(&self) -> &[ConfigError] {
        &self.problems
    }

    #[cfg(test)]
    pub(super) fn into_problems(self) -> Vec<ConfigError> {
        self.problems
    }

    /// What could be read; a setting that was refused has its default. Not to be served with: it says how problems are
    /// to be told, and what else may be wrong.
    pub fn readable(&self) -> &Config {
        &self.config
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
