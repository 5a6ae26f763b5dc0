//! Applies events: an approval is the fold of its events.

use std::sync::Arc;

use super::{
    Actor, Approval, ApprovalId, Choice, Claim, Decision, Digest, Escalation, Event, EventKind, NotifiedChannels,
    Outcome, Recorded, Revision, Revocation, Status, Vote, time,
};

impl Approval {
    /// The approval that a `Requested` event opens; `None` for any other event.
    pub(super) fn open(id: ApprovalId, event: &Event) -> Option<Self> {
        let EventKind::Requested { request, arguments, verdict, deadline } = &event.kind else { return None };
        let status = verdict.effect.status();
        if event.revision != 1 || Digest::of(&request.tool_name, arguments) != request.digest {
            return None;
        }
        if verdict.frozen.is_some() && status != Status::AutoRejected {
            return None;
        }
        // The operator who froze is the decider and gives the reason. The verdict's message tells a model what it can
        // do.
        let (actor, comment) = match &verdict.frozen {
            Some(frozen) => (frozen.actor.clone(), frozen.reason.clone()),
            None => (Actor::policy(&verdict.policy_version), verdict.message.clone()),
        };
        let decision = status.is_terminal().then(|| Decision {
            status,
            actor,
            via: None,
            comment,
            at: event.at,
            seen: 0,
            digest: request.digest,
            revision: event.revision,
            provenance: None,
        });
        Some(Self {
            id,
            revision: event.revision,
            status,
            request: Arc::clone(request),
            arguments: arguments.clone(),
            digest: request.digest,
            arguments_revision: event.revision,
            verdict: Arc::clone(verdict),
            created_at: event.at,
            updated_at: event.at,
            deadline: *deadline,
            votes: Vec::new(),
            edits: 0,
            escalated: 0,
            earlier_channels: NotifiedChannels::default(),
            decision,
            claim: None,
            revocation: None,
            receipts: Vec::new(),
        })
    }

    /// The event that opened the approval, if there is no other event yet.
    #[must_use]
    pub fn first_event(&self) -> Option<Event> {
        (self.revision == 1).then(|| Event {
            revision: 1,
            at: self.created_at,
            actor: self.request.caller.clone(),
            via: None,
            needs_others: false,
            provenance: None,
            receipt: None,
            kind: EventKind::Requested {
                request: Arc::clone(&self.request),
                arguments: self.arguments.clone(),
                verdict: Arc::clone(&self.verdict),
                deadline: self.deadline,
            },
        })
    }

    /// Applies an event that [`step`](super::step) made, or that was checked.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.revision = event.revision;
        self.updated_at = event.at;
        if let Some(receipt) = &event.receipt {
            let (actor, receipt) = (event.actor.clone(), receipt.clone());
            self.receipts.push(Recorded { actor, receipt, revision: event.revision });
        }
        match &event.kind {
            EventKind::Requested { .. } => {}
            EventKind::Voted { choice, comment, seen, counted_for, .. } => {
                self.vote(event, *choice, comment, *seen, counted_for);
            }
            EventKind::Escalated(_) => self.escalated += 1,
            EventKind::Edited { arguments, digest, verdict, deadline, .. } => {
                self.earlier_channels = self.channels().beyond(verdict);
                self.arguments = arguments.clone();
                self.digest = *digest;
                self.arguments_revision = event.revision;
                self.verdict = Arc::clone(verdict);
                self.deadline = *deadline;
                self.votes.clear();
                self.edits += 1;
                // Escalations of the new verdict that would already be due apply immediately: reviewers who were added
                // stay.
                let due = |one: &&Escalation| time::after(self.created_at, one.after) <= event.at;
                let due = verdict.effect.requirement().escalations.iter().take_while(due).count();
                self.escalated = u32::try_from(due).unwrap_or(u32::MAX);
            }
            EventKind::Decided { status, comment, seen, counted_for, .. } => {
                match status {
                    Status::Approved => self.vote(event, Choice::Approve, comment, *seen, counted_for),
                    Status::Rejected => self.vote(event, Choice::Reject, comment, *seen, counted_for),
                    _ => {}
                }
                self.status = *status;
                self.decision = Some(Decision {
                    status: *status,
                    actor: event.actor.clone(),
                    via: event.via.clone(),
                    comment: comment.clone(),
                    at: event.at,
                    seen: *seen,
                    digest: self.digest,
                    revision: event.revision,
                    provenance: event.provenance.clone(),
                });
            }
            EventKind::Claimed { claim_id, .. } => {
                self.claim = Some(Claim { id: *claim_id, actor: event.actor.clone(), at: event.at, outcome: None });
            }
            EventKind::Reported { result, message } => {
                if let Some(claim) = &mut self.claim {
                    claim.outcome = Some(Outcome { result: *result, message: message.clone(), at: event.at });
                }
            }
            EventKind::Revoked { reason } => {
                self.revocation = Some(Revocation { actor: event.actor.clone(), at: event.at, reason: reason.clone() });
            }
        }
    }

    /// One vote per reviewer. A second vote replaces the first: the reviewer changed their mind, or more rules ask them
    /// now.
    fn vote(&mut self, event: &Event, choice: Choice, comment: &str, seen: Revision, counted_for: &[Arc<str>]) {
        self.votes.retain(|vote| !vote.actor.is(&event.actor));
        self.votes.push(Vote {
            actor: event.actor.clone(),
            via: event.via.clone(),
            counted_for: counted_for.to_vec(),
            choice,
            comment: comment.to_owned(),
            at: event.at,
            seen,
            digest: self.digest,
            provenance: event.provenance.clone(),
        });
    }
}
