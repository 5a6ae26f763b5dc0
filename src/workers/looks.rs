use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;

/// Looks at files that somebody may be writing: what they hold is taken when two looks in a row see the same, or at
/// once when told to.
pub(super) struct Looks<T> {
    taken: T,
    before: Option<T>,
    told: bool,
}

impl<T: PartialEq> Looks<T> {
    /// Begins with what was taken when the server started.
    pub(super) const fn new(taken: T) -> Self {
        Self { taken, before: None, told: false }
    }

    /// Whether what is seen now is to be taken.
    pub(super) fn due(&self, now: &T) -> bool {
        self.told || (*now != self.taken && self.before.as_ref() == Some(now))
    }

    /// What was seen has been taken, and is not due again.
    pub(super) fn take(&mut self, now: T) {
        self.taken = now;
    }

    /// Waits until the next look, which is told to take what it sees when `reload` says so.
    pub(super) async fn rest(&mut self, seen: T, every: Duration, clock: &dyn Clock, reload: &mut watch::Receiver<()>) {
        self.before = Some(seen);
        tokio::select! {
            () = clock.sleep(every) => self.told = false,
            Ok(()) = reload.changed() => self.told = true,
        }
    }
}
