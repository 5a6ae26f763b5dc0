#![expect(clippy::disallowed_methods, reason = "what connections pay is counted by the runtime's time")]

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::throttled_stream::ThrottledStream;
use crate::{
    connections::{ConnectionState, Stage},
    grpc::ConnectionInfo,
    identity::PeerCertificate,
};

/// The first bytes of every HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection, with its client's certificate and its stage. It stays registered until it is dropped.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    info: ConnectionInfo,
    link: Arc<ConnectionState>,
    /// Bytes of [`PREFACE`] read so far; `None` after the preface, or after other bytes.
    opening: Option<usize>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection {
    /// A connection without TLS.
    pub(super) fn plain(stream: ThrottledStream) -> Self {
        let link = Arc::clone(stream.ticket().link());
        Self::new(Box::new(stream), link, None)
    }

    /// A connection whose handshake is done, with the client's verified certificate if it has one.
    pub(super) fn secure(stream: TlsStream<ThrottledStream>, certificate: Option<PeerCertificate>) -> Self {
        let link = Arc::clone(stream.get_ref().0.ticket().link());
        link.reached(Stage::Silent, Instant::now());
        Self::new(Box::new(stream), link, certificate)
    }

    fn new(stream: Box<dyn Stream>, link: Arc<ConnectionState>, certificate: Option<PeerCertificate>) -> Self {
        let info = ConnectionInfo {
            certificate: certificate.map(|certificate| Arc::new(certificate.into())),
            link: Some(Arc::clone(&link)),
            ..ConnectionInfo::default()
        };
        Self { stream, info, link, opening: Some(0) }
    }

    /// Inspects the first bytes: the HTTP/2 preface, whole or in part, or the head of an HTTP/1 request. Only the HTTP
    /// server knows where that head ends.
    fn see(&mut self, bytes: &[u8]) {
        let Some(seen) = self.opening else { return };
        if bytes.is_empty() {
            return; // end of file
        }
        let expected = &PREFACE[seen..];
        let common = expected.len().min(bytes.len());
        let (stage, opening) = match (expected[..common] == bytes[..common], common == expected.len()) {
            (true, true) => (Stage::Open, None),
            (true, false) => (Stage::Head, Some(seen + common)),
            (false, _) => (Stage::Head, None),
        };
        self.opening = opening;
        self.link.reached(stage, Instant::now());
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if self.opening.is_some() {
            self.see(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
