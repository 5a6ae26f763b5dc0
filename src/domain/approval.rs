use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Actor, ApprovalId, Arguments, Choice, ClaimId, Digest, Escalation, ExecutionResult, Priority, Receipt, Requirement,
    Revision, Status, Time, Verdict, time,
};

/// One tool call that waits for, or has, a decision: the fold of its events (`apply.rs`).
///
/// A new field comes from an event (`event.rs`) or from the request, is declared in `/proto/signoff/v1/approval.proto` (the
/// file under `clients/rust` is a copy) and shown by `wire/encode.rs`. The store keeps the events, and a head that spares
/// it the fold (`store/sled/records.rs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its name.
    pub id: ApprovalId,
    /// How many events it has.
    pub revision: Revision,
    /// Where it stands.
    pub status: Status,
    /// What was asked. Never changes.
    pub request: Arc<Request>,
    /// The arguments that may be run: as asked, or as edited.
    pub arguments: Arguments,
    /// Digest of `arguments`.
    pub digest: Digest,
    /// The event that set `arguments`.
    pub arguments_revision: Revision,
    /// What the policy said of `arguments`.
    pub verdict: Arc<Verdict>,
    /// When the request was accepted.
    pub created_at: Time,
    /// When the newest event was recorded.
    pub updated_at: Time,
    /// From this moment on it cannot be approved.
    pub deadline: Time,
    /// Votes on the current arguments.
    pub votes: Vec<Vote>,
    /// How often it was edited.
    pub edits: u32,
    /// How many escalations of the current verdict have happened.
    pub escalated: u32,
    /// The one decision, once terminal.
    pub decision: Option<Decision>,
    /// The claim, once taken.
    pub claim: Option<Claim>,
    /// The revocation: it can never be claimed.
    pub revocation: Option<Revocation>,
    /// Calls that were recorded under a `request_id`, for recognising their repetition.
    pub receipts: Vec<Recorded>,
}

/// A call that was recorded, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Who called.
    pub actor: Actor,
    /// The call.
    pub receipt: Receipt,
    /// The revision that the call led to.
    pub revision: Revision,
}

/// What a caller asked for. What makes two requests under one `request_id` the same request says `repetition.rs`.
///
/// It is stored: a new field needs `serde(default)`, or stores of earlier versions do not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The caller's idempotency key.
    pub request_id: String,
    /// Who asked.
    pub caller: Actor,
    /// The person on whose behalf, as an authority says that the caller may name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Actor>,
    /// The tool.
    pub tool_name: String,
    /// Digest of the call as asked.
    pub digest: Digest,
    /// The agent that makes the call.
    pub agent: Agent,
    /// Why, in the agent's words.
    pub reason: String,
    /// The caller's labels.
    pub labels: BTreeMap<String, String>,
    /// How long the caller wants to wait for a decision.
    #[serde(with = "time::micros", rename = "timeout_us")]
    pub timeout: Duration,
    /// Whether it is withdrawn when the caller's streams are gone.
    pub cancel_on_disconnect: bool,
    /// JSON Schema of the arguments, as canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<str>>,
}

/// The agent that makes a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// The run that the call belongs to.
    pub run_id: String,
    /// The agents that handed the task on, first one first.
    pub chain: Vec<String>,
}

/// One reviewer's vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Who voted.
    pub actor: Actor,
    /// Who brought the vote, where that was not the voter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// The rules that it counts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted_for: Vec<Arc<str>>,
    /// Which way.
    pub choice: Choice,
    /// Why.
    pub comment: String,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// The revision that the reviewer saw.
    pub seen: Revision,
    /// What the vote is for.
    pub digest: Digest,
}

/// The one decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The terminal status.
    pub status: Status,
    /// Who brought it about.
    pub actor: Actor,
    /// Who brought the deciding vote, where that was not the decider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// The reviewer's comment, the requester's reason, or the policy's message.
    pub comment: String,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// The revision that the decider saw; 0 where nobody looked.
    pub seen: Revision,
    /// What was decided on.
    pub digest: Digest,
    /// Where it is recorded.
    pub revision: Revision,
}

/// The one permission to start an approved call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name.
    pub id: ClaimId,
    /// Who claimed.
    pub actor: Actor,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// What became of the call, once reported.
    pub outcome: Option<Outcome>,
}

/// What became of a claimed call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short account.
    pub message: String,
    /// When it was reported.
    #[serde(with = "time::moment")]
    pub at: Time,
}

/// Who stopped an approved call before it was claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Who revoked.
    pub actor: Actor,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// Why.
    pub reason: String,
}

impl Approval {
    /// What people must do for it to be approved.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        self.verdict.effect.requirement()
    }

    /// Escalations that have happened.
    pub(super) fn escalations(&self) -> &[Escalation] {
        let all = &self.requirement().escalations;
        &all[..all.len().min(self.escalated as usize)]
    }

    /// The next escalation, and when it is due; `None` once decided.
    #[must_use]
    pub fn next_escalation(&self) -> Option<(Time, &Escalation)> {
        let next =
            self.requirement().escalations.get(self.escalated as usize).filter(|_| !self.status.is_terminal())?;
        Some((time::after(self.created_at, next.after), next))
    }

    /// When the server must look at it again, unless somebody acts: its next escalation or its deadline.
    #[must_use]
    pub fn due(&self) -> Time {
        self.next_escalation().map_or(self.deadline, |(at, _)| at.min(self.deadline))
    }

    /// How urgent it is.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.escalations().iter().map(|escalation| escalation.priority).max().unwrap_or_default()
    }

    /// Whether the policy left it to people.
    #[must_use]
    pub const fn asks_people(&self) -> bool {
        !matches!(self.status, Status::AutoApproved | Status::AutoRejected)
    }

    /// From this moment on it cannot be claimed, even if it was not revoked; `None` unless approved.
    #[must_use]
    pub fn claimable_until(&self) -> Option<Time> {
        let decision = self.decision.as_ref().filter(|decision| decision.status.is_approved())?;
        Some(time::after(decision.at, self.verdict.claim_window))
    }
}
