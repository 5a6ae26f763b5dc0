use std::time::Duration;

/// What calls may cost: messages, streams, calls a second, and bytes in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Size of one gRPC message that the server reads, in bytes: 64 KiB to 4 MiB.
    pub message_bytes: usize,
    /// How long a call's message may take, from the call's head to its end: 1 s to 5 min.
    pub message_timeout: Duration,
    /// Streams open at once in all: 1 to 1,000,000.
    pub streams: u32,
    /// Streams open at once on one connection: 1 to 1,000,000.
    pub streams_per_connection: u32,
    /// Streams that one caller has open at once, over all its connections: 1 to 1,000,000.
    pub streams_per_caller: u32,
    /// Calls a second of one caller, and calls at once after a rest: 1 to 1,000,000.
    pub calls_per_second: u32,
    /// Bytes of requests and replies in memory at once, in all: 8 MiB to 64 GiB. A call counts for what it holds from
    /// its head until its reply is sent: at least 16 KiB, and 1 MiB while a list is made.
    pub in_flight_bytes: usize,
    /// Bytes of requests and replies of one connection: 8 MiB to 64 GiB.
    pub in_flight_bytes_per_connection: usize,
    /// Bytes of requests and replies of one caller, over all its connections: 8 MiB to 64 GiB.
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
