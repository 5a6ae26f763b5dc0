//! Requests and decisions, the same for the server, the bare service and the store.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use prost_types::{Struct, Value, value::Kind};
use serde_json::{Map, Value as Json, json};
use signoff::{
    clock::{SystemWall, WallClock as _},
    domain::{
        Actor, ActorKind, Agent, ApprovalId, Arguments, Choice, Command, Deciding, Digest, Request, Seen, Time,
        Verdict, canonical_json, request, step,
    },
    policy::{Call, Effort, Policy},
    proto::v1 as pb,
    store::{History, Submission},
    wire,
};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::Outcome;

const TOOL: &str = "send_email";
const REASON: &str = "The customer asked for a copy of the invoice in ticket 48213.";
const COMMENT: &str = "Checked the address.";
const ARGUMENTS: [(&str, &str); 3] = [
    ("to", "alice@example.com"),
    ("subject", "Your invoice of last month"),
    ("body", "Dear Alice,\n\nplease find the invoice attached. It is due within 30 days.\n\nKind regards,\nBilling"),
];

/// Labels in addition to the one that every request has.
const MORE_LABELS: [(&str, &str); 2] = [("customer", "48213"), ("channel", "email")];

/// The schema of `send_email`, as a client derives it from a function's types and docs: about 1 KiB.
static SCHEMA: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    let text = |description: &str| json!({"type": "string", "description": description, "maxLength": 4096});
    let schema = json!({
        "type": "object",
        "title": TOOL,
        "description": "Sends an email in the name of the billing department.",
        "properties": {
            "to": text("Address of the customer, as it stands in the ticket."),
            "subject": text("One line that says what the email is about."),
            "body": text("Plain text, with a greeting and the department's name below it."),
            "cc": {"type": "array", "items": text("Another address."), "maxItems": 10},
            "priority": {"enum": ["low", "normal", "high"], "description": "How soon it must be sent."},
            "attachments": {
                "type": "array",
                "maxItems": 5,
                "items": {
                    "type": "object",
                    "properties": {"name": text("The file's name."), "invoice": {"type": "integer", "minimum": 1}},
                    "required": ["name", "invoice"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["to", "subject", "body"],
        "additionalProperties": false,
    });
    schema.as_object().cloned().expect("an object")
});

static WIRE_SCHEMA: LazyLock<Struct> = LazyLock::new(|| wire::structs::from_object(SCHEMA.clone()));

/// Long enough that nothing expires during a measure.
const TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A request that needs a person's approval.
pub(crate) fn wire_request(request_id: String) -> pb::RequestApprovalRequest {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    pb::RequestApprovalRequest {
        request_id,
        tool_name: TOOL.to_owned(),
        arguments: Some(Struct {
            fields: ARGUMENTS.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(),
        }),
        agent: Some(pb::Agent {
            name: "billing-bot".to_owned(),
            run_id: "run-48213".to_owned(),
            chain: vec!["planner".to_owned()],
        }),
        reason: REASON.to_owned(),
        timeout: Some(prost_types::Duration { seconds: TIMEOUT.as_secs().cast_signed(), nanos: 0 }),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        ..pb::RequestApprovalRequest::default()
    }
}

/// As above, with more labels.
pub(crate) fn wire_request_with_labels(request_id: String) -> pb::RequestApprovalRequest {
    let mut request = wire_request(request_id);
    request.labels.extend(MORE_LABELS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    request
}

/// As above, with the schema of the tool's arguments.
pub(crate) fn wire_request_with_schema(request_id: String) -> pb::RequestApprovalRequest {
    let mut request = wire_request_with_labels(request_id);
    request.arguments_schema = Some(WIRE_SCHEMA.clone());
    request
}

/// An approving decision.
pub(crate) fn wire_decision(approval_id: String) -> pb::DecideRequest {
    pb::DecideRequest {
        approval_id,
        choice: pb::VoteChoice::Approve.into(),
        seen: Some(pb::decide_request::Seen::Revision(1)),
        comment: COMMENT.to_owned(),
        ..pb::DecideRequest::default()
    }
}

static CONTEXT: LazyLock<std::sync::Mutex<ContextV7>> = LazyLock::new(|| std::sync::Mutex::new(ContextV7::new()));

pub(crate) fn now() -> Time {
    SystemWall.wall()
}

/// A new UUIDv7.
pub(crate) fn uuid() -> Uuid {
    let now = now();
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(&*CONTEXT, seconds, now.timestamp_subsec_nanos()))
}

/// The verdict on the request, and its digest: computed once, so that only the store is measured.
#[derive(Debug)]
pub(crate) struct Prepared {
    arguments: Arguments,
    digest: Digest,
    agent: Agent,
    labels: BTreeMap<String, String>,
    verdict: Arc<Verdict>,
    schema: Option<Arc<str>>,
}

impl Prepared {
    pub(crate) fn new() -> Outcome<Self> {
        Self::judged_by(&Policy::default())
    }

    pub(crate) fn judged_by(policy: &Policy) -> Outcome<Self> {
        let object = ARGUMENTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let arguments = Arguments::new(object)?;
        let agent = Agent { name: "billing-bot".into(), run_id: "run-48213".into(), chain: vec!["planner".to_owned()] };
        let labels = [("team".to_owned(), "billing".to_owned())].into();
        let call = Call {
            tool_name: TOOL,
            arguments: &arguments,
            agent: &agent,
            labels: &labels,
            caller: &caller(0),
            now: now(),
        };
        let judgement = policy.judge(&call, Effort::Full);
        let verdict = judgement.verdict("0".into(), Duration::from_secs(300));
        Ok(Self {
            digest: Digest::of(TOOL, &arguments),
            arguments,
            agent,
            labels,
            verdict: Arc::new(verdict),
            schema: None,
        })
    }

    /// As above, with the additions of [`wire_request_with_schema`].
    pub(crate) fn with_schema(self) -> Outcome<Self> {
        let schema = canonical_json(&Json::Object(SCHEMA.clone()))?;
        let more = MORE_LABELS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let labels = self.labels.into_iter().chain(more).collect();
        Ok(Self { labels, schema: Some(schema.into()), ..self })
    }

    /// A new request of one of the callers.
    pub(crate) fn submission(&self, caller_number: usize) -> Submission {
        let id = uuid();
        let request = Request {
            request_id: id.to_string(),
            caller: caller(caller_number),
            on_behalf_of: None,
            tool_name: TOOL.into(),
            digest: self.digest,
            agent: self.agent.clone(),
            reason: REASON.into(),
            labels: self.labels.clone(),
            timeout: TIMEOUT,
            cancel_on_disconnect: false,
            schema: self.schema.clone(),
        };
        Submission {
            id: ApprovalId::new(id),
            request: Arc::new(request),
            arguments: self.arguments.clone(),
            verdict: Arc::clone(&self.verdict),
            now: now(),
            pending_limit: u32::MAX,
        }
    }

    /// A request with, when `decided`, its decision.
    pub(crate) fn history(&self, caller_number: usize, decided: bool) -> Outcome<History> {
        let Submission { id, request: asked, arguments, verdict, now, .. } = self.submission(caller_number);
        let (approval, event) = request(id, asked, arguments, verdict, now)?;
        let mut events = vec![event];
        if decided {
            events.extend(step(&approval, &decision(), now).events);
        }
        Ok(History { id, events })
    }
}

fn caller(number: usize) -> Actor {
    Actor { kind: ActorKind::Agent, issuer: "bench".into(), subject: format!("agent-{number}") }
}

/// An approving decision.
pub(crate) fn decision() -> Command {
    Command::Decide(Deciding {
        actor: Actor { kind: ActorKind::Person, issuer: "bench".into(), subject: "reviewer".into() },
        groups: std::collections::BTreeSet::new(),
        via: None,
        request_id: None,
        choice: Choice::Approve,
        seen: Seen::Revision(1),
        comment: COMMENT.into(),
        edit: None,
        needs_others: false,
        provenance: None,
    })
}
