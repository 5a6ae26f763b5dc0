//! The state machine of an approval. [`step`] does what all commands have in common. Each command has its own file with
//! its rules and refusals.
//!
//! The machine is pure, so that one function holds all the rules, and a test can explore every order of commands. A
//! store calls [`step`] inside the transaction that records its events. Commands may race outside (two reviewers, a
//! deadline, a freeze), the store runs one command after the other, and each sees the events of all commands before it.
//! That is why the rules need no locks, and why an approval gets exactly one decision.

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

use super::{
    Actor, Approval, Command, Event, EventKind, Freezes, Frozen, Provenance, Receipt, Recorded, Refusal, Revision, Time,
};

pub use edit::MAX_EDITS;
pub use request::request;
pub use vote::MAX_VOTES;

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The approval after `events`.
    pub approval: Approval,
    /// The events to record. Not empty for some refusals: the deadline may have passed.
    pub events: Vec<Event>,
    /// The revision that holds the command's result (an earlier one for a repetition), or why the command was refused.
    pub outcome: Result<Revision, Refusal>,
}

/// Runs a command on an approval.
///
/// The order matters. A repetition comes first: a caller that lost the reply to its own call gets the recorded result,
/// even after the deadline. Passed time comes second: if the deadline has passed, the approval times out now,
/// whether or not a timer has fired, and the command finds it decided. So no late vote can win, and a refused command
/// can still return events to record. The command itself comes last.
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
        step.record(&Author { actor, via: None, needs_others: false, provenance: None }, kind, now, None);
    }
    match transition(&step.approval, command, now) {
        Ok(kinds) => {
            let author = Author::of(command, actor);
            let (mut receipt, mut kinds) = (receipt, kinds.into_iter().peekable());
            while let Some(kind) = kinds.next() {
                let receipt = if kinds.peek().is_none() { receipt.take() } else { None };
                step.record(&author, kind, now, receipt);
            }
            step.outcome = Ok(step.approval.revision);
        }
        Err(refusal) => step.outcome = Err(refusal),
    }
    step
}

/// Like [`step`], but checks freezes. Stores call this with the freezes that are recorded in the same transaction.
///
/// A freeze stops only a claim that would be granted now. A claim that would be refused anyway keeps its refusal, so
/// the caller learns what stays wrong after the thaw. A repetition of a claim that was granted before the freeze
/// returns the recorded result, like every repetition. Its holder got the permission then, and may already run the
/// call, whether or not the reply was lost. A refusal would stop nobody who has read the reply, and would wrongly say
/// that nothing was claimed.
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
    fn record(&mut self, author: &Author, kind: EventKind, now: Time, receipt: Option<Receipt>) {
        let Author { actor, via, needs_others, provenance } = author.clone();
        let revision = self.approval.revision + 1;
        let event = Event { revision, at: now, actor, via, needs_others, provenance, receipt, kind };
        self.approval.apply(&event);
        self.events.push(event);
    }
}

/// Who caused events, and how.
#[derive(Clone)]
struct Author {
    actor: Actor,
    via: Option<Actor>,
    needs_others: bool,
    provenance: Option<Provenance>,
}

impl Author {
    fn of(command: &Command, actor: Actor) -> Self {
        let (via, provenance) = (command.via().cloned(), command.provenance().cloned());
        Self { actor, via, needs_others: command.needs_others(), provenance }
    }
}

/// Whether a repeated call gets its first result again. Only the result of a claim expires.
fn repeated(approval: &Approval, command: &Command, now: Time) -> Result<(), Refusal> {
    match command {
        Command::Claim(_) => claim::again(approval, now),
        Command::Tick | Command::Decide(_) | Command::Cancel { .. } | Command::Report(_) | Command::Revoke(_) => Ok(()),
    }
}

/// The events of a command. The caller has already checked the deadline.
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

/// Refuses an approval that is already decided.
fn undecided(approval: &Approval) -> Result<(), Refusal> {
    approval.decision.as_ref().map_or(Ok(()), |decision| Err(Refusal::AlreadyDecided(Box::new(decision.clone()))))
}

/// Refuses every actor except the requester.
fn requester(approval: &Approval, actor: &Actor) -> Result<(), Refusal> {
    if approval.request.caller.is(actor) { Ok(()) } else { Err(Refusal::NotRequester) }
}
