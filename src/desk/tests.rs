//! The pages over the in-memory store, with a clock and a policy that the tests control. Tests of every page use
//! [`World`]; they are in files of `tests/`.

mod admin_pages;
mod approval;
mod assets;
mod deliveries;
mod freezes;
mod links;
mod policy;
mod queue;
mod session_pages;
mod sign_in;
mod tokens;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{Desk, Hosts, csrf::CsrfToken, router};
use crate::{
    admin::{self, Admin, Deliveries, RunningChannels},
    approvals::{self, Approvals, Message},
    clock::{Clock, ManualClock, WallClock},
    control::Control,
    domain::{
        Agent, Approval, ApprovalId, NewRequest, Routes, SignIn,
        limits::RequestLimits,
        samples::{arguments, at},
    },
    grpc::{Admission, CallLimits, Streams},
    identity::{AuthenticationMethod, Authenticator, Credentials, Principal, Unrecognised},
    links::Links,
    policies::Policies,
    policy::{Policy, PolicyChange},
    sessions::{self, Sessions},
    store::{ApprovalStore as _, Store},
    telemetry::Metrics,
    test_support::{ScriptedChannels, Staged, agent, operator},
    tokens::Tokens,
};

/// The desk and its environment.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Arc<Staged>,
    pub(super) desk: Arc<Desk>,
    pub(super) channels: Arc<ScriptedChannels>,
    router: Router,
}

/// What is not the same on every server.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) thaw_requires_other_operator: bool,
    /// The file that governs the policy.
    pub(super) policy_file: Option<PathBuf>,
    /// The channels of notifications.
    pub(super) routes: Routes,
    /// What the receiver of the channel `hook` answers to a test.
    pub(super) answer: String,
}

/// A signed-in person's browser.
pub(super) struct Person {
    secret: String,
}

/// A response.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// Knows nobody: people sign in without it.
struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, _: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised> {
        Err(Unrecognised::Unknown)
    }
}

impl World {
    /// With a policy that asks any reviewer about every call.
    pub(super) async fn new() -> Self {
        Self::with_policy(json!({"unlisted_tools": {"require_approval": {}}})).await
    }

    /// With a policy, as its document.
    pub(super) async fn with_policy(document: Value) -> Self {
        Self::with_setup(document, Setup::default()).await
    }

    /// With a policy, as its document, on a server with other settings.
    pub(super) async fn with_setup(document: Value, setup: Setup) -> Self {
        let Setup { thaw_requires_other_operator, policy_file, routes, answer } = setup;
        let (clock, store) = (Arc::new(ManualClock::new(at(0))), Arc::new(Staged::with_routes(routes.clone())));
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let window = Duration::from_secs(300);
        let governed = policy_file.is_some();
        let compiled = Policy::compile(serde_json::from_value(document.clone()).unwrap()).unwrap();
        let (kept, dated) = (Arc::clone(&shared), Arc::clone(&time));
        let policies = match policy_file {
            None => Policies::from_store(Control::new(kept), dated, window).await.unwrap(),
            Some(path) => Policies::from_file(Control::new(kept), dated, window, path, compiled).await.unwrap(),
        };
        let settings = approvals::Settings {
            heartbeat: Duration::from_secs(15),
            max_stream_age: Duration::from_secs(3_600),
            pending_per_caller: 100_000,
        };
        let judge = Arc::clone(&policies) as Arc<dyn crate::policy::Judge>;
        let approvals = Approvals::new(Control::new(Arc::clone(&shared)), judge, Arc::clone(&time), settings);
        let process = admin::Process {
            policy_version: Box::new(|| 1),
            draining: CancellationToken::new(),
            notification_problems: Box::new(Vec::new),
        };
        let thawing = admin::Settings { thaw_requires_other_operator };
        let limits = CallLimits::default();
        let clocks = (Arc::clone(&clock) as Arc<dyn WallClock>, Arc::clone(&time));
        let tokens = Tokens::load(Control::new(Arc::clone(&shared)), Arc::clone(&time)).await.unwrap();
        let settings = sessions::Settings { dev: true, ..sessions::Settings::default() };
        let sessions =
            Sessions::load(Control::new(Arc::clone(&shared)), Arc::clone(&time), tokens.registry(), settings)
                .await
                .unwrap();
        let channels = Arc::new(ScriptedChannels { answer, ..ScriptedChannels::of(&routes) });
        let running = Arc::clone(&channels) as Arc<dyn RunningChannels>;
        let outbox = Arc::clone(&store) as Arc<dyn crate::store::OutboxStore>;
        let keys = Arc::clone(&store) as Arc<dyn crate::store::SigningKeyStore>;
        let links = Links::new(keys, Arc::clone(&approvals), Arc::clone(&policies));
        let desk = Arc::new(Desk {
            deliveries: Deliveries::new(outbox, running, routes, Arc::clone(&time)),
            approvals,
            links,
            policies,
            tokens,
            sessions,
            sign_in: None,
            admin: Admin::new(Control::new(shared), Arc::clone(&time), thawing, process),
            admission: Admission::new(Arc::new(Nobody), clocks, &limits, Metrics::new("test")),
            streams: Arc::new(Streams::new(&limits)),
            clock: time,
            limits: RequestLimits::default(),
            hosts: Hosts::new("127.0.0.1:7766".parse().unwrap(), false, None, &[]),
            dev_link: None,
        });
        let world = Self { clock, store, channels, router: router(Arc::clone(&desk)), desk };
        if !governed {
            world.set_policy(document).await;
        }
        world
    }

