//! Mutual TLS: which client certificates are accepted.

use super::{Authority, Files, call};
use crate::server::soon;

#[tokio::test]
async fn a_client_certificate_must_be_from_the_authority() {
    let (files, clients, others) = (Files::new(), Authority::new("clients"), Authority::new("others"));
    let server = files.start(&[&files.client_ca(&clients)]).await;
    call(&server, "none", files.trusting(None)).await.expect("a client certificate is optional");
    call(&server, "known", files.trusting(Some(&clients.client()))).await.expect("it is from the authority");
    call(&server, "other", files.trusting(Some(&others.client()))).await.expect_err("it is from somebody else");
    call(&server, "usage", files.trusting(Some(&clients.server()))).await.expect_err("it is no client's");
    assert!(files.metric(&server, "signoff_tls_handshake_failures_total").await >= 2);
}

#[tokio::test]
async fn certificates_can_be_required() {
    let (files, clients, others) = (Files::new(), Authority::new("clients"), Authority::new("others"));
    let server = files.start(&[&files.client_ca(&clients), "tls.require_client_certificate=true"]).await;
    call(&server, "none", files.trusting(None)).await.expect_err("one is required");
    call(&server, "other", files.trusting(Some(&others.client()))).await.expect_err("it is from somebody else");
    call(&server, "known", files.trusting(Some(&clients.client()))).await.expect("it is from the authority");
}

#[tokio::test]
async fn the_client_authority_is_reloaded_without_a_restart() {
    let (files, first, second) = (Files::new(), Authority::new("first"), Authority::new("second"));
    let server = files.start(&[&files.client_ca(&first), "tls.require_client_certificate=true"]).await;
    let (old, new) = (first.client(), second.client());
    call(&server, "old", files.trusting(Some(&old))).await.expect("it is from the first");
    files.client_ca(&second);
    server.hang_up();
    let taken = async { while call(&server, "new", files.trusting(Some(&new))).await.is_err() {} };
    soon("the second is taken", taken).await;
    call(&server, "late", files.trusting(Some(&old))).await.expect_err("the first is no authority any more");
}
