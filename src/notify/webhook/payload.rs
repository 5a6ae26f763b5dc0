//! The body of a webhook. docs/notifications.md describes every field. A field is never renamed or removed; receivers
//! ignore fields that they do not know.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;

use crate::{
    domain::{
        Actor, ActorKind, Assurance, Choice, ExecutionResult, NotificationKind, Revision, Surface, Time, moment,
        optional_moment,
    },
    notify::{Links, Message, Subject},
    policy::{PanelProgress, RedactedApproval, RedactedDecision, RedactedValue, RedactedVote, SummaryItem},
};

/// What receivers get. Other types than `approval.*` may follow, each with `data` of its own.
#[derive(Debug, Serialize)]
pub(super) struct Payload<'a> {
    r#type: Cow<'static, str>,
    /// When the event was recorded.
    #[serde(with = "moment")]
    timestamp: Time,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Approval(Box<ApprovalData<'a>>),
    Test { url: Option<String> },
}

#[derive(Debug, Serialize)]
struct ApprovalData<'a> {
    id: String,
    revision: u64,
    event_revision: u64,
    status: &'static str,
    tool_name: &'a str,
    arguments: BTreeMap<&'a str, &'a RedactedValue>,
    redacted_paths: &'a [String],
    summary: &'a [SummaryItem],
    caller: ActorData<'a>,
    on_behalf_of: Option<ActorData<'a>>,
    agent: AgentData<'a>,
    reason: &'a str,
    labels: &'a BTreeMap<String, String>,
    #[serde(with = "moment")]
    create_time: Time,
    #[serde(with = "moment")]
    update_time: Time,
    #[serde(with = "moment")]
    deadline: Time,
    priority: &'static str,
    policy: PolicyData<'a>,
    panels: Vec<PanelData<'a>>,
    votes: Vec<VoteData<'a>>,
    edits: u32,
    decision: Option<DecisionData<'a>>,
    #[serde(with = "optional_moment")]
    claim_time: Option<Time>,
    outcome: Option<OutcomeData<'a>>,
    revocation: Option<RevocationData<'a>>,
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct ActorData<'a> {
    kind: &'static str,
    issuer: &'a str,
    subject: &'a str,
}

#[derive(Debug, Serialize)]
struct AgentData<'a> {
    name: &'a str,
    run_id: &'a str,
    chain: &'a [String],
}

#[derive(Debug, Serialize)]
struct PolicyData<'a> {
    policy_version: &'a str,
    rule: &'a str,
    message: &'a str,
}

#[derive(Debug, Serialize)]
struct PanelData<'a> {
    rule: &'a str,
    reviewers: &'a [String],
    quorum: u32,
    approvals: u32,
}

#[derive(Debug, Serialize)]
struct VoteData<'a> {
    decided_by: ActorData<'a>,
    submitted_by: Option<ActorData<'a>>,
    counted_for: Vec<&'a str>,
    choice: &'static str,
    comment: &'a str,
    #[serde(with = "moment")]
    vote_time: Time,
    surface: Option<&'static str>,
    assurance: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct DecisionData<'a> {
    status: &'static str,
    decided_by: ActorData<'a>,
    comment: &'a str,
    #[serde(with = "moment")]
    decide_time: Time,
}

#[derive(Debug, Serialize)]
struct OutcomeData<'a> {
    result: &'static str,
    message: &'a str,
}

#[derive(Debug, Serialize)]
struct RevocationData<'a> {
    revoked_by: ActorData<'a>,
    reason: &'a str,
}