    /// Sets a policy, as its document.
    pub(super) async fn set_policy(&self, document: Value) {
        let policy = Arc::new(Policy::compile(serde_json::from_value(document).unwrap()).unwrap());
        let comment = String::new();
        let change = PolicyChange { request_id: None, policy, expected: None, comment, validate_only: false };
        self.desk.policies.set(&operator(), change).await.unwrap();
    }

    /// Requests approval as the agent.
    pub(super) async fn ask(&self, tool: &str, asked: Value) -> ApprovalId {
        self.ask_for(asking(tool, asked)).await
    }

    /// Requests approval as the agent.
    pub(super) async fn ask_for(&self, new: NewRequest) -> ApprovalId {
        let mut follower = Arc::clone(&self.desk.approvals).request(agent(), new, 0).await.unwrap();
        match follower.next().await.unwrap().unwrap() {
            Message::Update { approval, .. } => approval.id,
            Message::Progress { .. } => panic!("Progress instead of an update"),
        }
    }

    /// The approval on record.
    pub(super) async fn approval(&self, id: ApprovalId) -> Arc<Approval> {
        self.store.get(id).await.unwrap()
    }

    /// Signs a person in.
    pub(super) async fn sign_in(&self, principal: &Principal) -> Person {
        let principal = Principal { method: AuthenticationMethod::DevToken, ..principal.clone() };
        let (_, secret) = self.desk.sessions.start(&principal, SignIn::DevToken).await.unwrap();
        Person { secret: secret.reveal().to_owned() }
    }

    /// `GET` of a page.
    pub(super) async fn get(&self, person: &Person, path: &str) -> Page {
        self.send(person.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// `POST` of a form from a page of the person.
    pub(super) async fn post(&self, person: &Person, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = CsrfToken::of_session(&person.secret).to_string();
        let fields = fields.iter().copied().chain([("csrf", csrf.as_str())]);
        self.post_fields(person, path, &form(fields)).await
    }

    /// `POST` of these fields and no others.
    pub(super) async fn post_fields(&self, person: &Person, path: &str, form: &str) -> Page {
        let request = person
            .request("POST", path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Any request.
    pub(super) async fn send(&self, request: Request<Body>) -> Page {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await.unwrap();
        Page { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// The body of an open stream of events.
    pub(super) async fn stream(&self, person: &Person, path: &str) -> Body {
        let request = person.request("GET", path).header(header::ACCEPT, "text/event-stream");
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }
}

impl Page {
    /// The value of a hidden field of a form.
    pub(super) fn hidden(&self, name: &str) -> String {
        let begin = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&begin).unwrap_or_else(|| panic!("no {name}: {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Where a redirect leads to.
    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// Whether the page has every one of these texts.
    #[track_caller]
    pub(super) fn assert_has(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.body.contains(text), "no {text:?}: {}", self.body);
        }
    }
}

impl Person {
    /// The start of a request with the person's cookie.
    pub(super) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let cookie = format!("signoff_session_7766={}", self.secret);
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:7766")
            .header(header::COOKIE, cookie)
    }
}

/// A request of the agent "bot" for a tool, with a timeout of 300 s.
pub(super) fn asking(tool: &str, asked: Value) -> NewRequest {
    NewRequest {
        request_id: None,
        tool_name: tool.into(),
        arguments: arguments(&asked),
        agent: Agent { name: "bot".into(), ..Agent::default() },
        reason: String::new(),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        timeout: Duration::from_secs(300),
        schema: None,
        cancel_on_disconnect: false,
        on_behalf_of: None,
    }
}

/// Fields as a browser encodes them.
pub(super) fn form<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    let fields: Vec<String> = fields.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    fields.join("&")
}
