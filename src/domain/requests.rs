//! Validated requests of callers. The caller is not part of them: it comes from the connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Actor, Agent, ApprovalId, Arguments, Choice, ClaimId, Digest, ExecutionResult, Seen, Surface};

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    /// Idempotency key. Generated if absent.
    pub request_id: Option<String>,
    /// The tool.
    pub tool_name: String,
    /// The arguments. They satisfy `schema`.
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
    /// Cancel when the caller's streams are cut.
    pub cancel_on_disconnect: bool,
    /// The person on whose behalf the caller asks, if named.
    pub on_behalf_of: Option<Actor>,
}

/// A reviewer's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDecision {
    /// The approval.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Approve or reject.
    pub choice: Choice,
    /// What the reviewer saw.
    pub seen: Seen,
    /// Why.
    pub comment: String,
    /// Arguments to approve instead.
    pub edit: Option<Arguments>,
    /// The person for whom the caller submits the decision, and their groups.
    pub on_behalf_of: Option<(Actor, BTreeSet<String>)>,
    /// Where the reviewer decides: what the server knows about the call, not what the call says.
    pub surface: Surface,
    /// The parts of the approval that the reviewer opened.
    pub opened: Vec<String>,
}

/// A cancellation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// The approval.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// A revocation of an approved call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRevocation {
    /// The approval.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Why.
    pub reason: String,
    /// Where the actor revokes: what the server knows about the call, not what the call says.
    pub surface: Surface,
    /// The parts of the approval that the actor opened.
    pub opened: Vec<String>,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClaim {
    /// The approval.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// Digest of the call to run.
    pub digest: Digest,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// The approval.
    pub id: ApprovalId,
    /// Idempotency key.
    pub request_id: Option<String>,
    /// The claim's id.
    pub claim_id: ClaimId,
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short description.
    pub message: String,
}
