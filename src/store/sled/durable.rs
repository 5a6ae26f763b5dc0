//! Keeps readers from seeing what a crash could take back.
//!
//! sled shows a batch as soon as it is applied, but it is durable only after the sync. A reader therefore reads first
//! and asks here second: if what it read may be part of a group that is on its way to the disk, it waits for the sync.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{domain::ApprovalId, store::StoreError};

/// Which group of commits is durable, and what the group on its way holds.
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
    /// Every group up to this one is on disk.
    Group(u64),
    /// The store has failed, and what was on its way may be lost; or it is closed.
    Stopped(Arc<str>),
}

impl Durability {
    pub(super) fn new() -> Self {
        Self { in_flight: Mutex::default(), durable: watch::Sender::new(Progress::Group(0)) }
    }

    /// Before a batch is applied: these approvals are about to change.
    pub(super) fn begin(&self, ids: impl IntoIterator<Item = ApprovalId>) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.group += 1;
        in_flight.ids.extend(ids);
    }

    /// After the sync.
    pub(super) fn end(&self) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.ids.clear();
        let group = in_flight.group;
        self.durable.send_modify(|progress| {
            // A writer that was given up may still come back: what is stopped stays so.
            if let Progress::Group(durable) = progress {
                *durable = group;
            }
        });
    }

    /// After a failure, when nobody may be shown what was on its way, or when closed: nothing more is read.
    pub(super) fn stop(&self, reason: &Arc<str>) {
        self.durable.send_replace(Progress::Stopped(Arc::clone(reason)));
    }

    /// Waits until what was just read of one approval is durable.
    pub(super) async fn settle(&self, id: ApprovalId) -> Result<(), StoreError> {
        let group = {
            let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            if in_flight.ids.contains(&id) { in_flight.group } else { 0 }
        };
        self.wait(group).await
    }

    /// Waits until everything that was just read is durable.
    pub(super) async fn settle_all(&self) -> Result<(), StoreError> {
        let group = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).group;
        self.wait(group).await
    }

    async fn wait(&self, group: u64) -> Result<(), StoreError> {
        match &*self.durable.borrow() {
            Progress::Group(durable) if *durable >= group => return Ok(()), // nearly always
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
    async fn readers_of_what_is_on_its_way_wait() {
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
    async fn what_never_reached_the_disk_is_never_shown() {
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
