//! A receiver of HTTP for tests: real sockets, with TLS or without, and the answers that a test chooses.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderMap, HeaderName, HeaderValue};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use super::{Channel, Fields, Kind, Links, Resources};
use crate::clock::{ManualClock, SystemWall, WallClock as _};

/// A request that arrived.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// Such as `POST /hook?key=1 HTTP/1.1`.
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the receiver does after it read a request.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Sends these bytes and keeps the connection.
    Raw(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Last(Vec<u8>),
    /// Sends these bytes, and then nothing more, without closing.
    Hang(Vec<u8>),
    /// Sends these bytes, and then zeros without end.
    Endless(Vec<u8>),
}

impl Answer {
    /// A response with an empty body.
    pub(super) fn status(status: &str) -> Self {
        Self::with(status, "", "")
    }

    /// A response with header lines, each ending in CRLF, and a body.
    pub(super) fn with(status: &str, headers: &str, body: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
    }
}

/// A listening receiver.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    requests: mpsc::Receiver<Received>,
    connections: Arc<AtomicUsize>,
    scheme: &'static str,
}

/// A certificate for a name, and the authority that signed it.
pub(super) struct Identity {
    pub(super) authority_pem: String,
    acceptor: TlsAcceptor,
}

impl Identity {
    pub(super) fn of(name: &str) -> Self {
        let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let config = ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { authority_pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Receiver {
    /// Listens on loopback.
    pub(super) async fn start(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), None, answer).await
    }

    /// Listens on loopback with TLS.
    pub(super) async fn tls(identity: &Identity, answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), Some(identity.acceptor.clone()), answer).await
    }

    pub(super) async fn listen(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Received) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel(1_000);
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, answer) = (Arc::clone(&connections), Arc::new(answer));
        let scheme = if tls.is_some() { "https" } else { "http" };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connection(stream, tls.clone(), Arc::clone(&answer), sender.clone()));
            }
        });
        Self { address, requests, connections, scheme }
    }

    /// A URL with its address and a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Received {
        self.requests.recv().await.unwrap()
    }

    /// A request that has arrived already.
    pub(super) fn arrived(&mut self) -> Option<Received> {
        self.requests.try_recv().ok()
    }

    /// Number of connections so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    answer: Arc<impl Fn(&Received) -> Answer>,
    sender: mpsc::Sender<Received>,
) {
    // A client may leave at any time.
    let _ = match tls {
        None => serve(stream, answer, sender).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => serve(stream, answer, sender).await,
            Err(error) => Err(error),
        },
    };
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: Arc<impl Fn(&Received) -> Answer>,
    sender: mpsc::Sender<Received>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let received = request(&mut stream).await?;
        let answer = answer(&received);
        let _ = sender.send(received).await;
        match answer {
            Answer::Raw(bytes) => stream.write_all(&bytes).await?,
            Answer::Last(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Answer::Hang(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                // Until the client leaves.
                stream.read_u8().await?;
            }
            Answer::Endless(bytes) => {
                stream.write_all(&bytes).await?;
                loop {
                    stream.write_all(&[b'0'; 4_096]).await?;
                }
            }
        }
        stream.flush().await?;
    }
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let mut headers = HeaderMap::new();
    for header in lines {
        let (name, value) = header.split_once(':').unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value.trim().parse::<HeaderValue>().unwrap());
    }
    let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Received { line, headers, body })
}

/// A channel of a kind, with these fields of its own, that may post to loopback without TLS.
pub(super) fn channel(kind: Kind, mut fields: serde_json::Value) -> Arc<dyn Channel> {
    fields["allow_http"] = true.into();
    fields["allowed_networks"] = serde_json::json!(["127.0.0.1/32"]);
    let mut fields = Fields::new(toml::Table::try_from(fields).unwrap());
    let settings = (kind.parse)(&mut fields);
    assert_eq!(fields.finish(), []);
    // Receivers compare the time of a signature with their own clock.
    let clock = Arc::new(ManualClock::new(SystemWall.wall()));
    let channel = settings.unwrap().build(&Resources { clock, links: Links::default(), minter: None }).unwrap();
    assert_eq!(channel.habits().for_people, kind.for_people);
    channel
}

/// A file with a secret.
pub(super) fn secret_file(secret: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    file
}

/// The problems of a channel's fields.
pub(super) fn problems(kind: Kind, fields: serde_json::Value) -> String {
    let mut fields = Fields::new(toml::Table::try_from(fields).unwrap());
    let _ = (kind.parse)(&mut fields);
    let problems: Vec<_> = fields.finish().iter().map(|one| format!("{} {}", one.field, one.problem)).collect();
    problems.join("; ")
}
