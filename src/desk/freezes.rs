//! Freezes: what is frozen, and why; freeze and thaw calls.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use super::{
    Desk,
    agent_text::AgentText,
    error::{Failed, rendered},
    form::{Form, KEY, Step},
    layout::{Layout, Place},
    moment::Moment,
    phrase::Phrase,
    submitted::Submitted,
    texts::freezes as words,
    viewer::Viewer,
};
use crate::{
    domain::{Freeze, FreezeScope},
    identity::Method,
    proto::v1::{self, freeze_scope::Scope},
    wire::decode,
};

/// Number of thawed freezes on the page. All are one click away.
const THAWED: usize = 20;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/freezes", get(list))
        .route("/freezes/new", get(new).post(freeze))
        .route("/freezes/{id}/thaw", get(confirm_thaw).post(thaw))
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
struct Listed {
    done: Option<String>,
    thawed: Option<String>,
}

#[derive(Template)]
#[template(path = "freezes.html")]
struct FreezesPage {
    layout: Layout,
    done: Option<&'static str>,
    active: Vec<Freeze>,
    thawed: Vec<Freeze>,
    /// Number of thawed freezes that are not on the page.
    more: usize,
    may_freeze: bool,
    may_thaw: bool,
}

/// `GET /freezes`.
async fn list(State(desk): State<Arc<Desk>>, viewer: Viewer, Query(listed): Query<Listed>) -> Result<Response, Failed> {
    viewer.sees(Method::ListFreezes)?;
    let active = desk.admin.freezes(&viewer.principal).await?;
    let mut thawed = desk.admin.thawed(&viewer.principal).await?;
    let more = if listed.thawed.as_deref() == Some("all") { 0 } else { thawed.len().saturating_sub(THAWED) };
    thawed.truncate(thawed.len() - more);
    Ok(rendered(&FreezesPage {
        layout: Layout::of(&viewer, words::TITLE, Some(Place::Freezes)),
        done: listed.done.as_deref().and_then(words::done),
        active,
        thawed,
        more,
        may_freeze: viewer.principal.may(Method::Freeze),
        may_thaw: viewer.principal.may(Method::Thaw),
    }))
}

#[derive(Template)]
#[template(path = "freeze_new.html")]
struct NewPage {
    layout: Layout,
    form: Form,
}

impl NewPage {
    fn of(viewer: &Viewer, form: Form) -> Response {
        rendered(&Self { layout: Layout::of(viewer, words::NEW_TITLE, Some(Place::Freezes)), form })
    }
}

/// `GET /freezes/new`.
async fn new(viewer: Viewer) -> Result<Response, Failed> {
    viewer.sees(Method::Freeze)?;
    Ok(NewPage::of(&viewer, Form::new(&viewer, &[])))
}

#[derive(Template)]
#[template(path = "freeze_confirm.html")]
struct ConfirmPage {
    layout: Layout,
    form: Form,
    scope: FreezeScope,
    reason: String,
    /// Whether only another operator may thaw it.
    other_thaws: bool,
}

/// `POST /freezes/new`: checks the form, shows what the freeze does, and freezes.
async fn freeze(State(desk): State<Arc<Desk>>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    viewer.sees(Method::Freeze)?;
    let mut form = Form::of(&submitted);
    let step = Step::of(&submitted);
    if step == Step::Edit {
        return Ok(NewPage::of(viewer, form));
    }
    let Some(call) = decoded(&mut form, submitted.field(KEY)) else {
        return Ok((StatusCode::BAD_REQUEST, NewPage::of(viewer, form)).into_response());
    };
    let decode::FreezeCall { request_id, scope, reason } = call;
    if step == Step::Check {
        let other_thaws = desk.admin.thaw_requires_other_operator();
        let layout = Layout::of(viewer, words::CONFIRM_TITLE, Some(Place::Freezes));
        return Ok(rendered(&ConfirmPage { layout, form, scope, reason, other_thaws }));
    }
    match desk.admin.freeze(&viewer.principal, scope, reason, request_id).await {
        Ok(_) => Ok(Redirect::to("/freezes?done=frozen").into_response()),
        Err(error) => {
            let status = form.failed(error)?;
            Ok((status, NewPage::of(viewer, form)).into_response())
        }
    }
}

