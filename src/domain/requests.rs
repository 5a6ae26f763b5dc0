//! What callers ask for, checked. Who asks is not part of it: that comes from the connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Actor, Agent, ApprovalId, Arguments, Choice, ClaimId, Digest, ExecutionResult, Seen};

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    /// Idempotency key; one is made when absent.
    pub request_id: Option<String>,
    /// The tool.
    pub tool_name: String,
    /// The arguments; they satisfy `schema`.
    pub arguments: Arguments,
    /// The agent that makes the call.
    pub agent: Agent,
    /// Why, in the agent's words.
    pub reason: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// How long to wait for a decision.
    pub timeout: Duration,
    /// JSON Schema of the arguments, as canonical JSON.
    pub schema: Option<Arc<str>>,
    /// Withdraw when the caller's streams are gone.
    pub cancel_on_disconnect: bool,
    /// The person on whose behalf the caller says that it asks.
    pub on_behalf_of: Option<Actor>,
}

/// A reviewer's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDecision {
    /// Of what.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Which way.
    pub choice: Choice,
    /// What the reviewer looked at.
    pub seen: Seen,
    /// Why.
    pub comment: String,
    /// Arguments to approve instead.
    pub edit: Option<Arguments>,
    /// The person whose decision the caller says that it brings, and the groups of that person.
    pub on_behalf_of: Option<(Actor, BTreeSet<String>)>,
}

/// A withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// Of what.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// A revocation of an approved call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRevocation {
    /// Of what.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClaim {
    /// Of what.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// What is about to be run.
    pub digest: Digest,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// Of what.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// The claim.
    pub claim_id: ClaimId,
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short account.
    pub message: String,
}
