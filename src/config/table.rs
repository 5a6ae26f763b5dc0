//! The table of settings.

use std::fmt::Write as _;
use std::time::Duration;

use super::Config;
use super::kind::{Kind, Slot};
use crate::domain::limits;

/// One setting. Its default is the slot's value in [`Config::default`]; that of a limit stands in `domain/limits.rs`,
/// `grpc/limits.rs` or `connections/limits.rs`.
#[derive(Debug)]
pub(super) struct Setting {
    /// Dotted key in TOML and for `--set`.
    pub(super) key: &'static str,
    /// Whether it has a flag of its own, named after the key with `-` for `_`.
    pub(super) flag: bool,
    /// What is allowed, and where it goes.
    pub(super) kind: Kind,
    /// One line of help.
    pub(super) help: &'static str,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A century: beyond it, times in the past could not be calculated.
const RETAIN_MAX: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);
/// Far more than a server of this kind can hold; guards against a slip.
const MANY: u32 = 1_000_000;

const fn flag(key: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { key, flag: true, kind, help }
}

const fn key(key: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { key, flag: false, kind, help }
}

const fn timeout(slot: Slot<Duration>) -> Kind {
    // The API promises nothing beyond 7 days; below a second is for tests and demonstrations.
    Kind::Duration { min: Duration::from_millis(10), max: limits::TIMEOUT_MAX, slot }
}

const fn bytes(min: usize, max: usize, slot: Slot<usize>) -> Kind {
    Kind::Bytes { min, max, slot }
}

const fn count(min: u32, max: u32, slot: Slot<u32>) -> Kind {
    Kind::Count { min, max, slot }
}

/// At least one of the largest messages and its reply.
const fn in_flight(slot: Slot<usize>) -> Kind {
    bytes(8 * 1024 * 1024, 64 * 1024 * 1024 * 1024, slot)
}