/// The freeze that a form asks for. Adds problems to the form if it is not valid.
fn decoded(form: &mut Form, key: &str) -> Option<decode::FreezeCall> {
    let name = form.value("name").trim().to_owned();
    let scope = match form.value("scope") {
        "all" if !name.is_empty() => {
            form.refuse("name", words::NAME_WITH_ALL);
            return None;
        }
        "all" => Scope::All(true),
        "caller" => Scope::Caller(name),
        "tool" => Scope::Tool(name),
        "agent" => Scope::Agent(name),
        _ => {
            form.refuse("scope", words::NO_SCOPE);
            return None;
        }
    };
    let message = v1::FreezeRequest {
        request_id: key.to_owned(),
        scope: Some(v1::FreezeScope { scope: Some(scope) }),
        reason: form.value("reason").trim().to_owned(),
    };
    let place = |field: &str| match field {
        "reason" => ("reason", words::REASON),
        field if field.starts_with("scope") => ("name", words::NAME),
        _ => ("", ""),
    };
    decode::freeze(message).map_err(|violations| form.refuse_all(violations, place)).ok()
}

#[derive(Template)]
#[template(path = "freeze_thaw.html")]
struct ThawPage {
    layout: Layout,
    form: Form,
    freeze: Freeze,
    /// Whether the viewer made it, and may not thaw it.
    own: bool,
}

/// `GET /freezes/{id}/thaw`: shows what the thaw does.
async fn confirm_thaw(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    viewer.sees(Method::Thaw)?;
    thaw_page(&desk, &viewer, &id, Form::new(&viewer, &[])).await
}

/// What the thaw of an active freeze does. Operators may list what they may thaw.
async fn thaw_page(desk: &Desk, viewer: &Viewer, id: &str, form: Form) -> Result<Response, Failed> {
    let id = decode::thaw(v1::ThawRequest { request_id: String::new(), freeze_id: id.to_owned() }).map(|call| call.id);
    let found = desk.admin.freezes(&viewer.principal).await?.into_iter().find(|freeze| Ok(freeze.id) == id);
    let Some(freeze) = found else {
        return Err(Failed::new(StatusCode::NOT_FOUND, words::GONE, words::GONE_HINT));
    };
    let own = desk.admin.thaw_requires_other_operator() && freeze.actor.is(&viewer.principal.actor);
    let layout = Layout::of(viewer, words::THAW_TITLE, Some(Place::Freezes));
    Ok(rendered(&ThawPage { layout, form, freeze, own }))
}

/// `POST /freezes/{id}/thaw`.
async fn thaw(State(desk): State<Arc<Desk>>, Path(id): Path<String>, submitted: Submitted) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    viewer.sees(Method::Thaw)?;
    let message = v1::ThawRequest { request_id: submitted.field(KEY).to_owned(), freeze_id: id.clone() };
    let Ok(decode::ThawCall { request_id, id: freeze }) = decode::thaw(message) else {
        return Err(Failed::new(StatusCode::NOT_FOUND, words::GONE, words::GONE_HINT));
    };
    match desk.admin.thaw(&viewer.principal, freeze, request_id).await {
        Ok(_) => Ok(Redirect::to("/freezes?done=thawed").into_response()),
        Err(error) => {
            let mut form = Form::of(&submitted);
            let status = form.failed(error)?;
            Ok((status, thaw_page(&desk, viewer, &id, form).await?).into_response())
        }
    }
}

/// The calls that a freeze stops, in words.
pub(super) fn scope(scope: &FreezeScope) -> Phrase {
    match scope {
        FreezeScope::All => Phrase::new("All calls"),
        FreezeScope::Caller(caller) => Phrase::new("Calls of the caller ").quote(caller),
        FreezeScope::Tool(glob) => Phrase::new("Calls of the tools that match ").quote(glob.as_str()),
        FreezeScope::Agent(agent) => Phrase::new("Calls of agents with the name ").quote(agent),
    }
}
