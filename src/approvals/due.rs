//! Due work: timeouts, escalations, and the deletion of old approvals.

use std::time::Duration;

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Approvals, Error};
use crate::{
    domain::{Command, Time, after, before},
    store::{Change, StoreError},
};

/// Time to wait before another attempt at an unreadable record.
const UNREADABLE: Duration = Duration::from_secs(1);

impl Approvals {
    /// Times out and escalates the approvals that are due, at most `limit`. Returns when to look again. `None`: when
    /// something changes.
    ///
    /// The store keeps an index of pending approvals by the time of their next event (an escalation or the deadline). A
    /// pass reads the due part of the index, and sends each approval a `Tick`. The tick carries no instructions:
    /// [`step`](crate::domain::step) decides again, inside the transaction, what is due. So a pass can run late, twice,
    /// or on stale data, and never does harm. Nor does correctness depend on it: a vote after the deadline times the
    /// approval out even if no pass has run.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn do_due(&self, limit: usize) -> Result<Option<Time>, Error> {
        let now = self.clock.now();
        let due = self.store.due(now, limit).await?;
        let (more, mut soon) = (due.ids.len() == limit, now);
        let tick = |id| self.store.transition(id, Command::Tick, now);
        for outcome in futures_util::future::join_all(due.ids.into_iter().map(tick)).await {
            match outcome {
                Ok(_) | Err(StoreError::NotFound) => {}
                // The approval stays undecided, and nobody can decide it. Continue with the others.
                Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => {
                    tracing::error!(%error, "cannot time out an approval whose record is unreadable");
                    soon = after(now, UNREADABLE);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(if more { Some(soon) } else { due.next })
    }

    /// All changes from now on, for [`until_due`](Self::until_due).
    #[must_use]
    pub fn changes(&self) -> Receiver<Change> {
        self.store.changes()
    }

    /// Waits until `next`, or until one of `changes` makes something due earlier.
    pub async fn until_due(&self, next: Option<Time>, changes: &mut Receiver<Change>) {
        let later = |change: &Change| change.status.is_terminal() || next.is_some_and(|next| next <= change.due);
        let earlier = async {
            loop {
                match changes.recv().await {
                    Ok(change) if later(&change) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        match next {
            Some(next) => tokio::select! {
                () = self.clock.sleep_until(next) => {}
                () = earlier => {}
            },
            None => earlier.await,
        }
    }

    /// Deletes approvals that were decided longer than `retain` ago, at most `limit`. Returns how many it deleted.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn forget_decided(&self, retain: Duration, limit: usize) -> Result<usize, Error> {
        let now = self.clock.now();
        Ok(self.store.prune(before(now, retain), now, limit).await?)
    }
}
