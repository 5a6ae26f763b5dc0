//! Sessions: one's own, and for operators and auditors everybody's; blocks of subjects.

mod everybody;
mod person;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use super::{
    Desk,
    agent_text::AgentText,
    error::{Failed, rendered},
    form::Form,
    layout::{Layout, Place},
    moment::Moment,
    phrase::Phrase,
    submitted::Submitted,
    texts::sessions as words,
    viewer::Viewer,
};
use crate::{
    domain::{Session, SessionId, SessionState, SignIn},
    identity::Method,
};

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/sessions", get(mine))
        .route("/sessions/{id}/end", get(confirm_end).post(end))
        .route("/sessions/all", get(everybody::list))
        .route("/sessions/person", get(person::page).post(person::submit))
}

/// Links to one's own sessions and to everybody's: path, name, whether it is the current page.
struct Tabs(Vec<(&'static str, &'static str, bool)>);

impl Tabs {
    fn of(viewer: &Viewer, all: bool) -> Self {
        let everybody = viewer.principal.may(Method::ListSessions).then_some(("/sessions/all", words::EVERYBODY, all));
        Self([("/sessions", words::MINE, !all)].into_iter().chain(everybody).collect())
    }
}

/// A session in words.
struct Shown {
    session: Session,
    state: SessionState,
    /// Whether it is the viewer's current one.
    this: bool,
}

impl Shown {
    fn of(viewer: &Viewer, session: Session, state: SessionState) -> Self {
        let this = session.id == viewer.session;
        Self { session, state, this }
    }

    fn state(&self) -> &'static str {
        match self.state {
            _ if self.this => words::THIS,
            SessionState::Active => words::ACTIVE,
            SessionState::Expired => words::EXPIRED,
            SessionState::Ended => words::ENDED,
        }
    }

    fn how(&self) -> &'static str {
        match self.session.sign_in {
            SignIn::Token(_) => words::BY_TOKEN,
            SignIn::DevToken => words::BY_DEV_TOKEN,
            SignIn::Oidc => words::BY_OIDC,
        }
    }

    fn roles(&self) -> String {
        self.session.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
    }

    fn groups(&self) -> Phrase {
        Phrase::default().list(self.session.groups.iter().map(String::as_str))
    }
}

/// The query of one's own sessions.
#[derive(Debug, Default, Deserialize)]
struct Listed {
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    layout: Layout,
    tabs: Tabs,
    done: Option<&'static str>,
    sessions: Vec<Shown>,
}

/// `GET /sessions`: one's own.
async fn mine(State(desk): State<Arc<Desk>>, viewer: Viewer, Query(listed): Query<Listed>) -> Response {
    let sessions = desk.sessions.mine(&viewer.principal).into_iter();
    rendered(&SessionsPage {
        layout: Layout::of(&viewer, words::TITLE, Some(Place::Sessions)),
        tabs: Tabs::of(&viewer, false),
        done: listed.done.as_deref().and_then(words::done),
        sessions: sessions.map(|session| Shown::of(&viewer, session, SessionState::Active)).collect(),
    })
}

/// An own session of a path. Another person's does not exist here.
fn own(desk: &Desk, viewer: &Viewer, id: &str) -> Result<Session, Failed> {
    let id: SessionId = id.parse().map_err(|_| Failed::no_such_page())?;
    let mut mine = desk.sessions.mine(&viewer.principal).into_iter();
    mine.find(|session| session.id == id).ok_or_else(Failed::no_such_page)
}

#[derive(Template)]
#[template(path = "session_end.html")]
struct EndPage {
    layout: Layout,
    form: Form,
    shown: Shown,
}

/// `GET /sessions/{id}/end`.
async fn confirm_end(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let session = own(&desk, &viewer, &id)?;
    Ok(rendered(&EndPage {
        layout: Layout::of(&viewer, words::END_TITLE, Some(Place::Sessions)),
        form: Form::new(&viewer, &[]),
        shown: Shown::of(&viewer, session, SessionState::Active),
    }))
}

/// `POST /sessions/{id}/end`. After the end of the current one, the next page is that of the sign-in.
async fn end(State(desk): State<Arc<Desk>>, Path(id): Path<String>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    let id = own(&desk, viewer, &id)?.id;
    desk.sessions.end(&viewer.principal, id).await?;
    Ok(Redirect::to("/sessions?done=ended").into_response())
}
