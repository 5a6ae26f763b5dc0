//! The client against real receivers: attacks, and receivers that misbehave.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;

use super::{
    Endpoint, HttpClient, HttpError, HttpSettings, NAME, RESPONSE_MAX, Reply, Resolve, beginning,
    connector::Resolver,
    endpoint::{EndpointError, URL_MAX},
};
use crate::{
    clock::{Clock as _, ManualClock},
    domain::samples::at,
    notify::{
        SendError,
        test_receiver::{Answer, Identity, Receiver},
    },
};

/// Answers of a name server, one for each question. The last one is repeated.
struct Names {
    answers: Vec<Vec<SocketAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn new(answers: &[&[&str]], port: u16) -> Arc<Self> {
        let answer = |addresses: &&[&str]| {
            addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect()
        };
        Arc::new(Self { answers: answers.iter().map(answer).collect(), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(host.to_owned());
        Ok(self.answers[(asked.len() - 1).min(self.answers.len() - 1)].clone())
    }
}

fn settings(networks: &[&str]) -> HttpSettings {
    let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    HttpSettings { networks, allow_http: true, ..HttpSettings::default() }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(at(0)))
}

/// A client that may connect to loopback.
fn client() -> HttpClient {
    HttpClient::new(settings(&["127.0.0.0/8"]), clock())
}

fn client_with(settings: HttpSettings, names: &Arc<Names>) -> HttpClient {
    let names: Resolver = Arc::<Names>::clone(names);
    HttpClient::with_resolver(settings, clock(), names)
}

async fn post(client: &HttpClient, url: &str) -> Result<Reply, HttpError> {
    let to = Endpoint::parse(url, &settings(&[])).unwrap();
    client.post(&to, HeaderMap::new(), Bytes::from_static(b"{}")).await
}

fn reason(error: HttpError) -> String {
    let SendError::Retry { reason, after: None } = SendError::from(error) else { panic!("retried without a delay") };
    reason
}

#[tokio::test]
async fn a_post_arrives_and_its_answer_returns() {
    let mut receiver = Receiver::start(|_| Answer::with("202 Accepted", "retry-after: 7\r\n", "noted")).await;
    let client = client();
    let to = Endpoint::parse(&receiver.url("/hook?key=k"), &settings(&[])).unwrap();
    let headers = [(http::header::CONTENT_TYPE, "text/x".parse().unwrap())].into_iter().collect();
    let reply = client.post(&to, headers, Bytes::from_static(b"body")).await.unwrap();
    let expected = (StatusCode::ACCEPTED, Some(Duration::from_secs(7)), Bytes::from_static(b"noted"));
    assert_eq!((reply.status, reply.retry_after, reply.body.clone()), expected);
    assert_eq!(reply.line(), format!("{} answered 202 Accepted", receiver.address));
    let received = receiver.next().await;
    assert_eq!(received.line, "POST /hook?key=k HTTP/1.1");
    assert_eq!(received.headers["host"], receiver.address.to_string());
    assert_eq!(
        (received.headers["user-agent"].to_str().unwrap(), &received.headers["content-type"]),
        (NAME, &"text/x".parse().unwrap())
    );
    assert_eq!(received.body, b"body");
    // The connection is used again.
    post(&client, &receiver.url("/")).await.unwrap();
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn tls_is_verified_with_the_name_in_the_url() {
    let identity = Identity::of("hooks.test");
    let mut receiver = Receiver::tls(&identity, |_| Answer::status("204 No Content")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &identity.authority_pem).unwrap();
    let (port, ca_file) = (receiver.address.port(), Some(file.path().to_owned()));
    let names = Names::new(&[&["127.0.0.1"]], port);
    let trusting =
        |ca_file: Option<PathBuf>| client_with(HttpSettings { ca_file, ..settings(&["127.0.0.1/32"]) }, &names);
    let reply = post(&trusting(ca_file.clone()), &format!("https://hooks.test:{port}/")).await.unwrap();
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(receiver.next().await.headers["host"], format!("hooks.test:{port}"));
    for (client, host, problem) in
        [(trusting(ca_file.clone()), "other.test", "not valid for"), (trusting(None), "hooks.test", "unknown")]
    {
        let error = post(&client, &format!("https://{host}:{port}/secret")).await.err().unwrap();
        assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
        let reason = reason(error);
        assert!(reason.starts_with(&format!("cannot connect to {host}:{port}: TLS: ")), "{reason}");
        assert!(reason.contains(problem) && !reason.contains("secret"), "{reason}");
    }
    let missing = post(&trusting(Some("/nonexistent".into())), "https://hooks.test/").await.err().unwrap();
    assert!(reason(missing).starts_with("cannot load the certificates of authorities: /nonexistent: "));
    std::fs::write(file.path(), "no certificate").unwrap();
    let empty = post(&trusting(ca_file), "https://hooks.test/").await.err().unwrap();
    assert!(reason(empty).ends_with(": contains no PEM certificate"));
    assert!(receiver.arrived().is_none());
}

/// The system's resolver reads every one of them.
#[tokio::test]
async fn no_notation_of_an_internal_address_passes() {
    let receiver = Receiver::start(|_| Answer::status("200 OK")).await;
    let port = receiver.address.port();
    let client = HttpClient::new(settings(&[]), clock());
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f000001",
        "0x7f.0x0.0x0.0x1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "127.000.000.001",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "0",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::0001]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:7F00:0001]",
        "[64:ff9b::127.0.0.1]",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.100.100.200",
        "255.255.255.255",
        "224.0.0.1",
    ] {
        let error = post(&client, &format!("http://{host}:{port}/")).await.err().unwrap();
        // A resolver may not know an old notation, or end a number with a dot. It must not connect.
        let refused = matches!(error, HttpError::Refused { .. } | HttpError::Resolve { .. });
        assert!(refused, "{host}: {error:?}");
    }
    assert_eq!(receiver.connections(), 0);
    let error = post(&client, "http://0x7f.1/secret").await.err().unwrap();
    assert_eq!(
        reason(error),
        "0x7f.1 has the address 127.0.0.1 (loopback), which is not public; to allow it, list its network in allowed_networks"
    );
}

#[tokio::test]
async fn one_internal_address_of_a_name_refuses_all() {
    let receiver = Receiver::start(|_| Answer::status("200 OK")).await;
    let port = receiver.address.port();
    for addresses in [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::ffff:169.254.169.254"]] {
        let names = Names::new(&[&addresses], port);
        let error = post(&client_with(settings(&["127.0.0.1/32"]), &names), "http://both.test/").await.err().unwrap();
        assert!(matches!(error, HttpError::Refused { .. }), "{addresses:?}: {error:?}");
    }
    let names = Names::new(&[&[]], port);
    let error = post(&client_with(settings(&[]), &names), "http://none.test/").await.err().unwrap();
    assert_eq!(reason(error), "cannot resolve none.test: the name has no address");
    assert_eq!(receiver.connections(), 0);
}

/// A name server that answers with an allowed address first, and with an internal one from then on.
#[tokio::test]
async fn a_name_that_rebinds_is_asked_once_for_each_connection() {
    let closing = |_: &_| Answer::Last(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec());
    let mut receiver = Receiver::start(closing).await;
    let port = receiver.address.port();
    let internal = Receiver::listen(SocketAddr::from(([127, 0, 0, 2], port)), None, closing).await;
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]], port);
    let client = client_with(settings(&["127.0.0.1/32"]), &names);
    let url = format!("http://rebinds.test:{port}/");
    assert_eq!(post(&client, &url).await.unwrap().status, StatusCode::OK);
    assert_eq!(receiver.next().await.headers["host"], format!("rebinds.test:{port}"));
    assert_eq!(names.asked(), ["rebinds.test"]);
    let error = post(&client, &url).await.err().unwrap();
    assert!(matches!(error, HttpError::Refused { .. }), "{error:?}");
    assert_eq!((names.asked().len(), internal.connections()), (2, 0));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let internal = Receiver::start(|_| Answer::status("200 OK")).await;
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let location = format!("location: {}\r\n", internal.url("/admin?token=t"));
        let receiver = Receiver::start(move |_| Answer::with(status, &location, "")).await;
        let error = post(&client(), &receiver.url("/secret")).await.err().unwrap();
        let expected = format!("{} answered {status}: redirects are not followed; set the final URL", receiver.address);
        assert_eq!(reason(error), expected);
    }
    assert_eq!(internal.connections(), 0);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_is_down() {
    let receiver = Receiver::start(|_| Answer::status("200 OK")).await;
    let port = receiver.address.port();
    let names = Names::new(&[&["127.0.0.9", "127.0.0.1"]], port);
    assert!(post(&client_with(settings(&["127.0.0.0/8"]), &names), "http://two.test/").await.is_ok());
    let names = Names::new(&[&["127.0.0.9"]], port);
    let error = post(&client_with(settings(&["127.0.0.0/8"]), &names), "http://two.test/").await.err().unwrap();
    assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_left_in_time() {
    for beginning in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let mut receiver = Receiver::start(move |_| Answer::Hang(beginning.into())).await;
        let clock = clock();
        let client = HttpClient::new(settings(&["127.0.0.1/32"]), Arc::<ManualClock>::clone(&clock));
        let url = receiver.url("/secret");
        let (result, ()) = tokio::join!(post(&client, &url), async {
            receiver.next().await;
            clock.advance(Duration::from_secs(10));
        });
        assert_eq!(reason(result.err().unwrap()), format!("{} did not answer within 10s", receiver.address));
    }
}

