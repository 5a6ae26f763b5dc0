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

/// What every client that speaks HTTP/2 sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that knows who made it, how far it has come, and how many streams are open on it. It has its place in
/// the registry until it is dropped.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    info: ConnectionInfo,
    link: Arc<ConnectionState>,
    /// Bytes of [`PREFACE`] that were read; `None` once HTTP is spoken, or the bytes were others.
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

    /// Sees what comes first: the preface of HTTP/2, whole or not, or the head of an HTTP/1 request, of which only the
    /// server behind this knows when it ends.
    fn see(&mut self, bytes: &[u8]) {
        let Some(seen) = self.opening else { return };
        if bytes.is_empty() {
            return; // the client's end
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
