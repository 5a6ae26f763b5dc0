//! The pending approvals as a page shows them: the most urgent first.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use super::{Approvals, Error};
use crate::{
    domain::{Approval, ApprovalId, Priority, Time},
    identity::{Method, Principal},
    store::{Filter, Order, Query},
};

/// Maximum number of pending approvals that one call reads.
pub const WAITING_MAX: usize = 5_000;

/// Maximum number of approvals to read together. The store ends large pages earlier.
const PAGE: usize = 250;

/// The pending approvals that a caller may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The most urgent ones behind the place that was asked for, in the order of [`Urgency`].
    pub approvals: Vec<WaitingApproval>,
    /// The number that the caller may read, including those that are not in `approvals`.
    pub total: usize,
    /// The number that the caller can decide, including those that are not in `approvals`.
    pub decidable: usize,
    /// Whether more are pending than were read. The numbers are then too low, and the newest approvals are missing.
    pub more: bool,
    /// Pending approvals that the server cannot read: damaged, or written by a later version.
    pub unreadable: Vec<ApprovalId>,
}

/// A pending approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingApproval {
    /// The approval.
    pub approval: Arc<Approval>,
    /// Whether the caller can decide it now.
    pub decidable: bool,
}

/// A place in the order of pending approvals: the highest priority first, then the nearest deadline, then the oldest.
/// Each approval has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency {
    /// The priority.
    pub priority: Reverse<Priority>,
    /// The deadline.
    pub deadline: Time,
    /// The approval.
    pub id: ApprovalId,
}

impl Urgency {
    /// The place of an approval.
    #[must_use]
    pub fn of(approval: &Approval) -> Self {
        Self { priority: Reverse(approval.priority()), deadline: approval.deadline, id: approval.id }
    }
}

impl Approvals {
    /// The first ones of [`waiting_after`](Self::waiting_after).
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn waiting(&self, principal: &Principal, limit: usize) -> Result<Waiting, Error> {
        self.waiting_after(principal, None, limit).await
    }

    /// The pending approvals that the caller may read, of those behind a place: the `limit` most urgent ones that it can
    /// decide, and as many of the others. So two lists are complete up to their entry `limit`: what waits for the
    /// caller, and all. What is behind that in the list of all has holes.
    ///
    /// Reads at most [`WAITING_MAX`] approvals, the oldest first.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn waiting_after(
        &self,
        principal: &Principal,
        after: Option<Urgency>,
        limit: usize,
    ) -> Result<Waiting, Error> {
        self.waiting_among(principal, after, limit, WAITING_MAX).await
    }

    /// As above, and reads at most `max` approvals.
    pub(super) async fn waiting_among(
        &self,
        principal: &Principal,
        behind: Option<Urgency>,
        limit: usize,
        max: usize,
    ) -> Result<Waiting, Error> {
        principal.require_role(Method::ListPending)?;
        let now = self.clock.now();
        let mut waiting = Waiting::default();
        // What does not fit is dropped while reading: 5,000 large approvals would be hundreds of megabytes.
        let (mut mine, mut others) = (MostUrgent::new(behind, limit), MostUrgent::new(behind, limit));
        let (mut after, mut left) = (None, max);
        loop {
            // Many readers at the same time take turns, as for the queue.
            let turn = self.snapshots.acquire().await;
            let (filter, order) = (Filter::pending(), Order::OldestFirst);
            let page = self.store.list(Query { filter, order, after, limit: PAGE.min(left) }).await?;
            drop(turn);
            left -= page.approvals.len().min(left);
            waiting.unreadable.extend(page.unreadable);
            for approval in page.approvals {
                if !principal.reaches(Method::ListPending, &approval) {
                    continue;
                }
                waiting.total += 1;
                let decidable = now < approval.deadline
                    && principal.may(Method::Decide)
                    && approval.is_decidable_by(&principal.actor, &principal.groups, principal.needs_others());
                if decidable {
                    waiting.decidable += 1;
                    mine.add(approval);
                } else {
                    others.add(approval);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
            if left == 0 {
                waiting.more = true;
                break;
            }
        }
        let all = mine.rows.into_iter().map(|row| (row, true)).chain(others.rows.into_iter().map(|row| (row, false)));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        waiting.approvals =
            all.into_iter().map(|(Row { approval, .. }, decidable)| WaitingApproval { approval, decidable }).collect();
        Ok(waiting)
    }
}

/// The most urgent of the approvals that were added behind a place, at most `limit`.
struct MostUrgent {
    behind: Option<Urgency>,
    limit: usize,
    rows: BTreeSet<Row>,
}

impl MostUrgent {
    const fn new(behind: Option<Urgency>, limit: usize) -> Self {
        Self { behind, limit, rows: BTreeSet::new() }
    }

    fn add(&mut self, approval: Arc<Approval>) {
        let urgency = Urgency::of(&approval);
        if self.behind.is_some_and(|behind| urgency <= behind) {
            return;
        }
        self.rows.insert(Row { urgency, approval });
        if self.rows.len() > self.limit {
            self.rows.pop_last();
        }
    }
}

/// An approval that is ordered by its urgency, which is unique.
struct Row {
    urgency: Urgency,
    approval: Arc<Approval>,
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.urgency.cmp(&other.urgency)
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.urgency == other.urgency
    }
}

impl Eq for Row {}
