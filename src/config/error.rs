//! Errors of the configuration, and their places.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::Config;
use crate::domain::{ChannelName, duration_text};

/// Where a value was set. Ordered by source, then by position in the file or by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nowhere: it is the default.
    Default,
    /// In the configuration file. Line and column start at 1; the column counts characters.
    File {
        /// The path as it was set.
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

/// One problem. Displayed as one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("{place}: cannot read {path:?}: {source}; set the path of a TOML file")]
    Unreadable {
        /// Where the path was set.
        place: Place,
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The configuration file is not TOML, or defines a key twice.
    #[error("{place}: {message}")]
    Syntax {
        /// Position of the error.
        place: Place,
        /// The TOML parser's error.
        message: String,
    },
    /// No setting has this name. The value is not shown: it may be a secret under a misspelled name.
    #[error("{place}: unknown {what}{}", suggest(.suggestion.as_deref()))]
    Unknown {
        /// Where it was set.
        place: Place,
        /// `variable`, or `key` with its name.
        what: String,
        /// A similar name.
        suggestion: Option<String>,
    },
    /// `--set` without `KEY=VALUE`.
    #[error("flag --set: {given} is not allowed; allowed: KEY=VALUE")]
    MalformedSet {
        /// The argument.
        given: String,
    },
    /// A value has the wrong type, is out of range, or is otherwise not allowed.
    #[error("{place}: {key}: {given} is not allowed; allowed: {allowed}")]
    NotAllowed {
        /// Where it was set.
        place: Place,
        /// The setting.
        key: String,
        /// The value.
        given: String,
        /// The allowed values.
        allowed: String,
    },
    /// One source sets a setting twice.
    #[error("{place}: {key} is set twice; first set by {first}")]
    Twice {
        /// The second place.
        place: Place,
        /// The setting.
        key: &'static str,
        /// The first place.
        first: Place,
    },
    /// A field of a channel is missing, unknown, or has a value that is not allowed. The value is not shown: it may be a
    /// secret.
    #[error("{place}: {field} {problem}")]
    Channel {
        /// Where the field was set, or the channel's table.
        place: Place,
        /// The field, such as `channels.finance.url`.
        field: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// A channel is defined outside the file. The value is not shown: it may be a secret.
    #[error(
        "{place}: channels are configured in the TOML file only, in tables [channels.NAME]; a secret of a channel can be \
         in any variable that a field NAME_env of its table names"
    )]
    ChannelsOutsideFile {
        /// The variable or flag.
        place: Place,
    },
    /// `notify.default` names a channel that is not configured.
    #[error("{place}: notify.default: no channel is named {name}; {hint}")]
    NoChannel {
        /// Where it was set.
        place: Place,
        /// The name.
        name: ChannelName,
        /// A similar name, or what is configured.
        hint: String,
    },
    /// Development mode would be reachable from other machines.
    #[error("{place}: listen: {listen} is not allowed with dev; allowed: a loopback address, such as 127.0.0.1:7766")]
    NotLoopback {
        /// Where the address was set.
        place: Place,
        /// The address.
        listen: SocketAddr,
    },
    /// Messages could be read and changed on their way.
    #[error(
        "{place}: listen: {listen} is not a loopback address, which requires TLS; set tls.certificate and tls.key, or \
         set plaintext = true if a mesh or proxy encrypts"
    )]
    Plaintext {
        /// Where the address was set.
        place: Place,
        /// The address.
        listen: SocketAddr,
    },
    /// Both TLS and plaintext are set.
    #[error("{place}: plaintext: true is not allowed with tls.certificate; remove one of them")]
    PlaintextWithTls {
        /// Where `plaintext` was set.
        place: Place,
    },
    /// A setting requires another one.
    #[error("{place}: {key} is set without {needs}; set {needs}, or remove {key}")]
    Needs {
        /// Where it was set.
        place: Place,
        /// The setting.
        key: &'static str,
        /// The setting that is missing.
        needs: &'static str,
    },
    /// No role is granted: authenticated callers could do nothing.
    #[error(
        "{place}: oidc.issuer: no group has a role; set roles.agent, roles.reviewer, roles.auditor or roles.operator"
    )]
    NoRoles {
        /// Where the issuer was set.
        place: Place,
    },
    /// The `oidc` settings cannot be used.
    #[error("{place}: oidc: {problem}")]
    Oidc {
        /// Where the issuer was set.
        place: Place,
        /// The problem.
        problem: String,
    },
    /// Development mode has no data directory.
    #[error(
        "data_dir: no default with dev, because neither XDG_STATE_HOME nor HOME is an absolute path; \
         set --data-dir, SIGNOFF_DATA_DIR or data_dir"
    )]
    NoDataDirectory,
    /// The minimum timeout is longer than the maximum.
    #[error(
        "{place}: limits.timeout_min: {} is not allowed; allowed: at most {} (limits.timeout_max)",
        duration_text(*.min), duration_text(*.max)
    )]
    TimeoutMin {
        /// Where one of the two was set.
        place: Place,
        /// `limits.timeout_min`.
        min: Duration,
        /// `limits.timeout_max`.
        max: Duration,
    },
    /// The default timeout is out of range.
    #[error(
        "{place}: limits.timeout_default: {} is not allowed; allowed: {} (limits.timeout_min) to {} \
         (limits.timeout_max)",
        duration_text(*.default), duration_text(*.min), duration_text(*.max)
    )]
    TimeoutDefault {
        /// Where one of the three was set.
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
    /// Its place; `None` for a missing setting and for a malformed `--set`.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Unreadable { place, .. }
            | Self::Syntax { place, .. }
            | Self::Unknown { place, .. }
            | Self::NotAllowed { place, .. }
            | Self::Twice { place, .. }
            | Self::Channel { place, .. }
            | Self::ChannelsOutsideFile { place }
            | Self::NoChannel { place, .. }
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

/// All problems of a configuration; never empty.
///
/// Displayed with one problem per line: those of the file, the environment and the flags, each ordered by place, and
/// then settings that do not fit together.
#[derive(Debug)]
pub struct ConfigErrors {
    problems: Vec<ConfigError>,
    config: Box<Config>,
}

impl ConfigErrors {
    pub(super) fn new(problems: Vec<ConfigError>, config: Config) -> Self {
        Self { problems, config: Box::new(config) }
    }

    /// The problems, in display order.
    pub fn problems(&self) -> &[ConfigError] {
        &self.problems
    }

    #[cfg(test)]
    pub(super) fn into_problems(self) -> Vec<ConfigError> {
        self.problems
    }

    /// The valid settings; a rejected one has its default. Never start a server with it: use it for the log format of
    /// errors, and to find more problems.
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
