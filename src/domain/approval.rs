use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Actor, ApprovalId, Arguments, Choice, ClaimId, Digest, ExecutionResult, Receipt, Requirement, Revision, Time,
    Verdict, time,
};

/// One tool call that waits for, or has, a decision: the fold of its events.
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
    /// The one decision, once terminal.
    pub decision: Option<Decision>,
    /// The claim, once taken.
    pub claim: Option<Claim>,
    /// Calls that were recorded under a `request_id`, for recognising their repetition.
    pub receipts: Vec<Recorded>,
}

/// A call that was recorded, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Who called.
    pub actor: Actor,
    /// The call.
    pub receipt: Receipt,
    /// The revision that the call led to.
    pub revision: Revision,
}

/// Where an approval stands. Everything but `Pending` is terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a decision.
    Pending,
    /// People approved it.
    Approved,
    /// A person rejected it.
    Rejected,
    /// The deadline passed.
    TimedOut,
    /// The requester withdrew it.
    Cancelled,
    /// The policy approved it.
    AutoApproved,
    /// The policy rejected it.
    AutoRejected,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::TimedOut,
        Self::Cancelled,
        Self::AutoApproved,
        Self::AutoRejected,
    ];

    /// True when it can never change again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// True when the call may be claimed.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved | Self::AutoApproved)
    }

    /// The name on the wire, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::TimedOut => "TIMED_OUT",
            Self::Cancelled => "CANCELLED",
            Self::AutoApproved => "AUTO_APPROVED",
            Self::AutoRejected => "AUTO_REJECTED",
        }
    }
}

/// What a caller asked for. Two requests under one `request_id` are the same request when these are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The caller's idempotency key.
    pub request_id: String,
    /// Who asked.
    pub caller: Actor,
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
pub struct Vote {
    /// Who voted.
    pub actor: Actor,
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
pub struct Decision {
    /// The terminal status.
    pub status: Status,
    /// Who brought it about.
    pub actor: Actor,
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
pub struct Outcome {
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short account.
    pub message: String,
    /// When it was reported.
    #[serde(with = "time::moment")]
    pub at: Time,
}

impl Approval {
    /// What people must do for it to be approved.
    #[must_use]
    pub fn requirement(&self) -> Requirement {
        self.verdict.effect.requirement()
    }

    /// Approving votes on the current arguments.
    #[must_use]
    pub fn approvals(&self) -> u32 {
        let count = self.votes.iter().filter(|vote| vote.choice == Choice::Approve).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// From this moment on it cannot be claimed; `None` unless approved.
    #[must_use]
    pub fn claimable_until(&self) -> Option<Time> {
        let decision = self.decision.as_ref().filter(|decision| decision.status.is_approved())?;
        Some(time::after(decision.at, self.verdict.claim_window))
    }
}
