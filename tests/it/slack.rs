//! Slack, end to end: the real server, a server with the shape of Slack, and people who click.

#[path = "../../src/notify/slack/tests/block_kit.rs"]
mod block_kit;
mod clicks;
mod endings;
mod kills;
#[path = "../../src/notify/slack/tests/receiver.rs"]
#[expect(dead_code, reason = "shared with the tests of the channel, which also use the rest")]
mod receiver;

use std::{fs, path::Path};

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use sha2::Sha256;
use signoff::proto::v1::{Agent, Approval, GetApprovalRequest, RequestApprovalRequest};

use self::receiver::{CHANNEL, Receiver, TEAM, TOKEN, labels};
use crate::{
    calls::{ask, open},
    server::{Process, Server, age, serve, soon},
};

/// The app's signing secret.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// Slack users. `U0ASKER` is the person of the agent's token, and `U0CAROL` is not asked by the policy.
const ALICE: &str = "U0ALICE";
const CAROL: &str = "U0CAROL";
const ASKER: &str = "U0ASKER";
const STRANGER: &str = "U0STRANGER";

/// The tool of every request.
const TOOL: &str = "pay";

/// The development reviewer is asked too, so that it can decide at the desk and by gRPC.
const POLICY: &str = r#"
rules:
  - name: payments
    tools: [pay]
    require_approval: { reviewers: ["group:finance", "user:dev/reviewer"], min_assurance: CHAT }
"#;

/// Writes the configuration of a server that tells Slack.
fn configure(data: &Path, slack: &Receiver) {
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    for (name, content) in [("token", TOKEN), ("signing", SECRET), ("policy.yaml", POLICY)] {
        fs::write(path(name), content).unwrap();
    }
    age(&data.join("policy.yaml"));
    let people = [(ALICE, "alice", "finance"), (CAROL, "carol", "legal"), (ASKER, "asker", "finance")];
    let people = people.map(|(id, subject, group)| {
        format!("[channels.chat.people.{id}]\nsubject = \"{subject}\"\ngroups = [\"{group}\"]\n")
    });
    let text = format!(
        "public_url = \"https://signoff.example\"\npolicy = {:?}\n[notify]\ndefault = [\"chat\"]\n[channels.chat]\n\
         kind = \"slack\"\ntoken_file = {:?}\nsigning_secret_file = {:?}\nchannel = \"{CHANNEL}\"\n\
         api_url = \"{}/api\"\nallow_http = true\nallowed_networks = [\"127.0.0.0/8\"]\ninterruptions = 1000\n\
         teams = [\"{TEAM}\"]\nissuer = \"dev\"\n{}",
        path("policy.yaml"),
        path("token"),
        path("signing"),
        slack.origin,
        people.concat(),
    );
    fs::write(data.join("signoff.toml"), text).unwrap();
}

/// Starts a server with the configuration of [`configure`].
async fn start(data: &Path) -> Server {
    let mut command = serve(&data.join("store"), &["limits.timeout_min=10ms", "log.filter=info,signoff=debug"]);
    command.arg("--config").arg(data.join("signoff.toml"));
    match Process::spawn(&data.join("store"), command).listening().await {
        Ok(server) => server,
        Err((status, log)) => panic!("the server ended with {status}:\n{log}"),
    }
}

/// A server, and the Slack that it tells.
struct Office {
    slack: Receiver,
    server: Server,
    _data: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        let (data, slack) = (tempfile::tempdir().unwrap(), Receiver::start().await);
        configure(data.path(), &slack);
        Self { server: start(data.path()).await, slack, _data: data }
    }

    /// Asks as the development agent, and waits until Slack shows buttons. Returns the message's timestamp, too.
    async fn shown(&self, request: RequestApprovalRequest) -> (Approval, String) {
        let (_, approval) = open(&mut self.server.agent(), request).await.unwrap();
        let ts = self.buttons(&approval.id).await;
        (approval, ts)
    }

    /// Waits until Slack shows buttons for an approval.
    async fn buttons(&self, id: &str) -> String {
        self.until("buttons", |slack| message_of(slack, id).is_some_and(|(_, message)| !labels(&message).is_empty()))
            .await;
        let (ts, message) = message_of(&self.slack, id).unwrap();
        assert_eq!(labels(&message), ["Approve", "Reject", "Open"]);
        ts
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Receiver) -> bool) {
        soon(what, self.slack.until(is_so)).await;
    }

    /// Waits for another note to one person.
    async fn note(&self, before: usize) -> String {
        self.until("a note", |slack| slack.notes().len() > before).await;
        assert_eq!(self.slack.notes().len(), before + 1, "{:?}", self.slack.notes());
        self.slack.notes().pop().unwrap()
    }

    /// The approval as it is now.
    async fn approval(&self, id: &str) -> Approval {
        let request = GetApprovalRequest { approval_id: id.to_owned(), include_events: false };
        self.server.operator().get_approval(request).await.unwrap().into_inner().approval.unwrap()
    }

    /// Sends what Slack sends. Returns its answer.
    async fn interact(&self, payload: &Value) -> (u16, String) {
        let body = form(payload);
        let at = now();
        self.send(at, &sign(SECRET, at, &body), body).await
    }

    /// Sends an interaction with these headers.
    async fn send(&self, at: i64, signature: &str, body: String) -> (u16, String) {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}/slack/interactions/chat", self.server.address()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", at)
            .header("x-slack-signature", signature)
            .body(Full::<Bytes>::from(body))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = soon("an answer", client.request(request)).await.unwrap();
        let status = answer.status().as_u16();
        let body = soon("the answer ends", answer.into_body().collect()).await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// A request of an agent of this name. Requests of one agent would become one message without buttons.
fn asking(agent: &str) -> RequestApprovalRequest {
    let named = Some(Agent { name: agent.to_owned(), ..Agent::default() });
    RequestApprovalRequest { tool_name: TOOL.into(), agent: named, ..ask(agent) }
}

/// The newest message about an approval: only its link has the id.
fn message_of(slack: &Receiver, id: &str) -> Option<(String, Value)> {
    slack.messages().into_iter().rfind(|(_, message)| message.to_string().contains(&format!("/approvals/{id}")))
}

/// A payload as Slack sends it.
fn form(payload: &Value) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

/// Signs as Slack documents it, with another implementation than the server's.
fn sign(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v0={hex}")
}

/// Seconds since 1970, by the clock of the machine, as Slack knows it.
#[expect(clippy::disallowed_methods, reason = "Slack is another system, with a clock of its own")]
fn now() -> i64 {
    chrono::Utc::now().timestamp()
}
