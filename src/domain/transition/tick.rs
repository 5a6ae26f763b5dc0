//! Tick: events that happen because time passes.

use crate::domain::{Actor, Approval, EventKind, Status, Time};

/// The next event that is due and not yet recorded: a timeout, or else an escalation.
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn the_deadline_is_the_first_moment_too_late() {
        let deadline = at(300);
        let microsecond = TimeDelta::microseconds(1);
        for (command, status) in
            [(approve(1), Status::Approved), (reject(1), Status::Rejected), (cancel(agent()), Status::Cancelled)]
        {
            let opened = opened(quorum(1));
            assert_eq!(opened.deadline, deadline);
            assert_eq!(step(&opened, &command, deadline - microsecond).approval.status, status);
            for late in [deadline, deadline + microsecond, at(1_000_000)] {
                let step = step(&opened, &command, late);
                let decision = step.approval.decision.clone().unwrap();
                assert_eq!(
                    (decision.status, &decision.actor, decision.at),
                    (Status::TimedOut, &Actor::deadline(), late)
                );
                assert_eq!(step.outcome, Err(Refusal::AlreadyDecided(Box::new(decision))));
                assert_eq!(step.events.len(), 1);
            }
        }
        let opened = opened(quorum(1));
        let early = step(&opened, &Command::Tick, deadline - microsecond);
        assert_eq!((early.outcome, early.events.len(), early.approval.status), (Ok(1), 0, Status::Pending));
        let fired = step(&opened, &Command::Tick, deadline);
        assert_eq!((fired.outcome, fired.approval.status), (Ok(2), Status::TimedOut));
        let again = step(&fired.approval, &Command::Tick, at(400));
        assert_eq!((again.events.len(), again.approval), (0, fired.approval));
    }
}
