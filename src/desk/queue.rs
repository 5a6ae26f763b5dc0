//! The lists of pending requests: those that wait for the viewer, and all that the viewer may read.

mod cut;
mod entry;
mod fold;
mod order;
mod row;
mod summary;

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use self::{entry::Entry, order::SortKey, row::Row};
use super::{
    Desk,
    error::{Failed, rendered},
    layout::{Layout, Place},
    moment::Moment,
    texts,
    viewer::Viewer,
};
use crate::{
    domain::{Approval, Status},
    grpc::error::Failure,
    identity::{Method, Principal},
    store::{self, Filter, Order},
};

/// Maximum number of rows on a page.
const ROWS: usize = 50;

/// Number of the newest decided requests among which the last decision is searched.
const LATEST: usize = 20;

/// A list of pending requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Wanted {
    fn place(&self) -> Result<Option<SortKey>, Failed> {
        if self.after.is_empty() {
            return Ok(None);
        }
        let invalid = || Failed::new(StatusCode::BAD_REQUEST, texts::errors::INVALID, texts::queue::INVALID_PAGE);
        SortKey::parse(&self.after).map(Some).ok_or_else(invalid)
    }
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    layout: Layout,
    csrf: String,
    heading: &'static str,
    view: &'static str,
    path: &'static str,
    after: String,
    count: usize,
    shown: usize,
    unreadable: usize,
    entries: Vec<Entry>,
    empty: &'static str,
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

async fn page(desk: &Desk, viewer: &Viewer, view: View, wanted: &Wanted) -> Result<Response, Failed> {
    let principal = &viewer.principal;
    let after = wanted.place()?;
    let listed = listed(desk, principal, view).await?;
    let count = listed.approvals.len();
    let from = after.as_ref().map(|after| (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
    let window: Vec<&Arc<Approval>> = match from {
        Some(range) => listed.approvals.range(range).take(ROWS).map(|(_, approval)| approval).collect(),
        None => listed.approvals.values().take(ROWS).collect(),
    };
    let now = desk.clock.now();
    let mut rows = Vec::with_capacity(window.len());
    for approval in window {
        rows.push(Row::new(desk, principal, approval, now).await);
    }
    let last = rows.last().map(|row| row.sort.clone());
    let is_last = last.as_ref().is_none_or(|last| listed.approvals.last_key_value().is_none_or(|(key, _)| key == last));
    let next = last.filter(|_| !is_last).map(|last| format!("{}?after={last}", view.path()));
    let shown = rows.len();
    let last_decided = if count == 0 { last_decided(desk, principal).await? } else { None };
    let (title, place) = match view {
        View::Waiting => (texts::queue::counted(texts::nav::WAITING, count), Place::Waiting),
        View::Pending => (texts::queue::counted(texts::nav::PENDING, count), Place::Pending),
    };
    Ok(rendered(&QueuePage {
        layout: Layout::of(viewer, &title, Some(place)),
        csrf: viewer.csrf.to_string(),
        heading: view.heading(),
        view: view.name(),
        path: view.path(),
        after: after.map(|after| after.to_string()).unwrap_or_default(),
        count,
        shown,
        unreadable: listed.unreadable,
        entries: Entry::fold(rows),
        empty: if view == View::Waiting { texts::queue::EMPTY } else { texts::queue::NOTHING_PENDING },
        last_decided,
        next,
    }))
}

/// All pending requests of a list, in its order.
struct Listed {
    approvals: BTreeMap<SortKey, Arc<Approval>>,
    unreadable: usize,
}

async fn listed(desk: &Desk, principal: &Principal, view: View) -> Result<Listed, Failure> {
    let mut found = Listed { approvals: BTreeMap::new(), unreadable: 0 };
    let mut query = store::Query { filter: Filter::pending(), order: Order::OldestFirst, after: None, limit: 500 };
    loop {
        let page = desk.approvals.list(principal, Method::ListPending, query.clone(), view.is_decidable()).await?;
        let keyed = page.approvals.into_iter().map(|approval| (SortKey::of(&approval), approval));
        found.approvals.extend(keyed);
        found.unreadable += page.unreadable.len();
        query.after = page.next;
        if query.after.is_none() {
            return Ok(found);
        }
    }
}

/// When the newest requests that the viewer may read were last decided.
async fn last_decided(desk: &Desk, principal: &Principal) -> Result<Option<Moment>, Failure> {
    let statuses = vec![Status::Approved, Status::Rejected];
    let filter = Filter { statuses, ..Filter::default() };
    let query = store::Query { filter, order: Order::NewestFirst, after: None, limit: LATEST };
    let page = desk.approvals.list(principal, Method::ListApprovals, query, false).await?;
    let decisions = page.approvals.iter().filter_map(|approval| approval.decision.as_ref());
    Ok(decisions.map(|decision| decision.at).max().map(Moment))
}
