//! The state machine. Everything that may happen to an approval is decided here.

use std::sync::Arc;

use super::{
    Actor, Approval, ApprovalId, Arguments, Choice, Claiming, Command, Deciding, Digest, Edit, Effect, Event,
    EventKind, Panel, Receipt, Recorded, Refusal, ReplayError, Reporting, Request, Revision, Seen, Status, Time,
    Verdict, after,
};

/// Most edits of one approval: each is kept, with its arguments.
pub const MAX_EDITS: u32 = 8;

/// Most votes on the same arguments, beyond those that some rule still lacks. Also the largest quorum of a rule.
pub const MAX_VOTES: u32 = 32;

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

/// Opens an approval: the event for a new request, and the approval that it makes.
///
/// # Errors
/// When the request's digest is not that of its arguments.
pub fn request(
    id: ApprovalId,
    request: Arc<Request>,
    arguments: Arguments,
    verdict: Arc<Verdict>,
    now: Time,
) -> Result<(Approval, Event), ReplayError> {
    let limit = verdict.effect.requirement().timeout.unwrap_or(request.timeout);
    let event = Event {
        revision: 1,
        at: now,
        actor: request.caller.clone(),
        via: None,
        needs_others: false,
        receipt: None,
        kind: EventKind::Requested { deadline: after(now, request.timeout.min(limit)), request, arguments, verdict },
    };
    Approval::replay(id, [&event]).map(|approval| (approval, event))
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
                still_granted(approval, command, now).map(|()| first.revision)
            } else {
                Err(Refusal::RequestIdReused { request_id: receipt.request_id.clone(), approval: approval.id })
            };
            return step;
        }
    }

    step.catch_up(now);
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

