use super::{Freeze, Time};

/// How a server is, for those who operate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// Version of the program.
    pub version: &'static str,
    /// Server time.
    pub now: Time,
    /// When the process started.
    pub started: Time,
    /// Version of the policy that is live.
    pub policy_version: u64,
    /// How many approvals are pending.
    pub pending: u64,
    /// When the oldest of them was asked for.
    pub oldest_pending: Option<Time>,
    /// The freezes that stand, the oldest first.
    pub freezes: Vec<Freeze>,
    /// Whether the server shuts down.
    pub draining: bool,
}
