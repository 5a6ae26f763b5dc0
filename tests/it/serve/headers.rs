//! Duplicate headers: a proxy may have checked the other one.

use signoff::proto::v1::GetCallerRequest;
use tonic::{Code, Request};

use super::http::exchange;
use crate::{calls::reason, server::Server};

const SEVERAL: &str = "the `authorization` metadata has several values; send one value with one bearer token";
const NO_BEARER: &str = "the `authorization` metadata is not `Bearer TOKEN`";

#[tokio::test]
async fn duplicate_credentials_are_rejected() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (agent, operator) = (&server.tokens().agent, &server.tokens().operator);
    let (agent, operator) = (format!("Bearer {agent}"), format!("Bearer {operator}"));
    let joined = [format!("{agent}, {agent}"), format!("{agent}, {operator}")];
    for (values, refused) in [
        (vec![agent.as_str()], None),
        (vec![agent.as_str(), &agent], Some(SEVERAL)),
        (vec![agent.as_str(), &operator], Some(SEVERAL)),
        (vec![agent.as_str(), "Basic YTpi"], Some(SEVERAL)),
        (vec!["Basic YTpi", agent.as_str()], Some(SEVERAL)),
        (vec![agent.as_str(), ""], Some(SEVERAL)),
        (vec!["", agent.as_str()], Some(SEVERAL)),
        (vec![joined[0].as_str()], Some(SEVERAL)),
        (vec![joined[1].as_str()], Some(SEVERAL)),
        (vec![""], Some(NO_BEARER)),
        (vec!["Bearer "], Some(NO_BEARER)),
        (vec!["Basic YTpi"], Some(NO_BEARER)),
    ] {
        let mut request = Request::new(GetCallerRequest {});
        for value in &values {
            request.metadata_mut().append("authorization", value.parse().unwrap());
        }
        let mut access = signoff::proto::v1::access_service_client::AccessServiceClient::new(server.channel());
        let told = access.get_caller(request).await.map(drop).map_err(|status| {
            assert_eq!((status.code(), reason(&status)), (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()));
            status.message().to_owned()
        });
        assert_eq!(told.err().as_deref(), refused, "{values:?}");

        // The same from a browser, over HTTP/1.1: an empty message in a frame.
        let headers: String = values.iter().map(|value| format!("\r\nAuthorization: {value}")).collect();
        let head = format!(
            "POST /signoff.v1.AccessService/GetCaller HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n\
             x-grpc-web: 1{headers}"
        );
        let answer = exchange(&server, &head, &[0; 5]).await;
        let all = [answer.head.as_bytes(), &answer.body].concat();
        let told = String::from_utf8_lossy(&all).replace(' ', "").to_ascii_lowercase();
        let status = if refused.is_some() { "grpc-status:16" } else { "grpc-status:0" };
        assert!(told.contains(status), "{values:?}: {told}");
    }
}

#[tokio::test]
async fn duplicate_content_types_are_rejected() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let token = &server.tokens().agent;
    for (types, served) in [
        (&["application/grpc-web+proto"][..], true),
        (&["application/grpc-web+proto", "text/plain"], false),
        (&["text/plain", "application/grpc-web+proto"], false),
        (&["application/grpc-web+proto", "application/grpc-web+proto"], false),
    ] {
        let headers: String = types.iter().map(|value| format!("\r\ncontent-type: {value}")).collect();
        let head = format!(
            "POST /signoff.v1.AccessService/GetCaller HTTP/1.1\r\nx-grpc-web: 1\r\nauthorization: Bearer {token}{headers}"
        );
        let answer = exchange(&server, &head, &[0; 5]).await;
        let wanted = if served { "http/1.1 200" } else { "http/1.1 400" };
        assert!(answer.head.starts_with(wanted), "{types:?}: {}", answer.head);
    }
}
