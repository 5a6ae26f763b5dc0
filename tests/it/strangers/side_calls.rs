//! Health and reflection, with and without a token.

use tokio::{io::AsyncWriteExt as _, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::{
    call,
    connections::{count, ended},
    raw::{self, connect},
    served_during, size,
};
use crate::{
    calls::reason,
    server::{Server, soon},
};

fn list_services() -> ServerReflectionRequest {
    let message_request = Some(MessageRequest::ListServices(String::new()));
    ServerReflectionRequest { host: String::new(), message_request }
}

/// The answers of one reflection stream, and the sender that keeps its requests open.
type Reflected = (tonic::Streaming<ServerReflectionResponse>, mpsc::Sender<ServerReflectionRequest>);

/// Sends this many requests on one stream.
async fn reflect(channel: &Channel, token: Option<&str>, questions: usize) -> Result<Reflected, Status> {
    let mut client = ServerReflectionClient::new(channel.clone());
    let (more, asking) = mpsc::channel(questions);
    for _ in 0..questions {
        more.try_send(list_services()).expect("there is room");
    }
    let mut request = Request::new(ReceiverStream::new(asking));
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    Ok((client.server_reflection_info(request).await?.into_inner(), more))
}

#[tokio::test]
async fn reflection_needs_a_token_of_any_role() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["reflection=token"]).await;
    let channel = server.channel();
    for token in [None, Some("signoff_x"), Some("")] {
        let status = reflect(&channel, token, 1).await.unwrap_err();
        assert_eq!(
            (status.code(), &*reason(&status)),
            (Code::Unauthenticated, "UNAUTHENTICATED"),
            "{token:?}: {status:?}"
        );
    }
    let tokens = server.tokens();
    for token in [&tokens.agent, &tokens.reviewer, &tokens.operator] {
        let (mut answers, _more) = reflect(&channel, Some(token), 1).await.unwrap();
        let answer = soon("an answer", answers.message()).await.unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else {
            panic!("{answer:?}")
        };
        assert!(services.service.iter().any(|service| service.name == "signoff.v1.ApprovalService"), "{services:?}");
    }
}

#[tokio::test]
async fn development_mode_reflects_for_everybody() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut answers, _more) = reflect(&server.channel(), None, 1).await.unwrap();
    assert!(soon("an answer", answers.message()).await.unwrap().is_some());
}

#[tokio::test]
async fn reflection_is_limited_with_a_token_and_without() {
    for setting in ["reflection=token", "reflection=open"] {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &[setting]).await;
        let token = server.tokens().agent.clone();
        let token = Some(token.as_str()).filter(|_| setting.ends_with("token"));
        let channel = server.channel();
        let mut open = Vec::new();
        for _ in 0..8 {
            open.push(reflect(&channel, token, 1).await.unwrap());
        }
        let status = reflect(&channel, token, 1).await.unwrap_err();
        assert_eq!((status.code(), &*reason(&status)), (Code::ResourceExhausted, "TOO_MANY_STREAMS"), "{status:?}");
        drop(open);
        let room = async { while reflect(&channel, token, 1).await.is_err() {} };
        soon("there is room again", room).await;

        let channel = server.channel();
        let (mut answers, _more) = reflect(&channel, token, 1_001).await.unwrap();
        let mut answered = 0;
        while soon("an answer or the end", answers.message()).await.unwrap().is_some() {
            answered += 1;
        }
        assert_eq!(answered, 1_000, "a stream answers 1,000 requests, and then ends");
    }
}

#[tokio::test]
async fn health_watches_are_limited_on_a_connection() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut health = HealthClient::new(server.channel());
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert!(watch.message().await.unwrap().is_some());
        open.push(watch);
    }
    let status = health.watch(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), &*reason(&status)), (Code::ResourceExhausted, "TOO_MANY_STREAMS"), "{status:?}");
    health.check(HealthCheckRequest::default()).await.expect("a check does not count as a watch");
    let mut other = HealthClient::new(server.channel());
    other.watch(HealthCheckRequest::default()).await.expect("another connection has its own limit");
    open.pop();
    let room = async { while health.watch(HealthCheckRequest::default()).await.is_err() {} };
    soon("there is room again", room).await;
}

/// Reads no answer, and has a window of 0: each check would stay open without limit.
#[tokio::test]
async fn unread_checks_do_not_block_probes() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut stuck = Vec::new();
    for n in 0..40 {
        let mut stream = connect(&server, 2 + n % 8).await;
        let checks: Vec<u8> =
            raw::streams().take(64).flat_map(|id| raw::request("/grpc.health.v1.Health/Check", id, &[])).collect();
        stream.write_all(&[raw::opening(Some(0)), checks].concat()).await.unwrap();
        stuck.push(stream);
    }
    let full = async { while ended(&server, "evicted").await == 0 {} };
    soon("all places are taken", full).await;
    let mut health = HealthClient::new(server.channel());
    for _ in 0..100 {
        soon("a check", health.check(HealthCheckRequest::default())).await.expect("a probe is answered");
    }
}