/// Every setting, in the order of the documentation.
#[rustfmt::skip]
pub(super) static TABLE: [Setting; 59] = [
    flag("dev", Kind::Bool(|c| &mut c.dev),
        "Development mode: makes its own tokens, and files to source them from; listens on loopback only"),
    flag("listen", Kind::Address(|c| &mut c.listen),
        "Address to serve on"),
    key("tls.certificate", Kind::File(|c| &mut c.tls.certificate),
        "PEM file with the server's certificate and its chain, read again when it changes; needs tls.key"),
    key("tls.key", Kind::File(|c| &mut c.tls.key),
        "PEM file with the certificate's private key"),
    key("tls.client_ca", Kind::File(|c| &mut c.tls.client_ca),
        "PEM file with the authorities that certificates of clients must come from; none are asked for without it"),
    key("tls.require_client_certificate", Kind::Bool(|c| &mut c.tls.require_client_certificate),
        "Refuse connections without a client certificate; needs tls.client_ca"),
    key("plaintext", Kind::Bool(|c| &mut c.plaintext),
        "Serve without TLS on an address that is not loopback, as behind a mesh or proxy that encrypts"),
    flag("data_dir", Kind::Path(|c| &mut c.data_dir),
        "Directory of the store; default with dev: $XDG_STATE_HOME/signoff/dev, or $HOME/.local/state/signoff/dev"),
    key("retain", Kind::Retention { min: HOUR, max: RETAIN_MAX, slot: |c| &mut c.retain },
        "How long decided approvals are kept; their request_ids are remembered for 8 days more"),
    key("heartbeat", Kind::Duration { min: Duration::from_millis(50), max: Duration::from_secs(300), slot: |c| &mut c.heartbeat },
        "Time between Progress messages while a stream waits"),
    key("claim_window", Kind::Duration { min: SECOND, max: limits::CLAIM_WINDOW_MAX, slot: |c| &mut c.claim_window },
        "How long after its decision an approved call can be claimed"),
    key("max_stream_age", Kind::Duration { min: SECOND, max: DAY, slot: |c| &mut c.max_stream_age },
        "Age at which a stream is ended so that its client reattaches"),
    key("drain_timeout", Kind::Duration { min: Duration::from_millis(100), max: Duration::from_secs(30), slot: |c| &mut c.drain_timeout },
        "How long a stopping server waits for calls to end"),
    key("write_timeout", Kind::Duration { min: SECOND, max: Duration::from_secs(300), slot: |c| &mut c.write_timeout },
        "How long the disk may take over one write before the server gives it up and ends"),
    key("thaw_requires_other_operator", Kind::Bool(|c| &mut c.thaw_requires_other_operator),
        "Whether a freeze is thawed only by another operator than the one who froze"),
    key("limits.arguments_bytes", bytes(2, limits::ARGUMENTS_BYTES_MAX, |c| &mut c.limits.request.arguments_bytes),
        "Size of the arguments as canonical JSON"),
    key("limits.arguments_depth", count(1, limits::ARGUMENTS_DEPTH_MAX, |c| &mut c.limits.request.arguments_depth),
        "Nesting of the arguments"),
    key("limits.schema_bytes", bytes(0, limits::SCHEMA_BYTES_MAX, |c| &mut c.limits.request.schema_bytes),
        "Size of the arguments' JSON Schema as canonical JSON"),
    key("limits.text_bytes", bytes(0, limits::TEXT_BYTES_MAX, |c| &mut c.limits.request.text_bytes),
        "Size of a reason, a comment or a report's message"),
    key("limits.labels", count(0, limits::LABELS_MAX, |c| &mut c.limits.request.labels),
        "Labels of an approval"),
    key("limits.chain", count(0, limits::CHAIN_MAX, |c| &mut c.limits.request.chain),
        "Agents in a hand-off chain"),
    key("limits.timeout_min", timeout(|c| &mut c.limits.request.timeout_min),
        "Shortest timeout of a request"),
    key("limits.timeout_max", timeout(|c| &mut c.limits.request.timeout_max),
        "Longest timeout of a request"),
    key("limits.timeout_default", timeout(|c| &mut c.limits.request.timeout_default),
        "Timeout of a request that names none; between the two above"),
    key("limits.page_size_max", count(1, limits::PAGE_SIZE_MAX, |c| &mut c.limits.request.page_size_max),
        "Largest page of a list"),
    key("limits.message_bytes", bytes(64 * 1024, 4 * 1024 * 1024, |c| &mut c.limits.calls.message_bytes),
        "Size of a gRPC message that the server reads"),
    key("limits.pending_per_caller", count(1, MANY, |c| &mut c.limits.pending_per_caller),
        "Pending approvals of one caller"),
    key("limits.streams", count(1, MANY, |c| &mut c.limits.calls.streams),
        "Streams open at once, in all"),
    key("limits.streams_per_connection", count(1, MANY, |c| &mut c.limits.calls.streams_per_connection),
        "Streams open at once on one connection"),
    key("limits.streams_per_caller", count(1, MANY, |c| &mut c.limits.calls.streams_per_caller),
        "Streams that one caller has open at once, over all connections"),
    key("limits.calls_per_second", count(1, MANY, |c| &mut c.limits.calls.calls_per_second),
        "Calls a second of one caller, and calls at once after a rest"),
    key("limits.in_flight_bytes", in_flight(|c| &mut c.limits.calls.in_flight_bytes),
        "Bytes of requests and replies in memory at once, in all"),
    key("limits.in_flight_bytes_per_connection", in_flight(|c| &mut c.limits.calls.in_flight_bytes_per_connection),
        "Bytes of requests and replies in memory at once of one connection"),
    key("limits.in_flight_bytes_per_caller", in_flight(|c| &mut c.limits.calls.in_flight_bytes_per_caller),
        "Bytes of requests and replies in memory at once of one caller, over all connections"),
    key("limits.connections", count(1, MANY, |c| &mut c.limits.connections.open),
        "Connections open at once; for one more the oldest without an authenticated call is closed"),
    key("limits.unauthenticated_connections", count(1, MANY, |c| &mut c.limits.connections.unauthenticated_connections),
        "Connections open at once without an authenticated call"),
    key("limits.unauthenticated_per_address", count(1, MANY, |c| &mut c.limits.connections.unauthenticated_per_address),
        "The same for one IPv4 address or IPv6 /64 network; behind a balancer all clients share its address"),
    key("limits.unauthenticated_idle", Kind::Duration { min: SECOND, max: DAY, slot: |c| &mut c.limits.connections.unauthenticated_idle },
        "How long a connection without an authenticated call stays open after its last health check or scrape"),
    key("limits.handshake_timeout", Kind::Duration { min: SECOND, max: Duration::from_secs(60), slot: |c| &mut c.limits.connections.handshake_timeout },
        "Time for a TLS handshake, then for the first byte, then for the HTTP/2 preface or HTTP/1 head"),
    key("limits.message_timeout", Kind::Duration { min: SECOND, max: Duration::from_secs(300), slot: |c| &mut c.limits.calls.message_timeout },
        "Time for a call's message to arrive after its headers"),
    key("reflection", Kind::Reflection(|c| &mut c.reflection),
        "Who may use gRPC reflection: callers with a token of any role, or everybody; default with dev: open"),
    key("oidc.issuer", Kind::OptionalText(|c| &mut c.oidc.issuer),
        "OpenID provider whose tokens are accepted, as its tokens name it; none are without it"),
    key("oidc.audience", Kind::Text(|c| &mut c.oidc.audience),
        "This server's name at the provider: tokens must be for it"),
    key("oidc.keys", Kind::OptionalText(|c| &mut c.oidc.keys),
        "URL or file of the provider's keys; without it where the issuer's discovery document says"),
    key("oidc.groups_claim", Kind::Text(|c| &mut c.oidc.groups_claim),
        "Claim that lists the caller's groups, or a path such as realm_access.roles"),
    key("oidc.clock_skew", Kind::Duration { min: Duration::ZERO, max: Duration::from_secs(600), slot: |c| &mut c.oidc.clock_skew },
        "How far the provider's clock and this one may be apart"),
    key("oidc.algorithms", Kind::Algorithms(|c| &mut c.oidc.algorithms),
        "Algorithms that tokens may be signed with"),
    key("roles.agent", Kind::Names(|c| &mut c.roles.agent),
        "Groups whose members are agents"),
    key("roles.reviewer", Kind::Names(|c| &mut c.roles.reviewer),
        "Groups whose members are reviewers"),
    key("roles.auditor", Kind::Names(|c| &mut c.roles.auditor),
        "Groups whose members are auditors"),
    key("roles.operator", Kind::Names(|c| &mut c.roles.operator),
        "Groups whose members are operators"),
    key("certificates.agent", Kind::CertificateNames(|c| &mut c.certificates.agent),
        "Client certificates whose holders are agents, by name; needs tls.client_ca"),
    key("certificates.reviewer", Kind::CertificateNames(|c| &mut c.certificates.reviewer),
        "Client certificates whose holders are reviewers, by name; needs tls.client_ca"),
    key("certificates.auditor", Kind::CertificateNames(|c| &mut c.certificates.auditor),
        "Client certificates whose holders are auditors, by name; needs tls.client_ca"),
    key("certificates.operator", Kind::CertificateNames(|c| &mut c.certificates.operator),
        "Client certificates whose holders are operators, by name; needs tls.client_ca"),
    flag("policy", Kind::File(|c| &mut c.policy),
        "YAML file with the policy, read again when it changes; without it SetPolicy sets the policy"),
    key("log.format", Kind::LogFormat(|c| &mut c.log.format),
        "How log lines look"),
    key("log.filter", Kind::LogFilter(|c| &mut c.log.filter),
        "What is logged"),
    key("otlp.endpoint", Kind::Endpoint(|c| &mut c.otlp_endpoint),
        "OTLP gRPC collector that receives traces; none are sent without it"),
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

    /// Its own flag.
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

/// The table of settings in Markdown, for the documentation. Defaults are written as in TOML.
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