impl<'a> Payload<'a> {
    /// The body for a message. Bundles have none of their own, and are like a test.
    pub(super) fn of(message: &'a Message) -> Self {
        match &message.subject {
            Subject::Approval { kind, revision, at, approval } => {
                Self::of_approval(approval, *kind, *revision, *at, &message.links)
            }
            Subject::Bundle(_) | Subject::Test => {
                let data = Data::Test { url: message.links.queue() };
                Self { r#type: "test".into(), timestamp: message.now, data }
            }
        }
    }

    fn of_approval(
        approval: &'a RedactedApproval,
        kind: NotificationKind,
        event_revision: Revision,
        timestamp: Time,
        links: &Links,
    ) -> Self {
        let members = approval.arguments.members().iter();
        let data = ApprovalData {
            id: approval.id.to_string(),
            revision: approval.revision,
            event_revision,
            status: approval.status.name(),
            tool_name: &approval.tool_name,
            arguments: members.map(|(name, value)| (name.as_str(), value)).collect(),
            redacted_paths: approval.arguments.paths(),
            summary: &approval.summary,
            caller: ActorData::of(&approval.caller),
            on_behalf_of: approval.on_behalf_of.as_ref().map(ActorData::of),
            agent: AgentData {
                name: &approval.agent.name,
                run_id: &approval.agent.run_id,
                chain: &approval.agent.chain,
            },
            reason: &approval.reason,
            labels: &approval.labels,
            create_time: approval.created_at,
            update_time: approval.updated_at,
            deadline: approval.deadline,
            priority: approval.priority.name(),
            policy: PolicyData {
                policy_version: &approval.policy_version,
                rule: &approval.rule,
                message: &approval.message,
            },
            panels: approval.panels.iter().map(PanelData::of).collect(),
            votes: approval.votes.iter().map(VoteData::of).collect(),
            edits: approval.edits,
            decision: approval.decision.as_ref().map(DecisionData::of),
            claim_time: approval.claimed_at,
            outcome: approval
                .outcome
                .as_ref()
                .map(|(result, message)| OutcomeData { result: result_name(*result), message }),
            revocation: approval
                .revoked
                .as_ref()
                .map(|(actor, reason)| RevocationData { revoked_by: ActorData::of(actor), reason }),
            url: links.approval(approval.id),
        };
        let r#type = format!("approval.{}", kind.name()).into();
        Self { r#type, timestamp, data: Data::Approval(Box::new(data)) }
    }

    /// The body. Arguments and texts have limits of their own, so it needs none.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // Keys are texts and numbers are finite, so it cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl<'a> ActorData<'a> {
    fn of(actor: &'a Actor) -> Self {
        Self { kind: actor_kind_name(actor.kind), issuer: &actor.issuer, subject: &actor.subject }
    }
}

impl<'a> PanelData<'a> {
    fn of(panel: &'a PanelProgress) -> Self {
        let PanelProgress { rule, reviewers, quorum, approvals } = panel;
        Self { rule, reviewers, quorum: *quorum, approvals: *approvals }
    }
}

impl<'a> VoteData<'a> {
    fn of(vote: &'a RedactedVote) -> Self {
        Self {
            decided_by: ActorData::of(&vote.actor),
            submitted_by: vote.via.as_ref().map(ActorData::of),
            counted_for: vote.counted_for.iter().map(AsRef::as_ref).collect(),
            choice: match vote.choice {
                Choice::Approve => "APPROVE",
                Choice::Reject => "REJECT",
            },
            comment: &vote.comment,
            vote_time: vote.at,
            surface: vote.surface.map(surface_name),
            assurance: vote.assurance.map(assurance_name),
        }
    }
}

impl<'a> DecisionData<'a> {
    fn of(decision: &'a RedactedDecision) -> Self {
        let RedactedDecision { status, actor, comment, at } = decision;
        Self { status: status.name(), decided_by: ActorData::of(actor), comment, decide_time: *at }
    }
}

const fn actor_kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Agent => "AGENT",
        ActorKind::Person => "PERSON",
        ActorKind::Service => "SERVICE",
        ActorKind::Policy => "POLICY",
        ActorKind::Server => "SERVER",
    }
}

const fn surface_name(surface: Surface) -> &'static str {
    match surface {
        Surface::Grpc => "GRPC",
        Surface::Desk => "DESK",
        Surface::Slack => "SLACK",
        Surface::Link => "LINK",
    }
}

const fn assurance_name(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Session => "SESSION",
        Assurance::Chat => "CHAT",
        Assurance::Link => "LINK",
        Assurance::Token => "TOKEN",
    }
}

const fn result_name(result: ExecutionResult) -> &'static str {
    match result {
        ExecutionResult::Succeeded => "SUCCEEDED",
        ExecutionResult::Failed => "FAILED",
    }
}
