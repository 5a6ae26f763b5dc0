//! Wakes those who wait for an approval. Carries no data worth losing: whoever is woken reads the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{broadcast, watch};

use super::Change;
use crate::domain::{ApprovalId, Revision};

/// Changes that a receiver may be behind before it has to read the store again.
const BACKLOG: usize = 4_096;

/// Publishes commits, after they are durable.
#[derive(Debug)]
pub(super) struct Feed {
    waiting: Mutex<HashMap<ApprovalId, watch::Sender<Revision>>>,
    changes: broadcast::Sender<Change>,
}

impl Feed {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), changes: broadcast::Sender::new(BACKLOG) })
    }

    pub(super) fn publish(&self, change: Change) {
        if let Some(sender) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&change.id) {
            sender.send_replace(change.revision);
        }
        let _ = self.changes.send(change); // nobody listening is fine
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(super) fn subscribe(self: &Arc<Self>, id: ApprovalId) -> Subscription {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = waiting.entry(id).or_insert_with(|| watch::Sender::new(0)).subscribe();
        Subscription { id, receiver, feed: Arc::clone(self) }
    }
}

/// Wakes on new revisions of one approval. Subscribe before reading: nothing in between is missed.
#[derive(Debug)]
pub struct Subscription {
    id: ApprovalId,
    receiver: watch::Receiver<Revision>,
    feed: Arc<Feed>,
}

impl Subscription {
    /// Which approval it is for.
    #[must_use]
    pub const fn id(&self) -> ApprovalId {
        self.id
    }

    /// Waits for a revision beyond `seen`. Several may pass as one.
    pub async fn beyond(&mut self, seen: Revision) {
        if self.receiver.wait_for(|revision| *revision > seen).await.is_err() {
            std::future::pending::<()>().await; // the sender lives as long as this subscription
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut waiting = self.feed.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.get(&self.id).is_some_and(|sender| sender.receiver_count() <= 1) {
            waiting.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::id;

    #[test]
    fn the_last_subscriber_leaves_nothing_behind() {
        let feed = Feed::new();
        let (first, second) = (feed.subscribe(id(0, 1)), feed.subscribe(id(0, 1)));
        drop(first);
        assert_eq!(feed.waiting.lock().unwrap().len(), 1);
        drop(second);
        assert!(feed.waiting.lock().unwrap().is_empty());
    }
}
