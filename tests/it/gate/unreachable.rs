//! Addresses at which there is no Signoff server: what will not pass ends the call at once.

use std::time::Duration;

use signoff_client::{Call, Kind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{client, email, refusal};

/// Longer than a test waits: a call that is tried again fails it.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// What is wrong with this address, for a developer; the model is not told it.
pub(crate) async fn problem(client: &signoff_client::Client, call: Call) -> String {
    let refused = refusal(client, call.patience(LONG)).await;
    let Kind::Unavailable { problem, .. } = &refused.kind else { panic!("{refused:?}") };
    assert!(refused.developer_text().contains(problem) && !refused.to_string().contains(problem), "{refused}");
    problem.clone()
}

/// A web server that gives every request this answer.
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
                    // What is not read resets the connection before the answer arrives.
                    while connection.read(&mut request).await.is_ok_and(|read| read > 0) {}
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn another_web_server_ends_the_call_at_once() {
    let address = web_server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(problem(&client(&address, "t"), email()).await, "it is not a Signoff server (HTTP 404)");
}

#[tokio::test]
async fn a_proxy_whose_server_is_away_is_tried_again() {
    let address = web_server("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let refused = refusal(&client(&address, "t"), email().patience(Duration::from_millis(600))).await;
    assert!(matches!(&refused.kind, Kind::Unavailable { .. }), "{refused:?}");
    assert!(!refused.developer_text().contains("is not a Signoff server"), "{}", refused.developer_text());
}

#[tokio::test]
async fn a_closed_port_is_named_with_its_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = refusal(&client(&address, "t"), email().patience(Duration::from_millis(300))).await;
    let expected = format!("Cannot reach the approvals server at {address}: connection refused.");
    assert_eq!(refused.developer_text(), expected);
}
