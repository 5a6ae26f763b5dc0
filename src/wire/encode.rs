//! Encodes approvals, events and progress.

use std::time::Duration;

use super::{enums::Code as _, structs};
use crate::{
    domain::{
        Actor, Agent, Approval, ApprovalId, Claim, Decision, Effect, Outcome, Panel, Provenance, Requirement,
        Revocation, RuleOutcome, RuleTrace, Status, Time, Verdict, Vote,
    },
    policy::RedactedArguments,
    proto::v1,
};

mod admin;
mod deliveries;
mod events;
mod policy;
mod progress;
mod sessions;
mod tokens;

pub use admin::{backup_complete, backup_data, freeze, server_status};
pub use deliveries::{channel, delivery};
pub use events::event;
pub use policy::{document, policy_file, policy_head, policy_version, policy_warnings, test_result};
pub use progress::progress;
pub use sessions::{blocked_subject, session};
pub use tokens::{caller, token};

/// Encodes the current state of an approval.
#[must_use]
pub fn approval(approval: &Approval) -> v1::Approval {
    v1::Approval {
        arguments_schema: approval.request.schema.as_deref().map(structs::from_json),
        policy: Some(policy(&approval.verdict)),
        ..with_arguments(approval, structs::from_json(approval.arguments.as_json()))
    }
}

/// Encodes the current state of an approval for a list. `redacted`: its arguments, if something in them is redacted.
#[must_use]
pub fn listed_approval(approval: &Approval, redacted: Option<&RedactedArguments>) -> v1::Approval {
    let Some(redacted) = redacted else { return self::approval(approval) };
    // A schema can name a value as its only one, and the error of a condition can quote one.
    let mut policy = policy(&approval.verdict);
    for rule in policy.trace.iter_mut().filter(|rule| rule.outcome == i32::from(v1::RuleOutcome::Failed)) {
        rule.detail = FAILED.to_owned();
    }
    v1::Approval {
        policy: Some(policy),
        redacted_paths: redacted.paths().to_vec(),
        ..with_arguments(approval, structs::from_redacted(redacted))
    }
}

/// The detail of a failed rule in place of its error.
const FAILED: &str = "the condition failed; the whole approval shows why";

/// Everything but what could repeat an argument: the schema and the policy's evaluation.
fn with_arguments(approval: &Approval, arguments: prost_types::Struct) -> v1::Approval {
    let request = &approval.request;
    // A call that the policy decided immediately has no panels.
    let asked = approval.asks_people().then(|| approval.requirement());
    v1::Approval {
        id: approval.id.to_string(),
        revision: approval.revision,
        status: approval.status.to_wire().into(),
        request_id: request.request_id.clone(),
        caller: Some(actor(&request.caller)),
        tool_name: request.tool_name.clone(),
        arguments: Some(arguments),
        digest: approval.digest.to_string(),
        agent: agent(&request.agent),
        reason: request.reason.clone(),
        labels: request.labels.clone().into_iter().collect(),
        arguments_schema: None,
        timeout: Some(between(approval.created_at, approval.deadline)),
        create_time: Some(moment(approval.created_at)),
        update_time: Some(moment(approval.updated_at)),
        deadline: Some(moment(approval.deadline)),
        policy: None,
        votes: approval.votes.iter().map(vote).collect(),
        quorum: asked.map_or(0, Requirement::quorum),
        decision: approval.decision.as_ref().map(|made| decision(made, &approval.verdict)),
        claim: approval.claim.as_ref().map(claim),
        claim_window: Some(span(approval.verdict.claim_window)),
        cancel_on_disconnect: request.cancel_on_disconnect,
        on_behalf_of: request.on_behalf_of.as_ref().map(actor),
        panels: asked.map(|asked| panels(approval, asked)).unwrap_or_default(),
        reject_threshold: asked.map_or(0, |asked| asked.reject_threshold),
        comment_required: asked.is_some_and(|asked| asked.comment_required),
        edits_allowed: asked.is_some_and(|asked| asked.allow_edits),
        priority: approval.priority().to_wire().into(),
        revocation: approval.revocation.as_ref().map(revocation),
        redacted_paths: Vec::new(),
        notify: approval.channels().named.iter().map(ToString::to_string).collect(),
        notify_default: approval.tells_default(),
        min_assurance: asked.map_or(v1::MinAssurance::Unspecified, |asked| asked.min_assurance.to_wire()).into(),
    }
}

fn panels(approval: &Approval, asked: &Requirement) -> Vec<v1::Panel> {
    let panel = |panel: &Panel| v1::Panel {
        rule: panel.rule.to_string(),
        reviewers: approval.reviewers_of(panel).iter().map(ToString::to_string).collect(),
        quorum: panel.quorum,
        approvals: approval.approvals_for(panel),
    };
    asked.panels.iter().map(panel).collect()
}

fn actor(actor: &Actor) -> v1::Actor {
    v1::Actor { kind: actor.kind.to_wire().into(), issuer: actor.issuer.clone(), subject: actor.subject.clone() }
}

