//! The live queue of reviewers: a snapshot of the pending approvals, then their changes.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Approvals, Error, lists::shows};
use crate::{
    clock::Timer,
    domain::{Approval, ApprovalId, Revision, Status},
    identity::{AccessDenied, Method, Principal},
    store::{Change, Filter, Order, Query, StoreError, weight},
};

/// Maximum number of approvals to read together for a snapshot.
const PAGE: usize = 50;

/// Approximate bytes of approvals to read together: a reader that stops reading leaves them in memory.
const PAGE_BYTES: usize = 16 << 10;

/// Number of approvals in the first read. Their size determines the number of the next read.
const FIRST: usize = 4;

/// A change of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueChange {
    /// A pending approval: new to this stream, or at a newer revision.
    Pending(Arc<Approval>),
    /// An approval that is no longer pending, or, if its status is pending, no longer matches the filter. No status: it
    /// is no longer stored.
    Removed(ApprovalId, Option<Status>),
    /// All approvals that were pending at the start have been sent; their number.
    SnapshotComplete(u64),
}

/// Follows the queue.
pub struct Queue {
    approvals: Arc<Approvals>,
    principal: Arc<Principal>,
    filter: Filter,
    /// Only approvals that the caller can decide now.
    decidable: bool,
    changes: Receiver<Change>,
    /// The pending approvals that the reader knows, with their revisions.
    known: HashMap<ApprovalId, Revision>,
    ready: VecDeque<QueueChange>,
    scan: Option<Scan>,
    snapshot: bool,
    ends: Instant,
    /// Fires at that time.
    timer: Timer,
}

/// A scan of all pending approvals. Known approvals that the scan does not meet are no longer pending.
struct Scan {
    after: Option<ApprovalId>,
    unmet: HashMap<ApprovalId, Revision>,
    /// Number of approvals in the next read.
    limit: usize,
}

impl Scan {
    const fn new(unmet: HashMap<ApprovalId, Revision>) -> Self {
        Self { after: None, unmet, limit: FIRST }
    }
}

impl Approvals {
    /// Follows the pending approvals that match a filter and that the caller may read.
    ///
    /// # Errors
    /// [`Error::Access`] or [`Error::Draining`].
    pub fn queue(self: Arc<Self>, principal: Arc<Principal>, filter: Filter, decidable: bool) -> Result<Queue, Error> {
        principal.require_role(Method::WatchPending)?;
        if self.draining.is_cancelled() {
            return Err(Error::Draining);
        }
        let age = self.stream_age(&principal, self.ids.approval(self.clock.now()));
        let ends = self.clock.instant() + age;
        Ok(Queue {
            changes: self.store.changes(), // before the first read: nothing in between is missed
            filter: Filter { statuses: vec![Status::Pending], ..filter },
            principal,
            decidable,
            known: HashMap::new(),
            ready: VecDeque::new(),
            scan: Some(Scan::new(HashMap::new())),
            snapshot: true,
            ends,
            timer: self.clock.timer(ends),
            approvals: self,
        })
    }
}

impl Queue {
    /// The next change. After an error there are no more changes.
    ///
    /// # Errors
    /// [`Error::Draining`], [`Error::StreamAged`], [`Error::Access`], or a failure of the store.
    pub async fn next(&mut self) -> Result<QueueChange, Error> {
        loop {
            // Checked before any ready change: even a busy queue must end.
            if self.approvals.draining.is_cancelled() {
                return Err(Error::Draining);
            }
            if self.principal.revocation.is_revoked() {
                return Err(AccessDenied::Revoked.into());
            }
            if self.approvals.clock.instant() >= self.ends {
                return Err(Error::StreamAged);
            }
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            if self.scan.is_some() {
                self.scan_page().await?;
                continue;
            }
            let change = tokio::select! {
                biased;
                () = self.approvals.draining.cancelled() => return Err(Error::Draining),
                () = self.principal.revocation.revoked() => return Err(AccessDenied::Revoked.into()),
                change = self.changes.recv() => change,
                () = &mut self.timer => return Err(Error::StreamAged),
            };
            match change {
                Ok(change) => self.take(&change).await?,
                Err(RecvError::Lagged(_)) => {
                    self.scan = Some(Scan::new(self.known.clone()));
                }
                Err(RecvError::Closed) => return Err(Error::Draining),
            }
        }
    }

