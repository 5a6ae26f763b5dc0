use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Actor, Arguments, Choice, ClaimId, Digest, ExecutionResult, Revision, Verdict};

/// Something that somebody wants to happen to an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A reviewer votes.
    Decide(Deciding),
    /// The requester withdraws.
    Cancel {
        /// Who.
        actor: Actor,
        /// The call's idempotency key.
        request_id: Option<String>,
        /// Why.
        reason: String,
    },
    /// Time has passed: an escalation may be due, or the deadline over.
    Tick,
    /// The requester wants to start the call.
    Claim(Claiming),
    /// The claimer tells what became of the call.
    Report(Reporting),
    /// Somebody stops an approved call that is not claimed yet.
    Revoke(Revoking),
}

/// A reviewer's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// The reviewer.
    pub actor: Actor,
    /// The groups that the reviewer is in.
    pub groups: BTreeSet<String>,
    /// Who brings the decision, where that is not the reviewer.
    pub via: Option<Actor>,
    /// Whether the credentials that it comes with let their holder name voters, and must not reach a quorum alone.
    pub needs_others: bool,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// Which way.
    pub choice: Choice,
    /// What the reviewer looked at.
    pub seen: Seen,
    /// Why.
    pub comment: String,
    /// Arguments to approve instead of those asked for.
    pub edit: Option<Edit>,
}

/// What a reviewer looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A revision.
    Revision(Revision),
    /// A digest.
    Digest(Digest),
}

/// Changed arguments, judged by the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The new arguments.
    pub arguments: Arguments,
    /// What the policy says of them.
    pub verdict: Arc<Verdict>,
}

/// A claim to start the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claiming {
    /// Who.
    pub actor: Actor,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// The name that the claim will have.
    pub claim_id: ClaimId,
    /// What is about to be run.
    pub digest: Digest,
}

/// A report of what became of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// Who.
    pub actor: Actor,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// The claim.
    pub claim_id: ClaimId,
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short account.
    pub message: String,
}

/// A revocation of an approved call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoking {
    /// Who.
    pub actor: Actor,
    /// The groups that the actor is in, if it may act as a reviewer.
    pub groups: Option<BTreeSet<String>>,
    /// Whether it may act as an operator.
    pub operator: bool,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// Proof that a call was recorded: its idempotency key, and a hash of what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The call's idempotency key.
    pub request_id: String,
    /// Hash of the call, without what differs between repetitions (claim id, time, policy).
    pub fingerprint: Digest,
}

impl Command {
    /// Who commands; the server for [`Command::Tick`].
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Decide(Deciding { actor, .. })
            | Self::Cancel { actor, .. }
            | Self::Claim(Claiming { actor, .. })
            | Self::Report(Reporting { actor, .. })
            | Self::Revoke(Revoking { actor, .. }) => actor.clone(),
            Self::Tick => Actor::deadline(),
        }
    }

    /// Who brings it, where that is not who commands.
    #[must_use]
    pub fn via(&self) -> Option<&Actor> {
        match self {
            Self::Decide(deciding) => deciding.via.as_ref(),
            _ => None,
        }
    }

    /// Whether it comes with credentials that must not reach a quorum alone.
    #[must_use]
    pub const fn needs_others(&self) -> bool {
        matches!(self, Self::Decide(Deciding { needs_others: true, .. }))
    }

    /// The receipt to keep when this is recorded; `None` without an idempotency key.
    #[must_use]
    pub fn receipt(&self) -> Option<Receipt> {
        let (request_id, content) = match self {
            Self::Decide(decide) => {
                let edit = decide.edit.as_ref().map(|edit| edit.arguments.as_json());
                (&decide.request_id, json!(["decide", decide.choice, decide.seen, decide.comment, edit]))
            }
            Self::Cancel { request_id, reason, .. } => (request_id, json!(["cancel", reason])),
            Self::Claim(claim) => (&claim.request_id, json!(["claim", claim.digest])),
            Self::Report(report) => {
                (&report.request_id, json!(["report", report.claim_id, report.result, report.message]))
            }
            Self::Revoke(revoke) => (&revoke.request_id, json!(["revoke", revoke.reason])),
            Self::Tick => return None,
        };
        let fingerprint = Digest::of_bytes(content.to_string().as_bytes());
        Some(Receipt { request_id: request_id.clone()?, fingerprint })
    }
}
