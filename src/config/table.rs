//! The table of all settings.

use std::fmt::Write as _;
use std::time::Duration;

use super::Config;
use super::kind::{Kind, Slot};
use crate::domain::{SESSION_MAX, limits};

/// One setting. Its default is the slot's value in [`Config::default`]; defaults of limits are in `domain/limits.rs`,
/// `grpc/limits.rs` and `connections/limits.rs`.
#[derive(Debug)]
pub(super) struct Setting {
    /// Dotted key in TOML and for `--set`.
    pub(super) key: &'static str,
    /// Whether it has its own flag: the key with `-` for `_`.
    pub(super) flag: bool,
    /// Allowed values, and the slot that the value fills.
    pub(super) kind: Kind,
    /// One line of help.
    pub(super) help: &'static str,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A century: with a longer retention, subtracting it from the current time could overflow.
const RETAIN_MAX: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);
/// Far more than one server can hold; catches typing errors.
const MANY: u32 = 1_000_000;

const fn flag(key: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { key, flag: true, kind, help }
}

const fn key(key: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { key, flag: false, kind, help }
}

const fn timeout(slot: Slot<Duration>) -> Kind {
    // The API allows at most 7 days; less than a second is for tests and demonstrations.
    Kind::Duration { min: Duration::from_millis(10), max: limits::TIMEOUT_MAX, slot }
}

const fn bytes(min: usize, max: usize, slot: Slot<usize>) -> Kind {
    Kind::Bytes { min, max, slot }
}

const fn count(min: u32, max: u32, slot: Slot<u32>) -> Kind {
    Kind::Count { min, max, slot }
}

/// The minimum has room for one message of maximum size and its reply.
const fn in_flight(slot: Slot<usize>) -> Kind {
    bytes(8 * 1024 * 1024, 64 * 1024 * 1024 * 1024, slot)
}

