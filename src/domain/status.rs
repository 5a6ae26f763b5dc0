use serde::{Deserialize, Serialize};

/// Where an approval stands. Everything but `Pending` is terminal.
///
/// A new status also goes into `approval.proto`, `wire/enums.rs`, the clients and `tests/conformance/statuses.json`. The
/// compiler does not find everything: see `is_terminal` and `is_approved` here, `asks_people` (`approval.rs`), the votes in
/// `apply.rs`, and the command under `transition/` that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a decision.
    Pending,
    /// People approved it.
    Approved,
    /// A person rejected it.
    Rejected,
    /// The deadline passed.
    TimedOut,
    /// The requester withdrew it.
    Cancelled,
    /// The policy approved it.
    AutoApproved,
    /// The policy rejected it.
    AutoRejected,
}

impl Status {
    /// Every status, in the order of declaration: metrics count by it.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::TimedOut,
        Self::Cancelled,
        Self::AutoApproved,
        Self::AutoRejected,
    ];

    /// True when it can never change again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// True when the call may be claimed.
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
