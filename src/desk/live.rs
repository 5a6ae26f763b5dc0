//! Live updates of open pages: server-sent events. A page that loses the stream connects again:
//! `assets/desk.js`.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse as _, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt as _, stream};

use crate::grpc::StreamPermit;

/// Time between two signs of life. A page that gets none for twice as long says that it is not live.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Data of events that only have a name: browsers do not dispatch an event without data.
pub(super) const SOMETHING: &str = "-";

/// Streams events to a page until they end. The permit counts the stream.
pub(super) fn respond(events: impl Stream<Item = Event> + Send + 'static, permit: StreamPermit) -> Response {
    let first = stream::iter([Event::default().event("hello").data(SOMETHING)]);
    let events = first.chain(events).map(move |event| {
        let _counted = &permit;
        Ok::<_, Infallible>(event)
    });
    let signs = KeepAlive::new().interval(SIGN_OF_LIFE).event(Event::default().event("alive").data(SOMETHING));
    Sse::new(events).keep_alive(signs).into_response()
}
