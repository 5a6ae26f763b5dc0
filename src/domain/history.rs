//! Validates histories: events from elsewhere, such as imports, are checked before they are accepted.

use std::sync::Arc;

use super::{Actor, Approval, ApprovalId, Choice, Digest, Event, EventKind, Revision, Status};

/// Why events cannot be the history of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The first event is not the request, or its digest is not that of its arguments.
    #[error("the first event is not a complete request")]
    NotARequest,
    /// A gap, a repetition, or an earlier time.
    #[error("revision {found} after {last} is out of order, in number or in time")]
    OutOfOrder {
        /// The previous revision.
        last: Revision,
        /// The offending event's revision.
        found: Revision,
    },
    /// A name that is too long for the store's index.
    #[error("a name is longer than {limit} bytes")]
    NameTooLong {
        /// The maximum length.
        limit: usize,
    },
    /// An event that cannot follow the ones before it.
    #[error("revision {0} cannot follow the earlier events")]
    Impossible(Revision),
}

impl Approval {
    /// Folds events into an approval, and rejects impossible histories.
    ///
    /// # Errors
    /// When the events have gaps, or contradict each other, such as two decisions or a claim without an approval.
    pub fn replay<'a>(id: ApprovalId, events: impl IntoIterator<Item = &'a Event>) -> Result<Self, ReplayError> {
        let mut events = events.into_iter();
        let mut approval = events.next().and_then(|first| Self::open(id, first)).ok_or(ReplayError::NotARequest)?;
        if !approval.verdict.may_be_on(&approval.request) {
            return Err(ReplayError::Impossible(approval.revision));
        }
        for event in events {
            if event.revision != approval.revision + 1 || event.at < approval.updated_at {
                return Err(ReplayError::OutOfOrder { last: approval.revision, found: event.revision });
            }
            if !approval.can_follow(event) {
                return Err(ReplayError::Impossible(event.revision));
            }
            approval.apply(event);
        }
        Ok(approval)
    }

    /// Whether an event may come next. [`step`](super::step) makes only such events. Does not check limits, nor the
    /// assurance of votes: they may have been different when the event was recorded.
    fn can_follow(&self, event: &Event) -> bool {
        let open = !self.status.is_terminal() && event.at < self.deadline;
        let by_requester = self.request.caller.is(&event.actor);
        let asked_by = |actor: &Actor| self.is_asked_by(actor);
        let reviewed = open && !asked_by(&event.actor) && !event.via.as_ref().is_some_and(asked_by);
        let counts = |rules: &[Arc<str>]| {
            let (voter, via) = (&event.actor, event.via.as_ref());
            !event.needs_others || self.counts_among_others(rules, voter, via).as_deref() == Some(rules)
        };
        let approves = |rules: &[Arc<str>]| !self.has_voted(&event.actor, rules) && counts(rules);
        let current = |digest: &Digest| *digest == self.digest;
        let rejects = || self.rejections() + 1 >= self.requirement().reject_threshold;
        let claimable = || {
            let in_time = self.claimable_until().is_some_and(|closed_at| event.at < closed_at);
            in_time && self.claim.is_none() && self.revocation.is_none()
        };
        match &event.kind {
            EventKind::Requested { .. } => false,
            EventKind::Voted { choice, digest, counted_for, .. } => {
                let open = match choice {
                    Choice::Approve => approves(counted_for) && !self.completed_by(&event.actor, counted_for),
                    Choice::Reject => !self.has_rejected(&event.actor) && !rejects(),
                };
                reviewed && current(digest) && !counted_for.is_empty() && open
            }
            EventKind::Escalated(escalation) => {
                open && self.next_escalation().is_some_and(|(at, next)| next == escalation && at <= event.at)
            }
            EventKind::Edited { arguments, digest, deadline, verdict, .. } => {
                let matches = || *digest == Digest::of(&self.request.tool_name, arguments);
                let judged = verdict.remembered_rejection.is_none();
                reviewed && *deadline <= self.deadline && judged && matches()
            }
            EventKind::Decided { digest, .. } if !current(digest) => false,
            EventKind::Decided { status, counted_for, .. } => match status {
                Status::Approved => reviewed && approves(counted_for) && self.completed_by(&event.actor, counted_for),
                Status::Rejected => reviewed && !self.has_rejected(&event.actor) && rejects(),
                Status::Cancelled => open && by_requester,
                Status::TimedOut => !self.status.is_terminal() && event.at >= self.deadline,
                Status::Pending | Status::AutoApproved | Status::AutoRejected => false,
            },
            EventKind::Claimed { digest, .. } => by_requester && current(digest) && claimable(),
            // Permission depends on groups and roles, which are not recorded.
            EventKind::Revoked { .. } => claimable(),
            EventKind::Reported { .. } => {
                self.claim.as_ref().is_some_and(|claim| claim.outcome.is_none() && claim.actor.is(&event.actor))
            }
        }
    }
}