impl Step {
    /// Does what is due by itself: a time-out, or else the escalations that nobody has made yet.
    fn catch_up(&mut self, now: Time) {
        if self.approval.status.is_terminal() {
            return;
        }
        if now >= self.approval.deadline {
            let (status, digest) = (Status::TimedOut, self.approval.digest);
            let (comment, counted_for) = ("No decision before the deadline.".into(), Vec::new());
            let kind = EventKind::Decided { status, comment, seen: 0, digest, counted_for };
            self.record((Actor::deadline(), None, false), kind, now, None);
            return;
        }
        while let Some((_, due)) = self.approval.next_escalation().filter(|(at, _)| *at <= now) {
            let kind = EventKind::Escalated(due.clone());
            self.record((Actor::escalation(), None, false), kind, now, None);
        }
    }

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

/// Whether the repetition of a recorded call may have its first result again.
///
/// A claim's result is a permission to run, and its `request_id` is no secret between the processes of one caller. So it is
/// given again only as long as a lost reply is the likely reason for asking: while the claim window is open, and nobody has
/// reported what became of the call.
fn still_granted(approval: &Approval, command: &Command, now: Time) -> Result<(), Refusal> {
    let (Command::Claim(_), Some(claim)) = (command, &approval.claim) else { return Ok(()) };
    let open = approval.claimable_until().is_some_and(|closed_at| now < closed_at);
    if open && claim.outcome.is_none() { Ok(()) } else { Err(Refusal::AlreadyClaimed(Box::new(claim.clone()))) }
}

/// What a command makes happen to an approval whose deadline was looked at already.
fn transition(approval: &Approval, command: &Command, now: Time) -> Result<Vec<EventKind>, Refusal> {
    match command {
        Command::Tick => Ok(Vec::new()),
        Command::Decide(deciding) => decide(approval, deciding, now),
        Command::Cancel { actor, reason, .. } => cancel(approval, actor, reason),
        Command::Claim(claiming) => claim(approval, claiming, now),
        Command::Report(reporting) => report(approval, reporting),
    }
}

fn undecided(approval: &Approval) -> Result<(), Refusal> {
    approval.decision.as_ref().map_or(Ok(()), |decision| Err(Refusal::AlreadyDecided(Box::new(decision.clone()))))
}

fn requester(approval: &Approval, actor: &Actor) -> Result<(), Refusal> {
    if approval.request.caller.is(actor) { Ok(()) } else { Err(Refusal::NotRequester) }
}

fn decide(approval: &Approval, deciding: &Deciding, now: Time) -> Result<Vec<EventKind>, Refusal> {
    let Deciding { actor, groups, via, choice, comment, edit, .. } = deciding;
    if approval.is_asked_by(actor) || via.as_ref().is_some_and(|via| approval.is_asked_by(via)) {
        return Err(Refusal::SelfDecision);
    }
    let counted_for = approval.counts_for(actor, groups);
    if counted_for.is_empty() {
        return Err(Refusal::NotEligible);
    }
    undecided(approval)?;
    let seen = current(approval, deciding.seen)?;
    if approval.requirement().comment_required && comment.trim().is_empty() {
        return Err(Refusal::CommentRequired);
    }
    let counted_for = among_others(approval, deciding, counted_for)?;
    let edit = edit.as_ref().filter(|edit| edit.arguments != approval.arguments);
    let voted = match (choice, edit) {
        (Choice::Approve, Some(edit)) => return approve_edited(approval, deciding, edit, seen, now),
        (Choice::Approve, None) => approval.has_voted(actor, &counted_for),
        (Choice::Reject, _) => approval.has_rejected(actor),
    };
    if voted {
        return Err(Refusal::AlreadyVoted);
    }
    room_for(approval, deciding, &counted_for)?;
    Ok(vec![vote(approval, deciding, counted_for, seen)])
}

/// The rules for which a vote counts, less those that credentials which let their holder name voters would decide alone.
/// Without any it is refused, rather than recorded as a vote that means nothing. A rejection lets nothing run.
fn among_others(
    approval: &Approval,
    deciding: &Deciding,
    counted_for: Vec<Arc<str>>,
) -> Result<Vec<Arc<str>>, Refusal> {
    if !deciding.needs_others || deciding.choice == Choice::Reject {
        return Ok(counted_for);
    }
    let counted_for = approval.counts_among_others(&counted_for, &deciding.actor, deciding.via.as_ref());
    let counted_for = counted_for.ok_or(Refusal::AlreadyVoted)?;
    if counted_for.is_empty() { Err(Refusal::NeedsOthers) } else { Ok(counted_for) }
}

/// Refuses one more approving vote where there are many, and every rule that it counts for has its quorum without it.
fn room_for(approval: &Approval, deciding: &Deciding, counted_for: &[Arc<str>]) -> Result<(), Refusal> {
    let wanting = |panel: &&Panel| approval.approvals_for(panel) < panel.quorum;
    let mut wanting = approval.requirement().panels.iter().filter(wanting);
    let helps = deciding.choice == Choice::Reject || wanting.any(|panel| counted_for.contains(&panel.rule));
    if helps || approval.votes.len() < MAX_VOTES as usize {
        Ok(())
    } else {
        Err(Refusal::TooManyVotes { limit: MAX_VOTES })
    }
}

/// New arguments, and the editor's vote for them if the policy asks the editor about these too.
fn approve_edited(
    approval: &Approval,
    deciding: &Deciding,
    edit: &Edit,
    seen: Revision,
    now: Time,
) -> Result<Vec<EventKind>, Refusal> {
    if !approval.requirement().allow_edits {
        return Err(Refusal::EditsNotAllowed);
    }
    if edit.verdict.effect == Effect::AutoReject {
        let (rule, message) = (edit.verdict.rule.clone(), edit.verdict.message.clone());
        return Err(Refusal::EditForbidden { rule, message });
    }
    // What the policy says of the new arguments holds for this very approval of them.
    let requirement = edit.verdict.effect.requirement();
    if !requirement.allow_edits {
        return Err(Refusal::EditsNotAllowed);
    }
    if requirement.comment_required && deciding.comment.trim().is_empty() {
        return Err(Refusal::CommentRequired);
    }
    if approval.edits >= MAX_EDITS {
        return Err(Refusal::TooManyEdits { limit: MAX_EDITS });
    }
    let limit = requirement.timeout.map_or(approval.deadline, |timeout| after(now, timeout));
    let edited = EventKind::Edited {
        digest: Digest::of(&approval.request.tool_name, &edit.arguments),
        arguments: edit.arguments.clone(),
        verdict: Arc::clone(&edit.verdict),
        deadline: approval.deadline.min(limit),
        seen,
    };
    let mut after_edit = approval.clone();
    let (revision, actor) = (approval.revision + 1, deciding.actor.clone());
    let kind = edited.clone();
    after_edit.apply(&Event { revision, at: now, actor, via: None, needs_others: false, receipt: None, kind });
    let counted_for = after_edit.counts_for(&deciding.actor, &deciding.groups);
    let Ok(counted_for) = among_others(&after_edit, deciding, counted_for) else { return Ok(vec![edited]) };
    if counted_for.is_empty() {
        return Ok(vec![edited]);
    }
    let vote = vote(&after_edit, deciding, counted_for, seen);
    Ok(vec![edited, vote])
}

/// One more vote: it decides when it completes every quorum, or reaches the threshold of rejections.
fn vote(approval: &Approval, deciding: &Deciding, counted_for: Vec<Arc<str>>, seen: Revision) -> EventKind {
    let Deciding { actor, choice, comment, .. } = deciding;
    let (choice, comment, digest) = (*choice, comment.clone(), approval.digest);
    let status = match choice {
        Choice::Approve => approval.completed_by(actor, &counted_for).then_some(Status::Approved),
        Choice::Reject => {
            (approval.rejections() + 1 >= approval.requirement().reject_threshold).then_some(Status::Rejected)
        }
    };
    match status {
        Some(status) => EventKind::Decided { status, comment, seen, digest, counted_for },
        None => EventKind::Voted { choice, comment, seen, digest, counted_for },
    }
}

/// The revision that the reviewer saw, if the arguments are still those.
fn current(approval: &Approval, seen: Seen) -> Result<Revision, Refusal> {
    match seen {
        Seen::Revision(seen) if (approval.arguments_revision..=approval.revision).contains(&seen) => Ok(seen),
        Seen::Digest(seen) if seen == approval.digest => Ok(approval.arguments_revision),
        _ => Err(Refusal::Stale { revision: approval.revision, digest: approval.digest }),
    }
}

fn cancel(approval: &Approval, actor: &Actor, reason: &str) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, actor)?;
    undecided(approval)?;
    let (status, comment, seen) = (Status::Cancelled, reason.to_owned(), approval.revision);
    Ok(vec![EventKind::Decided { status, comment, seen, digest: approval.digest, counted_for: Vec::new() }])
}

