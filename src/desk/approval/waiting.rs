//! The other requests that wait for the viewer: where this one is among them, and which one is next.

use crate::{
    approvals::{Approvals, Error},
    desk::texts::approval as texts,
    domain::ApprovalId,
    identity::{Method, Principal},
};

/// Maximum number of requests to look at.
const LOOKED_AT: usize = 100;

/// The requests that wait for a viewer, in the order of the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
    /// Position, if this one waits for the viewer.
    pub(super) position: Option<usize>,
    /// Number of requests that wait.
    pub(super) count: usize,
    /// Whether there may be more.
    pub(super) more: bool,
}

impl Waiting {
    /// Where an approval is in the queue of a viewer who may decide.
    pub(super) async fn around(approvals: &Approvals, viewer: &Principal, id: ApprovalId) -> Result<Self, Error> {
        let (ids, more) = queue(approvals, viewer).await?;
        let at = ids.iter().position(|other| *other == id);
        let others = || ids.iter().filter(|other| **other != id);
        let (previous, next) = match at {
            Some(at) => (at.checked_sub(1).and_then(|at| ids.get(at)), ids.get(at + 1).or_else(|| others().next())),
            None => (None, others().next()),
        };
        let text = |id: Option<&ApprovalId>| id.map(ToString::to_string);
        let (previous, next) = (text(previous), text(next));
        Ok(Self { previous, next, position: at.map(|at| at + 1), count: ids.len(), more })
    }
}

impl Waiting {
    /// The position, in words.
    pub(super) fn place(&self) -> Option<String> {
        self.position.map(|position| texts::position(position, self.count, self.more))
    }

    /// How many wait, in words.
    pub(super) fn others(&self) -> String {
        texts::others_wait(self.count, self.more)
    }
}

/// The most urgent requests that wait for the viewer, and whether there are more.
async fn queue(approvals: &Approvals, viewer: &Principal) -> Result<(Vec<ApprovalId>, bool), Error> {
    if !viewer.may(Method::Decide) || !viewer.may(Method::ListPending) {
        return Ok((Vec::new(), false));
    }
    let waiting = approvals.waiting(viewer, LOOKED_AT).await?;
    let mine = waiting.approvals.iter().filter(|one| one.decidable).map(|one| one.approval.id);
    Ok((mine.collect(), waiting.more || waiting.decidable > LOOKED_AT))
}
