//! Keeps readers from showing data that a crash could undo.
//!
//! sled shows a batch as soon as it is applied, but the batch is durable only after the sync. So a reader reads first,
//! and then asks here: if the data may belong to the group in flight, it waits for the sync. The order matters. Asked
//! first, "nothing is in flight" could be outdated by the time of the read. Most reads find nothing in flight for their
//! approval, and do not wait.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{domain::ApprovalId, store::StoreError};

/// The newest durable group, and the approvals in the group in flight.
#[derive(Debug)]
pub(super) struct Durability {
    in_flight: Mutex<InFlight>,
    durable: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct InFlight {
    group: u64,
    ids: HashSet<ApprovalId>,
}

#[derive(Clone, Debug)]
enum Progress {
    /// Every group up to this one is durable.
    Group(u64),
    /// The store has failed, and the group in flight may be lost; or the store is closed.
    Stopped(Arc<str>),
}

impl Durability {
    pub(super) fn new() -> Self {
        Self { in_flight: Mutex::default(), durable: watch::Sender::new(Progress::Group(0)) }
    }

    /// Call before a batch is applied: these approvals are about to change.
    pub(super) fn begin(&self, ids: impl IntoIterator<Item = ApprovalId>) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.group += 1;
        in_flight.ids.extend(ids);
    }

    /// Call after the sync.
    pub(super) fn end(&self) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.ids.clear();
        let group = in_flight.group;
        self.durable.send_modify(|progress| {
            // A writer that timed out may still return: stopped is final.
            if let Progress::Group(durable) = progress {
                *durable = group;
            }
        });
    }

    /// Call after a failure, or when closing: all later reads fail, so that the group in flight is never shown.
    pub(super) fn stop(&self, reason: &Arc<str>) {
        self.durable.send_replace(Progress::Stopped(Arc::clone(reason)));
    }

    /// Waits until data that was just read of one approval is durable.
    pub(super) async fn settle(&self, id: ApprovalId) -> Result<(), StoreError> {
        let group = {
            let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            if in_flight.ids.contains(&id) { in_flight.group } else { 0 }
        };
        self.wait(group).await
    }

    /// Waits until all data that was just read is durable.
    pub(super) async fn settle_all(&self) -> Result<(), StoreError> {
        let group = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).group;
        self.wait(group).await
    }

    /// Fails if the store has failed or is closed. For data that is durable already.
    pub(super) async fn working(&self) -> Result<(), StoreError> {
        self.wait(0).await
    }

    async fn wait(&self, group: u64) -> Result<(), StoreError> {
        match &*self.durable.borrow() {
            Progress::Group(durable) if *durable >= group => return Ok(()), // the usual case
            _ => {}
        }
        let reached = |progress: &Progress| match progress {
            Progress::Group(durable) => *durable >= group,
            Progress::Stopped(_) => true,
        };
        match self.durable.subscribe().wait_for(reached).await.as_deref() {
            Ok(Progress::Group(_)) => Ok(()),
            Ok(Progress::Stopped(reason)) => Err(StoreError::Unavailable(Arc::clone(reason))),
            Err(_) => Err(StoreError::Unavailable("closed".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::id;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn readers_wait_for_the_group_in_flight() {
        let durability = Durability::new();
        let (changing, other) = (id(0, 1), id(0, 2));
        durability.begin([changing]);
        assert_eq!(durability.settle(changing).now_or_never(), None);
        assert_eq!(durability.settle_all().now_or_never(), None);
        assert_eq!(durability.settle(other).now_or_never(), Some(Ok(())));
        durability.end();
        assert_eq!(durability.settle(changing).now_or_never(), Some(Ok(())));
        assert_eq!(durability.settle_all().now_or_never(), Some(Ok(())));
    }

    #[tokio::test]
    async fn a_group_that_failed_is_never_shown() {
        let durability = Durability::new();
        durability.begin([id(0, 1)]);
        durability.stop(&"disk full".into());
        assert!(matches!(durability.settle(id(0, 1)).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(durability.settle_all().await, Err(StoreError::Unavailable(_))));
        assert!(matches!(durability.settle(id(0, 2)).await, Err(StoreError::Unavailable(_))));
        durability.end();
        assert!(matches!(durability.settle_all().await, Err(StoreError::Unavailable(_))), "too late");
    }
}
