use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tonic::{Code, Status};

use super::Charge;
use crate::grpc::error::Failure;

/// Size of the prefix of a message, in bytes: a flag for compression, and the length.
const PREFIX: usize = 5;

/// A request body with exactly one message. It is measured before it is kept: the library that decodes it would
/// allocate the announced size, and has no details for errors.
pub(in crate::grpc) struct Incoming<B> {
    inner: B,
    charge: Arc<Charge>,
    limit: usize,
    part: Part,
}

/// The next part.
#[derive(Clone, Copy, Debug)]
enum Part {
    Prefix { read: usize, bytes: [u8; PREFIX] },
    Message { left: usize },
    End,
}

impl<B> Incoming<B> {
    /// Reads a message of at most `limit` bytes, and counts them for the call.
    pub(in crate::grpc) const fn new(inner: B, charge: Arc<Charge>, limit: usize) -> Self {
        Self { inner, charge, limit, part: Part::Prefix { read: 0, bytes: [0; PREFIX] } }
    }

    fn measure(&mut self, mut data: &[u8]) -> Result<(), Failure> {
        while let Some((first, rest)) = data.split_first() {
            self.part = match self.part {
                Part::Prefix { read, mut bytes } => {
                    bytes[read] = *first;
                    data = rest;
                    if read + 1 < PREFIX { Part::Prefix { read: read + 1, bytes } } else { self.begin(bytes)? }
                }
                Part::Message { left } => {
                    let taken = left.min(data.len());
                    data = &data[taken..];
                    if taken == left { Part::End } else { Part::Message { left: left - taken } }
                }
                Part::End => return Err(Failure::Malformed("the call has more than one message".into())),
            };
        }
        Ok(())
    }

    fn begin(&self, [flag, length @ ..]: [u8; PREFIX]) -> Result<Part, Failure> {
        match flag {
            0 => {}
            1 => {
                return Err(Failure::Malformed(
                    "the message is compressed, but `grpc-encoding` names no encoding".into(),
                ));
            }
            _ => return Err(Failure::Malformed(format!("the message has compression flag {flag}; it must be 0"))),
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > self.limit {
            return Err(Failure::MessageTooLarge { found: length, limit: self.limit });
        }
        self.charge.grow(length)?;
        Ok(if length == 0 { Part::End } else { Part::Message { left: length } })
    }

    fn end(&self) -> Result<(), Failure> {
        let missing = match self.part {
            Part::End => return Ok(()),
            Part::Prefix { read: 0, .. } => "the call has no message",
            Part::Prefix { .. } | Part::Message { .. } => "the message ends before its length is reached",
        };
        Err(Failure::Malformed(missing.into()))
    }
}

impl<B> Body for Incoming<B>
where
    B: Body<Data = Bytes, Error = Status> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let checked = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => self.measure(data).map(|()| Some(frame)),
                None => self.end().map(|()| Some(frame)),
            },
            None => self.end().map(|()| None),
            // The caller has left: nobody reads a response.
            Some(Err(status)) if status.code() == Code::Cancelled => return Poll::Ready(Some(Err(status))),
            // A layer below has already set a status with details.
            Some(Err(status)) if !status.details().is_empty() => return Poll::Ready(Some(Err(status))),
            Some(Err(status)) => {
                Err(Failure::Malformed(format!("cannot read the request's body: {}", status.message())))
            }
        };
        Poll::Ready(checked.map_err(Status::from).transpose())
    }

    fn is_end_stream(&self) -> bool {
        // A missing part is only reported when the end is requested.
        matches!(self.part, Part::End) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