/// Every setting, in the order of the documentation.
#[rustfmt::skip]
pub(super) static TABLE: [Setting; 70] = [
    flag("dev", Kind::Bool(|c| &mut c.dev),
        "Development mode: creates tokens, and shell files that export them; listens on loopback only"),
    flag("listen", Kind::Address(|c| &mut c.listen),
        "Address and port to listen on"),
    key("tls.certificate", Kind::File(|c| &mut c.tls.certificate),
        "PEM file with the server's certificate chain, reloaded when it changes; requires tls.key"),
    key("tls.key", Kind::File(|c| &mut c.tls.key),
        "PEM file with the private key of tls.certificate"),
    key("tls.client_ca", Kind::File(|c| &mut c.tls.client_ca),
        "PEM file with the CAs of client certificates; without it, the server requests no client certificate"),
    key("tls.require_client_certificate", Kind::Bool(|c| &mut c.tls.require_client_certificate),
        "Reject connections without a client certificate; requires tls.client_ca"),
    key("plaintext", Kind::Bool(|c| &mut c.plaintext),
        "Serve without TLS on an address that is not loopback, behind a mesh or proxy that encrypts"),
    key("public_url", Kind::Origin(|c| &mut c.public_url),
        "Address at which people reach the server, for links and sign-in; default with dev: the address it listens on"),
    key("desk.allowed_hosts", Kind::Hosts(|c| &mut c.desk.allowed_hosts),
        "Values of the Host header that pages accept in addition to that of public_url, such as one that a proxy sends"),
    flag("store", Kind::Store(|c| &mut c.store),
        "The store: sled, in data_dir, or the URL of a PostgreSQL database"),
    key("store_password_file", Kind::File(|c| &mut c.store_password_file),
        "File with the password of the database, without which the variable PGPASSWORD counts; requires store"),
    key("require_synchronous", Kind::Bool(|c| &mut c.require_synchronous),
        "Serve only while PostgreSQL's settings make every commit wait for a standby; requires store"),
    flag("data_dir", Kind::Path(|c| &mut c.data_dir),
        "Data directory; default with dev: $XDG_STATE_HOME/signoff/dev, or $HOME/.local/state/signoff/dev"),
    key("retain", Kind::Retention { min: HOUR, max: RETAIN_MAX, slot: |c| &mut c.retain },
        "Retention of decided approvals; their request_ids are kept 8 days longer"),
    key("heartbeat", Kind::Duration { min: Duration::from_millis(50), max: Duration::from_secs(300), slot: |c| &mut c.heartbeat },
        "Interval between Progress messages while a stream waits"),
    key("claim_window", Kind::Duration { min: SECOND, max: limits::CLAIM_WINDOW_MAX, slot: |c| &mut c.claim_window },
        "Time after the decision in which an approved call can be claimed"),
    key("max_stream_age", Kind::Duration { min: SECOND, max: DAY, slot: |c| &mut c.max_stream_age },
        "Maximum age of a stream; the server then ends it, and the client reconnects"),
    key("drain_timeout", Kind::Duration { min: Duration::from_millis(100), max: Duration::from_secs(30), slot: |c| &mut c.drain_timeout },
        "Time that a stopping server waits for calls to end"),
    key("write_timeout", Kind::Duration { min: SECOND, max: Duration::from_secs(300), slot: |c| &mut c.write_timeout },
        "Maximum time for one write to disk; the server exits when a write takes longer"),
    key("thaw_requires_other_operator", Kind::Bool(|c| &mut c.thaw_requires_other_operator),
        "Reject a thaw by the operator who set the freeze; another operator must thaw it"),
    key("desk.session_idle", Kind::Duration { min: MINUTE, max: SESSION_MAX, slot: |c| &mut c.desk.session_idle },
        "Idle timeout of a session of the desk"),
    key("desk.session_max", Kind::Duration { min: MINUTE, max: SESSION_MAX, slot: |c| &mut c.desk.session_max },
        "Maximum age of a session of the desk; roles and groups are those of the sign-in"),
    key("limits.arguments_bytes", bytes(2, limits::ARGUMENTS_BYTES_MAX, |c| &mut c.limits.request.arguments_bytes),
        "Maximum size of the arguments as canonical JSON"),
    key("limits.arguments_depth", count(1, limits::ARGUMENTS_DEPTH_MAX, |c| &mut c.limits.request.arguments_depth),
        "Maximum nesting depth of the arguments"),
    key("limits.schema_bytes", bytes(0, limits::SCHEMA_BYTES_MAX, |c| &mut c.limits.request.schema_bytes),
        "Maximum size of the arguments' JSON Schema as canonical JSON"),
    key("limits.text_bytes", bytes(0, limits::TEXT_BYTES_MAX, |c| &mut c.limits.request.text_bytes),
        "Maximum size of a reason, a comment or a report's message"),
    key("limits.labels", count(0, limits::LABELS_MAX, |c| &mut c.limits.request.labels),
        "Maximum number of labels on an approval"),
    key("limits.chain", count(0, limits::CHAIN_MAX, |c| &mut c.limits.request.chain),
        "Maximum number of agents in a hand-off chain"),
    key("limits.timeout_min", timeout(|c| &mut c.limits.request.timeout_min),
        "Minimum timeout of a request"),
    key("limits.timeout_max", timeout(|c| &mut c.limits.request.timeout_max),
        "Maximum timeout of a request"),
    key("limits.timeout_default", timeout(|c| &mut c.limits.request.timeout_default),
        "Timeout of a request that sets none; from limits.timeout_min to limits.timeout_max"),
    key("limits.page_size_max", count(1, limits::PAGE_SIZE_MAX, |c| &mut c.limits.request.page_size_max),
        "Maximum page size of a list"),
    key("limits.message_bytes", bytes(64 * 1024, 4 * 1024 * 1024, |c| &mut c.limits.calls.message_bytes),
        "Maximum size of a gRPC message that the server accepts"),
    key("limits.pending_per_caller", count(1, MANY, |c| &mut c.limits.pending_per_caller),
        "Maximum number of pending approvals per caller"),
    key("limits.streams", count(1, MANY, |c| &mut c.limits.calls.streams),
        "Maximum number of open streams"),
    key("limits.streams_per_connection", count(1, MANY, |c| &mut c.limits.calls.streams_per_connection),
        "Maximum number of open streams per connection"),
    key("limits.streams_per_caller", count(1, MANY, |c| &mut c.limits.calls.streams_per_caller),
        "Maximum number of open streams per caller, over all connections"),
    key("limits.calls_per_second", count(1, MANY, |c| &mut c.limits.calls.calls_per_second),
        "Maximum number of calls per second per caller; also the maximum burst"),
    key("limits.in_flight_bytes", in_flight(|c| &mut c.limits.calls.in_flight_bytes),
        "Maximum bytes of requests and replies in memory"),
    key("limits.in_flight_bytes_per_connection", in_flight(|c| &mut c.limits.calls.in_flight_bytes_per_connection),
        "Maximum bytes of requests and replies in memory per connection"),
    key("limits.in_flight_bytes_per_caller", in_flight(|c| &mut c.limits.calls.in_flight_bytes_per_caller),
        "Maximum bytes of requests and replies in memory per caller, over all connections"),
    key("limits.connections", count(1, MANY, |c| &mut c.limits.connections.open),
        "Maximum number of open connections; one more evicts an unauthenticated connection"),
    key("limits.unauthenticated_connections", count(1, MANY, |c| &mut c.limits.connections.unauthenticated_connections),
        "Maximum number of unauthenticated connections: those without an authenticated call"),
    key("limits.unauthenticated_per_address", count(1, MANY, |c| &mut c.limits.connections.unauthenticated_per_address),
        "Maximum number of unauthenticated connections per IPv4 address or IPv6 /64 network; clients behind a load \
         balancer share its address"),
    key("limits.unauthenticated_idle", Kind::Duration { min: SECOND, max: DAY, slot: |c| &mut c.limits.connections.unauthenticated_idle },
        "Idle timeout of an unauthenticated connection, since its last health check or scrape"),
    key("limits.handshake_timeout", Kind::Duration { min: SECOND, max: Duration::from_secs(60), slot: |c| &mut c.limits.connections.handshake_timeout },
        "Timeout of the TLS handshake, then of the first byte, then of the HTTP/2 preface or HTTP/1 headers"),
    key("limits.message_timeout", Kind::Duration { min: SECOND, max: Duration::from_secs(300), slot: |c| &mut c.limits.calls.message_timeout },
        "Timeout of a call's message, from the call's headers to the end of the message"),
    key("reflection", Kind::Reflection(|c| &mut c.reflection),
        "Access to gRPC reflection: token, for authenticated callers; open, for all; default with dev: open"),
    key("oidc.issuer", Kind::OptionalText(|c| &mut c.oidc.issuer),
        "OpenID provider: the exact iss claim of its tokens; without it, OpenID tokens are rejected"),
    key("oidc.audience", Kind::Text(|c| &mut c.oidc.audience),
        "Audience that tokens must have in their aud claim"),
    key("oidc.keys", Kind::OptionalText(|c| &mut c.oidc.keys),
        "URL or file of the provider's JWKS; default: the jwks_uri of its discovery document"),
    key("oidc.groups_claim", Kind::Text(|c| &mut c.oidc.groups_claim),
        "Claim with the caller's groups: a name, or a path such as realm_access.roles"),
    key("oidc.clock_skew", Kind::Duration { min: Duration::ZERO, max: Duration::from_secs(600), slot: |c| &mut c.oidc.clock_skew },
        "Maximum difference between the clocks of the provider and of this server"),
    key("oidc.algorithms", Kind::Algorithms(|c| &mut c.oidc.algorithms),
        "Signature algorithms that are accepted"),
    key("oidc.client_id", Kind::OptionalName(|c| &mut c.oidc.client_id),
        "Client id of this server at the provider: people can sign in with OpenID; requires oidc.issuer and public_url"),
    key("oidc.client_secret_file", Kind::File(|c| &mut c.oidc.client_secret_file),
        "File with the client's secret, read at each sign-in; without it, the server is a public client"),
    key("oidc.scopes", Kind::Scopes(|c| &mut c.oidc.scopes),
        "Scopes that a sign-in asks for, separated by spaces"),
    key("roles.agent", Kind::Names(|c| &mut c.roles.agent),
        "Groups that grant the agent role"),
    key("roles.reviewer", Kind::Names(|c| &mut c.roles.reviewer),
        "Groups that grant the reviewer role"),
    key("roles.auditor", Kind::Names(|c| &mut c.roles.auditor),
        "Groups that grant the auditor role"),
    key("roles.operator", Kind::Names(|c| &mut c.roles.operator),
        "Groups that grant the operator role"),
    key("certificates.agent", Kind::CertificateNames(|c| &mut c.certificates.agent),
        "Names of client certificates that grant the agent role; requires tls.client_ca"),
    key("certificates.reviewer", Kind::CertificateNames(|c| &mut c.certificates.reviewer),
        "Names of client certificates that grant the reviewer role; requires tls.client_ca"),
    key("certificates.auditor", Kind::CertificateNames(|c| &mut c.certificates.auditor),
        "Names of client certificates that grant the auditor role; requires tls.client_ca"),
    key("certificates.operator", Kind::CertificateNames(|c| &mut c.certificates.operator),
        "Names of client certificates that grant the operator role; requires tls.client_ca"),
    flag("policy", Kind::File(|c| &mut c.policy),
        "YAML file with the policy, reloaded when it changes; without it, SetPolicy sets the policy"),
    key("notify.default", Kind::Channels(|c| &mut c.notify_default),
        "Channels to notify about requests whose policy names none"),
    key("log.format", Kind::LogFormat(|c| &mut c.log.format),
        "Format of log lines"),
    key("log.filter", Kind::LogFilter(|c| &mut c.log.filter),
        "Log level, and levels of single targets"),
    key("otlp.endpoint", Kind::Endpoint(|c| &mut c.otlp_endpoint),
        "OTLP gRPC collector that receives traces; without it, no traces are sent"),
];