    async fn scan_page(&mut self) -> Result<(), Error> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        let (filter, order) = (self.filter.clone(), Order::OldestFirst);
        // Many readers at the same time, as after a restart, take turns: each page needs a thread and memory.
        let turn = self.approvals.snapshots.acquire().await;
        let page = self.approvals.store.list(Query { filter, order, after: scan.after, limit: scan.limit }).await?;
        drop(turn);
        let bytes: usize = page.approvals.iter().map(|approval| weight(approval)).sum();
        if let Some(average) = bytes.checked_div(page.approvals.len()) {
            scan.limit = (PAGE_BYTES / average.max(1)).clamp(1, PAGE);
        }
        let approvals = page.approvals.into_iter();
        let shown = |approval: &Arc<Approval>| shows(&self.principal, Method::WatchPending, self.decidable, approval);
        let approvals: Vec<_> = approvals.filter(shown).collect();
        for approval in &approvals {
            scan.unmet.remove(&approval.id);
        }
        scan.after = page.next;
        let unmet = if page.next.is_none() { self.scan.take().map(|scan| scan.unmet) } else { None };
        for approval in approvals {
            self.show(approval);
        }
        for id in unmet.into_iter().flat_map(HashMap::into_keys) {
            let status = match self.approvals.store.get(id).await {
                // It became visible again after the scan had passed it. Its own change will report it.
                Ok(approval) if self.wants(&approval) => continue,
                Ok(approval) => Some(approval.status),
                Err(StoreError::NotFound) => None,
                Err(error) => unreadable(id, error)?,
            };
            self.remove(id, status);
        }
        if self.scan.is_none() && std::mem::take(&mut self.snapshot) {
            self.ready.push_back(QueueChange::SnapshotComplete(self.known.len() as u64));
        }
        Ok(())
    }

    async fn take(&mut self, change: &Change) -> Result<(), Error> {
        if change.status.is_terminal() {
            self.remove(change.id, Some(change.status));
        } else if self.known.get(&change.id).is_none_or(|known| *known < change.revision) {
            match self.approvals.store.get(change.id).await {
                Ok(approval) if self.wants(&approval) => self.show(approval),
                // The caller has voted on it, or an edit asks other reviewers.
                Ok(approval) if !approval.status.is_terminal() => self.remove(approval.id, Some(approval.status)),
                Ok(_) | Err(StoreError::NotFound) => {} // decided by now: that change follows
                Err(error) => {
                    let status = unreadable(change.id, error)?;
                    self.remove(change.id, status);
                }
            }
        }
        Ok(())
    }

    fn wants(&self, approval: &Approval) -> bool {
        self.filter.matches(approval) && shows(&self.principal, Method::WatchPending, self.decidable, approval)
    }

    fn show(&mut self, approval: Arc<Approval>) {
        let newest = self.known.entry(approval.id).or_insert(0);
        if *newest < approval.revision {
            *newest = approval.revision;
            self.ready.push_back(QueueChange::Pending(approval));
        }
    }

    fn remove(&mut self, id: ApprovalId, status: Option<Status>) {
        if self.known.remove(&id).is_some() {
            self.ready.push_back(QueueChange::Removed(id, status));
        }
    }
}

/// The change for an approval that cannot be read, and so cannot be decided. Its status is unknown. The others stay in
/// the queue.
fn unreadable(id: ApprovalId, error: StoreError) -> Result<Option<Status>, Error> {
    match error {
        StoreError::Corrupt(_) | StoreError::Newer(_) => {
            tracing::error!(%id, %error, "cannot watch an approval whose record is unreadable");
            Ok(None)
        }
        error => Err(error.into()),
    }
}