fn claim(approval: &Approval, claiming: &Claiming, now: Time) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, &claiming.actor)?;
    let Some(closed_at) = approval.claimable_until() else { return Err(Refusal::NotApproved(approval.status)) };
    if let Some(claim) = &approval.claim {
        return Err(Refusal::AlreadyClaimed(Box::new(claim.clone())));
    }
    if now >= closed_at {
        return Err(Refusal::ClaimWindowClosed { closed_at });
    }
    if claiming.digest != approval.digest {
        return Err(Refusal::DigestMismatch { approved: approval.digest });
    }
    Ok(vec![EventKind::Claimed { claim_id: claiming.claim_id, digest: approval.digest }])
}

fn report(approval: &Approval, reporting: &Reporting) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, &reporting.actor)?;
    let claim = approval
        .claim
        .as_ref()
        .filter(|claim| claim.id == reporting.claim_id && claim.actor.is(&reporting.actor))
        .ok_or(Refusal::NotClaimed)?;
    if let Some(outcome) = &claim.outcome {
        return Err(Refusal::AlreadyReported(Box::new(outcome.clone())));
    }
    Ok(vec![EventKind::Reported { result: reporting.result, message: reporting.message.clone() }])
}

#[cfg(test)]
mod bridges;
#[cfg(test)]
mod tests;
