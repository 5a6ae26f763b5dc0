//! Channels of notifications and their deliveries: what waits, and what is dead; retries and tests.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    Desk,
    agent_text::AgentText,
    error::{Failed, rendered},
    form::{Form, KEY},
    layout::{Layout, Place},
    moment::Moment,
    phrase::Phrase,
    submitted::Submitted,
    texts::deliveries as words,
    viewer::Viewer,
};
use crate::{
    admin::{self, DeliveryPage, DeliveryQuery},
    domain::{ChannelName, ChannelSummary, ListedDelivery, NotificationKind},
    identity::Method,
    proto::v1,
    wire::decode,
};

/// Number of dead deliveries on the page, and number of waiting ones. `signoff notify deliveries` lists all.
const SHOWN: usize = 50;

/// Maximum number of deliveries that one click retries.
const RETRIED: usize = 200;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/deliveries", get(list))
        .route("/deliveries/retry", post(retry))
        .route("/deliveries/retry-all", post(retry_all))
        .route("/deliveries/test", post(test))
}

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
struct Listed {
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesPage {
    layout: Layout,
    /// What was done.
    done: Option<Phrase>,
    channels: Vec<ChannelSummary>,
    dead: DeliveryPage,
    waiting: DeliveryPage,
    may_retry: bool,
    may_test: bool,
    /// Whether approvals are links. Operators may not read them.
    may_read: bool,
    form: Form,
}

/// `GET /deliveries`.
async fn list(State(desk): State<Arc<Desk>>, viewer: Viewer, Query(listed): Query<Listed>) -> Result<Response, Failed> {
    page(&desk, &viewer, listed.done.as_deref().and_then(words::done).map(Phrase::new)).await
}

async fn page(desk: &Desk, viewer: &Viewer, done: Option<Phrase>) -> Result<Response, Failed> {
    viewer.sees(Method::ListDeliveries)?;
    let by = &viewer.principal;
    let dead = DeliveryQuery { dead_only: true, limit: SHOWN, ..DeliveryQuery::default() };
    let dead = desk.deliveries.list(by, dead).await?;
    let waiting = DeliveryQuery { waiting_only: true, limit: SHOWN, ..DeliveryQuery::default() };
    let waiting = desk.deliveries.list(by, waiting).await?;
    Ok(rendered(&DeliveriesPage {
        layout: Layout::of(viewer, words::TITLE, Some(Place::Deliveries)),
        done,
        channels: desk.deliveries.channels(by)?,
        dead,
        waiting,
        may_retry: by.may(Method::RetryDelivery),
        may_test: by.may(Method::TestChannel),
        may_read: by.may(Method::GetApproval),
        form: Form::new(viewer, &[]),
    }))
}

impl DeliveriesPage {
    fn dead_title(&self) -> String {
        title(words::DEAD_TITLE, &self.dead)
    }

    fn waiting_title(&self) -> String {
        title(words::WAITING_TITLE, &self.waiting)
    }
}

fn title(title: &str, page: &DeliveryPage) -> String {
    if page.more { words::first(title, page.deliveries.len()) } else { title.to_owned() }
}

/// How a channel does, in a word or two.
fn state(channel: &ChannelSummary) -> &'static str {
    let (sent, failed) = (channel.last_success, channel.last_failure.as_ref().map(|(at, _)| *at));
    match (channel.kind, &channel.disabled) {
        (None, _) => words::NOT_CONFIGURED,
        (_, Some(_)) => words::DISABLED,
        _ if failed > sent => words::FAILING,
        _ if sent.is_some() => words::WORKS,
        _ => words::UNUSED,
    }
}

/// The events that are sent to a channel.
fn events(channel: &ChannelSummary) -> String {
    if channel.events.len() == NotificationKind::ALL.len() {
        return words::ALL_EVENTS.to_owned();
    }
    channel.events.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

/// The channel of a form.
fn channel(submitted: &Submitted) -> Result<ChannelName, Failed> {
    let message = v1::TestChannelRequest { channel: submitted.field("channel").to_owned() };
    Ok(decode::test_channel(&message)?)
}

/// `POST /deliveries/retry`.
async fn retry(State(desk): State<Arc<Desk>>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    viewer.sees(Method::RetryDelivery)?;
    let delivery_id = submitted.field("delivery").to_owned();
    // The page has one key for all of its buttons: with the delivery, it is that of one button.
    let request_id = match submitted.field(KEY) {
        "" => String::new(),
        key => format!("{key}/{delivery_id}"),
    };
    let call = decode::retry_delivery(v1::RetryDeliveryRequest { request_id, delivery_id })?;
    desk.deliveries.retry(&viewer.principal, call.id, call.request_id).await?;
    Ok(Redirect::to("/deliveries?done=retried").into_response())
}

/// `POST /deliveries/retry-all`: the dead deliveries of one channel.
async fn retry_all(State(desk): State<Arc<Desk>>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    viewer.sees(Method::RetryDelivery)?;
    let query = DeliveryQuery {
        channel: Some(channel(&submitted)?),
        dead_only: true,
        limit: RETRIED,
        ..DeliveryQuery::default()
    };
    for ListedDelivery { id, .. } in desk.deliveries.list(&viewer.principal, query).await?.deliveries {
        match desk.deliveries.retry(&viewer.principal, id, None).await {
            // Another operator was faster.
            Ok(_) | Err(admin::Error::NoSuchDelivery(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Redirect::to("/deliveries?done=all").into_response())
}

/// `POST /deliveries/test`: sends a test message, and shows what the receiver answered.
async fn test(State(desk): State<Arc<Desk>>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    viewer.sees(Method::TestChannel)?;
    let name = channel(&submitted)?;
    let tested = desk.deliveries.test(&viewer.principal, &name).await?;
    let (accepted, answer) = (tested.is_ok(), tested.unwrap_or_else(|reason| reason));
    let said = Phrase::new(name.as_str()).say(": ").say(words::tested(accepted)).quote(&answer);
    page(&desk, viewer, Some(said)).await
}
