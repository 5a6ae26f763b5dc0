//! Wakes the streams that wait for an approval. A wake-up carries no data that could be lost: its receiver reads the
//! store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{broadcast, watch};

use super::Change;
use crate::domain::{ApprovalId, Revision};

/// Changes that a receiver may lag behind before it must read the store again.
const BACKLOG: usize = 4_096;

/// Publishes the commits of a store: wakes the subscriptions to an approval, and sends the change to all receivers.
#[derive(Debug)]
pub struct CommitBroadcast {
    waiting: Mutex<HashMap<ApprovalId, Waiters>>,
    changes: broadcast::Sender<Change>,
}

#[derive(Debug)]
struct Waiters {
    sender: watch::Sender<Revision>,
    /// Counted here: the sender's own count falls only after a subscription has released the lock.
    subscriptions: usize,
}

impl CommitBroadcast {
    /// A broadcast without receivers.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), changes: broadcast::Sender::new(BACKLOG) })
    }

    /// Publishes a commit, which must be durable.
    pub fn publish(&self, change: Change) {
        if let Some(waiters) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&change.id) {
            waiters.sender.send_replace(change.revision);
        }
        let _ = self.changes.send(change); // fails without receivers, which is fine
    }

    /// Every change from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Every new revision of one approval.
    #[must_use]
    pub fn subscribe(self: &Arc<Self>, id: ApprovalId) -> Subscription {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiters = waiting.entry(id).or_insert_with(|| Waiters { sender: watch::Sender::new(0), subscriptions: 0 });
        waiters.subscriptions += 1;
        Subscription { id, receiver: waiters.sender.subscribe(), commits: Arc::clone(self) }
    }
}

/// Wakes on new revisions of one approval. Subscribe before you read the approval, so that no revision is missed.
#[derive(Debug)]
pub struct Subscription {
    id: ApprovalId,
    receiver: watch::Receiver<Revision>,
    commits: Arc<CommitBroadcast>,
}

impl Subscription {
    /// The approval.
    #[must_use]
    pub const fn id(&self) -> ApprovalId {
        self.id
    }

    /// Waits for a revision newer than `seen`. Several revisions may cause one wake-up.
    pub async fn beyond(&mut self, seen: Revision) {
        if self.receiver.wait_for(|revision| *revision > seen).await.is_err() {
            std::future::pending::<()>().await; // the sender lives as long as this subscription
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut waiting = self.commits.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiters) = waiting.get_mut(&self.id) {
            waiters.subscriptions -= 1;
            if waiters.subscriptions == 0 {
                waiting.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::domain::samples::id;

    #[test]
    fn dropping_the_last_subscription_frees_the_entry() {
        let commits = CommitBroadcast::new();
        let (first, second) = (commits.subscribe(id(0, 1)), commits.subscribe(id(0, 1)));
        drop(first);
        assert_eq!(commits.waiting.lock().unwrap().len(), 1);
        drop(second);
        assert!(commits.waiting.lock().unwrap().is_empty());
    }

    #[test]
    fn subscriptions_dropped_simultaneously_free_the_entry() {
        let (commits, ready) = (CommitBroadcast::new(), AtomicU64::new(0));
        let subscriber = || {
            for n in 1..=20_000 {
                let subscription = commits.subscribe(id(0, n));
                ready.fetch_add(1, Ordering::SeqCst);
                while ready.load(Ordering::SeqCst) < 2 * n {
                    std::thread::yield_now();
                }
                drop(subscription);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(subscriber);
            scope.spawn(subscriber);
        });
        assert!(commits.waiting.lock().unwrap().is_empty());
    }
}
