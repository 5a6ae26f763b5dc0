//! Configuration: read once, checked as a whole, passed on as plain types.
//!
//! Values come from flags, environment variables, a TOML file and defaults; the first of these that sets a setting
//! wins. Every value is checked, even if another source overrides it, and all problems are reported together. One
//! table (`table.rs`) describes every setting; the parser, the help of flags, `signoff config check` and the table in
//! docs/configuration.md use it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::{ChannelName, PublicUrl, Routes};
use crate::identity::{CertificateRoles, RoleGroups};
use crate::notify::ChannelSettings;
use crate::store::PostgresUrl;
use crate::tls::TlsConfig;

mod channels;
mod desk;
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

pub use desk::DeskSettings;
pub(crate) use duration::parse_duration;
pub use error::{ConfigError, ConfigErrors, Place};
pub use limits::Limits;
pub use oidc::OidcSettings;
pub use resolve::{check, load};
pub use sources::{ServeFlags, environment};
pub use table::reference_markdown;

/// The settings of a server. [`Config::default`] holds the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Development mode: creates tokens, and shell files that export them; listens on loopback only.
    pub dev: bool,
    /// Address that serves gRPC, gRPC-Web and `/metrics`. Loopback whenever `dev` is set.
    pub listen: SocketAddr,
    /// Certificates of the server, and CAs of client certificates.
    pub tls: TlsConfig,
    /// Whether to serve without TLS on an address that is not loopback.
    pub plaintext: bool,
    /// The origin at which people reach the server. Without it, links and sign-in with OpenID do not work, except in
    /// development mode, which uses the address that it listens on.
    pub public_url: Option<PublicUrl>,
    /// The reviewers' desk.
    pub desk: DeskSettings,
    /// The PostgreSQL database of the store; `None` for a store in the data directory.
    pub store: Option<PostgresUrl>,
    /// File with the password of the database.
    pub store_password_file: Option<PathBuf>,
    /// Whether to serve only while the database has a synchronous standby.
    pub require_synchronous: bool,
    /// The data directory, relative to the working directory unless absolute.
    pub data_dir: PathBuf,
    /// Retention of decided approvals, at least an hour; `None` keeps them forever.
    pub retain: Option<Duration>,
    /// Interval between Progress messages of a waiting stream, 50 ms to 5 min.
    pub heartbeat: Duration,
    /// Time after the decision in which an approved call can be claimed, 1 s to 1 h.
    pub claim_window: Duration,
    /// Maximum age of a stream, 1 s to 24 h. The server then ends it, and the client reconnects.
    pub max_stream_age: Duration,
    /// Time that a stopping server waits for calls to end, 100 ms to 30 s.
    pub drain_timeout: Duration,
    /// Maximum time for one group of commands on the disk, 1 s to 5 min; the server exits when it takes longer.
    pub write_timeout: Duration,
    /// Whether only another operator can thaw a freeze than the one who set it.
    pub thaw_requires_other_operator: bool,
    /// Limits of requests, calls and connections.
    pub limits: Limits,
    /// OpenID provider whose tokens are accepted.
    pub oidc: OidcSettings,
    /// Groups that grant each role.
    pub roles: RoleGroups,
    /// Names of client certificates that grant each role. [`load`] rejects them without [`TlsConfig::client_ca`].
    pub certificates: CertificateRoles,
    /// File with the policy; with `None`, the API sets the policy.
    pub policy: Option<PathBuf>,
    /// Channels of notifications: the tables `[channels.NAME]` of the file, in order of names.
    pub channels: Vec<ChannelSettings>,
    /// The channels to notify about requests whose policy names none. Each one is configured.
    pub notify_default: Vec<ChannelName>,
    /// Access to gRPC reflection. With `dev`, the default is [`ReflectionAccess::Open`].
    pub reflection: ReflectionAccess,
    /// Log format and filter.
    pub log: LogConfig,
    /// `http://host:port` of an OTLP gRPC collector that receives traces; `None` sends no traces.
    pub otlp_endpoint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dev: false,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7766)),
            tls: TlsConfig::default(),
            plaintext: false,
            public_url: None,
            desk: DeskSettings::default(),
            store: None,
            store_password_file: None,
            require_synchronous: false,
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
            channels: Vec::new(),
            notify_default: Vec::new(),
            reflection: ReflectionAccess::default(),
            log: LogConfig::default(),
            otlp_endpoint: None,
        }
    }
}

impl Config {
    /// Whether callers can authenticate by anything other than the tokens in the store.
    #[must_use]
    pub fn has_authentication(&self) -> bool {
        self.dev || self.oidc.issuer.is_some() || !self.certificates.is_empty()
    }

    /// Which channels are notified about an event.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let channels = self.channels.iter().map(|settings| (settings.name.clone(), settings.subscription.clone()));
        Routes { channels: channels.collect(), default: self.notify_default.iter().cloned().collect() }
    }
}

/// Access to gRPC reflection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReflectionAccess {
    /// Authenticated callers, with any role.
    #[default]
    Token,
    /// All clients that can connect.
    Open,
}

/// Log format and filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Format of log lines.
    pub format: LogFormat,
    /// Valid directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}
