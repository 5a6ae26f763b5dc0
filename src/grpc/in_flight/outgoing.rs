use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{CALL, Charge, Flight};

/// A call whose response is being sent, as an extension of the response: its reservation, and its kind of reply.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Carried {
    pub(in crate::grpc) charge: Arc<Charge>,
    pub(in crate::grpc) streams: bool,
}

/// Counts a response's bytes until the transport has taken them. Must be outside of every layer that changes the bytes,
/// such as gRPC-Web.
pub fn metered<B>(mut response: Response<B>) -> Response<Outgoing<B>> {
    let carried = response.extensions_mut().remove::<Carried>();
    response.map(|inner| match carried {
        None => Outgoing { inner, flight: None, reserved: None, streams: false, ticket: None },
        Some(Carried { charge, streams }) => {
            let flight = Some(Waiting(Arc::clone(&charge.flight)));
            Outgoing { inner, flight, reserved: Some(charge), streams, ticket: None }
        }
    })
}

/// A flight whose reply may wait for room.
struct Waiting(Arc<Flight>);

pin_project! {
    /// A response body that produces only as much as there is room for.
    pub struct Outgoing<B> {
        #[pin]
        inner: B,
        flight: Option<Waiting>,
        // The bytes counted until now. The reply's first bytes replace them.
        reserved: Option<Arc<Charge>>,
        streams: bool,
        ticket: Option<u64>,
    }

    impl<B> PinnedDrop for Outgoing<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(Waiting(flight)) = this.flight {
                flight.leave(this.ticket);
            }
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Outgoing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let Some(Waiting(flight)) = this.flight else { return this.inner.poll_frame(cx) };
        if *this.streams {
            ready!(flight.poll_room(cx, this.ticket));
        }
        let polled = this.inner.poll_frame(cx);
        let polled = polled.map_ok(|frame| match frame.into_data() {
            Ok(data) if data.is_empty() => Frame::data(data),
            Ok(data) => {
                let reserved = this.reserved.take();
                let charge = match reserved {
                    // Nobody else holds it now, except a request body that was not read to its end.
                    Some(reserved) => {
                        reserved.settle(if *this.streams { data.len() } else { data.len().max(CALL) });
                        reserved
                    }
                    None => {
                        let charge = Charge { flight: Arc::clone(flight), bytes: 0.into() };
                        charge.settle(data.len());
                        Arc::new(charge)
                    }
                };
                flight.ahead.fetch_add(data.len(), Ordering::SeqCst);
                flight.caller.replies.add(data.len());
                Frame::data(Bytes::from_owner(Sent { data, charge }))
            }
            Err(other) => other,
        });
        if *this.streams {
            flight.pass_on();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Bytes that are counted while the transport holds them.
struct Sent {
    data: Bytes,
    charge: Arc<Charge>,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let flight = &self.charge.flight;
        flight.ahead.fetch_sub(self.data.len(), Ordering::SeqCst);
        flight.caller.replies.give_back(self.data.len());
        flight.taken.wake();
    }
}