/// As many idle watches as a connection may have. Client libraries watch before their first call, so without a
/// token.
#[tokio::test]
async fn idle_watches_do_not_block_new_watches() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let honest = server.channel();
    let mut first = HealthClient::new(honest.clone()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert!(soon("the first status", first.message()).await.unwrap().is_some());
    let mut crowd = Vec::new();
    for n in 0..70 {
        let mut stream = connect(&server, 2 + n % 8).await;
        let watches: Vec<u8> =
            raw::streams().take(16).flat_map(|id| raw::request("/grpc.health.v1.Health/Watch", id, &[])).collect();
        stream.write_all(&[raw::opening(None), watches].concat()).await.unwrap();
        crowd.push(stream);
    }
    let full = async { while ended(&server, "evicted").await == 0 {} };
    soon("all places are taken", full).await;
    let mut second = HealthClient::new(server.channel());
    let mut second = second.watch(HealthCheckRequest::default()).await.expect("there is a place").into_inner();
    assert!(soon("the first status", second.message()).await.unwrap().is_some());
    let waiting = tokio::time::timeout(std::time::Duration::ZERO, first.message()).await;
    assert!(waiting.is_err(), "the oldest watch has ended: {waiting:?}");
    call(&mut server.operator()).await;
}

/// The checks are on connections that become an agent's, which are not closed for others.
#[tokio::test]
async fn checks_on_an_authenticated_connection_do_not_block_probes() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let token = server.tokens().agent.clone();
    let mut stuck = Vec::new();
    for n in 0..40 {
        let mut stream = connect(&server, 2 + n % 8).await;
        let mut ids = raw::streams();
        let mut checks = raw::opening(Some(0));
        checks.extend(ids.by_ref().take(60).flat_map(|id| raw::request("/grpc.health.v1.Health/Check", id, &[])));
        stream.write_all(&checks).await.unwrap();
        // A stranger's, until they are all answered as far as there is a window for it.
        soon("the heads of the answers", raw::heads(&mut stream, 60)).await;
        let call = raw::request_with(Some(&token), "/signoff.v1.AccessService/GetCaller", ids.next().unwrap(), &[]);
        stream.write_all(&call).await.unwrap();
        stuck.push(stream);
        let known = r#"signoff_connections{state="authenticated"}"#;
        let authenticated = async { while count(&server, known).await < u64::from(n) + 1 {} };
        soon("the connection is the agent's", authenticated).await;
    }
    let mut health = HealthClient::new(server.channel());
    for _ in 0..100 {
        soon("a check", health.check(HealthCheckRequest::default())).await.expect("a probe is answered");
    }
}

#[tokio::test]
async fn floods_of_watches_cost_little() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let address = server.address();
    let watches = size(40_000, 400_000) / 40;
    served_during(&server, move |over| async move {
        let mut open = Vec::new();
        for n in 0..40_u8 {
            let Ok(mut stream) = raw::try_connect(address, 2 + n % 8).await else { continue };
            let over = over.clone();
            open.push(tokio::spawn(async move {
                let ids = raw::streams().take(watches);
                let parts = ids.map(|id| raw::request("/grpc.health.v1.Health/Watch", id, &[]));
                raw::write_on(&mut stream, std::iter::once(raw::opening(None)).chain(parts), &over).await;
                over.cancelled().await;
            }));
        }
        for one in open {
            one.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn floods_of_reflection_cost_little() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["reflection=open"]).await;
    let address = server.address();
    // file_containing_symbol: the largest answer.
    let symbol = "signoff.v1.ApprovalService";
    let question = [&[0x22, u8::try_from(symbol.len()).unwrap()], symbol.as_bytes()].concat();
    let streams = size(200, 2_000);
    served_during(&server, move |over| async move {
        let mut open = Vec::new();
        for n in 0..40_u8 {
            let Ok(mut stream) = raw::try_connect(address, 2 + n % 8).await else { continue };
            let (over, question) = (over.clone(), question.clone());
            open.push(tokio::spawn(async move {
                let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
                let ids = raw::streams().take(streams);
                let parts = ids.map(|id| {
                    let length = u32::try_from(question.len()).unwrap().to_be_bytes();
                    let message = [&[0][..], &length, &question].concat();
                    let head = raw::frame(raw::HEADERS, raw::END_HEADERS, id, &raw::head(path, None));
                    [head, raw::frame(raw::DATA, 0, id, &message.repeat(20))].concat()
                });
                raw::write_on(&mut stream, std::iter::once(raw::opening(None)).chain(parts), &over).await;
                over.cancelled().await;
            }));
        }
        for one in open {
            one.await.unwrap();
        }
    })
    .await;
}
