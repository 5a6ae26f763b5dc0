//! Everybody's sessions, and who is blocked: for operators and auditors.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{AgentText, Moment, Shown, Tabs, words};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        form::Form,
        layout::{Layout, Place},
        viewer::Viewer,
    },
    domain::Block,
    identity::Method,
    proto::v1,
    wire::{decode, page_token},
};

/// Number of sessions on a page.
const PAGE: i32 = 50;

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listed {
    done: Option<String>,
    which: Option<String>,
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "sessions_all.html")]
struct AllPage {
    layout: Layout,
    tabs: Tabs,
    done: Option<&'static str>,
    all: bool,
    sessions: Vec<Shown>,
    /// Path of the next page.
    next: Option<String>,
    first: bool,
    blocks: Vec<Block>,
    /// The form that finds a person.
    form: Form,
}

/// `GET /sessions/all`.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Query(listed): Query<Listed>,
) -> Result<Response, Failed> {
    viewer.sees(Method::ListSessions)?;
    let all = listed.which.as_deref() == Some("all");
    let page_token = listed.page.unwrap_or_default();
    let first = page_token.is_empty();
    let message = v1::ListSessionsRequest { page_size: PAGE, page_token, active_only: !all };
    let decode::SessionsPage { before, limit, active_only } = decode::sessions(&message, &desk.limits)?;
    let page = desk.sessions.list(&viewer.principal, before, limit, active_only)?;
    let last = page.sessions.last().filter(|_| page.more);
    let last = last.map(|(last, _)| page_token::encode_session(last.id, active_only));
    let which = if all { "all" } else { "active" };
    Ok(rendered(&AllPage {
        layout: Layout::of(&viewer, words::ALL_TITLE, Some(Place::Sessions)),
        tabs: Tabs::of(&viewer, true),
        done: listed.done.as_deref().and_then(words::done),
        all,
        next: last.map(|last| format!("/sessions/all?which={which}&page={last}")),
        first,
        sessions: page.sessions.into_iter().map(|(session, state)| Shown::of(&viewer, session, state)).collect(),
        blocks: desk.sessions.blocks(&viewer.principal).await?,
        form: Form::new(&viewer, &[]),
    }))
}