impl Setting {
    /// The setting with this key.
    pub(super) fn named(key: &str) -> Option<&'static Setting> {
        TABLE.iter().find(|setting| setting.key == key)
    }

    /// Name of its environment variable.
    pub(super) fn variable(&self) -> String {
        format!("SIGNOFF_{}", self.key.to_ascii_uppercase().replace('.', "_"))
    }

    /// Its own flag, if it has one.
    pub(super) fn flag(&self) -> Option<String> {
        self.flag.then(|| format!("--{}", self.key.replace('_', "-")))
    }
}

/// The help of a flag. Empty for a key that is not in the table.
pub(super) fn help(key: &str) -> String {
    Setting::named(key).map_or_else(String::new, |setting| {
        format!("{} [allowed: {}] [env: {}]", setting.help, setting.kind.allowed(), setting.variable())
    })
}

/// The table of settings in Markdown, for docs/configuration.md. Defaults are TOML literals.
pub fn reference_markdown() -> String {
    let mut text = String::from(
        "| Key | Environment | Flag | Default | Allowed | Meaning |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let mut defaults = Config::default();
    for setting in &TABLE {
        let flag = setting.flag().map_or_else(String::new, |flag| format!("`{flag}`"));
        let default = setting.kind.literal(&mut defaults).map_or_else(|| "none".to_owned(), |text| format!("`{text}`"));
        let (key, variable) = (setting.key, setting.variable());
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{key}` | `{variable}` | {flag} | {default} | {} | {} |",
            setting.kind.allowed(),
            setting.help
        );
    }
    text
}
