//! Servers with false answers: a test server that gives the answers in `tests/conformance/lies.json`.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use signoff::proto::{
    FILE_DESCRIPTOR_SET,
    v1::{
        self as pb, ClaimExecutionResponse, ExecutionResult, ReportExecutionResponse, RequestApprovalResponse,
        approval_service_server::{ApprovalService, ApprovalServiceServer},
        request_approval_response::Message as Asked,
        watch_approval_response::Message as Watched,
    },
};
use signoff_client::{Call, Client, GateError, Handle, Kind, Refusal, Step};
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status};

use super::{Tool, client};
use crate::server::soon;

fn list() -> Value {
    serde_json::from_str(include_str!("../../conformance/lies.json")).unwrap()
}

/// Applies a JSON Merge Patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let target = target.as_object_mut().expect("it is one now");
    for (name, value) in members {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// A message from its protobuf JSON mapping; the empty message for null.
fn message<M: prost::Message + Default>(json: &Value) -> M {
    if json.is_null() {
        return M::default();
    }
    // The Rust type has the name of the message.
    let name = std::any::type_name::<M>().rsplit("::").next().expect("a type has a name");
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name(&format!("signoff.v1.{name}")).expect("it is in the protos");
    DynamicMessage::deserialize(descriptor, json)
        .unwrap_or_else(|error| panic!("{error}: {json}"))
        .transcode_to()
        .unwrap()
}

/// A server that always gives the same answers, and counts the calls.
#[derive(Clone, Default)]
struct Liar {
    /// The answers to requests for the approval. Every stream but the last breaks after its answer.
    streams: Vec<Vec<RequestApprovalResponse>>,
    claim: ClaimExecutionResponse,
    report: ReportExecutionResponse,
    asks: Arc<AtomicUsize>,
    claims: Arc<Mutex<Vec<pb::ClaimExecutionRequest>>>,
    /// The number of reports of success, and of failure.
    reports: Arc<[AtomicUsize; 2]>,
}

impl Liar {
    /// Gives correct answers, except for the changes in one entry of the list.
    fn telling(list: &Value, entry: &Value) -> Self {
        let mut answers = list["honest"].clone();
        for (name, patch) in entry["changes"].as_object().unwrap() {
            assert!(answers.get(name).is_some(), "there is no answer {name}");
            if patch.is_null() {
                answers[name] = Value::Null;
            } else {
                merge(&mut answers[name], patch);
            }
        }
        let sent = ["first", "second"].map(|name| &answers[name]).into_iter().filter(|answer| !answer.is_null());
        let sent: Vec<_> = sent.map(message).collect();
        let reconnects = entry["reconnect"].as_bool().unwrap_or(false);
        let in_each_stream = if reconnects { 1 } else { sent.len() };
        Self {
            streams: sent.chunks(in_each_stream).map(<[_]>::to_vec).collect(),
            claim: message(&answers["claim"]),
            report: message(&answers["report"]),
            ..Self::default()
        }
    }

    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder().add_service(ApprovalServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }

    /// Starts it, and connects.
    async fn client(&self) -> Client {
        client(&self.start().await, "t")
    }

    fn calls(&self) -> (usize, usize, [usize; 2]) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.asks), self.claims.lock().unwrap().len(), [count(&self.reports[0]), count(&self.reports[1])])
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ApprovalService for Liar {
    type RequestApprovalStream = Answers<RequestApprovalResponse>;
    type WatchApprovalStream = Answers<pb::WatchApprovalResponse>;
    type WatchPendingStream = Answers<pb::WatchPendingResponse>;

    async fn request_approval(&self, _: Request<pb::RequestApprovalRequest>) -> Answer<Self::RequestApprovalStream> {
        let last = self.streams.len() - 1;
        let asked = self.asks.fetch_add(1, Ordering::SeqCst).min(last);
        let mut messages: Vec<_> = self.streams[asked].iter().cloned().map(Ok).collect();
        messages.extend((asked < last).then(|| Err(Status::unavailable("the stream breaks"))));
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn claim_execution(&self, claim: Request<pb::ClaimExecutionRequest>) -> Answer<ClaimExecutionResponse> {
        self.claims.lock().unwrap().push(claim.into_inner());
        Ok(Response::new(self.claim.clone()))
    }

    async fn report_execution(&self, report: Request<pb::ReportExecutionRequest>) -> Answer<ReportExecutionResponse> {
        let failed = report.get_ref().result() != ExecutionResult::Succeeded;
        self.reports[usize::from(failed)].fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(self.report.clone()))
    }

    async fn watch_approval(&self, _: Request<pb::WatchApprovalRequest>) -> Answer<Self::WatchApprovalStream> {
        self.asks.fetch_add(1, Ordering::SeqCst);
        let watched = |response: &RequestApprovalResponse| match response.message.clone().expect("a message") {
            Asked::Update(update) => Watched::Update(update),
            Asked::Progress(progress) => Watched::Progress(progress),
        };
        let messages: Vec<_> = self.streams.concat().iter().map(watched).collect();
        let messages = messages.into_iter().map(|message| Ok(pb::WatchApprovalResponse { message: Some(message) }));
        Ok(Response::new(Box::pin(tokio_stream::iter(messages.collect::<Vec<_>>()))))
    }

    async fn get_approval(&self, _: Request<pb::GetApprovalRequest>) -> Answer<pb::GetApprovalResponse> {
        Err(Status::unimplemented("not needed"))
    }

    async fn wait_approval(&self, _: Request<pb::WaitApprovalRequest>) -> Answer<pb::WaitApprovalResponse> {
        Err(Status::unimplemented("not needed"))
    }

    async fn list_pending(&self, _: Request<pb::ListPendingRequest>) -> Answer<pb::ListPendingResponse> {
        Err(Status::unimplemented("not needed"))
    }

    async fn watch_pending(&self, _: Request<pb::WatchPendingRequest>) -> Answer<Self::WatchPendingStream> {
        Err(Status::unimplemented("not needed"))
    }

    async fn list_approvals(&self, _: Request<pb::ListApprovalsRequest>) -> Answer<pb::ListApprovalsResponse> {
        Err(Status::unimplemented("not needed"))
    }

    async fn decide(&self, _: Request<pb::DecideRequest>) -> Answer<pb::DecideResponse> {
        Err(Status::unimplemented("not needed"))
    }

    async fn revoke_approval(&self, _: Request<pb::RevokeApprovalRequest>) -> Answer<pb::RevokeApprovalResponse> {
        Err(Status::unimplemented("not needed"))
    }

    async fn cancel_approval(&self, _: Request<pb::CancelApprovalRequest>) -> Answer<pb::CancelApprovalResponse> {
        Err(Status::unimplemented("not needed"))
    }
}

