//! PagerDuty, end to end: the real server, and a server with the shape of the Events API.

#[path = "../../src/notify/pagerduty/tests/events_api.rs"]
mod events_api;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use http::Method;
use signoff::proto::v1::{
    ActorKind, Agent, Approval, CancelApprovalRequest, CreateTokenRequest, RequestApprovalRequest, Role, VoteChoice,
};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use self::events_api::Alerts;
use crate::{
    browser::Browser,
    calls::{ask, decide, open},
    notify::receiver::request,
    server::{Process, Server, age, serve, soon},
};

const KEY: &str = "R0UTINGKEYR0UTINGKEYR0UTINGKEY32";

/// PagerDuty.
struct Receiver {
    url: String,
    alerts: Arc<Mutex<Alerts>>,
    events: watch::Sender<usize>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v2/enqueue", listener.local_addr().unwrap());
        let (alerts, events) = (Arc::<Mutex<Alerts>>::default(), watch::Sender::new(0));
        let shared = (Arc::clone(&alerts), events.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        Self { url, alerts, events }
    }

    /// Waits until an alert has this history.
    async fn until(&self, dedup_key: &str, history: &[&str]) {
        let mut events = self.events.subscribe();
        let has = |_: &usize| self.alerts.lock().unwrap().of(dedup_key) == history;
        soon(&format!("{history:?}"), events.wait_for(has)).await.unwrap();
    }
}

/// Answers the events of one connection.
async fn answer(stream: TcpStream, (alerts, events): (Arc<Mutex<Alerts>>, watch::Sender<usize>)) {
    let mut stream = BufReader::new(stream);
    while let Some((headers, body)) = request(&mut stream).await {
        assert_eq!(headers.get("content-type").map(String::as_str), Some("application/json"));
        let (status, body) = alerts.lock().unwrap().enqueue(&body);
        events.send_modify(|count| *count += 1);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Starts a server that tells PagerDuty. Two reviewers must agree.
async fn start(data: &Path, pagerduty: &Receiver) -> Server {
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    fs::write(path("key"), KEY).unwrap();
    fs::write(path("policy.yaml"), "unlisted_tools: { require_approval: { quorum: 2 } }").unwrap();
    age(&data.join("policy.yaml"));
    let text = format!(
        "public_url = \"https://signoff.example\"\npolicy = {:?}\n[notify]\ndefault = [\"oncall\"]\n[channels.oncall]\n\
         kind = \"pagerduty\"\nurl = {:?}\nrouting_key_file = {:?}\nallow_http = true\n\
         allowed_networks = [\"127.0.0.0/8\"]\n",
        path("policy.yaml"),
        pagerduty.url,
        path("key"),
    );
    fs::write(path("signoff.toml"), text).unwrap();
    let mut command = serve(&data.join("store"), &["limits.timeout_min=10ms"]);
    command.arg("--config").arg(path("signoff.toml"));
    match Process::spawn(&data.join("store"), command).listening().await {
        Ok(server) => server,
        Err((status, log)) => panic!("the server ended with {status}:\n{log}"),
    }
}

async fn asked(server: &Server, agent: &str, seconds: i64) -> Approval {
    let named = Some(Agent { name: agent.to_owned(), ..Agent::default() });
    let timeout = Some(prost_types::Duration { seconds, nanos: 0 });
    let request = RequestApprovalRequest { agent: named, timeout, ..ask(agent) };
    open(&mut server.agent(), request).await.unwrap().1
}

#[tokio::test]
async fn every_end_resolves_the_alert() {
    let (data, pagerduty) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let server = start(data.path(), &pagerduty).await;
    let roles = vec![Role::Reviewer.into()];
    let bob = CreateTokenRequest { subject: "bob".into(), kind: ActorKind::Person.into(), roles, ..Default::default() };
    let bob = server.access(&server.tokens().operator).create_token(bob).await.unwrap().into_inner().secret;

    for end in ["timeout", "desk", "grpc", "cancel"] {
        // Long enough for a vote.
        let approval = asked(&server, end, if end == "timeout" { 5 } else { 300 }).await;
        pagerduty.until(&approval.id, &["trigger"]).await;
        server.reviewer().decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap();
        pagerduty.until(&approval.id, &["trigger", "acknowledge"]).await;
        match end {
            "timeout" => {}
            "desk" => {
                let (desk, mut browser) = (format!("http://{}", server.address()), Browser::default());
                let page = format!("/approvals/{}", approval.id);
                browser.sign_in(&desk, &bob, &page).await;
                let shown = browser.get(&format!("{desk}{page}")).await;
                let form = format!("csrf={}&seen={}&choice=approve", shown.hidden("csrf"), shown.hidden("seen"));
                let decided = browser.send(Method::POST, &format!("{desk}{page}/decide"), Some(&form)).await;
                assert_eq!((decided.status, decided.location()), (303, &*page), "{}", decided.text);
            }
            "grpc" => drop(server.client(&bob).decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap()),
            _ => {
                let cancel = CancelApprovalRequest { approval_id: approval.id.clone(), ..Default::default() };
                server.agent().cancel_approval(cancel).await.unwrap();
            }
        }
        pagerduty.until(&approval.id, &["trigger", "acknowledge", "resolve"]).await;
    }
    assert_eq!(pagerduty.alerts.lock().unwrap().last(), ["resolve"; 4], "an alert for each approval, and no other one");
}
