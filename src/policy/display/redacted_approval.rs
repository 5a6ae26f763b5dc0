//! An approval without its redacted arguments: for messages, rows and logs.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{Display, RedactedArguments, SummaryItem};
use crate::domain::{
    Actor, Agent, Approval, ApprovalId, Assurance, Choice, ExecutionResult, MinAssurance, Panel, Priority, Revision,
    Status, Surface, Time, moment, optional_moment,
};

/// An approval as it may be shown outside its own page. It cannot hold the full arguments, nor what could reveal a
/// redacted one: digests, the schema, and the errors of conditions.
///
/// Texts of people and agents (reason, labels, comments) are as they wrote them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedactedApproval {
    /// Its id.
    pub id: ApprovalId,
    /// The number of its events.
    pub revision: Revision,
    /// Its status.
    pub status: Status,
    /// The tool.
    pub tool_name: String,
    /// The arguments, without redacted values, and the paths that were redacted.
    pub arguments: RedactedArguments,
    /// The arguments that matter most, without redacted values.
    pub summary: Vec<SummaryItem>,
    /// Who made the request.
    pub caller: Actor,
    /// The person on whose behalf the request is made.
    pub on_behalf_of: Option<Actor>,
    /// The agent that makes the call.
    pub agent: Agent,
    /// Why, in the agent's words.
    pub reason: String,
    /// The caller's labels.
    pub labels: BTreeMap<String, String>,
    /// When the request was accepted.
    #[serde(with = "moment")]
    pub created_at: Time,
    /// When the newest event was recorded.
    #[serde(with = "moment")]
    pub updated_at: Time,
    /// From this time on it cannot be approved.
    #[serde(with = "moment")]
    pub deadline: Time,
    /// Its priority.
    pub priority: Priority,
    /// The version of the policy that decided.
    pub policy_version: String,
    /// The rule that decided.
    pub rule: String,
    /// The rule's message. May be empty.
    pub message: String,
    /// The weakest authentication with which a vote may approve.
    pub min_assurance: MinAssurance,
    /// The panels and their votes. Empty if the policy decided immediately.
    pub panels: Vec<PanelProgress>,
    /// Votes on the current arguments.
    pub votes: Vec<RedactedVote>,
    /// Number of edits.
    pub edits: u32,
    /// The decision. `None` while pending.
    pub decision: Option<RedactedDecision>,
    /// When the call was claimed.
    #[serde(with = "optional_moment")]
    pub claimed_at: Option<Time>,
    /// What became of the call, and the report's message.
    pub outcome: Option<(ExecutionResult, String)>,
    /// Who revoked the approval, and why.
    pub revoked: Option<(Actor, String)>,
}

/// The reviewers that one rule asks, and their approving votes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PanelProgress {
    /// The rule.
    pub rule: Arc<str>,
    /// Who may vote, also by escalations. Empty: any reviewer.
    pub reviewers: Vec<String>,
    /// Approving votes needed.
    pub quorum: u32,
    /// Approving votes so far.
    pub approvals: u32,
}

/// A vote, without the digest of the arguments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedactedVote {
    /// Who voted.
    pub actor: Actor,
    /// Who submitted the vote, if that was not the voter.
    pub via: Option<Actor>,
    /// The rules that the vote counts for.
    pub counted_for: Vec<Arc<str>>,
    /// Approve or reject.
    pub choice: Choice,
    /// Why.
    pub comment: String,
    /// When.
    #[serde(with = "moment")]
    pub at: Time,
    /// Where the reviewer voted, if that is recorded.
    pub surface: Option<Surface>,
    /// How the reviewer was authenticated, if that is recorded.
    pub assurance: Option<Assurance>,
}

/// A decision, without the digest of the arguments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedactedDecision {
    /// The terminal status.
    pub status: Status,
    /// Who decided.
    pub actor: Actor,
    /// The reviewer's comment, the requester's reason, or the policy's message.
    pub comment: String,
    /// When.
    #[serde(with = "moment")]
    pub at: Time,
}

impl RedactedApproval {
    pub(super) fn new(approval: &Approval, arguments: RedactedArguments, display: &Display) -> Self {
        let Approval { id, revision, status, request, verdict, votes, edits, decision, claim, .. } = approval;
        let panel = |panel: &Panel| PanelProgress {
            rule: Arc::clone(&panel.rule),
            reviewers: approval.reviewers_of(panel).iter().map(ToString::to_string).collect(),
            quorum: panel.quorum,
            approvals: approval.approvals_for(panel),
        };
        let panels = if approval.asks_people() { &approval.requirement().panels[..] } else { &[] };
        let outcome = claim.as_ref().and_then(|claim| claim.outcome.as_ref());
        Self {
            id: *id,
            revision: *revision,
            status: *status,
            tool_name: request.tool_name.clone(),
            summary: display.summary_in(approval, &arguments),
            arguments,
            caller: request.caller.clone(),
            on_behalf_of: request.on_behalf_of.clone(),
            agent: request.agent.clone(),
            reason: request.reason.clone(),
            labels: request.labels.clone(),
            created_at: approval.created_at,
            updated_at: approval.updated_at,
            deadline: approval.deadline,
            priority: approval.priority(),
            policy_version: verdict.policy_version.clone(),
            rule: verdict.rule.clone(),
            message: verdict.message.clone(),
            min_assurance: approval.requirement().min_assurance,
            panels: panels.iter().map(panel).collect(),
            votes: votes
                .iter()
                .map(|vote| RedactedVote {
                    actor: vote.actor.clone(),
                    via: vote.via.clone(),
                    counted_for: vote.counted_for.clone(),
                    choice: vote.choice,
                    comment: vote.comment.clone(),
                    at: vote.at,
                    surface: vote.provenance.as_ref().map(|provenance| provenance.surface),
                    assurance: vote.provenance.as_ref().map(|provenance| provenance.assurance),
                })
                .collect(),
            edits: *edits,
            decision: decision.as_ref().map(|decision| RedactedDecision {
                status: decision.status,
                actor: decision.actor.clone(),
                comment: decision.comment.clone(),
                at: decision.at,
            }),
            claimed_at: claim.as_ref().map(|claim| claim.at),
            outcome: outcome.map(|outcome| (outcome.result, outcome.message.clone())),
            revoked: approval.revocation.as_ref().map(|revoked| (revoked.actor.clone(), revoked.reason.clone())),
        }
    }
}
