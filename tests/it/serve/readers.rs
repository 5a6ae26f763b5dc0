//! Authenticated clients that never read their replies. They write HTTP/2 by hand: no client library stops
//! reading.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use prost::Message as _;
use prost_types::{ListValue, Struct, Value, value::Kind};
use signoff::proto::v1::{
    Approval, ApprovalStatus, ClaimExecutionRequest, GetApprovalRequest, ListPendingRequest, RequestApprovalRequest,
    VoteChoice, WaitApprovalRequest, WatchPendingRequest, watch_pending_response::Change,
};
use tokio::{net::TcpStream, sync::watch};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    calls::{arguments, ask, decide, open},
    checks::refused,
    server::{Server, soon},
};

const MIB: u64 = 1 << 20;

/// Streams of each connection.
const STREAMS: usize = 50;

/// Resident memory of the server's process, in bytes.
fn resident(server: &Server) -> u64 {
    let status = crate::files::text(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

/// A connection that stops reading.
struct Deaf {
    requests: SendRequest<Bytes>,
    stop: watch::Sender<bool>,
}

impl Deaf {
    /// Connects, with this window for each stream.
    async fn connect(server: &Server, window: u32) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let mut client = h2::client::Builder::new();
        client.initial_window_size(window).initial_connection_window_size((1 << 31) - 1);
        let (requests, connection) = client.handshake(stream).await.unwrap();
        let (stop, mut stopped) = watch::channel(false);
        tokio::spawn(async move {
            let mut connection = Box::pin(connection);
            tokio::select! {
                _ = &mut connection => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
            // Keep it open, without reading, until the other end is dropped.
            while stopped.changed().await.is_ok() {}
        });
        Self { requests, stop }
    }

    async fn call(&mut self, token: &str, path: &str, message: &impl prost::Message) -> ResponseFuture {
        let request = http::Request::post(format!("http://signoff{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .unwrap();
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (response, mut body) = requests.send_request(request, false).unwrap();
        let message = message.encode_to_vec();
        let framed = [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
        body.send_data(framed.into(), true).unwrap();
        response
    }
}

/// Creates pending approvals with arguments of the maximum size.
async fn fill(server: &Server, count: usize) {
    for n in 0..count {
        let large = arguments(&[("text", &"x".repeat(45_000))]);
        let request = RequestApprovalRequest { arguments: Some(large), ..ask(&format!("large-{n}")) };
        open(&mut server.agent(), request).await.unwrap();
    }
}

/// Opens queues that are never read while others work. Returns the maximum of memory that was used in addition to that
/// before, and the rest of it after they are closed.
async fn deaf_queues(server: &Server, readers: usize) -> u64 {
    fill(server, 60).await;
    let before = resident(server);
    let token = server.tokens().reviewer.clone();
    let (mut deaf, mut most) = (Vec::new(), 0);
    for _ in 0..readers.div_ceil(STREAMS) {
        let mut connection = Deaf::connect(server, (1 << 31) - 1).await;
        let mut heads = Vec::new();
        for _ in 0..STREAMS {
            let watch = WatchPendingRequest::default();
            heads.push(connection.call(&token, "/signoff.v1.ApprovalService/WatchPending", &watch).await);
        }
        for head in heads {
            let head = soon("each stream is opened", head).await.unwrap();
            assert_eq!(Status::from_header_map(head.headers()).map(|status| status.code()), None);
        }
        connection.stop.send(true).unwrap();
        deaf.push(connection);
        most = most.max(resident(server).saturating_sub(before));
    }
    // Others are not affected: another caller reads the whole queue, once for each connection.
    for _ in 0..20 {
        let mut queue = server.operator().watch_pending(WatchPendingRequest::default()).await.unwrap().into_inner();
        loop {
            let message = soon("another caller is served", queue.message()).await.unwrap().unwrap();
            if let Some(Change::SnapshotComplete(complete)) = message.change {
                assert_eq!(complete.count, 60);
                break;
            }
        }
        most = most.max(resident(server).saturating_sub(before));
    }
    // Nor are other calls of the same caller.
    let list = ListPendingRequest { page_size: 1, ..Default::default() };
    soon("a list", server.reviewer().list_pending(list)).await.expect("streams leave room for other calls");
    drop(deaf);
    let gone = async {
        while !super::http::metrics(server).await.lines().any(|line| {
            line.starts_with("signoff_open_streams{") && line.contains("WatchPending\"") && line.ends_with(" 0")
        }) {}
    };
    soon("the streams are gone", gone).await;
    println!("{readers} readers took {} MiB", most / MIB);
    let returned = async {
        while resident(server).saturating_sub(before) > most / 2 + 32 * MIB {
            super::http::metrics(server).await;
        }
    };
    soon("memory returns", returned).await;
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_never_read_take_bounded_memory() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.in_flight_bytes_per_caller=8388608"]).await;
    let most = deaf_queues(&server, 500).await;
    // Without a limit they use 1 MiB each.
    assert!(most <= 200 * MIB, "500 readers took {} MiB", most / MIB);
}

/// With the default limits.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: run it with --ignored"]
async fn three_thousand_readers_take_bounded_memory() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let most = deaf_queues(&server, 3_000).await;
    assert!(most <= 500 * MIB, "3,000 readers took {} MiB", most / MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_are_not_read_are_limited() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.in_flight_bytes_per_caller=8388608"]).await;
    fill(&server, 20).await;
    let token = server.tokens().reviewer.clone();
    // With a window of 0, each reply is made, but cannot be sent.
    let mut deaf = Deaf::connect(&server, 0).await;
    let list = || async { server.reviewer().list_pending(ListPendingRequest::default()).await };
    let (mut made, mut refusal) = (Vec::new(), None);
    while refusal.is_none() {
        let list_pending = "/signoff.v1.ApprovalService/ListPending";
        let heads = [(); 10].map(|()| ListPendingRequest::default());
        let mut asked = Vec::new();
        for message in &heads {
            asked.push(deaf.call(&token, list_pending, message).await);
        }
        for head in asked {
            let head = soon("a head", head).await.unwrap();
            match Status::from_header_map(head.headers()) {
                Some(status) => drop(refused(&status, Code::ResourceExhausted, "TOO_MANY_CALLS")),
                None => made.push(head),
            }
        }
        // Each reply has about 9 × 45 KB: 8 MiB hold 20 of them.
        assert!(made.len() <= 22, "{} replies are in memory", made.len());
        refusal = list().await.err(); // the caller's other connections have no room either
    }
    let status = refusal.unwrap();
    let metadata = refused(&status, Code::ResourceExhausted, "TOO_MANY_CALLS");
    assert_eq!(metadata.get("scope").map(String::as_str), Some("caller"));
    assert_eq!(metadata.get("limit").map(String::as_str), Some("8388608"));
    let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(retry.is_some_and(|retry| retry > Duration::ZERO), "{status:?}");
    server.operator().list_pending(ListPendingRequest::default()).await.expect("other callers have their own limit");
    drop((made, deaf));
    let again = async { while list().await.is_err() {} };
    soon("there is room when the connection is gone", again).await;
}

/// An approval whose arguments take 48 KiB as JSON, and over five times as much on the wire.
async fn bulky(server: &Server) -> Approval {
    let one = Value { kind: Some(Kind::NumberValue(1.0)) };
    let list = Value { kind: Some(Kind::ListValue(ListValue { values: vec![one; 24_000] })) };
    let arguments = Some(Struct { fields: [("numbers".to_owned(), list)].into() });
    let request = RequestApprovalRequest { arguments, ..ask("bulky") };
    let (_stream, approval) = open(&mut server.agent(), request).await.unwrap();
    assert!(approval.encoded_len() > 250_000, "{}", approval.encoded_len());
    approval
}

/// Makes 300 calls on a connection that reads no reply: 8 MiB hold 31 replies. Afterwards all memory is released.
async fn bounded(server: &Server, approval: &Approval, deaf: Deaf, heads: Vec<ResponseFuture>) {
    let (mut made, mut refusals) = (Vec::new(), Vec::new());
    for head in heads {
        let head = soon("a head", head).await.unwrap();
        match Status::from_header_map(head.headers()) {
            Some(status) => refusals.push(status),
            None => made.push(head),
        }
    }
    assert!((25..=31).contains(&made.len()), "{} replies are in memory", made.len());
    for status in &refusals {
        let metadata = refused(status, Code::ResourceExhausted, "TOO_MANY_CALLS");
        assert_eq!(metadata.get("scope").map(String::as_str), Some("caller"));
        assert!(status.get_details_retry_info().is_some(), "{status:?}");
    }
    drop((made, deaf));
    let get = || async {
        let request = GetApprovalRequest { approval_id: approval.id.clone(), include_events: true };
        server.agent().get_approval(request).await
    };
    let again = async { while get().await.is_err() {} };
    soon("there is room when the connection is gone", again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_that_return_together_are_limited() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.in_flight_bytes_per_caller=8388608"]).await;
    let approval = bulky(&server).await;
    let token = server.tokens().agent.clone();
    let mut deaf = Deaf::connect(&server, 0).await;
    let timeout = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let wait = WaitApprovalRequest { approval_id: approval.id.clone(), after_revision: approval.revision, timeout };
    let mut heads = Vec::new();
    for _ in 0..300 {
        heads.push(deaf.call(&token, "/signoff.v1.ApprovalService/WaitApproval", &wait).await);
    }
    let reject = decide(&approval, "reject", VoteChoice::Reject);
    server.reviewer().decide(reject).await.unwrap();
    bounded(&server, &approval, deaf, heads).await;
    let again = server.agent().wait_approval(wait).await.expect("the caller repeats it").into_inner();
    assert_eq!(again.approval.unwrap().status(), ApprovalStatus::Rejected);
}

/// The claim is recorded once; the reply to each repetition has the whole approval.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_claims_are_limited() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.in_flight_bytes_per_caller=8388608"]).await;
    let approval = bulky(&server).await;
    let approved = decide(&approval, "approve", VoteChoice::Approve);
    let approval = server.reviewer().decide(approved).await.unwrap().into_inner().approval.unwrap();
    let token = server.tokens().agent.clone();
    let mut deaf = Deaf::connect(&server, 0).await;
    let claim = ClaimExecutionRequest {
        approval_id: approval.id.clone(),
        request_id: "claim-7d0b".into(),
        digest: approval.digest.clone(),
    };
    let mut heads = Vec::new();
    for _ in 0..300 {
        heads.push(deaf.call(&token, "/signoff.v1.ApprovalService/ClaimExecution", &claim).await);
    }
    bounded(&server, &approval, deaf, heads).await;
    let again = server.agent().claim_execution(claim).await.expect("the caller repeats it").into_inner();
    assert!(!again.claim_id.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_their_message_are_limited() {
    // Once its message has arrived, the second would be limited as a stream.
    for call in ["GetApproval", "WaitApproval"] {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &["limits.in_flight_bytes_per_caller=8388608"]).await;
        let token = server.tokens().agent.clone();
        let mut deaf = Deaf::connect(&server, 65_535).await;
        let (mut held, mut answers) = (Vec::new(), Vec::new());
        for _ in 0..600 {
            let request = http::Request::post(format!("http://signoff/signoff.v1.ApprovalService/{call}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("authorization", format!("Bearer {token}"))
                .body(())
                .unwrap();
            let mut requests = deaf.requests.clone().ready().await.unwrap();
            let (answer, body) = requests.send_request(request, false).unwrap();
            held.push(body);
            answers.push(answer);
        }
        deaf.requests = deaf.requests.clone().ready().await.unwrap();
        // 8 MiB hold 512 calls of 16 KiB; further calls are rejected, and the others wait for their message.
        let (answer, _, _) = soon("one is refused", futures_util::future::select_all(answers)).await;
        let status = Status::from_header_map(answer.unwrap().headers()).unwrap();
        refused(&status, Code::ResourceExhausted, "TOO_MANY_CALLS");
        drop(held);
    }
}
