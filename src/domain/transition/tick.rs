//! Time passes: what happens to an approval by itself.

use crate::domain::{Actor, Approval, EventKind, Status, Time};

/// The next event that is due and not on record yet: a time-out, or else an escalation.
pub(super) fn due(approval: &Approval, now: Time) -> Option<(Actor, EventKind)> {
    if approval.status.is_terminal() {
        return None;
    }
    if now >= approval.deadline {
        let (status, digest) = (Status::TimedOut, approval.digest);
        let (comment, counted_for) = ("No decision before the deadline.".into(), Vec::new());
        return Some((Actor::deadline(), EventKind::Decided { status, comment, seen: 0, digest, counted_for }));
    }
    let (_, escalation) = approval.next_escalation().filter(|(at, _)| *at <= now)?;
    Some((Actor::escalation(), EventKind::Escalated(escalation.clone())))
}
