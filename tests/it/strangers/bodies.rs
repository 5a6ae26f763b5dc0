//! Messages that never arrive.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::raw::{self, connect};
use crate::{
    serve::metrics,
    server::{Server, soon},
};

/// A call over HTTP/1.1 that announces a message, and does not send it.
async fn held_back(server: &Server, path: &str, token: Option<&str>) -> (TcpStream, String) {
    let mut stream = connect(server, 1).await;
    let authorization = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: signoff\r\nx-grpc-web: 1\r\ncontent-type: application/grpc-web+proto\r\n\
         {authorization}content-length: 100\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), &[0, 0, 0, 0, 95]].concat()).await.unwrap();
    let mut answer = Vec::new();
    let mut part = vec![0; 64 << 10];
    let answered = async {
        while !String::from_utf8_lossy(&answer).contains("grpc-status") {
            let read = stream.read(&mut part).await.unwrap();
            assert!(read > 0, "no answer: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..read]);
        }
    };
    soon("an answer", answered).await;
    let answer = String::from_utf8_lossy(&answer).replace(' ', "").to_ascii_lowercase();
    (stream, answer)
}

#[tokio::test]
async fn a_message_has_its_time() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.message_timeout=1s"]).await;
    let token = server.tokens().operator.clone();
    for (path, token) in [
        ("/signoff.v1.ApprovalService/ListPending", Some(token.as_str())),
        ("/signoff.v1.ApprovalService/WatchPending", Some(token.as_str())),
        ("/grpc.health.v1.Health/Check", None),
    ] {
        let (_stream, answer) = held_back(&server, path, token).await;
        assert!(answer.contains("grpc-status:14"), "{path}: {answer}");
        assert!(
            answer.contains("didnotarrivewithin1s") || answer.contains("did%20not%20arrive%20within%201s"),
            "{path}: {answer}"
        );
    }
}

/// The answer does not wait for the message.
#[tokio::test]
async fn an_unauthenticated_call_is_rejected_by_its_headers() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.message_timeout=5m"]).await;
    let (_stream, answer) = held_back(&server, "/signoff.v1.ApprovalService/ListPending", None).await;
    assert!(answer.contains("grpc-status:16"), "{answer}");
}

/// Over HTTP/2, where waiting calls are streams: none stays open.
#[tokio::test]
async fn missing_messages_leave_no_open_streams() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.message_timeout=1s"]).await;
    let mut stream = connect(&server, 1).await;
    let token = server.tokens().operator.clone();
    let calls = raw::streams().take(100).flat_map(|id| {
        raw::frame(
            raw::HEADERS,
            raw::END_HEADERS,
            id,
            &raw::head("/signoff.v1.ApprovalService/WatchPending", Some(&token)),
        )
    });
    stream.write_all(&[raw::opening(None), calls.collect()].concat()).await.unwrap();
    let line = r#"signoff_requests_total{method="signoff.v1.ApprovalService/WatchPending",code="UNAVAILABLE"} 100"#;
    let ended = async { while !metrics(&server).await.lines().any(|found| found == line) {} };
    soon("all are answered", ended).await;
}
