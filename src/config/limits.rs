//! What a caller may send or hold: limits that an operator can lower, and fixed ones.

use std::time::Duration;

/// Longest tool name, in characters.
pub const TOOL_NAME_MAX: usize = 128;
/// Longest request_id, in characters.
pub const REQUEST_ID_MAX: usize = 128;
/// Longest name of an agent, in characters; also for each agent of a hand-off chain.
pub const AGENT_NAME_MAX: usize = 128;
/// Longest run_id of an agent, in characters.
pub const RUN_ID_MAX: usize = 128;
/// Longest key of a label, in characters.
pub const LABEL_KEY_MAX: usize = 63;
/// Longest value of a label, in characters.
pub const LABEL_VALUE_MAX: usize = 256;

/// The limits that an operator can change, each within the range given here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arguments as canonical JSON, in bytes: 2 to 49,152. The store's record size caps it.
    pub arguments_bytes: usize,
    /// Nesting of the arguments, in levels: 1 to 32.
    pub arguments_depth: u32,
    /// Arguments' JSON Schema as canonical JSON, in bytes: 0 to 16,384.
    pub schema_bytes: usize,
    /// A reason, comment or report message, in bytes: 0 to 4,096.
    pub text_bytes: usize,
    /// Labels of an approval: 0 to 32.
    pub labels: u32,
    /// Agents in a hand-off chain: 0 to 16.
    pub chain: u32,
    /// Shortest timeout that a request may ask for: 10 ms to 7 days, and at most `timeout_max`.
    pub timeout_min: Duration,
    /// Longest timeout that a request may ask for: 10 ms to 7 days.
    pub timeout_max: Duration,
    /// Timeout of a request that names none; between `timeout_min` and `timeout_max`.
    pub timeout_default: Duration,
    /// Largest page of a list: 1 to 1,000. May be below the default page size of the API.
    pub page_size_max: u32,
    /// Size of one gRPC message that the server reads, in bytes: 64 KiB to 4 MiB.
    pub message_bytes: usize,
    /// PENDING approvals of one caller: 1 to 1,000,000.
    pub pending_per_caller: u32,
    /// Streams open at once in all: 1 to 1,000,000.
    pub streams: u32,
    /// Streams open at once on one connection: 1 to 1,000,000.
    pub streams_per_connection: u32,
    /// Streams that one caller has open at once, over all its connections: 1 to 1,000,000.
    pub streams_per_caller: u32,
    /// Calls a second of one caller, and calls at once after a rest: 1 to 1,000,000.
    pub calls_per_second: u32,
    /// Bytes of requests and replies in memory at once, in all: 8 MiB to 64 GiB. A call counts for what it holds from its
    /// head until its reply is sent: at least 16 KiB, and 1 MiB while a list is made.
    pub in_flight_bytes: usize,
    /// Bytes of requests and replies of one connection: 8 MiB to 64 GiB.
    pub in_flight_bytes_per_connection: usize,
    /// Bytes of requests and replies of one caller, over all its connections: 8 MiB to 64 GiB.
    pub in_flight_bytes_per_caller: usize,
    /// Connections open at once: 1 to 1,000,000. For one more a stranger's is closed: see [`crate::connections`].
    pub connections: u32,
    /// Connections open at once on which no call was authenticated: 1 to 1,000,000.
    pub unauthenticated_connections: u32,
    /// Those of one IPv4 address or IPv6 /64 network: 1 to 1,000,000.
    pub unauthenticated_per_address: u32,
    /// How long a connection may stay open on which no call was authenticated, and none without a token answered: 1 s to
    /// 1 day.
    pub unauthenticated_idle: Duration,
    /// How long a TLS handshake may take, and then the first byte, and then the rest of an HTTP/2 preface or an HTTP/1
    /// head: 1 s to 1 min.
    pub handshake_timeout: Duration,
    /// How long a call's message may take, from the call's head to its end: 1 s to 5 min.
    pub message_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            arguments_bytes: 48 * 1024,
            arguments_depth: 32,
            schema_bytes: 16 * 1024,
            text_bytes: 4 * 1024,
            labels: 32,
            chain: 16,
            timeout_min: Duration::from_secs(1),
            timeout_max: Duration::from_secs(7 * 24 * 60 * 60),
            timeout_default: Duration::from_secs(300),
            page_size_max: 1_000,
            message_bytes: 1024 * 1024,
            pending_per_caller: 10_000,
            streams: 100_000,
            streams_per_connection: 10_000,
            streams_per_caller: 10_000,
            calls_per_second: 10_000,
            in_flight_bytes: 256 * 1024 * 1024,
            in_flight_bytes_per_connection: 64 * 1024 * 1024,
            in_flight_bytes_per_caller: 64 * 1024 * 1024,
            connections: 10_000,
            unauthenticated_connections: 2_048,
            unauthenticated_per_address: 1_024,
            unauthenticated_idle: Duration::from_secs(120),
            handshake_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(15),
        }
    }
}
