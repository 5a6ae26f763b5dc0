//! The channel and its endpoint against a server with the shape of Slack, over the in-memory store. The tests play the
//! dispatcher: [`World::tell`] sends the newest event, with what the channel returned before.

mod block_kit;
mod clicks;
mod endings;
mod forged;
mod forms;
mod injected;
mod people;
mod receiver;
mod sending;
mod settings;
mod webhook;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use self::receiver::{CHANNEL, Receiver, TEAM, TOKEN};
use super::signature::sign;
use crate::{
    approvals::{self, Approvals, Message as Update},
    clock::{Clock, ManualClock, WallClock},
    control::Control,
    domain::{
        Actor, ActorKind, Agent, Approval, ApprovalId, ChannelState, Choice, NewDecision, NewRequest, NotificationKind,
        Seen, Surface,
        limits::RequestLimits,
        samples::{arguments, at},
    },
    grpc::{Admission, CallLimits},
    identity::{Authenticator, BlockedSubjects, Credentials, Principal, Unrecognised},
    notify::{
        Answering, Channel, ChannelSettings, Links, Message, Resources, SendError, Sent, Subject, router::router,
    },
    policies::Policies,
    policy::{Judge, Policy, PolicyChange},
    store::{ApprovalStore as _, Store},
    telemetry::Metrics,
    test_support::{Staged, agent, operator},
};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const NAME: &str = "finance-slack";

/// Slack users. The agent's own person is `U0ASKER`.
const ALICE: &str = "U0ALICE";
const BOB: &str = "U0BOB";
const CAROL: &str = "U0CAROL";
const ASKER: &str = "U0ASKER";
const STRANGER: &str = "U0STRANGER";

/// The server around the channel.
struct World {
    clock: Arc<ManualClock>,
    store: Arc<Staged>,
    slack: Receiver,
    settings: ChannelSettings,
    channel: Arc<dyn Channel>,
    answering: Answering,
    router: Router,
    states: Mutex<BTreeMap<ApprovalId, ChannelState>>,
    secrets: TempDir,
}

/// Knows nobody.
struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, _: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised> {
        Err(Unrecognised::Unknown)
    }
}

/// A policy whose default asks the group `finance`, and accepts approvals from chat.
fn policy(more: Value) -> Value {
    let mut asks = json!({ "reviewers": ["group:finance"], "min_assurance": "MIN_ASSURANCE_CHAT" });
    for (key, value) in more.as_object().unwrap() {
        asks[key] = value.clone();
    }
    json!({ "unlisted_tools": { "require_approval": asks } })
}

impl World {
    async fn new() -> Self {
        Self::with(policy(json!({}))).await
    }

    async fn with(document: Value) -> Self {
        let people = format!(
            "teams = ['{TEAM}']\nissuer = 'test'\n[people.{ALICE}]\nsubject = 'alice'\ngroups = ['finance']\n\
             [people.{BOB}]\nsubject = 'bob'\ngroups = ['finance']\n[people.{CAROL}]\nsubject = 'carol'\n\
             [people.{ASKER}]\nsubject = 'asker'\ngroups = ['finance']"
        );
        Self::with_fields(document, &format!("signing_secret_file = 'DIR/signing'\n{people}")).await
    }

