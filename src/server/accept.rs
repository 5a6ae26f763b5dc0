//! Accepts connections, and makes them secure. A slow handshake delays nobody but its own client.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::connection::Connection;
use crate::{
    identity::{CertificateError, PeerCertificate},
    telemetry::Metrics,
    tls::LiveTls,
};

/// Rest after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection was not made secure.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("{0}")]
    Tls(#[from] io::Error),
    #[error("the client's certificate is refused: {0}")]
    Certificate(#[from] CertificateError),
    #[error("the client took longer than {HANDSHAKE_TIMEOUT:?}")]
    Slow(#[from] tokio::time::error::Elapsed),
}

/// A listener whose connections have room, and TLS if there is any.
pub(super) struct Accept {
    listener: TcpListener,
    rooms: Arc<Semaphore>,
    tls: Option<Arc<LiveTls>>,
    metrics: Metrics,
    handshakes: JoinSet<Option<Connection>>,
}

impl Accept {
    /// At most `connections` at once, those counted that are still shaking hands.
    pub(super) fn new(listener: TcpListener, connections: u32, tls: Option<Arc<LiveTls>>, metrics: Metrics) -> Self {
        let rooms = Arc::new(Semaphore::new(connections as usize));
        Self { listener, rooms, tls, metrics, handshakes: JoinSet::new() }
    }

    /// The connections, for ever. Handshakes that are under way end with it.
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
                    let Some((stream, room)) = self.admit(accepted).await else { continue };
                    match &self.tls {
                        None => return Connection::plain(stream, room),
                        Some(tls) => {
                            self.handshakes.spawn(secure(stream, room, tls.config(), self.metrics.clone()));
                        }
                    }
                }
            }
        }
    }

    /// A connection with its room; one too many is closed at once.
    async fn admit(
        &self,
        accepted: io::Result<(TcpStream, std::net::SocketAddr)>,
    ) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        match accepted.and_then(|(stream, _)| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => Some((stream, Arc::clone(&self.rooms).try_acquire_owned().ok()?)),
            Err(error) => {
                // Mostly that there are no more file descriptors; asking again at once would only keep us busy.
                tracing::warn!(%error, "cannot accept a connection");
                #[expect(clippy::disallowed_methods, reason = "a pause, not a moment to wait for")]
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

/// Shakes hands in time, or not at all.
async fn secure(
    stream: TcpStream,
    room: OwnedSemaphorePermit,
    config: Arc<ServerConfig>,
    metrics: Metrics,
) -> Option<Connection> {
    match shake_hands(stream, config).await {
        Ok((stream, certificate)) => Some(Connection::secure(stream, certificate, room)),
        Err(error) => {
            metrics.tls_handshake_failed();
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    config: Arc<ServerConfig>,
) -> Result<(TlsStream<TcpStream>, Option<PeerCertificate>), HandshakeError> {
    let stream = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await??;
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let certificate = leaf.map(|leaf| PeerCertificate::parse(leaf)).transpose()?;
    Ok((stream, certificate))
}