/// Unset if the caller set no field of it.
fn agent(agent: &Agent) -> Option<v1::Agent> {
    let Agent { name, run_id, chain } = agent.clone();
    (*agent != Agent::default()).then_some(v1::Agent { name, run_id, chain })
}

fn policy(verdict: &Verdict) -> v1::PolicyEvaluation {
    let effect = match verdict.effect {
        Effect::AutoApprove => v1::PolicyEffect::AutoApprove,
        Effect::RequireApproval(_) => v1::PolicyEffect::RequireApproval,
        Effect::AutoReject => v1::PolicyEffect::AutoReject,
    };
    v1::PolicyEvaluation {
        policy_version: verdict.policy_version.clone(),
        effect: effect.into(),
        rule: verdict.rule.clone(),
        message: verdict.message.clone(),
        trace: verdict.trace.iter().map(rule_trace).collect(),
        trace_omitted: verdict.trace_omitted,
        notify: verdict.notify.iter().map(ToString::to_string).collect(),
    }
}

fn rule_trace(trace: &RuleTrace) -> v1::RuleTrace {
    let outcome = match trace.outcome {
        RuleOutcome::Matched => v1::RuleOutcome::Matched,
        RuleOutcome::NotMatched => v1::RuleOutcome::NotMatched,
        RuleOutcome::Failed => v1::RuleOutcome::Failed,
    };
    v1::RuleTrace { rule: trace.rule.to_string(), outcome: outcome.into(), detail: trace.detail.to_string() }
}

fn vote(vote: &Vote) -> v1::Vote {
    let (surface, assurance, opened) = provenance(vote.provenance.as_ref());
    v1::Vote {
        decided_by: Some(actor(&vote.actor)),
        choice: vote.choice.to_wire().into(),
        comment: vote.comment.clone(),
        vote_time: Some(moment(vote.at)),
        revision_seen: vote.seen,
        digest: vote.digest.to_string(),
        submitted_by: vote.via.as_ref().map(actor),
        counted_for: vote.counted_for.iter().map(ToString::to_string).collect(),
        surface,
        assurance,
        opened,
    }
}

/// Surface, assurance and opened parts. Unspecified and empty if they are not recorded.
fn provenance(provenance: Option<&Provenance>) -> (i32, i32, Vec<String>) {
    provenance.map_or_else(Default::default, |Provenance { surface, assurance, opened }| {
        (surface.to_wire().into(), assurance.to_wire().into(), opened.clone())
    })
}

fn decision(decision: &Decision, verdict: &Verdict) -> v1::Decision {
    let (surface, assurance, opened) = provenance(decision.provenance.as_ref());
    v1::Decision {
        status: decision.status.to_wire().into(),
        decided_by: Some(actor(&decision.actor)),
        comment: decision.comment.clone(),
        decide_time: Some(moment(decision.at)),
        revision_seen: decision.seen,
        digest: decision.digest.to_string(),
        revision: decision.revision,
        submitted_by: decision.via.as_ref().map(actor),
        remembered_rejection: verdict.remembered_rejection.as_deref().map(|remembered| v1::RememberedRejection {
            approval_id: remembered.approval_id.to_string(),
            decided_by: Some(actor(&remembered.decided_by)),
            comment: decision.comment.clone(),
        }),
        surface,
        assurance,
        opened,
    }
}

fn claim(claim: &Claim) -> v1::Claim {
    v1::Claim {
        id: claim.id.to_string(),
        claimed_by: Some(actor(&claim.actor)),
        claim_time: Some(moment(claim.at)),
        outcome: claim.outcome.as_ref().map(outcome),
    }
}

/// An approval for an operator who may revoke it, but not read it.
#[must_use]
pub fn revoked_approval(id: ApprovalId, status: Status, stopped: &Revocation) -> v1::Approval {
    v1::Approval {
        id: id.to_string(),
        status: status.to_wire().into(),
        revocation: Some(revocation(stopped)),
        ..v1::Approval::default()
    }
}

fn revocation(revocation: &Revocation) -> v1::Revocation {
    v1::Revocation {
        revoked_by: Some(actor(&revocation.actor)),
        reason: revocation.reason.clone(),
        revoke_time: Some(moment(revocation.at)),
    }
}

fn outcome(outcome: &Outcome) -> v1::ExecutionOutcome {
    v1::ExecutionOutcome {
        result: outcome.result.to_wire().into(),
        message: outcome.message.clone(),
        report_time: Some(moment(outcome.at)),
    }
}

fn moment(time: Time) -> prost_types::Timestamp {
    // A leap second's nanoseconds exceed 999,999,999, which a Timestamp cannot hold.
    let nanos = time.timestamp_subsec_nanos().min(999_999_999);
    prost_types::Timestamp { seconds: time.timestamp(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// Limited to the maximum of the wire format.
fn span(span: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(span).unwrap_or(prost_types::Duration { seconds: 315_576_000_000, nanos: 0 })
}

/// The time from `from` to `to`. Zero if `to` is earlier.
fn between(from: Time, to: Time) -> prost_types::Duration {
    span((to - from).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests;
