//! The state machine. Everything that may happen to an approval is decided here: [`step`] looks at what every command
//! has in common, and each command has a file with its rules and refusals.

mod cancel;
mod claim;
mod decide;
mod edit;
mod report;
mod request;
mod revoke;
mod tick;
mod vote;

#[cfg(test)]
mod sample_commands;
#[cfg(test)]
mod tests;

use super::{Actor, Approval, Command, Event, EventKind, Freezes, Frozen, Receipt, Recorded, Refusal, Revision, Time};

pub use edit::MAX_EDITS;
pub use request::request;
pub use vote::MAX_VOTES;

/// What a command led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The approval after `events`.
    pub approval: Approval,
    /// What to record: also after a refusal, because the deadline may have passed.
    pub events: Vec<Event>,
    /// The revision that holds the command's result (an earlier one when it was a repetition), or why it was refused.
    pub outcome: Result<Revision, Refusal>,
}

/// Does what a command asks for, as far as it may be done: repetitions first, then the deadline, then the command.
#[must_use]
pub fn step(approval: &Approval, command: &Command, now: Time) -> Step {
    let now = now.max(approval.updated_at); // a clock set back must not reorder history
    let mut step = Step { approval: approval.clone(), events: Vec::new(), outcome: Ok(approval.revision) };

    let actor = command.actor();
    let receipt = command.receipt();
    if let Some(receipt) = &receipt {
        let earlier =
            |recorded: &&Recorded| recorded.receipt.request_id == receipt.request_id && recorded.actor.is(&actor);
        if let Some(first) = approval.receipts.iter().find(earlier) {
            step.outcome = if first.receipt == *receipt {
                repeated(approval, command, now).map(|()| first.revision)
            } else {
                let (request_id, approval) = (receipt.request_id.clone(), approval.id);
                Err(Refusal::RequestIdReused { request_id, approval, field: None })
            };
            return step;
        }
    }

    while let Some((actor, kind)) = tick::due(&step.approval, now) {
        step.record((actor, None, false), kind, now, None);
    }
    match transition(&step.approval, command, now) {
        Ok(kinds) => {
            let (mut receipt, mut kinds) = (receipt, kinds.into_iter().peekable());
            while let Some(kind) = kinds.next() {
                let receipt = if kinds.peek().is_none() { receipt.take() } else { None };
                let author = (actor.clone(), command.via().cloned(), command.needs_others());
                step.record(author, kind, now, receipt);
            }
            step.outcome = Ok(step.approval.revision);
        }
        Err(refusal) => step.outcome = Err(refusal),
    }
    step
}

/// As [`step`], where calls may be frozen: what stores run, with the freezes that are on record in the transaction of
/// the command.
///
/// A freeze stops the claim that would be granted now. What would be refused anyway is refused for that, so that a caller
/// learns what stays wrong after the thaw. The repetition of a claim that was granted before the freeze is answered from
/// the record, as any repetition: its permission was given then, and its holder may run the call whether or not the reply
/// was lost. To refuse it would stop nobody who has read the reply, and would say that nothing was claimed.
#[must_use]
pub fn step_unless_frozen(approval: &Approval, command: &Command, now: Time, freezes: &Freezes) -> Step {
    let granted = step(approval, command, now);
    let claims = granted.events.iter().any(|event| matches!(event.kind, EventKind::Claimed { .. }));
    if !claims {
        return granted;
    }
    match freezes.covering(&approval.request) {
        None => granted,
        Some(freeze) => {
            let outcome = Err(Refusal::Frozen(Box::new(Frozen::from(&**freeze))));
            Step { approval: approval.clone(), events: Vec::new(), outcome }
        }
    }
}

impl Step {
    fn record(
        &mut self,
        (actor, via, needs_others): (Actor, Option<Actor>, bool),
        kind: EventKind,
        now: Time,
        receipt: Option<Receipt>,
    ) {
        let event = Event { revision: self.approval.revision + 1, at: now, actor, via, needs_others, receipt, kind };
        self.approval.apply(&event);
        self.events.push(event);
    }
}

/// Whether the repetition of a recorded call gets its first result again. Only a claim's result expires.
fn repeated(approval: &Approval, command: &Command, now: Time) -> Result<(), Refusal> {
    match command {
        Command::Claim(_) => claim::again(approval, now),
        Command::Tick | Command::Decide(_) | Command::Cancel { .. } | Command::Report(_) | Command::Revoke(_) => Ok(()),
    }
}

/// What a command makes happen to an approval whose deadline was looked at already.
fn transition(approval: &Approval, command: &Command, now: Time) -> Result<Vec<EventKind>, Refusal> {
    match command {
        Command::Tick => Ok(Vec::new()),
        Command::Decide(deciding) => decide::decide(approval, deciding, now),
        Command::Cancel { actor, reason, .. } => cancel::cancel(approval, actor, reason),
        Command::Claim(claiming) => claim::claim(approval, claiming, now),
        Command::Report(reporting) => report::report(approval, reporting),
        Command::Revoke(revoking) => revoke::revoke(approval, revoking, now),
    }
}

/// Refuses what comes after the decision.
fn undecided(approval: &Approval) -> Result<(), Refusal> {
    approval.decision.as_ref().map_or(Ok(()), |decision| Err(Refusal::AlreadyDecided(Box::new(decision.clone()))))
}

/// Refuses everybody but the requester.
fn requester(approval: &Approval, actor: &Actor) -> Result<(), Refusal> {
    if approval.request.caller.is(actor) { Ok(()) } else { Err(Refusal::NotRequester) }
}
