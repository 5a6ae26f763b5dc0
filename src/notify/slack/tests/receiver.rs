//! A server with the shape of Slack, written from <https://docs.slack.dev>: it checks what the documented methods check,
//! keeps messages and forms, and makes the interactions that Slack would send.
//!
//! Uses nothing of this crate, so that it can stand in for Slack in other tests, too.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::block_kit;

pub(crate) const TOKEN: &str = "xoxb-0123-secret";
pub(crate) const CHANNEL: &str = "C0123ABCD";
pub(crate) const TEAM: &str = "T0123ABCD";

/// Slack.
#[derive(Clone)]
pub(crate) struct Receiver {
    /// Where it listens, such as `http://127.0.0.1:4000`.
    pub(crate) origin: String,
    state: Arc<Mutex<State>>,
    changes: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<String, Value>,
    calls: Vec<(String, Value)>,
    notes: Vec<Value>,
    views: Vec<Value>,
    webhooks: Vec<Value>,
    /// What is wrong with the calls so far.
    problems: Vec<String>,
    /// Answers to the next calls of a method: a status, headers, and a body.
    answers: VecDeque<(String, Reply)>,
    /// What happens at the next call of a method, before it is answered.
    before: Option<(String, Box<dyn FnOnce() + Send>)>,
    triggers: BTreeSet<String>,
    numbers: u64,
}

/// An answer in place of the usual one.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: &'static str,
    pub(crate) body: String,
}

impl Reply {
    /// `ok: false` with a code.
    pub(crate) fn code(code: &str) -> Self {
        Self { status: 200, headers: "", body: json!({ "ok": false, "error": code }).to_string() }
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { origin, state: Arc::default(), changes: Arc::new(watch::Sender::new(0)) };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        receiver
    }

    /// Answers the next call of a method in another way.
    pub(crate) fn answer_next(&self, method: &str, reply: Reply) {
        self.state(|state| state.answers.push_back((method.to_owned(), reply)));
    }

    /// Does something at the next call of a method, before it is answered.
    pub(crate) fn before_next(&self, method: &str, happens: impl FnOnce() + Send + 'static) {
        self.state(|state| state.before = Some((method.to_owned(), Box::new(happens))));
    }

    /// Deletes a message, as a person can.
    pub(crate) fn delete(&self, ts: &str) {
        self.state(|state| drop(state.messages.remove(ts)));
    }

    /// The messages, by their timestamps.
    pub(crate) fn messages(&self) -> Vec<(String, Value)> {
        self.state(|state| state.messages.clone().into_iter().collect())
    }

    /// The only message.
    pub(crate) fn message(&self) -> (String, Value) {
        let [message] = <[_; 1]>::try_from(self.messages()).unwrap();
        message
    }

    /// The calls of a method.
    pub(crate) fn calls(&self, method: &str) -> Vec<Value> {
        let of = |calls: &Vec<(String, Value)>| {
            calls.iter().filter(|(name, _)| name == method).map(|(_, arguments)| arguments.clone()).collect()
        };
        self.state(|state| of(&state.calls))
    }

