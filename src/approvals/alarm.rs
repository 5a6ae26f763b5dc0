use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::domain::{Time, to_micros};

/// Wakes the expirer when a deadline comes to be that is earlier than the one it sleeps for.
#[derive(Debug)]
pub(super) struct Alarm {
    /// The earliest deadline known, in microseconds; the greatest number when none is.
    earliest: AtomicU64,
    rang: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { earliest: u64::MAX.into(), rang: Notify::new() }
    }
}

impl Alarm {
    /// Before looking for deadlines: everything from now on is news.
    pub(super) fn clear(&self) {
        self.earliest.store(u64::MAX, Ordering::SeqCst);
    }

    /// There is such a deadline.
    pub(super) fn set(&self, deadline: Time) {
        let deadline = to_micros(deadline);
        if self.earliest.fetch_min(deadline, Ordering::SeqCst) > deadline {
            self.rang.notify_one();
        }
    }

    /// Waits until a deadline earlier than `next` is set. One that was set since `clear` counts.
    pub(super) async fn rang_before(&self, next: Option<Time>) {
        let next = next.map_or(u64::MAX, to_micros);
        while self.earliest.load(Ordering::SeqCst) >= next {
            self.rang.notified().await;
        }
    }
}
