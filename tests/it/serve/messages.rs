//! Malformed messages: the caller gets the reason, and clients do not retry.

use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use signoff::proto::v1::{GetCallerRequest, RequestApprovalRequest};
use signoff_client::is_passing;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _};

use crate::{
    checks::refused,
    server::{Server, soon},
};

const GET: &str = "/signoff.v1.ApprovalService/GetApproval";

/// Makes a call whose body is these bytes.
pub(super) async fn call(
    server: &Server,
    token: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &[u8],
) -> Result<(), Status> {
    let mut request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::new(Full::new(body.to_vec().into()))).unwrap();
    let mut channel = server.channel();
    let response = soon("an answer", async { channel.ready().await.unwrap().call(request).await }).await.unwrap();
    assert_eq!(response.status(), 200);
    let (head, body) = response.into_parts();
    let status = match Status::from_header_map(&head.headers) {
        Some(status) => status,
        None => {
            let body = soon("the answer ends", body.collect()).await.unwrap();
            Status::from_header_map(body.trailers().expect("trailers")).expect("a status")
        }
    };
    match status.code() {
        Code::Ok => Ok(()),
        Code::Unimplemented if headers.iter().any(|(name, _)| *name == "grpc-encoding") => {
            assert_eq!(head.headers.get("grpc-accept-encoding").unwrap(), "identity");
            Err(status)
        }
        _ => Err(status),
    }
}

/// A message with its prefix.
fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// A field that is a message or a string.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    [&bytes, content].concat()
}

/// `arguments` with this many nested lists.
fn nested(levels: usize) -> Vec<u8> {
    let mut value = vec![0x08, 0x00]; // null_value
    for _ in 0..levels {
        value = field(6, &field(1, &value)); // list_value { values }
    }
    let entry = [field(1, b"a"), field(2, &value)].concat();
    let message = RequestApprovalRequest { tool_name: "t".into(), ..Default::default() };
    [message.encode_to_vec(), field(3, &field(1, &entry))].concat()
}

#[tokio::test]
async fn malformed_messages_are_the_callers_error() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let token = server.tokens().agent.clone();
    let good = framed(&GetCallerRequest {}.encode_to_vec());
    let ask = "/signoff.v1.ApprovalService/RequestApproval";
    let cases: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("bytes that are no message", GET, framed(&[0xff; 9]), "cannot decode"),
        ("a wire type that there is not", GET, framed(&[0x0f, 1]), "cannot decode"),
        ("a text that is not UTF-8", GET, framed(&field(1, &[0xff, 0xfe])), "approval_id"),
        ("a field that ends early", GET, framed(&[0x0a, 100, b'x']), "approval_id"),
        ("too many levels", ask, framed(&nested(60)), "recursion limit"),
        ("no message", GET, Vec::new(), "no message"),
        ("half a prefix", GET, vec![0, 0, 0], "ends before"),
        ("half a message", GET, [&[0, 0, 0, 0, 100][..], &[0x0a; 10]].concat(), "ends before"),
        ("two messages", GET, [good.clone(), good.clone()].concat(), "more than one"),
        ("a byte after the message", GET, [good.clone(), vec![0]].concat(), "more than one"),
        ("compressed with nothing", GET, [&[1, 0, 0, 0, 3][..], b"zip"].concat(), "grpc-encoding"),
        ("another flag", GET, [&[7, 0, 0, 0, 3][..], b"zip"].concat(), "flag 7"),
    ];
    for (what, path, body, told) in cases {
        let status = call(&server, &token, path, &[], &body).await.expect_err(what);
        refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().contains(told), "{what}: {status:?}");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 1, "{what}");
        assert!(!is_passing(&status), "{what}: {status:?}");
    }
    call(&server, &token, "/signoff.v1.AccessService/GetCaller", &[("grpc-encoding", "identity")], &good)
        .await
        .expect("others are read");
}

#[tokio::test]
async fn a_message_is_measured_before_it_is_buffered() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.message_bytes=65536"]).await;
    let token = server.tokens().agent.clone();
    // The length prefix is enough; the rest is never sent.
    let status = call(&server, &token, GET, &[], &[0, 0, 1, 0, 1]).await.unwrap_err();
    let metadata = refused(&status, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert_eq!(metadata.get("limit").map(String::as_str), Some("65536"));
    assert!(status.message().contains("65537"), "{status:?}");
    assert!(!is_passing(&status), "{status:?}");
    let largest = framed(&field(1, &vec![b'x'; 65_536 - 4]));
    assert_eq!(largest.len(), 65_536 + 5);
    let status = call(&server, &token, GET, &[], &largest).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST"); // read, and no UUID
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "approval_id");
}

#[tokio::test]
async fn unknown_methods_and_encodings_are_unimplemented() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let token = server.tokens().agent.clone();
    for path in ["/signoff.v1.ApprovalService/Approve", "/signoff.v2.ApprovalService/GetApproval", "/x/Y"] {
        let status = call(&server, &token, path, &[], &framed(&[])).await.unwrap_err();
        let metadata = refused(&status, Code::Unimplemented, "NOT_IMPLEMENTED");
        assert_eq!(metadata.get("method").map(String::as_str), Some(path));
        assert!(!is_passing(&status), "{status:?}");
    }
    for encoding in ["gzip", "zstd", "nonsense"] {
        let body = [&[1, 0, 0, 0, 3][..], b"zip"].concat();
        let status = call(&server, &token, GET, &[("grpc-encoding", encoding)], &body).await.unwrap_err();
        let metadata = refused(&status, Code::Unimplemented, "NOT_IMPLEMENTED");
        assert_eq!(metadata.get("encoding").map(String::as_str), Some(encoding));
        assert!(!is_passing(&status), "{status:?}");
    }
}
