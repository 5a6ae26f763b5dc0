//! Request bodies with a limit: in time, or in number of messages.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};

use super::error::Failure;
use crate::clock::Clock;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A body that must end in time, counted from its first poll. Most have arrived by then, and need no timer.
struct Punctual {
    body: Body,
    clock: Arc<dyn Clock>,
    limit: Duration,
    left: Option<Sleep>,
    /// The error of a late body.
    late: fn(Duration) -> Option<Status>,
}

/// Limits the time for a call's one message.
pub(super) fn punctual(body: Body, clock: &Arc<dyn Clock>, limit: Duration) -> Body {
    let late = |limit| Some(Failure::MessageLate { limit }.into());
    wrap(body, clock, limit, late)
}

/// Ends a stream of requests at a maximum age, as if its client had ended it.
pub(super) fn aging(body: Body, clock: &Arc<dyn Clock>, limit: Duration) -> Body {
    wrap(body, clock, limit, |_| None)
}

fn wrap(body: Body, clock: &Arc<dyn Clock>, limit: Duration, late: fn(Duration) -> Option<Status>) -> Body {
    if http_body::Body::is_end_stream(&body) {
        return body;
    }
    Body::new(Punctual { body, clock: Arc::clone(clock), limit, left: None, late })
}

impl http_body::Body for Punctual {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let ready @ Poll::Ready(_) = Pin::new(&mut this.body).poll_frame(cx) {
            return ready;
        }
        let left = this.left.get_or_insert_with(|| {
            let (clock, limit) = (Arc::clone(&this.clock), this.limit);
            Box::pin(async move { clock.sleep(limit).await })
        });
        left.as_mut().poll(cx).map(|()| {
            this.body = Body::empty();
            (this.late)(this.limit).map(Err)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream of gRPC messages that ends after a maximum number, as if its client had ended it.
struct Rationed {
    body: Body,
    left: u32,
    /// Remaining bytes of the current message.
    message: usize,
    /// The received part of the next message's header: a flag, and the length in four bytes.
    header: Vec<u8>,
}

/// Size of the header before each gRPC message, in bytes.
const HEADER: usize = 5;

/// Ends a stream of requests after `messages` of them.
pub(super) fn rationed(body: Body, messages: u32) -> Body {
    Body::new(Rationed { body, left: messages, message: 0, header: Vec::with_capacity(HEADER) })
}

impl Rationed {
    /// Counts the messages that begin in these bytes. Returns the number of bytes that are still allowed.
    fn allowed(&mut self, mut bytes: Bytes) -> usize {
        let all = bytes.remaining();
        while bytes.has_remaining() {
            let skipped = self.message.min(bytes.remaining());
            bytes.advance(skipped);
            self.message -= skipped;
            if !bytes.has_remaining() {
                break;
            }
            if self.header.is_empty() && self.left == 0 {
                return all - bytes.remaining();
            }
            let wanted = (HEADER - self.header.len()).min(bytes.remaining());
            self.header.extend_from_slice(&bytes[..wanted]);
            bytes.advance(wanted);
            if let [_, length @ ..] = self.header.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                self.message = u32::from_be_bytes(length) as usize;
                self.header.clear();
                self.left -= 1;
            }
        }
        all
    }
}

impl http_body::Body for Rationed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        Pin::new(&mut this.body).poll_frame(cx).map(|frame| {
            let mut data = match frame?.map(Frame::into_data) {
                Ok(Ok(data)) => data,
                Ok(Err(other)) => return Some(Ok(other)),
                Err(error) => return Some(Err(error)),
            };
            let allowed = this.allowed(data.clone());
            if allowed < data.len() {
                this.body = Body::empty(); // further data is dropped
                data.truncate(allowed);
            }
            Some(Ok(Frame::data(data)))
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use tonic::Code;

    use super::*;
    use crate::{clock::ManualClock, domain::Time};

    fn message(length: u32) -> Vec<u8> {
        [&[0][..], &length.to_be_bytes(), &vec![7; length as usize]].concat()
    }

    /// A body that never ends.
    fn held(first: Vec<u8>) -> Body {
        let first = futures_util::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from(first)))]);
        Body::new(StreamBody::new(futures_util::StreamExt::chain(first, futures_util::stream::pending())))
    }

    async fn late(wrap: impl Fn(Body, &Arc<dyn Clock>, Duration) -> Body) -> Option<Result<Frame<Bytes>, Status>> {
        let manual = Arc::new(ManualClock::new(Time::UNIX_EPOCH));
        let clock = Arc::clone(&manual) as Arc<dyn Clock>;
        let limit = Duration::from_secs(15);
        let mut body = wrap(held(vec![1]), &clock, limit);
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok_and(|frame| frame.is_data())));
        let mut next = Box::pin(body.frame());
        assert!(futures_util::poll!(&mut next).is_pending());
        manual.advance(limit - Duration::from_micros(1));
        assert!(futures_util::poll!(&mut next).is_pending());
        manual.advance(Duration::from_micros(1));
        next.await
    }

    #[tokio::test]
    async fn a_message_that_is_held_back_is_given_up() {
        let status = late(punctual).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(status.message().contains("15s"), "{status:?}");
        assert!(late(aging).await.is_none());
    }

    #[tokio::test]
    async fn a_stream_ends_after_its_ration() {
        for size in [1, 2, 3, 4, 5, 6, 7, 100, 1_000] {
            let all = [message(3), message(0), message(300), message(2)].concat();
            let allowed = [message(3), message(0), message(300)].concat();
            let chunks: Vec<_> =
                all.chunks(size).map(|chunk| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(chunk)))).collect();
            let body = Body::new(StreamBody::new(futures_util::stream::iter(chunks)));
            let passed = rationed(body, 3).collect().await.unwrap().to_bytes();
            assert_eq!(passed, allowed, "in pieces of {size}");
        }
        let whole = rationed(Body::new(Full::new(Bytes::from(message(9)))), 1).collect().await.unwrap().to_bytes();
        assert_eq!(whole, message(9));
    }
}
