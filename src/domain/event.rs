use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Actor, Arguments, ClaimId, Digest, Escalation, Receipt, Request, Revision, Status, Time, Verdict, time};

/// Something that was recorded on an approval.
///
/// It is stored, as is all that it holds: a new field needs `serde(default)`, or stores of earlier versions do not open.
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
    /// Whether it came with credentials that let their holder name voters, and must not reach a quorum alone. Never on
    /// what was recorded before there was such a limit.
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
    /// The approved call was stopped before it was claimed.
    Revoked {
        /// Why.
        reason: String,
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