    /// With these further fields of the channel. `DIR` is the directory with the secrets.
    async fn with_fields(document: Value, fields: &str) -> Self {
        let (clock, store, slack) =
            (Arc::new(ManualClock::new(at(0))), Arc::new(Staged::default()), Receiver::start().await);
        let secrets = TempDir::new().unwrap();
        for (name, secret) in [("token", TOKEN), ("signing", SECRET)] {
            std::fs::write(secrets.path().join(name), secret).unwrap();
        }
        let fields = format!(
            "kind = 'slack'\ntoken_file = 'DIR/token'\nchannel = '{CHANNEL}'\napi_url = '{}/api'\nallow_http = true\n\
             allowed_networks = ['127.0.0.0/8']\n{fields}",
            slack.origin
        );
        let fields = fields.replace("DIR", secrets.path().to_str().unwrap());
        let settings = ChannelSettings::parse(NAME.parse().unwrap(), fields.parse().unwrap()).unwrap();
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let links = Links::new(Some("https://signoff.example".parse().unwrap()));
        let channel = settings.kind.build(&Resources { clock: Arc::clone(&time), links, minter: None }).unwrap();

        let window = Duration::from_secs(300);
        let policies =
            Policies::from_store(Control::new(Arc::clone(&shared)), Arc::clone(&time), window).await.unwrap();
        let waiting = approvals::Settings {
            heartbeat: Duration::from_secs(15),
            max_stream_age: Duration::from_secs(3_600),
            pending_per_caller: 1_000,
        };
        let judge = Arc::clone(&policies) as Arc<dyn Judge>;
        let approvals = Approvals::new(Control::new(Arc::clone(&shared)), judge, Arc::clone(&time), waiting);
        let clocks = (Arc::clone(&clock) as Arc<dyn WallClock>, Arc::clone(&time));
        let admission = Admission::new(Arc::new(Nobody), clocks, &CallLimits::default(), Metrics::new("test"));
        let answering = Answering {
            approvals,
            policies,
            store: shared,
            blocked: BlockedSubjects::default(),
            admission,
            limits: RequestLimits::default(),
        };
        let router = router([(&NAME.parse().unwrap(), &channel)], &answering);
        let world =
            Self { clock, store, slack, settings, channel, answering, router, states: Mutex::default(), secrets };
        world.set_policy(document).await;
        world
    }

    async fn set_policy(&self, document: Value) {
        let policy = Arc::new(Policy::compile(serde_json::from_value(document).unwrap()).unwrap());
        let comment = String::new();
        let change = PolicyChange { request_id: None, policy, expected: None, comment, validate_only: false };
        self.answering.policies.set(&operator(), change).await.unwrap();
    }

    /// Requests approval as the agent.
    async fn ask(&self, asked: Value) -> ApprovalId {
        self.ask_for(asking(asked)).await
    }

    async fn ask_for(&self, new: NewRequest) -> ApprovalId {
        let mut follower = Arc::clone(&self.answering.approvals).request(agent(), new, 0).await.unwrap();
        match follower.next().await.unwrap().unwrap() {
            Update::Update { approval, .. } => approval.id,
            Update::Progress { .. } => panic!("Progress instead of an update"),
        }
    }

    /// Requests approval, and tells the channel. Returns the timestamp of the message, too.
    async fn ask_and_tell(&self, asked: Value) -> (ApprovalId, String) {
        let id = self.ask(asked).await;
        self.tell(id).await.unwrap();
        let (ts, _) = self.slack.messages().pop().unwrap();
        (id, ts)
    }

    async fn approval(&self, id: ApprovalId) -> Arc<Approval> {
        self.store.get(id).await.unwrap()
    }

    /// The message about the newest event.
    async fn newest(&self, id: ApprovalId) -> Message {
        let approval = self.approval(id).await;
        let events = self.store.events(id, 0, approval.revision).await.unwrap();
        let event = events.iter().rev().find(|event| NotificationKind::of(&event.kind).is_some()).unwrap();
        let subject = Subject::Approval {
            kind: NotificationKind::of(&event.kind).unwrap(),
            revision: event.revision,
            at: event.at,
            approval: Box::new(self.answering.policies.display(&approval).await.redacted(&approval)),
        };
        let links = Links::new(Some("https://signoff.example".parse().unwrap()));
        Message { id: "msg_1".into(), subject, now: self.clock.now(), links }
    }

    /// Delivers the newest event, as the dispatcher does: a message that was begun is completed.
    async fn tell(&self, id: ApprovalId) -> Result<Sent, SendError> {
        loop {
            let message = self.newest(id).await;
            let sent = self.deliver(id, &message).await?;
            if !sent.begun {
                return Ok(sent);
            }
        }
    }

    async fn deliver(&self, id: ApprovalId, message: &Message) -> Result<Sent, SendError> {
        let state = self.states.lock().unwrap().get(&id).cloned();
        let sent = self.channel.send(message, state.as_ref()).await?;
        if let Some(state) = &sent.state {
            self.states.lock().unwrap().insert(id, state.clone());
        }
        Ok(sent)
    }

