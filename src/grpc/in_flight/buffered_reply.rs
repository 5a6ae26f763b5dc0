use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body};

use super::Charge;

/// Encodes a unary reply immediately, and counts it.
///
/// The transport asks for a reply only when its client has room, and a message takes far more memory than its encoding:
/// a `Struct` of small values up to 100 times its JSON. There is no await between the handler's result and this call,
/// so there are only as many such messages as threads.
///
/// # Errors
/// `TOO_MANY_CALLS` if there is no room, or the status of a failed encoding.
pub(in crate::grpc) async fn whole(response: Response<Body>, charge: &Charge) -> Result<Response<Body>, Status> {
    if response.body().is_end_stream() {
        return Ok(response); // an error
    }
    let (head, body) = response.into_parts();
    let encoded = body.collect().await?;
    let trailers = encoded.trailers().cloned();
    let data = encoded.to_bytes();
    charge.reply(data.len())?;
    Ok(Response::from_parts(head, Body::new(Whole { data: Some(data), trailers })))
}

/// A reply with its trailers. Its size is not announced, because gRPC-Web changes it.
struct Whole {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}
