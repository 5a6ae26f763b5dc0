//! The open page, kept current: its content again after each change. A connection begins with it, or with `current` if
//! the page has missed nothing: only then it knows that what it shows can be decided.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{Response, sse::Event},
};
use futures_util::{Stream, stream};
use serde::Deserialize;

use super::{View, read, surroundings::Surroundings, t};
use crate::{
    approvals::{Error, Observer},
    desk::{Desk, error::Failed, live, recognise::Streaming, viewer::Viewer},
    domain::{Approval, Revision},
};

/// What a page shows already.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    after: Revision,
}

#[derive(Template)]
#[template(path = "approval/content.html")]
struct Content {
    view: View,
}

/// Follows an approval for one page.
struct Following {
    desk: Arc<Desk>,
    viewer: Viewer,
    observer: Observer,
    /// The revision that the page showed first, which the viewer has looked at.
    first: Revision,
    /// Whether the page does not know yet that it is current.
    tells_current: bool,
    around: Option<Surroundings>,
}

/// `GET /approvals/{id}/events?after=REVISION`.
pub(super) async fn stream(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
    Streaming { viewer, permit }: Streaming,
) -> Result<Response, Failed> {
    let approval = read(&desk, &viewer, &id).await?;
    // A browser that connects again says which event it has got.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let seen = last.unwrap_or(shown.after).max(shown.after);
    let tells_current = approval.revision <= seen;
    let observer = desk.approvals.observe(Arc::clone(&viewer.principal), approval.id, seen).await?;
    let following = Following { desk, viewer, observer, first: shown.after, tells_current, around: None };
    Ok(live::respond(events(following), permit))
}

fn events(following: Following) -> impl Stream<Item = Event> + Send {
    stream::unfold(Some(following), |following| async {
        let mut following = following?;
        if std::mem::take(&mut following.tells_current) {
            return Some((Event::default().event("current").data(live::SOMETHING), Some(following)));
        }
        let approval = match following.observer.next().await {
            Ok(approval) => approval,
            // The viewer may not see it any more, or it is no longer stored.
            Err(Error::NotFound(_)) => return Some((Event::default().event("gone").data(live::SOMETHING), None)),
            Err(_) => return None, // the browser connects again
        };
        let html = following.content(&approval).await.ok()?.render().ok()?.replace('\r', "&#13;");
        let event = Event::default().event("update").id(approval.revision.to_string()).data(html);
        Some((event, Some(following)))
    })
}

impl Following {
    async fn content(&mut self, approval: &Arc<Approval>) -> Result<Content, Failed> {
        let view = View::of(&self.desk, &self.viewer, approval, Some(self.first)).await?;
        let around = match self.around.take().filter(|around| around.fit(approval)) {
            Some(around) => around,
            None => Surroundings::of(&self.desk, &self.viewer, approval).await?,
        };
        self.around = Some(around.clone());
        Ok(Content { view: view.with_surroundings(around) })
    }
}
