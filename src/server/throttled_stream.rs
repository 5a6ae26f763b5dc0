#![expect(clippy::disallowed_methods, reason = "what connections pay is counted by the runtime's time")]

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    clock::Clock,
    connections::{Allowance, Ticket},
};

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A socket that limits what an unauthenticated client can send, and that the registry can close.
///
/// If such a client does not read its replies, the server stops reading from it: replies to its pings, settings and
/// calls would pile up in memory. After the first authenticated call, this is a plain socket.
pub(super) struct ThrottledStream {
    socket: TcpStream,
    clock: Arc<dyn Clock>,
    /// The wait for more allowance, and the bytes that may be read after it.
    pause: Option<(Sleep, usize)>,
    /// Bytes that are charged, but not read yet.
    paid: usize,
    /// Whether the last write found the socket full.
    stuck: bool,
    ticket: Ticket,
}

impl ThrottledStream {
    pub(super) fn new(socket: TcpStream, ticket: Ticket, clock: Arc<dyn Clock>) -> Self {
        Self { socket, clock, pause: None, paid: 0, stuck: false, ticket }
    }

    pub(super) const fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Bytes that may be read now; `Pending` while there are none.
    fn poll_allowance(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.stuck {
            return Poll::Pending; // until something was written: see `written`
        }
        if self.paid == 0 {
            ready!(self.socket.poll_read_ready(cx))?; // a client that has sent nothing needs no allowance
            if self.pause.is_none() {
                match self.ticket.link().allowance(Instant::now()) {
                    Allowance::Unpaid(bytes) => return Poll::Ready(Ok(bytes)),
                    Allowance::Paid { bytes, wait } => {
                        let clock = Arc::clone(&self.clock);
                        let pausing = async move {
                            if !wait.is_zero() {
                                clock.sleep(wait).await;
                            }
                        };
                        self.pause = Some((Box::pin(pausing), bytes));
                    }
                }
            }
            if let Some((pause, bytes)) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.paid = *bytes;
                self.pause = None;
            }
        }
        Poll::Ready(Ok(self.paid))
    }

    fn written<T>(&mut self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            self.stuck = true;
        } else if std::mem::take(&mut self.stuck) {
            self.ticket.link().wake_reader();
        }
        outcome
    }
}

impl AsyncRead for ThrottledStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ticket.link().is_authenticated() {
            this.ticket.link().check()?; // it may have lost its place just before
            return Pin::new(&mut this.socket).poll_read(cx, buf);
        }
        this.ticket.link().poll_reader(cx)?;
        let allowed = ready!(this.poll_allowance(cx))?;
        let room = allowed.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.socket).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        if this.paid > 0 {
            this.paid -= read;
        } else {
            this.ticket.link().charge(u32::try_from(read).unwrap_or(u32::MAX), Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ThrottledStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.ticket.link().is_authenticated() {
            this.ticket.link().check()?; // it may have lost its place just before
            return Pin::new(&mut this.socket).poll_write(cx, buf);
        }
        this.ticket.link().poll_writer(cx)?;
        let outcome = Pin::new(&mut this.socket).poll_write(cx, buf);
        this.written(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.ticket.link().is_authenticated() {
            this.ticket.link().check()?; // it may have lost its place just before
            return Pin::new(&mut this.socket).poll_write_vectored(cx, bufs);
        }
        this.ticket.link().poll_writer(cx)?;
        let outcome = Pin::new(&mut this.socket).poll_write_vectored(cx, bufs);
        this.written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // An HTTP/1 connection with an idle streaming reply neither reads nor writes: it only flushes. So check here
        // too.
        if this.ticket.link().is_authenticated() {
            this.ticket.link().check()?;
        } else {
            this.ticket.link().poll_writer(cx)?;
        }
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