/// The status is the answer: a message that was accepted is not repeated because the rest of the response is missing.
#[tokio::test]
async fn a_response_without_end_is_cut() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec();
    let endless = Receiver::start(move |_| Answer::Endless(head.clone())).await;
    let reply = post(&client(), &endless.url("/")).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, RESPONSE_MAX));

    // The time limit passes while the body is read.
    let clock = clock();
    let mut deadline = clock.timer(clock.instant() + Duration::from_secs(10));
    let frames = stream::iter([Ok::<_, io::Error>(Frame::data(Bytes::from_static(b"abc")))]).chain(stream::pending());
    clock.advance(Duration::from_secs(10));
    assert_eq!(beginning(Response::new(StreamBody::new(frames)), &mut deadline).await, "abc");
}

#[tokio::test]
async fn garbage_and_early_ends_are_errors() {
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    for answer in [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 999999 X\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        many_headers.as_str(),
    ] {
        let bytes = answer.as_bytes().to_vec();
        let receiver = Receiver::start(move |_| Answer::Last(bytes.clone())).await;
        let error = post(&client(), &receiver.url("/secret")).await.err().unwrap();
        assert!(matches!(error, HttpError::Response { .. }), "{answer:.40}: {error:?}");
        let reason = reason(error);
        assert!(reason.starts_with(&format!("{} sent no valid response: ", receiver.address)), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[test]
fn only_complete_urls_are_endpoints() {
    let http = settings(&[]);
    let https = HttpSettings::default();
    for url in [
        "https://a.test",
        "https://a.test/hook?key=k",
        "https://a.test:8443/",
        "https://[2606:4700::1]/",
        "HTTPS://A.test/",
    ] {
        assert!(Endpoint::parse(url, &https).is_ok(), "{url}");
    }
    let longest = format!("https://a.test/{}", "x".repeat(URL_MAX - 15));
    assert!(Endpoint::parse(&longest, &https).is_ok());
    for (url, error) in [
        ("", EndpointError::Form),
        ("a.test/hook", EndpointError::Form),
        ("/hook", EndpointError::Form),
        ("https://", EndpointError::Form),
        ("https:///hook", EndpointError::Form),
        ("https://a.test/#part", EndpointError::Form),
        ("https://a.test:0/", EndpointError::Form),
        ("https://a.test:65536/", EndpointError::Form),
        ("https://a.test:/", EndpointError::Form),
        ("https://bücher.test/", EndpointError::Form),
        ("https://a.test/ b", EndpointError::Form),
        ("https://a.test/\r\nx: y", EndpointError::Form),
        ("ftp://a.test/", EndpointError::Form),
        ("file:///etc/passwd", EndpointError::Form),
        ("unix:/run/x", EndpointError::Form),
        (&format!("{longest}x"), EndpointError::Form),
        ("http://a.test/", EndpointError::Http),
        ("https://user:password@a.test/", EndpointError::Credentials),
        ("https://a.test@127.0.0.1/", EndpointError::Credentials),
    ] {
        assert_eq!(Endpoint::parse(url, &https), Err(error), "{url:?}");
    }
    assert!(Endpoint::parse("http://a.test/", &http).is_ok());
    let shown = format!("{:?}", Endpoint::parse("https://a.test:8443/secret?key=k", &https));
    assert_eq!(shown, "Ok(Endpoint(a.test:8443))");
}
