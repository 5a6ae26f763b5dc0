//! Domain to wire.

use std::time::Duration;

use prost_types::{Struct, Timestamp};

use super::structs;
use crate::{
    domain::{
        Actor, ActorKind, Agent, Approval, Choice, Claim, Decision, Effect, Event, EventKind, ExecutionResult, Outcome,
        RuleOutcome, Status, Time, Verdict, Vote,
    },
    proto::v1 as pb,
};

pub(super) fn approval(approval: &Approval) -> pb::Approval {
    let request = &approval.request;
    pb::Approval {
        id: approval.id.to_string(),
        revision: approval.revision,
        status: status(approval.status) as i32,
        request_id: request.request_id.clone(),
        caller: Some(actor(&request.caller)),
        tool_name: request.tool_name.clone(),
        arguments: Some(object(approval.arguments.as_json())),
        digest: approval.digest.to_string(),
        agent: agent(&request.agent),
        reason: request.reason.clone(),
        labels: request.labels.clone().into_iter().collect(),
        arguments_schema: request.schema.as_deref().map(object),
        timeout: Some(duration(request.timeout)),
        create_time: Some(timestamp(approval.created_at)),
        update_time: Some(timestamp(approval.updated_at)),
        deadline: Some(timestamp(approval.deadline)),
        policy: Some(policy(&approval.verdict)),
        votes: approval.votes.iter().map(vote).collect(),
        quorum: approval.requirement().quorum,
        decision: approval.decision.as_ref().map(decision),
        claim: approval.claim.as_ref().map(claim),
        claim_window: Some(duration(approval.verdict.claim_window)),
        cancel_on_disconnect: request.cancel_on_disconnect,
    }
}

pub(super) const fn status(status: Status) -> pb::ApprovalStatus {
    match status {
        Status::Pending => pb::ApprovalStatus::Pending,
        Status::Approved => pb::ApprovalStatus::Approved,
        Status::Rejected => pb::ApprovalStatus::Rejected,
        Status::TimedOut => pb::ApprovalStatus::TimedOut,
        Status::Cancelled => pb::ApprovalStatus::Cancelled,
        Status::AutoApproved => pb::ApprovalStatus::AutoApproved,
        Status::AutoRejected => pb::ApprovalStatus::AutoRejected,
    }
}

pub(super) fn event(event: &Event) -> pb::Event {
    let kind = match &event.kind {
        EventKind::Requested { request, verdict, .. } => pb::event::Kind::Requested(pb::event::Requested {
            digest: request.digest.to_string(),
            status: status(verdict.effect.status()) as i32,
        }),
        EventKind::Voted { choice: which, comment, seen, digest } => pb::event::Kind::Voted(pb::Vote {
            decided_by: Some(actor(&event.actor)),
            choice: choice(*which) as i32,
            comment: comment.clone(),
            vote_time: Some(timestamp(event.at)),
            revision_seen: *seen,
            digest: digest.to_string(),
        }),
        EventKind::Edited { arguments, digest, verdict, seen, .. } => pb::event::Kind::Edited(pb::event::Edited {
            arguments: Some(object(arguments.as_json())),
            digest: digest.to_string(),
            policy: Some(policy(verdict)),
            revision_seen: *seen,
        }),
        EventKind::Decided { status: reached, comment, seen, digest } => pb::event::Kind::Decided(pb::Decision {
            status: status(*reached) as i32,
            decided_by: Some(actor(&event.actor)),
            comment: comment.clone(),
            decide_time: Some(timestamp(event.at)),
            revision_seen: *seen,
            digest: digest.to_string(),
            revision: event.revision,
        }),
        EventKind::Claimed { claim_id, digest } => {
            pb::event::Kind::Claimed(pb::event::Claimed { claim_id: claim_id.to_string(), digest: digest.to_string() })
        }
        EventKind::Reported { result: which, message } => pb::event::Kind::Reported(pb::ExecutionOutcome {
            result: result(*which) as i32,
            message: message.clone(),
            report_time: Some(timestamp(event.at)),
        }),
    };
    pb::Event {
        revision: event.revision,
        event_time: Some(timestamp(event.at)),
        actor: Some(actor(&event.actor)),
        kind: Some(kind),
    }
}

