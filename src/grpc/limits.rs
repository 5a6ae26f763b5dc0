use std::time::Duration;

/// Limits of calls: messages, streams, rate, and bytes in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Size of one gRPC message that the server reads, in bytes: 64 KiB to 4 MiB.
    pub message_bytes: usize,
    /// Maximum time for a call's message, from the call's head to its end: 1 s to 5 min.
    pub message_timeout: Duration,
    /// Maximum number of open streams: 1 to 1,000,000.
    pub streams: u32,
    /// Maximum number of open streams per connection: 1 to 1,000,000.
    pub streams_per_connection: u32,
    /// Maximum number of open streams per caller, over all its connections: 1 to 1,000,000.
    pub streams_per_caller: u32,
    /// Maximum calls per second per caller, and calls at the same time after a pause: 1 to 1,000,000.
    pub calls_per_second: u32,
    /// Maximum bytes of requests and replies in memory: 8 MiB to 64 GiB. A call counts from its head until its reply is
    /// sent: at least 16 KiB, and 1 MiB while a list is built.
    pub in_flight_bytes: usize,
    /// Maximum bytes of requests and replies per connection: 8 MiB to 64 GiB.
    pub in_flight_bytes_per_connection: usize,
    /// Maximum bytes of requests and replies per caller, over all its connections: 8 MiB to 64 GiB.
    pub in_flight_bytes_per_caller: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            message_bytes: 1024 * 1024,
            message_timeout: Duration::from_secs(15),
            streams: 100_000,
            streams_per_connection: 10_000,
            streams_per_caller: 10_000,
            calls_per_second: 10_000,
            in_flight_bytes: 256 * 1024 * 1024,
            in_flight_bytes_per_connection: 64 * 1024 * 1024,
            in_flight_bytes_per_caller: 64 * 1024 * 1024,
        }
    }
}
