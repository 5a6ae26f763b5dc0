//! One person or program: its sessions, ending them, blocking and unblocking the name.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{AgentText, Moment, Shown, words};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        form::{Form, KEY, STEP},
        layout::{Layout, Place},
        submitted::Submitted,
        viewer::Viewer,
    },
    domain::{Block, SessionScope, SessionState, SubjectName},
    identity::Method,
    proto::v1,
    wire::decode,
};

/// Whom the page is about.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    issuer: Option<String>,
    subject: Option<String>,
}

#[derive(Template)]
#[template(path = "sessions_person.html")]
struct PersonPage {
    layout: Layout,
    form: Form,
    /// Whom it is about, if the name is valid.
    person: Option<SubjectName>,
    sessions: Vec<Shown>,
    block: Option<Block>,
    own: bool,
    may_end: bool,
    may_block: bool,
}

/// `GET /sessions/person`: what can be done about a name.
pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Failed> {
    viewer.sees(Method::ListSessions)?;
    let [issuer, subject] = [asked.issuer, asked.subject].map(Option::unwrap_or_default);
    let mut form = Form::new(&viewer, &[("issuer", issuer.trim()), ("subject", subject.trim())]);
    let person = named(&mut form, "").map(|call| call.subject);
    let status = if person.is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok((status, person_page(&desk, &viewer, form, person).await?).into_response())
}

async fn person_page(
    desk: &Desk,
    viewer: &Viewer,
    form: Form,
    person: Option<SubjectName>,
) -> Result<Response, Failed> {
    let (principal, who) = (&viewer.principal, person.as_ref());
    let sessions = who.map(|who| desk.sessions.of(principal, who)).transpose()?.unwrap_or_default();
    let block =
        desk.sessions.blocks(principal).await?.into_iter().find(|block| who.is_some_and(|who| block.subject.is(who)));
    let shown = |session| Shown::of(viewer, session, SessionState::Active);
    Ok(rendered(&PersonPage {
        layout: Layout::of(viewer, words::PERSON_TITLE, Some(Place::Sessions)),
        form,
        sessions: sessions.into_iter().map(shown).collect(),
        block,
        own: who.is_some_and(|who| who.is(&SubjectName::from(&principal.actor))),
        may_end: principal.may(Method::EndSessions),
        may_block: principal.may(Method::BlockSubject),
        person,
    }))
}

/// `POST /sessions/person`: ends all sessions of the name, blocks or unblocks it. The page says what each does.
pub(super) async fn submit(State(desk): State<Arc<Desk>>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    let step = submitted.field(STEP);
    viewer.sees(match step {
        "block" => Method::BlockSubject,
        "unblock" => Method::UnblockSubject,
        _ => Method::EndSessions,
    })?;
    let mut form = Form::of(&submitted);
    let Some(decode::BlockCall { request_id, subject, reason }) = named(&mut form, submitted.field(KEY)) else {
        let person = None;
        return Ok((StatusCode::BAD_REQUEST, person_page(&desk, viewer, form, person).await?).into_response());
    };
    let (sessions, by, person) = (&desk.sessions, &viewer.principal, subject.clone());
    let done = match step {
        "block" => sessions.block(by, subject, reason, request_id).await.map(|_| "blocked"),
        "unblock" => sessions.unblock(by, subject, request_id).await.map(|_| "unblocked"),
        "end" => sessions.end_sessions(by, SessionScope::Person(subject), request_id).await.map(|_| "ended-all"),
        _ => return person_page(&desk, viewer, form, Some(person)).await,
    };
    match done {
        Ok(done) => Ok(Redirect::to(&format!("/sessions/all?done={done}")).into_response()),
        Err(error) => {
            let status = form.failed(error)?;
            Ok((status, person_page(&desk, viewer, form, Some(person)).await?).into_response())
        }
    }
}

/// The name of a form, with a reason. Adds problems to the form if it is not valid.
fn named(form: &mut Form, key: &str) -> Option<decode::BlockCall> {
    let text = |name: &str| form.value(name).trim().to_owned();
    let subject = Some(v1::Subject { issuer: text("issuer"), subject: text("subject") });
    let message = v1::BlockSubjectRequest { request_id: key.to_owned(), subject, reason: text("reason") };
    let place = |field: &str| match field {
        "subject.issuer" => ("issuer", words::ISSUER),
        "subject.subject" => ("subject", words::SUBJECT),
        "reason" => ("reason", words::REASON),
        _ => ("", ""),
    };
    decode::block(message).map_err(|violations| form.refuse_all(violations, place)).ok()
}