pub(super) fn progress(approval: &Approval, now: Time) -> pb::Progress {
    let requirement = approval.requirement();
    let remaining = (approval.deadline - now).to_std().unwrap_or_default();
    pb::Progress {
        revision: approval.revision,
        elapsed: Some(duration((now - approval.created_at).to_std().unwrap_or_default())),
        remaining: Some(duration(remaining)),
        approvals: approval.approvals(),
        quorum: requirement.quorum,
        reviewers: requirement.reviewers,
        message: format!("Waiting for approval, {} s left", remaining.as_secs()),
    }
}

fn actor(actor: &Actor) -> pb::Actor {
    let kind = match actor.kind {
        ActorKind::Agent => pb::ActorKind::Agent,
        ActorKind::Person => pb::ActorKind::Person,
        ActorKind::Service => pb::ActorKind::Service,
        ActorKind::Policy => pb::ActorKind::Policy,
        ActorKind::Server => pb::ActorKind::Server,
    };
    pb::Actor { kind: kind as i32, issuer: actor.issuer.clone(), subject: actor.subject.clone() }
}

fn agent(agent: &Agent) -> Option<pb::Agent> {
    (*agent != Agent::default()).then(|| pb::Agent {
        name: agent.name.clone(),
        run_id: agent.run_id.clone(),
        chain: agent.chain.clone(),
    })
}

fn policy(verdict: &Verdict) -> pb::PolicyEvaluation {
    let effect = match verdict.effect {
        Effect::AutoApprove => pb::PolicyEffect::AutoApprove,
        Effect::RequireApproval(_) => pb::PolicyEffect::RequireApproval,
        Effect::AutoReject => pb::PolicyEffect::AutoReject,
    };
    let trace = verdict.trace.iter().map(|rule| {
        let outcome = match rule.outcome {
            RuleOutcome::Matched => pb::RuleOutcome::Matched,
            RuleOutcome::NotMatched => pb::RuleOutcome::NotMatched,
            RuleOutcome::Failed => pb::RuleOutcome::Failed,
        };
        pb::RuleTrace { rule: rule.rule.clone(), outcome: outcome as i32, detail: rule.detail.clone() }
    });
    pb::PolicyEvaluation {
        policy_version: verdict.policy_version.clone(),
        effect: effect as i32,
        rule: verdict.rule.clone(),
        message: verdict.message.clone(),
        trace: trace.collect(),
    }
}

fn vote(vote: &Vote) -> pb::Vote {
    pb::Vote {
        decided_by: Some(actor(&vote.actor)),
        choice: choice(vote.choice) as i32,
        comment: vote.comment.clone(),
        vote_time: Some(timestamp(vote.at)),
        revision_seen: vote.seen,
        digest: vote.digest.to_string(),
    }
}

fn decision(decision: &Decision) -> pb::Decision {
    pb::Decision {
        status: status(decision.status) as i32,
        decided_by: Some(actor(&decision.actor)),
        comment: decision.comment.clone(),
        decide_time: Some(timestamp(decision.at)),
        revision_seen: decision.seen,
        digest: decision.digest.to_string(),
        revision: decision.revision,
    }
}

fn claim(claim: &Claim) -> pb::Claim {
    pb::Claim {
        id: claim.id.to_string(),
        claimed_by: Some(actor(&claim.actor)),
        claim_time: Some(timestamp(claim.at)),
        outcome: claim.outcome.as_ref().map(outcome),
    }
}

fn outcome(outcome: &Outcome) -> pb::ExecutionOutcome {
    pb::ExecutionOutcome {
        result: result(outcome.result) as i32,
        message: outcome.message.clone(),
        report_time: Some(timestamp(outcome.at)),
    }
}

const fn choice(choice: Choice) -> pb::VoteChoice {
    match choice {
        Choice::Approve => pb::VoteChoice::Approve,
        Choice::Reject => pb::VoteChoice::Reject,
    }
}

const fn result(result: ExecutionResult) -> pb::ExecutionResult {
    match result {
        ExecutionResult::Succeeded => pb::ExecutionResult::Succeeded,
        ExecutionResult::Failed => pb::ExecutionResult::Failed,
    }
}

fn object(json: &str) -> Struct {
    structs::from_json(&serde_json::from_str(json).unwrap_or_default())
}

fn timestamp(time: Time) -> Timestamp {
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: time.timestamp(), nanos }
}

fn duration(span: Duration) -> prost_types::Duration {
    let nanos = i32::try_from(span.subsec_nanos()).unwrap_or_default();
    prost_types::Duration { seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), nanos }
}
