use serde::{Deserialize, Serialize};

/// The status of an approval. All values except `Pending` are terminal.
///
/// To add a status: also change `approval.proto`, `wire/enums.rs`, the clients and `tests/conformance/statuses.json`.
/// The compiler does not find everything: see `is_terminal` and `is_approved` here, `asks_people` (`approval.rs`), the
/// votes in `apply.rs`, and the command under `transition/` that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a decision.
    Pending,
    /// Reviewers approved it.
    Approved,
    /// Reviewers rejected it.
    Rejected,
    /// The deadline passed.
    TimedOut,
    /// The requester cancelled it.
    Cancelled,
    /// The policy approved it.
    AutoApproved,
    /// The policy rejected it.
    AutoRejected,
}

impl Status {
    /// Every status, in the order of declaration. Metrics use this order.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::TimedOut,
        Self::Cancelled,
        Self::AutoApproved,
        Self::AutoRejected,
    ];

    /// Whether the status can never change.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// Whether the call can be claimed.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved | Self::AutoApproved)
    }

    /// The name on the wire, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::TimedOut => "TIMED_OUT",
            Self::Cancelled => "CANCELLED",
            Self::AutoApproved => "AUTO_APPROVED",
            Self::AutoRejected => "AUTO_REJECTED",
        }
    }
}
