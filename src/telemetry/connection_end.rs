/// Why the server closed a connection on which no call was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// Another connection needed its place.
    Evicted,
    /// All places were taken by authenticated connections.
    Refused,
    /// The client sent nothing.
    Silent,
    /// The client did not complete its HTTP/2 preface or HTTP/1 head.
    SlowHead,
    /// No call was answered for too long.
    Idle,
}

impl ConnectionEnd {
    /// All reasons, in the order of their discriminants.
    pub(super) const ALL: [Self; 5] = [Self::Evicted, Self::Refused, Self::Silent, Self::SlowHead, Self::Idle];

    /// The value of the metric's label `reason`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::SlowHead => "slow_head",
            Self::Idle => "idle",
        }
    }
}
