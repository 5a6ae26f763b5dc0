use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Actor, Approval, ApprovalId, Arguments, Claim, ClaimId, Decision, Digest, Escalation, Outcome, Receipt, Recorded,
    Request, Revision, Status, Time, Verdict, Vote, time,
};

/// Something that was recorded on an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The approval's revision once this was recorded.
    pub revision: Revision,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// Who did it.
    pub actor: Actor,
    /// Who brought it, where that was somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// Whether it came with credentials that let their holder name voters, and must not reach a quorum alone. Never on what was
    /// recorded before there was such a limit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub needs_others: bool,
    /// The call that did it, when it had an idempotency key and this is its last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// What happened.
    pub kind: EventKind,
}

/// What can be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody asked; always, and only, revision 1.
    Requested {
        /// What for.
        request: Arc<Request>,
        /// The arguments as asked.
        arguments: Arguments,
        /// What the policy says.
        verdict: Arc<Verdict>,
        /// The server's deadline.
        #[serde(with = "time::moment")]
        deadline: Time,
    },
    /// A reviewer voted without deciding.
    Voted {
        /// Which way.
        choice: Choice,
        /// Why.
        comment: String,
        /// The revision that the reviewer saw.
        seen: Revision,
        /// What was voted on.
        digest: Digest,
        /// The rules that the vote counts for.
        counted_for: Vec<Arc<str>>,
    },
    /// A reviewer changed the arguments.
    Edited {
        /// The new arguments.
        arguments: Arguments,
        /// Their digest.
        digest: Digest,
        /// What the policy says of them.
        verdict: Arc<Verdict>,
        /// The server's deadline, which an edit can only bring forward.
        #[serde(with = "time::moment")]
        deadline: Time,
        /// The revision that the reviewer saw.
        seen: Revision,
    },
    /// A terminal status was reached.
    Decided {
        /// Which.
        status: Status,
        /// Why.
        comment: String,
        /// The revision that the decider saw; 0 where nobody looked.
        seen: Revision,
        /// What was decided on.
        digest: Digest,
        /// The rules that the deciding vote counts for; empty where nobody voted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        counted_for: Vec<Arc<str>>,
    },
    /// Nobody had decided for a while: more reviewers are asked, or it is more urgent.
    Escalated(Escalation),
    /// The call was claimed.
    Claimed {
        /// The claim's name.
        claim_id: ClaimId,
        /// What was claimed.
        digest: Digest,
    },
    /// The outcome of the call was reported.
    Reported {
        /// Whether the tool succeeded.
        result: ExecutionResult,
        /// A short account.
        message: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Which way a reviewer votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The call may run.
    Approve,
    /// It must not.
    Reject,
}

/// Whether a tool succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionResult {
    /// It ran and succeeded.
    Succeeded,
    /// It was started and failed.
    Failed,
}

/// Events that no approval can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The first event is not the request, or its digest is not that of its arguments.
    #[error("the first event is not a whole request")]
    NotARequest,
    /// A gap, a repetition, or time running backwards.
    #[error("revision {found} follows {last}, or is earlier than it")]
    OutOfOrder {
        /// The revision before.
        last: Revision,
        /// The offending event's revision.
        found: Revision,
    },
    /// A name that no store could index.
    #[error("a name is longer than {limit} bytes")]
    NameTooLong {
        /// The longest that is taken.
        limit: usize,
    },
    /// An event that cannot follow the ones before it.
    #[error("revision {0} cannot follow what was before it")]
    Impossible(Revision),
}

impl Approval {
    /// Folds events into the approval that they made, refusing those that no approval can have.
    ///
    /// # Errors
    /// When the events have gaps or contradict each other: two decisions, a claim without approval, and so on.
    pub fn replay<'a>(id: ApprovalId, events: impl IntoIterator<Item = &'a Event>) -> Result<Self, ReplayError> {
        let mut events = events.into_iter();
        let mut approval = events.next().and_then(|first| Self::open(id, first)).ok_or(ReplayError::NotARequest)?;
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

    /// The approval that a `Requested` event makes; `None` for any other event.
    fn open(id: ApprovalId, event: &Event) -> Option<Self> {
        let EventKind::Requested { request, arguments, verdict, deadline } = &event.kind else { return None };
        let status = verdict.effect.status();
        if event.revision != 1 || Digest::of(&request.tool_name, arguments) != request.digest {
            return None;
        }
        let decision = status.is_terminal().then(|| Decision {
            status,
            actor: Actor::policy(&verdict.policy_version),
            via: None,
            comment: verdict.message.clone(),
            at: event.at,
            seen: 0,
            digest: request.digest,
            revision: event.revision,
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
            decision,
            claim: None,
            receipts: Vec::new(),
        })
    }

    /// The event that opened it, as long as there is no other.
    #[must_use]
    pub fn first_event(&self) -> Option<Event> {
        (self.revision == 1).then(|| Event {
            revision: 1,
            at: self.created_at,
            actor: self.request.caller.clone(),
            via: None,
            needs_others: false,
            receipt: None,
            kind: EventKind::Requested {
                request: Arc::clone(&self.request),
                arguments: self.arguments.clone(),
                verdict: Arc::clone(&self.verdict),
                deadline: self.deadline,
            },
        })
    }

    /// Whether an event may come next. `transition` never makes one that may not. Limits are not looked at: they may
    /// have been others when it was recorded.
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
            EventKind::Edited { arguments, digest, deadline, .. } => {
                let matches = || *digest == Digest::of(&self.request.tool_name, arguments);
                reviewed && *deadline <= self.deadline && matches()
            }
            EventKind::Decided { digest, .. } if !current(digest) => false,
            EventKind::Decided { status, counted_for, .. } => match status {
                Status::Approved => reviewed && approves(counted_for) && self.completed_by(&event.actor, counted_for),
                Status::Rejected => reviewed && !self.has_rejected(&event.actor) && rejects(),
                Status::Cancelled => open && by_requester,
                Status::TimedOut => !self.status.is_terminal() && event.at >= self.deadline,
                Status::Pending | Status::AutoApproved | Status::AutoRejected => false,
            },
            EventKind::Claimed { digest, .. } => {
                let in_time = || self.claimable_until().is_some_and(|closed_at| event.at < closed_at);
                by_requester && current(digest) && self.claim.is_none() && in_time()
            }
            EventKind::Reported { .. } => {
                self.claim.as_ref().is_some_and(|claim| claim.outcome.is_none() && claim.actor.is(&event.actor))
            }
        }
    }

    /// Records an event that [`transition`](super::transition) made.
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
                self.arguments = arguments.clone();
                self.digest = *digest;
                self.arguments_revision = event.revision;
                self.verdict = Arc::clone(verdict);
                self.deadline = *deadline;
                self.votes.clear();
                self.edits += 1;
                // What would have happened by now under this verdict is in force with it: whoever was added stays.
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
        }
    }

    /// One vote per reviewer: who votes again has changed their mind, or is asked by more rules by now.
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
        });
    }
}
