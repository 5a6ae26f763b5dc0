use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Actor, Arguments, ClaimId, Digest, Escalation, Provenance, Receipt, Request, Revision, Status, Time, Verdict, time,
};

/// An event recorded on an approval.
///
/// It is stored with all its fields: a new field needs `serde(default)`, or stores of earlier versions cannot be
/// opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The approval's revision after this event.
    pub revision: Revision,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// Who caused it.
    pub actor: Actor,
    /// Who submitted it, if not the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// Whether the vote must not decide alone, because its credentials can name any voter. Never set on events that
    /// were recorded before this limit existed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub needs_others: bool,
    /// The surface and the authentication of the person who caused it: a reviewer, or the person who revoked. `None`
    /// for other events, and for events of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// The receipt of the call, if it had an idempotency key and this is its last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum EventKind {
    /// The request. Always revision 1, and only there.
    Requested {
        /// The request.
        request: Arc<Request>,
        /// The requested arguments.
        arguments: Arguments,
        /// The policy's verdict.
        verdict: Arc<Verdict>,
        /// The server's deadline.
        #[serde(with = "time::moment")]
        deadline: Time,
    },
    /// A reviewer voted without deciding.
    Voted {
        /// Approve or reject.
        choice: Choice,
        /// Why.
        comment: String,
        /// The revision that the reviewer saw.
        seen: Revision,
        /// Digest of the arguments.
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
        /// The policy's verdict on them.
        verdict: Arc<Verdict>,
        /// The server's deadline. An edit can only bring it forward.
        #[serde(with = "time::moment")]
        deadline: Time,
        /// The revision that the reviewer saw.
        seen: Revision,
    },
    /// A terminal status was reached.
    Decided {
        /// The status.
        status: Status,
        /// Why.
        comment: String,
        /// The revision that the decider saw. 0 if there was no reviewer.
        seen: Revision,
        /// Digest of the arguments.
        digest: Digest,
        /// The rules that the deciding vote counts for. Empty if nobody voted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        counted_for: Vec<Arc<str>>,
    },
    /// An escalation became due: more reviewers are asked, or the priority is raised.
    Escalated(Escalation),
    /// The call was claimed.
    Claimed {
        /// The claim's id.
        claim_id: ClaimId,
        /// The claimed digest.
        digest: Digest,
    },
    /// The outcome of the call was reported.
    Reported {
        /// Whether the tool succeeded.
        result: ExecutionResult,
        /// A short description.
        message: String,
    },
    /// The approved call was revoked before it was claimed.
    Revoked {
        /// Why.
        reason: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A reviewer's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The call may run.
    Approve,
    /// The call must not run.
    Reject,
}

/// Whether a tool succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionResult {
    /// The tool ran and succeeded.
    Succeeded,
    /// The tool was started and failed.
    Failed,
}