fn call(list: &Value) -> Call {
    let call = &list["call"];
    Call::new(call["tool_name"].as_str().unwrap())
        .arguments(&call["arguments"])
        .request_id(call["request_id"].as_str().unwrap())
        .patience(Duration::from_secs(5))
}

/// The kind, as named in the list, and the problem.
fn kind_of(refusal: &Refusal) -> (&'static str, Option<&str>) {
    match &refusal.kind {
        Kind::InvalidAnswer { problem } => ("InvalidAnswer", Some(problem)),
        Kind::DigestMismatch => ("DigestMismatch", None),
        Kind::UnknownStatus { .. } => ("UnknownStatus", None),
        Kind::Unavailable { .. } => ("Unavailable", None),
        Kind::Rejected { .. } => ("Rejected", None),
        Kind::AutoRejected { .. } => ("AutoRejected", None),
        Kind::Revoked { reason } if reason == "Wrong customer." => ("Revoked", None),
        other => panic!("the list does not expect {other:?}"),
    }
}

#[tokio::test]
async fn honest_answers_run_it_once() {
    let list = list();
    let mut honest = list["accepted"].as_array().unwrap().clone();
    assert!(honest.len() > 5);
    honest.push(serde_json::json!({ "name": "the truth", "changes": {}, "asks": 1 }));
    for entry in &honest {
        let name = entry["name"].as_str().unwrap();
        let liar = Liar::telling(&list, entry);
        let client = liar.client().await;
        let tool = Tool::default();
        let outcome = soon(name, tool.clone().through(client.clone(), call(&list))).await;
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
        let asks = usize::try_from(entry["asks"].as_u64().unwrap()).unwrap();
        assert_eq!((tool.calls(), liar.calls()), (1, (asks, 1, [1, 0])), "{name}");
        let again = Liar::telling(&list, entry);
        assert!(reported(&again.client().await, &list).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn two_runners_claim_with_different_request_ids() {
    let list = list();
    let server = Liar::telling(&list, &serde_json::json!({ "changes": {} }));
    let address = server.start().await;
    for _ in 0..2 {
        soon("it runs", Tool::default().through(client(&address, "t"), call(&list))).await.unwrap();
    }
    assert_eq!(server.calls(), (2, 2, [2, 0]));
    let claims = server.claims.lock().unwrap();
    let [one, other] = &claims[..] else { panic!("{claims:?}") };
    assert_eq!(one.approval_id, other.approval_id);
    assert_ne!(one.request_id, other.request_id);
    for claim in [one, other] {
        assert_eq!(uuid::Uuid::parse_str(&claim.request_id).unwrap().get_version_num(), 4);
    }
}

#[tokio::test]
async fn after_a_false_answer_nothing_runs_and_nothing_is_retried() {
    let list = list();
    let lies = list["lies"].as_array().unwrap();
    assert!(lies.len() > 80);
    for lie in lies.iter().filter(|lie| !lie["refusal"].is_null()) {
        let name = lie["name"].as_str().unwrap();
        let liar = Liar::telling(&list, lie);
        let client = liar.client().await;
        let tool = Tool::default();
        let outcome = soon(name, tool.clone().through(client, call(&list))).await;
        let Err(GateError::Refused(refusal)) = outcome else { panic!("{name}: {outcome:?}") };
        let expected = (lie["refusal"]["kind"].as_str().unwrap(), lie["refusal"]["problem"].as_str());
        assert_eq!(kind_of(&refusal), expected, "{name}");
        let (asks, claims, reports) = liar.calls();
        match lie["asks"].as_u64() {
            Some(times) => assert_eq!(asks as u64, times, "{name}"),
            None => assert!(asks > 1, "{name}"),
        }
        let count = |key: &str| usize::try_from(lie[key].as_u64().unwrap()).unwrap();
        assert_eq!((tool.calls(), claims, reports), (0, count("claims"), [0, count("reports")]), "{name}");
    }
}

/// The steps of a report.
async fn reported(client: &Client, list: &Value) -> Result<(), Status> {
    let call = call(list);
    let mut wait = client.ask(&call).unwrap();
    let approval = loop {
        if let Step::Decided(approval) = soon("it is decided", wait.next()).await.unwrap() {
            break *approval;
        }
    };
    soon("it is reported", client.claim(&call, approval).await.unwrap().report(Ok(()))).await
}

#[tokio::test]
async fn false_answers_to_a_report_do_not_change_the_result() {
    let list = list();
    let lies: Vec<_> = list["lies"].as_array().unwrap().iter().filter(|lie| lie["refusal"].is_null()).collect();
    assert!(lies.len() > 3);
    for lie in lies {
        let name = lie["name"].as_str().unwrap();
        let liar = Liar::telling(&list, lie);
        let client = liar.client().await;
        let done = client.run(call(&list), |_| async { Ok::<_, Infallible>("done") });
        assert_eq!(soon(name, done).await.unwrap(), "done", "{name}");
        assert_eq!(liar.calls(), (1, 1, [1, 0]), "{name}");
        assert!(reported(&client, &list).await.is_err(), "{name}");
    }
}

/// A resumed call checks as much as a new one; the server must show everything that the handle does not have.
#[tokio::test]
async fn after_a_false_answer_a_resumed_call_runs_nothing() {
    let list = list();
    let truth = serde_json::json!({ "name": "the truth", "changes": {} });
    let unseen = serde_json::json!({
        "name": "a request that is not shown",
        "changes": { "first": { "update": { "events": [] } } },
        "refusal": { "kind": "InvalidAnswer", "problem": "the approval does not show the request" },
        "claims": 0, "reports": 0,
    });
    let handle: Handle = serde_json::from_value(serde_json::json!({
        "approval_id": list["honest"]["first"]["update"]["approval"]["id"],
        "request_id": list["call"]["request_id"],
        "tool_name": list["call"]["tool_name"],
        "digest": list["honest"]["first"]["update"]["approval"]["digest"],
    }))
    .unwrap();
    // Another list covers the answers of a new connection.
    let told_at_once = |lie: &&Value| !lie["refusal"].is_null() && lie["reconnect"].is_null() && lie["asks"] == 1;
    let lies = list["lies"].as_array().unwrap().iter().filter(told_at_once);
    let kind_of_unseen = ("InvalidAnswer", Some("the approval does not show the request"));
    let mut refused = 0;
    for lie in lies.chain([&truth, &unseen]) {
        let name = lie["name"].as_str().unwrap();
        let liar = Liar::telling(&list, lie);
        let tool = Tool::default();
        let options = Call::new(handle.tool_name()).patience(Duration::from_secs(5));
        let outcome = soon(name, tool.resume(&liar.client().await, &handle, options)).await;
        let (_, claims, reports) = liar.calls();
        if lie["refusal"].is_null() {
            assert!(outcome.is_ok(), "{name}: {outcome:?}");
            assert_eq!((tool.calls(), claims, reports), (1, 1, [1, 0]), "{name}");
            continue;
        }
        refused += 1;
        let Err(GateError::Refused(refusal)) = outcome else { panic!("{name}: {outcome:?}") };
        // Some lies leave the events out.
        let unseen = kind_of(&refusal) == kind_of_unseen;
        assert!(unseen || kind_of(&refusal).0 == lie["refusal"]["kind"], "{name}: {refusal:?}");
        let count = |key: &str| if unseen { 0 } else { usize::try_from(lie[key].as_u64().unwrap()).unwrap() };
        assert_eq!((tool.calls(), claims, reports), (0, count("claims"), [0, count("reports")]), "{name}");
    }
    assert!(refused > 60, "{refused}");
}
