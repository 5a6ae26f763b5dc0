use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::{grpc::ConnectionInfo, identity::PeerCertificate};

/// A connection that knows who made it, and how many streams are open on it. It takes the room of one until it is
/// dropped.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    info: ConnectionInfo,
    _room: OwnedSemaphorePermit,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection {
    /// A connection without TLS.
    pub(super) fn plain(stream: TcpStream, room: OwnedSemaphorePermit) -> Self {
        Self { stream: Box::new(stream), info: ConnectionInfo::default(), _room: room }
    }

    /// A connection whose handshake is done, with the client's verified certificate if it has one.
    pub(super) fn secure(
        stream: TlsStream<TcpStream>,
        certificate: Option<PeerCertificate>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        let info = ConnectionInfo {
            certificate: certificate.map(|certificate| Arc::new(certificate.into())),
            ..ConnectionInfo::default()
        };
        Self { stream: Box::new(stream), info, _room: room }
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
        Pin::new(&mut self.stream).poll_read(cx, buf)
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
