use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Actor, ApprovalId, Arguments, Choice, ClaimId, Digest, Escalation, ExecutionResult, NotifiedChannels, Priority,
    Provenance, Receipt, Requirement, Revision, Status, Time, Verdict, time,
};

/// A tool call that waits for a decision, or has one: the fold of its events (`apply.rs`).
///
/// To add a field: take it from an event (`event.rs`) or the request, declare it in `/proto/signoff/v1/approval.proto`
/// (the file under `clients/rust` is a copy), and encode it in `wire/encode.rs`. The store keeps the events, and a head
/// that saves it the fold (`store/sled/records.rs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The number of its events.
    pub revision: Revision,
    /// Its status.
    pub status: Status,
    /// The request. Never changes.
    pub request: Arc<Request>,
    /// The arguments to run: as requested, or as edited.
    pub arguments: Arguments,
    /// Digest of `arguments`.
    pub digest: Digest,
    /// The revision of the event that set `arguments`.
    pub arguments_revision: Revision,
    /// The policy's verdict on `arguments`.
    pub verdict: Arc<Verdict>,
    /// When the request was accepted.
    pub created_at: Time,
    /// When the newest event was recorded.
    pub updated_at: Time,
    /// From this time on it cannot be approved.
    pub deadline: Time,
    /// Votes on the current arguments.
    pub votes: Vec<Vote>,
    /// Number of edits.
    pub edits: u32,
    /// Number of escalations of the current verdict that have happened.
    pub escalated: u32,
    /// The channels that were notified under verdicts that edits have replaced.
    pub earlier_channels: NotifiedChannels,
    /// The decision. `None` while pending.
    pub decision: Option<Decision>,
    /// The claim. `None` until it is claimed.
    pub claim: Option<Claim>,
    /// The revocation. A revoked approval can never be claimed.
    pub revocation: Option<Revocation>,
    /// Calls that were recorded with a `request_id`, to recognize repetitions.
    pub receipts: Vec<Recorded>,
}

/// A recorded call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Who called.
    pub actor: Actor,
    /// The call's receipt.
    pub receipt: Receipt,
    /// The revision that the call created.
    pub revision: Revision,
}

/// A caller's request. `repetition.rs` says which requests with one `request_id` are the same.
///
/// It is stored: a new field needs `serde(default)`, or stores of earlier versions cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The caller's idempotency key.
    pub request_id: String,
    /// Who made the request.
    pub caller: Actor,
    /// The person on whose behalf the request is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Actor>,
    /// The tool.
    pub tool_name: String,
    /// Digest of the call as requested.
    pub digest: Digest,
    /// The agent that makes the call.
    pub agent: Agent,
    /// Why, in the agent's words.
    pub reason: String,
    /// The caller's labels.
    pub labels: BTreeMap<String, String>,
    /// How long the caller waits for a decision.
    #[serde(with = "time::micros", rename = "timeout_us")]
    pub timeout: Duration,
    /// Whether it is cancelled when the caller's streams are cut.
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
    /// The agents that delegated the task, in order.
    pub chain: Vec<String>,
}

/// One reviewer's vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Who voted.
    pub actor: Actor,
    /// Who submitted the vote, if that was not the voter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// The rules that the vote counts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted_for: Vec<Arc<str>>,
    /// Approve or reject.
    pub choice: Choice,
    /// Why.
    pub comment: String,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// The revision that the reviewer saw.
    pub seen: Revision,
    /// Digest of the arguments that the vote is for.
    pub digest: Digest,
    /// How the vote reached the server. `None` for a vote from before the server recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The terminal status.
    pub status: Status,
    /// Who decided.
    pub actor: Actor,
    /// Who submitted the deciding vote, if that was not the decider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// The reviewer's comment, the requester's reason, or the policy's message.
    pub comment: String,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// The revision that the decider saw. 0 if there was no reviewer.
    pub seen: Revision,
    /// Digest of the arguments that the decision is for.
    pub digest: Digest,
    /// The revision of its event.
    pub revision: Revision,
    /// How the deciding vote reached the server. `None` if nobody voted, and for a decision from before the server
    /// recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

/// The one-time permission to start an approved call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its id.
    pub id: ClaimId,
    /// Who claimed.
    pub actor: Actor,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// The outcome of the call, once reported.
    pub outcome: Option<Outcome>,
}

/// The outcome of a claimed call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short description.
    pub message: String,
    /// When it was reported.
    #[serde(with = "time::moment")]
    pub at: Time,
}

/// The revocation of an approved call.
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
    /// Whether a page of this revision showed the current arguments: votes and escalations do not change them.
    #[must_use]
    pub fn shows_current_arguments(&self, seen: Revision) -> bool {
        (self.arguments_revision..=self.revision).contains(&seen)
    }

    /// The votes and conditions that approve it.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        self.verdict.effect.requirement()
    }

    /// The escalations that have happened.
    pub(super) fn escalations(&self) -> &[Escalation] {
        let all = &self.requirement().escalations;
        &all[..all.len().min(self.escalated as usize)]
    }

    /// The next escalation, and when it is due. `None` if decided.
    #[must_use]
    pub fn next_escalation(&self) -> Option<(Time, &Escalation)> {
        let next =
            self.requirement().escalations.get(self.escalated as usize).filter(|_| !self.status.is_terminal())?;
        Some((time::after(self.created_at, next.after), next))
    }

    /// The time of the next automatic event: its next escalation or its deadline.
    #[must_use]
    pub fn due(&self) -> Time {
        self.next_escalation().map_or(self.deadline, |(at, _)| at.min(self.deadline))
    }

    /// Its priority.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.escalations().iter().map(|escalation| escalation.priority).max().unwrap_or_default()
    }

    /// Whether the policy requires reviewers.
    #[must_use]
    pub const fn asks_people(&self) -> bool {
        !matches!(self.status, Status::AutoApproved | Status::AutoRejected)
    }

    /// Whether an event that [notifies channels](super::NotificationKind::of) can follow.
    #[must_use]
    pub const fn may_notify(&self) -> bool {
        may_notify(self.status, self.claim.is_some(), self.revocation.is_some())
    }

    /// From this time on it cannot be claimed, even if not revoked. `None` unless approved.
    #[must_use]
    pub fn claimable_until(&self) -> Option<Time> {
        let decision = self.decision.as_ref().filter(|decision| decision.status.is_approved())?;
        Some(time::after(decision.at, self.verdict.claim_window))
    }
}

/// As [`Approval::may_notify`]: until it ends, or, if it was approved, until it is claimed or revoked.
#[must_use]
pub(crate) const fn may_notify(status: Status, claimed: bool, revoked: bool) -> bool {
    !status.is_terminal() || (status.is_approved() && !claimed && !revoked)
}