    /// The notes that only one person saw.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.state(|state| state.notes.iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect())
    }

    /// The forms that were opened.
    pub(crate) fn views(&self) -> Vec<Value> {
        self.state(|state| state.views.clone())
    }

    /// What incoming webhooks got.
    pub(crate) fn webhooks(&self) -> Vec<Value> {
        self.state(|state| state.webhooks.clone())
    }

    /// Fails if a call broke a documented rule.
    #[track_caller]
    pub(crate) fn assert_no_problems(&self) {
        let problems = self.state(|state| state.problems.clone());
        assert!(problems.is_empty(), "{problems:#?}");
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let mut changes = self.changes.subscribe();
        while !is_so(self) {
            changes.changed().await.unwrap();
        }
    }

    /// The payload of a click on a button of a message. `None` if the message has no such button.
    pub(crate) fn click(&self, ts: &str, action_id: &str, user: &str) -> Option<Value> {
        let message = self.state(|state| state.messages.get(ts).cloned())?;
        let (block, button) = buttons(&message).into_iter().find(|(_, button)| button["action_id"] == action_id)?;
        Some(self.payload(ts, &message, &block, &button, user))
    }

    fn payload(&self, ts: &str, message: &Value, block: &Value, button: &Value, user: &str) -> Value {
        let number = self.number();
        let trigger = format!("{number}.13345224609.738474920.8088930838d88f008e0");
        self.state(|state| state.triggers.insert(trigger.clone()));
        let mut action = button.clone();
        action["block_id"] = block["block_id"].as_str().unwrap_or("bHxn").into();
        action["action_ts"] = format!("{number}.482918").into();
        json!({
            "type": "block_actions",
            "user": { "id": user, "username": "someone", "name": "someone", "team_id": TEAM },
            "api_app_id": "A02",
            "token": "Shh_its_a_seekrit",
            "container": { "type": "message", "message_ts": ts, "channel_id": CHANNEL, "is_ephemeral": false },
            "trigger_id": trigger,
            "team": { "id": TEAM, "domain": "acme" },
            "enterprise": null,
            "is_enterprise_install": false,
            "channel": { "id": CHANNEL, "name": "finance" },
            "message": message,
            "state": { "values": {} },
            "response_url": format!("{}/actions/{TEAM}/{number}/xyz", self.origin),
            "actions": [action],
        })
    }

    /// The payload of submitting a form.
    pub(crate) fn submit(&self, view: &Value, user: &str, reason: Option<&str>, comment: Option<&str>) -> Value {
        let mut values = json!({ "comment": { "comment": { "type": "plain_text_input", "value": comment } } });
        if let Some(reason) = reason {
            let selected = json!({ "text": { "type": "plain_text", "text": "x" }, "value": reason });
            values["reason"] = json!({ "reason": { "type": "static_select", "selected_option": selected } });
        }
        let mut view = view.clone();
        view["id"] = format!("V{}", self.number()).into();
        view["state"] = json!({ "values": values });
        json!({
            "type": "view_submission",
            "team": { "id": TEAM, "domain": "acme" },
            "user": { "id": user, "username": "someone", "name": "someone", "team_id": TEAM },
            "api_app_id": "A02",
            "token": "Shh_its_a_seekrit",
            "trigger_id": format!("{}.1.2", self.number()),
            "view": view,
            "response_urls": [],
            "is_enterprise_install": false,
            "enterprise": null,
        })
    }

    fn number(&self) -> u64 {
        self.state(|state| {
            state.numbers += 1;
            state.numbers
        })
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap())
    }

    /// Serves a connection. Its end is the client's matter.
    async fn serve(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Ok((head, body)) = request(&mut stream).await {
            let Reply { status, headers, body } = self.reply(&head, &body);
            self.changes.send_modify(|count| *count += 1);
            let length = body.len();
            let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn reply(&self, head: &str, body: &[u8]) -> Reply {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let ok = |body: Value| Reply { status: 200, headers: "", body: body.to_string() };
        if header("content-type").as_deref() != Some("application/json; charset=utf-8") || !head.starts_with("POST ") {
            self.state(|state| state.problems.push(format!("not a POST of JSON: {head}")));
        }
        let method = path.strip_prefix("/api/").unwrap_or(path.trim_start_matches('/')).to_owned();
        let planned = self.state(|state| {
            state.calls.push((method.clone(), json.clone()));
            let at = state.answers.iter().position(|(of, _)| *of == method)?;
            state.answers.remove(at).map(|(_, reply)| reply)
        });
        if let Some((_, happens)) = self.state(|state| state.before.take_if(|(of, _)| *of == method)) {
            happens();
        }
        if let Some(planned) = planned {
            return planned;
        }
        if path.starts_with("/actions/") {
            self.state(|state| {
                state.problems.extend(block_kit::response(&json));
                state.notes.push(json);
            });
            return Reply { status: 200, headers: "", body: "ok".into() };
        }
        if path.starts_with("/services/") {
            let problems = block_kit::webhook(&json);
            self.state(|state| {
                state.problems.extend(problems);
                state.webhooks.push(json);
            });
            return Reply { status: 200, headers: "", body: "ok".into() };
        }
        match header("authorization") {
            None => return Reply::code("not_authed"),
            Some(bearer) if bearer != format!("Bearer {TOKEN}") => return Reply::code("invalid_auth"),
            Some(_) => {}
        }
        let problems = block_kit::call(&method, &json);
        if !problems.is_empty() {
            self.state(|state| state.problems.extend(problems.clone()));
            let body = json!({ "ok": false, "error": "invalid_blocks", "response_metadata": { "messages": problems } });
            return ok(body);
        }
        if method == "views.open" {
            let fresh = self.state(|state| state.triggers.remove(json["trigger_id"].as_str().unwrap_or_default()));
            if !fresh {
                return Reply::code("exchanged_trigger_id");
            }
            self.state(|state| state.views.push(json["view"].clone()));
            return ok(json!({ "ok": true, "view": json["view"] }));
        }
        if json["channel"] != CHANNEL {
            return Reply::code("channel_not_found");
        }
        let message = json!({
            "type": "message", "bot_id": "B0", "user": "U0BOT", "text": json["text"], "blocks": json["blocks"],
        });
        let ts = match json["ts"].as_str() {
            Some(ts) if !self.state(|state| state.messages.contains_key(ts)) => {
                return Reply::code("message_not_found");
            }
            Some(ts) => ts.to_owned(),
            None => format!("1503435956.{:06}", self.number()),
        };
        self.state(|state| drop(state.messages.insert(ts.clone(), message.clone())));
        ok(json!({ "ok": true, "channel": CHANNEL, "ts": ts, "message": message }))
    }
}

/// The buttons of a message, each with its block.
pub(crate) fn buttons(message: &Value) -> Vec<(Value, Value)> {
    let blocks = message["blocks"].as_array().cloned().unwrap_or_default();
    let of = |block: Value| {
        let elements = block["elements"].as_array().cloned().unwrap_or_default();
        let buttons = elements.into_iter().filter(|element| element["type"] == "button");
        buttons.map(|button| (block.clone(), button)).collect::<Vec<_>>()
    };
    blocks.into_iter().flat_map(of).collect()
}

/// The labels of the buttons of a message.
pub(crate) fn labels(message: &Value) -> Vec<String> {
    buttons(message).iter().map(|(_, button)| button["text"]["text"].as_str().unwrap().to_owned()).collect()
}

async fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}
