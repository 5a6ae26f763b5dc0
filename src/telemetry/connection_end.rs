/// Why the server closed a connection on which no call was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// Its place was needed.
    Evicted,
    /// Every connection is somebody's: there was no place for it.
    Refused,
    /// Its client sent nothing.
    Silent,
    /// Its client did not end the HTTP/2 preface or HTTP/1 head that it began.
    SlowHead,
    /// No call on it was answered for too long.
    Idle,
}

impl ConnectionEnd {
    /// All of them, in the order of their discriminants.
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
