use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Actor, Arguments, Choice, ClaimId, Digest, ExecutionResult, Provenance, Revision, Verdict};

/// A command to an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A reviewer votes.
    Decide(Deciding),
    /// The requester cancels.
    Cancel {
        /// The requester.
        actor: Actor,
        /// The call's idempotency key.
        request_id: Option<String>,
        /// Why.
        reason: String,
    },
    /// Time has passed: the deadline or an escalation may be due.
    Tick,
    /// The requester claims the call.
    Claim(Claiming),
    /// The claimer reports the outcome.
    Report(Reporting),
    /// Someone revokes an approved call that is not claimed yet.
    Revoke(Revoking),
}

/// A reviewer's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// The reviewer.
    pub actor: Actor,
    /// The reviewer's groups.
    pub groups: BTreeSet<String>,
    /// Who submits the decision, if not the reviewer.
    pub via: Option<Actor>,
    /// Whether the vote must not decide alone, because its credentials can name any voter.
    pub needs_others: bool,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// Approve or reject.
    pub choice: Choice,
    /// What the reviewer saw.
    pub seen: Seen,
    /// Why.
    pub comment: String,
    /// Arguments to approve instead of the current ones.
    pub edit: Option<Edit>,
    /// How the decision reached the server.
    pub provenance: Option<Provenance>,
}

/// What a reviewer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A revision.
    Revision(Revision),
    /// A digest.
    Digest(Digest),
}

/// Edited arguments, and the policy's verdict on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The new arguments.
    pub arguments: Arguments,
    /// The policy's verdict on them.
    pub verdict: Arc<Verdict>,
}

/// A claim to start the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claiming {
    /// The claimer.
    pub actor: Actor,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// The id for the claim.
    pub claim_id: ClaimId,
    /// Digest of the call that the claimer is about to run.
    pub digest: Digest,
}

/// A report of the outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// The reporter.
    pub actor: Actor,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// The claim.
    pub claim_id: ClaimId,
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short description.
    pub message: String,
}

/// A revocation of an approved call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoking {
    /// The actor.
    pub actor: Actor,
    /// The actor's groups, if it may act as a reviewer.
    pub groups: Option<BTreeSet<String>>,
    /// Whether the actor may act as an operator.
    pub operator: bool,
    /// The call's idempotency key.
    pub request_id: Option<String>,
    /// Why.
    pub reason: String,
    /// How the revocation reached the server.
    pub provenance: Option<Provenance>,
}

/// Proof that a call was recorded: its idempotency key, and a hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The call's idempotency key.
    pub request_id: String,
    /// Hash of the call, without the parts that differ between repetitions (claim id, time, policy, provenance).
    /// A decision that is repeated from another surface is the same decision, and its first record stands.
    pub fingerprint: Digest,
}

impl Command {
    /// Who issued the command. For [`Command::Tick`], the server.
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

    /// Who submitted it, if not the actor.
    #[must_use]
    pub fn via(&self) -> Option<&Actor> {
        match self {
            Self::Decide(deciding) => deciding.via.as_ref(),
            _ => None,
        }
    }

    /// How it reached the server, if that is recorded.
    #[must_use]
    pub const fn provenance(&self) -> Option<&Provenance> {
        match self {
            Self::Decide(Deciding { provenance, .. }) | Self::Revoke(Revoking { provenance, .. }) => {
                provenance.as_ref()
            }
            Self::Cancel { .. } | Self::Tick | Self::Claim(_) | Self::Report(_) => None,
        }
    }

    /// Whether its credentials must not decide alone.
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
