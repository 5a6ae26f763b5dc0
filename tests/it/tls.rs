//! TLS over real sockets, with certificates that each test generates.

pub(crate) mod authority;
mod clients;
mod command;
mod gate;
mod handshakes;
mod identity;
mod reload;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::{
    Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use self::authority::{Authority, Leaf};
use crate::{
    calls::{ask, open},
    server::{Server, age, client, soon},
};

/// The files of a server, and the authority of its certificate.
struct Files {
    directory: TempDir,
    authority: Authority,
}

impl Files {
    /// A certificate and its key.
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap(), authority: Authority::new("servers") };
        files.replace(&files.authority.server());
        fs::write(files.path("ca.crt"), files.authority.pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Replaces certificate and key, one after the other, as tools do.
    fn replace(&self, leaf: &Leaf) {
        replace(&self.path("tls.crt"), &leaf.certificate);
        replace(&self.path("tls.key"), &leaf.key);
    }

    /// A server with them, and these settings.
    async fn start(&self, settings: &[&str]) -> Server {
        let setting = |key: &str, name: &str| format!("{key}={}", self.path(name).display());
        for name in ["tls.crt", "tls.key"] {
            age(&self.path(name));
        }
        let (certificate, key) = (setting("tls.certificate", "tls.crt"), setting("tls.key", "tls.key"));
        Server::start(&self.path("store"), &[&[certificate.as_str(), key.as_str()], settings].concat()).await
    }

    /// The setting that requires client certificates of this authority.
    fn client_ca(&self, authority: &Authority) -> String {
        let path = self.path("clients.crt");
        replace(&path, authority.pem());
        age(&path);
        format!("tls.client_ca={}", path.display())
    }

    /// A client's settings, with a certificate or without.
    fn trusting(&self, leaf: Option<&Leaf>) -> ClientTlsConfig {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.authority.pem()));
        match leaf {
            Some(leaf) => tls.identity(Identity::from_pem(&leaf.certificate, &leaf.key)),
            None => tls,
        }
    }

    /// A connection whose server's certificate is from the authority, speaking this protocol.
    async fn connect(&self, server: &Server, protocol: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let name = ServerName::from(server.address().ip());
        soon("hands are shaken", TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
    }

    /// The server's certificate as a new connection sees it.
    async fn seen(&self, server: &Server) -> Vec<u8> {
        let stream = self.connect(server, b"h2").await;
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    /// The value of a metric, read over HTTP/1.1.
    async fn metric(&self, server: &Server, name: &str) -> i64 {
        let mut stream = self.connect(server, b"http/1.1").await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: signoff\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        soon("the metrics end", stream.read_to_string(&mut answer)).await.unwrap();
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {answer}")).parse().unwrap()
    }
}

fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, file).unwrap();
}

/// A new connection, opened on first use.
fn channel(server: &Server, tls: ClientTlsConfig) -> Channel {
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address())).unwrap();
    endpoint.tls_config(tls).unwrap().connect_lazy()
}

/// Makes a request over a new connection.
async fn call(server: &Server, request_id: &str, tls: ClientTlsConfig) -> Result<(), Status> {
    let mut agent = client(channel(server, tls), &server.tokens().agent);
    soon("the call ends", open(&mut agent, ask(request_id))).await.map(|_| ())
}

/// The text of an error and its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
