//! TLS handshakes: which succeed, and that slow ones delay no other client.

use std::{io::ErrorKind, net::TcpStream as StdStream};

use signoff::proto::v1::VoteChoice;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{
    Code,
    transport::{Certificate, ClientTlsConfig, Endpoint},
};

use super::{Authority, Files, call, chain, channel};
use crate::{
    calls::{ask, decide, next_update, open, terminal},
    server::{Process, client, serve, soon},
};

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served() {
    let files = Files::new();
    let server = files.start(&[]).await;
    let mut agent = client(channel(&server, files.trusting(None)), &server.tokens().agent);
    let mut reviewer = client(channel(&server, files.trusting(None)), &server.tokens().reviewer);
    let (mut stream, approval) = open(&mut agent, ask("secure")).await.unwrap();
    reviewer.decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap();
    let update = next_update(&mut stream).await.unwrap().unwrap();
    assert!(update.approval.as_ref().is_some_and(terminal));

    let others = Authority::new("others");
    let stranger = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(others.pem()));
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address())).unwrap();
    let error = endpoint.tls_config(stranger).unwrap().connect().await.unwrap_err();
    assert!(chain(&error).contains("UnknownIssuer"), "{}", chain(&error));
}

#[tokio::test]
async fn plaintext_is_refused() {
    let files = Files::new();
    let server = files.start(&[]).await;
    let status = open(&mut server.agent(), ask("plain")).await.unwrap_err();
    assert_ne!(status.code(), Code::Unauthenticated, "nothing of the call was read: {status:?}");
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal), "{status:?}");

    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: signoff\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = soon("the connection ends", stream.read_to_end(&mut answer)).await; // it may be reset
    const ALERT: u8 = 21;
    assert!(answer.first().is_none_or(|first| *first == ALERT), "{}", String::from_utf8_lossy(&answer));
    assert!(files.metric(&server, "signoff_tls_handshake_failures_total").await >= 2);
}

#[tokio::test]
async fn a_server_does_not_start_with_invalid_tls_files() {
    let files = Files::new();
    super::replace(&files.path("tls.key"), &files.authority.server().key);
    let setting = |key: &str, name: &str| format!("{key}={}", files.path(name).display());
    let settings = [setting("tls.certificate", "tls.crt"), setting("tls.key", "tls.key")];
    let store = files.path("store");
    match Process::spawn(&store, serve(&store, &settings.each_ref().map(String::as_str))).listening().await {
        Ok(_) => panic!("it listens"),
        Err((status, log)) => {
            assert_eq!(status.code(), Some(1), "{log}");
            assert!(log.contains("tls.key does not match the certificate in"), "{log}");
            assert!(!store.exists(), "invalid files create no store");
        }
    }
}

/// Sequentially, they would take over half an hour.
#[tokio::test]
async fn silent_clients_delay_no_handshake() {
    let files = Files::new();
    let server = files.start(&[]).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    soon("others are served", call(&server, "beside them", files.trusting(None))).await.unwrap();
    for mut stream in silent {
        let ended = soon("their time is up", stream.read(&mut [0; 64])).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
}

#[tokio::test]
async fn a_handshake_counts_as_a_connection() {
    let files = Files::new();
    let server = files.start(&["limits.connections=1"]).await;
    let silent = StdStream::connect(server.address()).unwrap();
    silent.set_nonblocking(true).unwrap();
    let served = async { while call(&server, "after it", files.trusting(None)).await.is_err() {} };
    soon("there is room", served).await;
    let ended = silent.peek(&mut [0; 64]);
    let waiting = ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    assert!(!waiting, "both were accepted: {ended:?}");
}