    /// Decides at the desk.
    async fn decide(&self, id: ApprovalId, by: &Principal, choice: Choice) -> Approval {
        let new = NewDecision {
            id,
            request_id: None,
            choice,
            seen: Seen::Revision(self.approval(id).await.revision),
            comment: "no budget".into(),
            edit: None,
            on_behalf_of: None,
            surface: Surface::Desk,
            opened: Vec::new(),
        };
        self.answering.approvals.decide(by, new).await.unwrap()
    }

    /// Edits and approves at the desk.
    async fn edit(&self, id: ApprovalId, by: &Principal, edited: Value) {
        let seen = Seen::Revision(self.approval(id).await.revision);
        let new = NewDecision {
            id,
            request_id: None,
            choice: Choice::Approve,
            seen,
            comment: "less".into(),
            edit: Some(arguments(&edited)),
            on_behalf_of: None,
            surface: Surface::Desk,
            opened: Vec::new(),
        };
        self.answering.approvals.decide(by, new).await.unwrap();
    }

    /// Rejects by the form of a message.
    async fn decide_by_form(&self, ts: &str, user: &str, comment: &str) {
        let view = self.form(ts, "signoff_reject", user).await;
        let (_, answer) = self.interact(&self.slack.submit(&view, user, None, Some(comment))).await;
        assert_eq!(answer, json!({ "response_action": "clear" }));
    }

    /// The channel of another process with the same configuration.
    fn channel_again(&self) -> Arc<dyn Channel> {
        let links = Links::new(Some("https://signoff.example".parse().unwrap()));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        self.settings.kind.build(&Resources { clock, links, minter: None }).unwrap()
    }

    /// What Slack sends, signed now.
    fn signed(&self, payload: &Value) -> Request<Body> {
        let now = self.clock.wall().timestamp();
        let body = body(payload);
        let signature = sign(SECRET, now, &body);
        request(&now.to_string(), &signature, body)
    }

    /// Sends what Slack sends. Returns the answer.
    async fn interact(&self, payload: &Value) -> (StatusCode, Value) {
        self.send(self.signed(payload)).await
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into()))
    }

    /// Clicks on a button, which must be there. Slack gets an empty answer.
    async fn click(&self, ts: &str, action_id: &str, user: &str) {
        let payload = self.slack.click(ts, action_id, user).expect("a button");
        self.click_as(&payload).await;
    }

    async fn click_as(&self, payload: &Value) {
        assert_eq!(self.interact(payload).await, (StatusCode::OK, "".into()));
    }

    /// Clicks on *Reject* and returns the form.
    async fn form(&self, ts: &str, action_id: &str, user: &str) -> Value {
        let before = self.slack.views().len();
        self.click(ts, action_id, user).await;
        self.slack.until(|slack| slack.views().len() > before).await;
        self.slack.views().pop().unwrap()
    }

    /// Waits for a note to one person.
    async fn note(&self, count: usize) -> String {
        self.slack.until(|slack| slack.notes().len() >= count).await;
        assert_eq!(self.slack.notes().len(), count, "{:?}", self.slack.notes());
        self.slack.notes().pop().unwrap()
    }
}

/// A request of the agent, on behalf of the person behind `U0ASKER`.
fn asking(asked: Value) -> NewRequest {
    NewRequest {
        request_id: None,
        tool_name: "process_payment".into(),
        arguments: arguments(&asked),
        agent: Agent { name: "bot".into(), ..Agent::default() },
        reason: "The invoice is due.".into(),
        labels: BTreeMap::new(),
        timeout: Duration::from_secs(300),
        schema: None,
        cancel_on_disconnect: false,
        on_behalf_of: None,
    }
}

fn person(subject: &str) -> Actor {
    Actor { kind: ActorKind::Person, issuer: "test".into(), subject: subject.into() }
}

/// A payload as Slack sends it.
fn body(payload: &Value) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

fn request(timestamp: &str, signature: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("/slack/interactions/{NAME}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-slack-request-timestamp", timestamp)
        .header("x-slack-signature", signature)
        .body(body.into())
        .unwrap()
}
