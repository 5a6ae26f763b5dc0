//! Accepts connections, and performs TLS handshakes. A slow handshake delays only its own client.

#![expect(clippy::disallowed_methods, reason = "sockets are timed by the runtime, as their reads and writes are")]

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::stream;
use rustix::io::Errno;
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::Stream;

use super::{connection::Connection, throttled_stream::ThrottledStream};
use crate::{
    clock::Clock,
    connections::{Connections, Stage},
    domain::duration_text,
    identity::{CertificateError, PeerCertificate},
    telemetry::Metrics,
    tls::LiveTls,
};

/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often unauthenticated connections are checked for expiry.
const SWEEP: Duration = Duration::from_secs(1);

/// Why a TLS handshake failed.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("{}", signoff_client::tls_problem(.0).unwrap_or_else(|| .0.to_string()))]
    Tls(#[from] io::Error),
    #[error("rejected the client's certificate: {0}")]
    Certificate(#[from] CertificateError),
    #[error("the client took longer than {}", duration_text(*.0))]
    Slow(Duration),
}

/// Settings of handshakes.
#[derive(Clone)]
pub(super) struct Handshakes {
    pub(super) tls: Option<Arc<LiveTls>>,
    /// How long each may take.
    pub(super) timeout: Duration,
}

/// A listener that registers its connections, and secures them with TLS if it is configured.
pub(super) struct Accept {
    listener: TcpListener,
    connections: Connections,
    secure: Handshakes,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    handshakes: JoinSet<Option<Connection>>,
}

impl Accept {
    /// A listener. Connections count against the limits from the start of their handshake.
    pub(super) fn new(
        listener: TcpListener,
        connections: Connections,
        secure: Handshakes,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { listener, connections, secure, metrics, clock, handshakes: JoinSet::new() }
    }

    /// An endless stream of connections. Dropping it ends the handshakes that are under way.
    pub(super) fn connections(self) -> impl Stream<Item = Result<Connection, Infallible>> {
        stream::unfold(self, |mut accept| async {
            let connection = accept.next().await;
            Some((Ok(connection), accept))
        })
    }

    async fn next(&mut self) -> Connection {
        loop {
            tokio::select! {
                Some(ended) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = ended {
                        return connection;
                    }
                }
                accepted = self.listener.accept() => {
                    let Some(stream) = self.admit(accepted).await else { continue };
                    match &self.secure.tls {
                        None => return Connection::plain(stream),
                        Some(tls) => {
                            let shaking = secure(stream, tls.config(), self.secure.timeout, self.metrics.clone());
                            self.handshakes.spawn(shaking);
                        }
                    }
                }
            }
        }
    }

    /// Registers a connection, or closes it immediately when the limits are reached.
    async fn admit(&self, accepted: io::Result<(TcpStream, SocketAddr)>) -> Option<ThrottledStream> {
        let accepted = accepted.and_then(|(stream, peer)| stream.set_nodelay(true).map(|()| (stream, peer)));
        match accepted {
            Ok((stream, peer)) => {
                let stage = if self.secure.tls.is_some() { Stage::Handshake } else { Stage::Silent };
                match self.connections.admit(peer.ip(), stage, Instant::now()) {
                    Ok(ticket) => Some(ThrottledStream::new(stream, ticket, Arc::clone(&self.clock))),
                    Err(full) => {
                        tracing::debug!(%full, "rejected a connection");
                        None
                    }
                }
            }
            Err(error) => {
                // Usually the process is out of file descriptors, so evict an unauthenticated connection to free one.
                // Accepting again without a pause would only burn CPU.
                let scarce = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
                let made_room =
                    error.raw_os_error().is_some_and(|code| scarce.contains(&code)) && self.connections.evict();
                tracing::warn!(%error, made_room, "cannot accept a connection");
                self.clock.sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

/// Closes expired unauthenticated connections. Never returns.
pub(super) async fn sweep(connections: Connections, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(SWEEP).await;
        connections.sweep(Instant::now());
    }
}

/// Performs the TLS handshake within the limit; `None` when it fails.
async fn secure(
    stream: ThrottledStream,
    config: Arc<ServerConfig>,
    time: Duration,
    metrics: Metrics,
) -> Option<Connection> {
    match shake_hands(stream, config, time).await {
        Ok((stream, certificate)) => Some(Connection::secure(stream, certificate)),
        Err(error) => {
            metrics.tls_handshake_failed();
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
    }
}

async fn shake_hands(
    stream: ThrottledStream,
    config: Arc<ServerConfig>,
    time: Duration,
) -> Result<(TlsStream<ThrottledStream>, Option<PeerCertificate>), HandshakeError> {
    let accepted = timeout(time, TlsAcceptor::from(config).accept(stream)).await;
    let stream = accepted.map_err(|_| HandshakeError::Slow(time))??;
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let certificate = leaf.map(|leaf| PeerCertificate::parse(leaf)).transpose()?;
    Ok((stream, certificate))
}
