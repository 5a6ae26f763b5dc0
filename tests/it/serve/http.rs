//! HTTP/1.1 on the same port, with hand-written requests.

use prost::Message as _;
use signoff::proto::v1::{
    AutoApprove, GetApprovalRequest, GetApprovalResponse, Policy, PolicyRule, RequestApprovalRequest, SetPolicyRequest,
    policy_rule::Effect,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    calls::{ask, open},
    server::{Server, soon},
};

/// An answer, with its chunks joined.
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

pub(super) async fn exchange(server: &Server, head: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let length = body.len();
    let head = format!("{head}\r\nhost: signoff\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    soon("the answer ends", stream.read_to_end(&mut answer)).await.unwrap();
    let split = position(&answer, b"\r\n\r\n").expect("a head and a body");
    let head = String::from_utf8(answer[..split].to_vec()).unwrap().to_ascii_lowercase();
    let body = &answer[split + 4..];
    let body = if head.contains("transfer-encoding: chunked") { joined(body) } else { body.to_vec() };
    Answer { head, body }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = position(chunks, b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[line + 2..line + 2 + size]);
        chunks = &chunks[line + 2 + size + 2..];
    }
}

/// The frames of gRPC-Web: a flag, a length in four bytes, and the content.
fn frames(mut body: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let Some((header, rest)) = body.split_first_chunk::<5>() {
        let [flag, length @ ..] = *header;
        let (frame, rest) = rest.split_at(u32::from_be_bytes(length) as usize);
        frames.push((flag, frame));
        body = rest;
    }
    frames
}

/// The text of `/metrics`.
pub(crate) async fn metrics(server: &Server) -> String {
    let answer = exchange(server, "GET /metrics HTTP/1.1", b"").await;
    String::from_utf8(answer.body).expect("metrics are text")
}

#[tokio::test]
async fn metrics_count_events() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (_stream, _) = open(&mut server.agent(), ask("one")).await.unwrap();
    let answer = exchange(&server, "GET /metrics HTTP/1.1", b"").await;
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    let content_type = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(content_type), "{}", answer.head);
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "signoff_pending_approvals 1",
        "# TYPE signoff_requests counter",
        "# TYPE signoff_decision_seconds histogram",
        "# TYPE signoff_commit_sync_seconds histogram",
        "signoff_commit_group_size_count 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing:\n{text}");
    }
    let open_streams = text.lines().find(|line| {
        line.starts_with("signoff_open_streams{") && line.contains("RequestApproval\"") && line.ends_with(" 1")
    });
    assert!(open_streams.is_some(), "the open stream is missing:\n{text}");
}

#[tokio::test]
async fn probes_are_answered_without_a_token() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    for path in ["/healthz", "/readyz"] {
        let answer = exchange(&server, &format!("GET {path} HTTP/1.1"), b"").await;
        assert!(answer.head.starts_with("http/1.1 200"), "{path}: {}", answer.head);
        assert_eq!(answer.body, b"ok\n", "{path}");
        let answer = exchange(&server, &format!("POST {path} HTTP/1.1"), b"").await;
        assert!(answer.head.starts_with("http/1.1 405"), "{path}: {}", answer.head);
    }
}

#[tokio::test]
async fn tools_that_only_match_a_pattern_do_not_displace_listed_tools_in_metrics() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.calls_per_second=100000"]).await;
    let rule = |name: &str, tool: &str| PolicyRule {
        name: name.into(),
        tools: vec![tool.into()],
        effect: Some(Effect::AutoApprove(AutoApprove {})),
        ..PolicyRule::default()
    };
    let policy = Some(Policy { rules: vec![rule("reading", "sql.*"), rule("pay", "pay")], ..Policy::default() });
    let set = SetPolicyRequest { policy, ..SetPolicyRequest::default() };
    server.policies(&server.tokens().operator).set_policy(set).await.unwrap();
    let mut agent = server.agent();
    let names = (0..105).map(|n| format!("sql.{n}")).chain(["pay".to_owned()]);
    for tool_name in names {
        open(&mut agent, RequestApprovalRequest { tool_name, request_id: String::new(), ..ask("") }).await.unwrap();
    }
    let text = metrics(&server).await;
    for line in [
        r#"signoff_tool_approvals_total{tool="sql.99",status="AUTO_APPROVED"} 1"#,
        r#"signoff_tool_approvals_total{tool="other",status="AUTO_APPROVED"} 5"#,
        r#"signoff_tool_approvals_total{tool="pay",status="AUTO_APPROVED"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing:\n{text}");
    }
}

#[tokio::test]
async fn a_browser_speaks_grpc_web() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (_stream, approval) = open(&mut server.agent(), ask("one")).await.unwrap();
    let get = |id: &str, authorization: &str| {
        let message = GetApprovalRequest { approval_id: id.to_owned(), include_events: true }.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let head = format!(
            "POST /signoff.v1.ApprovalService/GetApproval HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n\
             x-grpc-web: 1{authorization}"
        );
        (head, [&[0][..], &length, &message].concat())
    };
    let authorization = format!("\r\nauthorization: Bearer {}", server.tokens().reviewer);

    let (head, body) = get(&approval.id, &authorization);
    let answer = exchange(&server, &head, &body).await;
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    assert!(answer.head.contains("content-type: application/grpc-web+proto"), "{}", answer.head);
    let frames = frames(&answer.body);
    let [(0, message), (0x80, trailers)] = frames.as_slice() else { panic!("{frames:?}") };
    let reply = GetApprovalResponse::decode(*message).unwrap();
    assert_eq!(reply.approval.as_ref(), Some(&approval));
    assert_eq!(reply.events.len(), 1);
    let trailers = String::from_utf8_lossy(trailers).replace(' ', "").to_ascii_lowercase();
    assert!(trailers.contains("grpc-status:0"), "{trailers}");

    let (head, body) = get(&approval.id, "");
    let answer = exchange(&server, &head, &body).await;
    let all = [answer.head.as_bytes(), &answer.body].concat();
    let told = String::from_utf8_lossy(&all).replace(' ', "").to_ascii_lowercase();
    assert!(told.contains("grpc-status:16"), "a call without a token: {told}");
}
