use std::time::Duration;

/// Limits of the number of connections, and timeouts of unauthenticated ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum number of open connections: 1 to 1,000,000. One more evicts an unauthenticated one: see the module.
    pub open: u32,
    /// Maximum number of unauthenticated connections: 1 to 1,000,000.
    pub unauthenticated_connections: u32,
    /// Maximum number of unauthenticated connections per IPv4 address or IPv6 /64 network: 1 to 1,000,000.
    pub unauthenticated_per_address: u32,
    /// Idle timeout of an unauthenticated connection, since its last answered call without a token: 1 s to 1 day.
    pub unauthenticated_idle: Duration,
    /// Timeout of a TLS handshake, then of the first byte, and then of the HTTP/2 preface or HTTP/1 head: 1 s to 1 min.
    pub handshake_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            open: 10_000,
            unauthenticated_connections: 2_048,
            unauthenticated_per_address: 1_024,
            unauthenticated_idle: Duration::from_secs(120),
            handshake_timeout: Duration::from_secs(10),
        }
    }
}
