//! Configuration: read once, checked as a whole, handed on as plain types.
//!
//! Values come from flags, environment variables, a TOML file and defaults; the first of these that names a setting
//! wins. Every value is checked, also one that another source overrides, and all problems are reported together.
//! One table (`table.rs`) describes every setting; the parser, the flags' help, `signoff config check` and the table in
//! docs/configuration.md come from it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::identity::{CertificateRoles, RoleGroups};
use crate::tls::TlsConfig;

mod duration;
mod entry;
mod error;
mod file;
mod kind;
mod limits;
mod oidc;
mod raw_value;
mod resolve;
mod service_variables;
mod sources;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use duration::parse_duration;
pub use error::{ConfigError, ConfigErrors, Place};
pub use limits::Limits;
pub use oidc::OidcSettings;
pub use resolve::{check, load};
pub use sources::{ServeFlags, environment};
pub use table::reference_markdown;

/// The settings of a server. [`Config::default`] holds the defaults; as it has neither `dev` nor an authentication
/// method, [`load`] refuses to return it unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Development mode: makes its own tokens, and files to source them from; listens on loopback only.
    pub dev: bool,
    /// Address that serves gRPC, gRPC-Web and `/metrics`. Loopback whenever `dev` is set.
    pub listen: SocketAddr,
    /// Certificates that it is served with.
    pub tls: TlsConfig,
    /// Whether an address that is not loopback may be served without TLS.
    pub plaintext: bool,
    /// Directory of the store, relative to the working directory unless absolute.
    pub data_dir: PathBuf,
    /// How long decided approvals are kept, at least an hour; `None` keeps them forever.
    pub retain: Option<Duration>,
    /// Time between two Progress messages of a waiting stream, 50 ms to 5 min.
    pub heartbeat: Duration,
    /// How long after the decision an approved call can be claimed, 1 s to 1 h.
    pub claim_window: Duration,
    /// Age at which the server ends a stream so that its client reattaches, 1 s to 24 h.
    pub max_stream_age: Duration,
    /// How long a stopping server waits for calls to end, 100 ms to 30 s.
    pub drain_timeout: Duration,
    /// How long the disk may take over one group of commands before the server gives it up and ends, 1 s to 5 min.
    pub write_timeout: Duration,
    /// Whether a freeze is thawed only by another operator than the one who froze.
    pub thaw_requires_other_operator: bool,
    /// What a caller may send or hold.
    pub limits: Limits,
    /// Whose OpenID tokens are accepted.
    pub oidc: OidcSettings,
    /// Which groups have which role.
    pub roles: RoleGroups,
    /// Which names of client certificates have which role. [`load`] refuses any without [`TlsConfig::client_ca`].
    pub certificates: CertificateRoles,
    /// File that the policy is taken from; `None`: it is set over the API.
    pub policy: Option<PathBuf>,
    /// Who may use gRPC reflection; [`ReflectionAccess::Open`] with `dev` unless it is set.
    pub reflection: ReflectionAccess,
    /// What is logged, and how.
    pub log: LogConfig,
    /// `http://host:port` of an OTLP gRPC collector that receives traces; `None` sends none.
    pub otlp_endpoint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dev: false,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7766)),
            tls: TlsConfig::default(),
            plaintext: false,
            data_dir: PathBuf::from("./signoff-data"),
            retain: None,
            heartbeat: Duration::from_secs(15),
            claim_window: Duration::from_secs(5 * 60),
            max_stream_age: Duration::from_secs(60 * 60),
            drain_timeout: Duration::from_secs(3),
            write_timeout: Duration::from_secs(30),
            thaw_requires_other_operator: false,
            limits: Limits::default(),
            oidc: OidcSettings::default(),
            roles: RoleGroups::default(),
            certificates: CertificateRoles::default(),
            policy: None,
            reflection: ReflectionAccess::default(),
            log: LogConfig::default(),
            otlp_endpoint: None,
        }
    }
}

impl Config {
    /// Whether callers can be recognised by anything but the tokens in the store.
    #[must_use]
    pub fn anybody_authenticates(&self) -> bool {
        self.dev || self.oidc.issuer.is_some() || !self.certificates.is_empty()
    }
}

/// Who may use gRPC reflection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReflectionAccess {
    /// Callers with a token, whatever their role.
    #[default]
    Token,
    /// Everybody who can connect.
    Open,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How a log line looks.
    pub format: LogFormat,
    /// Directives for `tracing_subscriber::EnvFilter`, known to parse.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}
