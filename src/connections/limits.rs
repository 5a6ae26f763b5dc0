use std::time::Duration;

/// How many connections there may be, and how long they may take to become a caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections open at once: 1 to 1,000,000. For one more a stranger's is closed: see the module.
    pub open: u32,
    /// Connections open at once on which no call was authenticated: 1 to 1,000,000.
    pub unauthenticated_connections: u32,
    /// Those of one IPv4 address or IPv6 /64 network: 1 to 1,000,000.
    pub unauthenticated_per_address: u32,
    /// How long a connection may stay open on which no call was authenticated, and none without a token answered: 1 s
    /// to 1 day.
    pub unauthenticated_idle: Duration,
    /// How long a TLS handshake may take, and then the first byte, and then the rest of an HTTP/2 preface or an HTTP/1
    /// head: 1 s to 1 min.
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
