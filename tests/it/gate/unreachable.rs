//! Addresses without a Signoff server: a permanent problem ends the call immediately.

use std::time::Duration;

use signoff_client::{Call, Kind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{client, email, refusal};

/// Longer than a test waits: a call that retries fails the test.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// The problem of this address, as a developer sees it; the text for the model does not have it.
pub(crate) async fn problem(client: &signoff_client::Client, call: Call) -> String {
    let refused = refusal(client, call.patience(LONG)).await;
    let Kind::Unavailable { problem, .. } = &refused.kind else { panic!("{refused:?}") };
    assert!(refused.developer_text().contains(problem) && !refused.to_string().contains(problem), "{refused}");
    problem.clone()
}

/// A web server that sends this answer to every request.
async fn web_server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                if connection.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let _ = connection.write_all(answer.as_bytes()).await;
                    let _ = connection.shutdown().await;
                    // Unread data would reset the connection before the answer arrives.
                    while connection.read(&mut request).await.is_ok_and(|read| read > 0) {}
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn another_web_server_ends_the_call_immediately() {
    let address = web_server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(problem(&client(&address, "t"), email()).await, "it is not a Signoff server (HTTP 404)");
}

#[tokio::test]
async fn a_proxy_without_its_server_is_retried() {
    let address = web_server("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let refused = refusal(&client(&address, "t"), email().patience(Duration::from_millis(600))).await;
    assert!(matches!(&refused.kind, Kind::Unavailable { .. }), "{refused:?}");
    assert!(!refused.developer_text().contains("is not a Signoff server"), "{}", refused.developer_text());
}

#[tokio::test]
async fn the_error_for_a_closed_port_has_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = refusal(&client(&address, "t"), email().patience(Duration::from_millis(300))).await;
    let expected = format!("Cannot reach the approvals server at {address}: connection refused.");
    assert_eq!(refused.developer_text(), expected);
}
