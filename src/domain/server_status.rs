use super::{Freeze, Time};

/// The server's status, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// Version of the program.
    pub version: &'static str,
    /// The server's time.
    pub now: Time,
    /// When the process started.
    pub started: Time,
    /// Version of the live policy.
    pub policy_version: u64,
    /// Number of pending approvals.
    pub pending: u64,
    /// When the oldest pending approval was requested.
    pub oldest_pending: Option<Time>,
    /// The active freezes, the oldest first.
    pub freezes: Vec<Freeze>,
    /// Whether the server is shutting down.
    pub draining: bool,
    /// What keeps notifications from arriving: a sentence for each channel that has a problem.
    pub notification_problems: Vec<String>,
}
