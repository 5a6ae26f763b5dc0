//! The lists of pending requests: those that wait for the viewer, and all that the viewer may read.

pub(super) mod bulk;
mod cut;
mod entry;
mod feed;
mod fold;
mod labels;
mod order;
mod row;
mod summary;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

pub(super) use self::{cut::Cut, labels::Labels, row::Row};
use self::{
    entry::{Entry, seen},
    feed::Feed,
    order::SortKey,
};
use super::{
    Desk,
    error::{Failed, rendered},
    layout::{Layout, Place},
    live,
    moment::Moment,
    recognise::Streaming,
    texts,
    viewer::Viewer,
};
use crate::{
    approvals::Waiting,
    domain::{Approval, Status},
    grpc::error::Failure,
    identity::{Method, Principal},
    store::{self, Filter, Order},
};

/// Maximum number of rows on a page: with its styles and scripts it stays below 60 KiB.
const ROWS: usize = 16;

/// Number of the newest decided requests among which the last decision is searched.
const LATEST: usize = 20;

/// A list of pending requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum View {
    /// Those that the viewer can decide now.
    Waiting,
    /// All that the viewer may read.
    Pending,
}

impl View {
    const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Waiting => "/",
            Self::Pending => "/pending",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Waiting => texts::nav::WAITING,
            Self::Pending => texts::nav::PENDING,
        }
    }

    const fn place(self) -> Place {
        match self {
            Self::Waiting => Place::Waiting,
            Self::Pending => Place::Pending,
        }
    }

    const fn empty(self) -> &'static str {
        match self {
            Self::Waiting => texts::queue::EMPTY,
            Self::Pending => texts::queue::NOTHING_PENDING,
        }
    }

    const fn is_decidable(self) -> bool {
        matches!(self, Self::Waiting)
    }
}

/// The query of a page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// The last row of the previous page.
    #[serde(default)]
    after: String,
}

/// The query of a page's events.
#[derive(Debug, Deserialize)]
pub(super) struct Followed {
    view: View,
    #[serde(default)]
    after: String,
    /// What the page showed when it was made.
    #[serde(default)]
    seen: String,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    layout: Layout,
    csrf: String,
    view: View,
    after: String,
    seen: String,
    count: usize,
    shown: usize,
    may_decide: bool,
    more: bool,
    unreadable: usize,
    entries: Vec<Entry>,
    last_decided: Option<Moment>,
    next: Option<String>,
}

/// `GET /`: the requests that wait for the viewer. A viewer who may not decide is led to the first place there is.
pub(super) async fn waiting(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failed> {
    if !viewer.principal.may(Method::Decide) {
        let layout = Layout::of(&viewer, "", None);
        let place = layout.first.first().or(layout.more.first()).map(|link| link.path);
        return place.map(|path| Redirect::to(path).into_response()).ok_or_else(Failed::no_such_page);
    }
    page(&desk, &viewer, View::Waiting, &wanted).await
}

/// `GET /pending`: all pending requests that the viewer may read.
pub(super) async fn pending(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failed> {
    page(&desk, &viewer, View::Pending, &wanted).await
}

/// `GET /events?view=waiting|pending`: the changes of a list.
pub(super) async fn events(
    State(desk): State<Arc<Desk>>,
    Query(followed): Query<Followed>,
    Streaming { viewer, permit }: Streaming,
) -> Result<Response, Failed> {
    let Followed { view, after, seen } = followed;
    if view.is_decidable() {
        viewer.principal.require_role(Method::Decide).map_err(Failure::from)?;
    }
    let feed = Feed::new(&desk, &viewer.principal, view, place(&after)?, seen).map_err(Failure::from)?;
    Ok(live::respond(feed.events(), permit))
}

fn place(after: &str) -> Result<Option<SortKey>, Failed> {
    if after.is_empty() {
        return Ok(None);
    }
    let invalid = || Failed::new(StatusCode::BAD_REQUEST, texts::errors::INVALID, texts::queue::INVALID_PAGE);
    SortKey::parse(after).map(Some).ok_or_else(invalid)
}

async fn page(desk: &Desk, viewer: &Viewer, view: View, wanted: &Wanted) -> Result<Response, Failed> {
    let principal = &viewer.principal;
    let after = place(&wanted.after)?;
    let Window { approvals, has_more, count, read } = window(desk, principal, view, after).await?;
    let now = desk.clock.now();
    let mut rows = Vec::with_capacity(approvals.len());
    for approval in &approvals {
        rows.push(Row::new(desk, principal, approval, now).await);
    }
    let next = rows.last().filter(|_| has_more).map(|last| format!("{}?after={}", view.path(), last.sort));
    let shown = rows.len();
    let entries = Entry::fold(rows);
    let versions: Vec<String> = entries.iter().map(Entry::version).collect();
    let title = texts::queue::counted(view.heading(), count);
    Ok(rendered(&QueuePage {
        layout: Layout::of(viewer, &title, Some(view.place())).with_script("queue.js"),
        csrf: viewer.csrf.to_string(),
        view,
        after: after.map(|after| after.to_string()).unwrap_or_default(),
        seen: seen(versions.iter().map(String::as_str)),
        count,
        shown,
        may_decide: principal.may(Method::Decide),
        more: read.more,
        unreadable: read.unreadable.len(),
        entries,
        last_decided: last_decided(desk, principal).await?,
        next,
    }))
}

/// The requests of a page.
struct Window {
    approvals: Vec<Arc<Approval>>,
    /// Whether the list continues behind them.
    has_more: bool,
    /// The number of all requests in the list.
    count: usize,
    read: Waiting,
}

async fn window(desk: &Desk, principal: &Principal, view: View, after: Option<SortKey>) -> Result<Window, Failure> {
    // One more than a page shows says whether there is a further page.
    let mut read = desk.approvals.waiting_after(principal, after.map(SortKey::urgency), ROWS + 1).await?;
    let count = if view.is_decidable() { read.decidable } else { read.total };
    let listed = std::mem::take(&mut read.approvals).into_iter();
    let listed = listed.filter(|one| one.decidable || !view.is_decidable()).map(|one| one.approval);
    let mut approvals: Vec<_> = listed.collect();
    let has_more = approvals.len() > ROWS;
    approvals.truncate(ROWS);
    Ok(Window { approvals, has_more, count, read })
}

/// When the newest requests that the viewer may read were last decided.
async fn last_decided(desk: &Desk, principal: &Principal) -> Result<Option<Moment>, Failure> {
    if !principal.may(Method::ListApprovals) {
        return Ok(None);
    }
    let statuses = vec![Status::Approved, Status::Rejected];
    let filter = Filter { statuses, ..Filter::default() };
    let query = store::Query { filter, order: Order::NewestFirst, after: None, limit: LATEST };
    let page = desk.approvals.list(principal, Method::ListApprovals, query, false).await?;
    let decisions = page.approvals.iter().filter_map(|approval| approval.decision.as_ref());
    Ok(decisions.map(|decision| decision.at).max().map(Moment))
}

/// The name of a status for scripts and styles.
pub(super) const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Approved => "approved",
        Status::Rejected => "rejected",
        Status::TimedOut => "timed_out",
        Status::Cancelled => "cancelled",
        Status::AutoApproved => "auto_approved",
        Status::AutoRejected => "auto_rejected",
    }
}
