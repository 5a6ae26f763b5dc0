//! What is due without anybody asking: time-outs, escalations, and forgetting what is old.

use std::time::Duration;

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Approvals, Error};
use crate::{
    domain::{Command, Time, after, before},
    store::{Change, StoreError},
};

/// How long to wait before looking again at what is due, where a record was unreadable.
const UNREADABLE: Duration = Duration::from_secs(1);

impl Approvals {
    /// Times out what is overdue and escalates what has waited for long enough, at most `limit`. Returns when to look
    /// again; `None`: when something new comes.
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
                // It stays undecided, and nobody can decide it. The others go on.
                Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => {
                    tracing::error!(%error, "cannot time out an approval whose record is unreadable");
                    soon = after(now, UNREADABLE);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(if more { Some(soon) } else { due.next })
    }

    /// Every change from now on, for [`until_due`](Self::until_due).
    #[must_use]
    pub fn changes(&self) -> Receiver<Change> {
        self.store.changes()
    }

    /// Waits until something is due, or until one of `changes` brought an earlier one.
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

    /// Forgets what was decided longer than `retain` ago, at most `limit`. Returns how many it forgot.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn forget_decided(&self, retain: Duration, limit: usize) -> Result<usize, Error> {
        let now = self.clock.now();
        Ok(self.store.prune(before(now, retain), now, limit).await?)
    }
}
