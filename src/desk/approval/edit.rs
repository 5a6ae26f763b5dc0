//! Edit: approve other arguments than those that were asked for. First a form, then the difference, which is confirmed
//! before it counts.

mod fields;
mod json;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde_json::{Map, Value};

use self::fields::{Field, Kind};
use super::{View, comment, decide, difference::Difference, read, seen, t, with_problem};
use crate::{
    approvals::Error,
    desk::{
        Desk,
        error::{Failed, rendered},
        layout::Layout,
        submitted::Submitted,
        viewer::Viewer,
    },
    domain::{Approval, NewDecision},
    proto::v1::VoteChoice,
    store::StoreError,
};

/// The form of an edit.
#[derive(Template)]
#[template(path = "approval/edit.html")]
struct EditPage {
    layout: Layout,
    view: View,
    seen: u64,
    comment: String,
    input: Input,
    problems: Vec<String>,
}

/// What the viewer edits.
enum Input {
    /// A field for each argument.
    Fields(Vec<Field>),
    /// All arguments as JSON.
    Json { text: String, has_form: bool },
}

/// The difference, to confirm.
#[derive(Template)]
#[template(path = "approval/review.html")]
struct ReviewPage {
    layout: Layout,
    view: View,
    difference: Difference,
    fields: Vec<(&'static str, String)>,
    comment: String,
    /// The form that "Change more" leads back to.
    back: &'static str,
    problem: Option<String>,
}

/// `GET /approvals/{id}/edit`.
pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    viewer: Viewer,
) -> Result<Response, Failed> {
    let approval = read(&desk, &viewer, &id).await?;
    let view = View::of(&desk, &viewer, &approval, None).await?;
    if !view.bar.can_edit() {
        return Ok(Redirect::to(&format!("/approvals/{id}")).into_response());
    }
    let (seen, input) = (view.revision, first_input(&approval));
    Ok(edit_page(&viewer, view, seen, String::new(), input, Vec::new()))
}

/// `POST /approvals/{id}/edit`: the form, and what it becomes with each step.
pub(super) async fn submit(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    form: Submitted,
) -> Result<Response, Failed> {
    let approval = read(&desk, &form.viewer, &id).await?;
    let view = View::of(&desk, &form.viewer, &approval, None).await?;
    if let Some(refused) = not_now(&desk, &form, &approval, &view).await {
        return refused;
    }
    let viewer = form.viewer.clone();
    let (seen, comment, schema) = (seen(&form), comment(&form), approval.request.schema.clone());
    let input = |edited: &Map<String, Value>, as_json: bool| match fields::of(schema.as_deref(), edited) {
        Some(fields) if !as_json => Input::Fields(fields),
        has_form => Input::Json { text: pretty(edited), has_form: has_form.is_some() },
    };
    let step = form.field("step");
    if step.is_empty() {
        return Ok(edit_page(&viewer, view, seen, comment, first_input(&approval), Vec::new()));
    }
    let read = match edited(&form, &approval) {
        Ok(edited) => edited,
        Err((kept, problems)) => {
            let mut response = edit_page(&viewer, view, seen, comment, kept, problems);
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
    };
    let as_json = form.field("as") == "json";
    match step {
        "json" => return Ok(edit_page(&viewer, view, seen, comment, input(&read, true), Vec::new())),
        "form" => return Ok(edit_page(&viewer, view, seen, comment, input(&read, false), Vec::new())),
        _ => {}
    }
    let asked = approval.arguments.to_object();
    let mut problems = match decide::decoded(&desk, &form, &approval, VoteChoice::Approve, Some(read.clone())) {
        Err(problem) => vec![problem],
        Ok(NewDecision { edit: Some(arguments), .. }) if arguments == approval.arguments => {
            vec![t::NOTHING_EDITED.to_owned()]
        }
        Ok(_) => Vec::new(),
    };
    if problems.is_empty() {
        problems = breaks_schema(&desk, &form, &approval, read.clone()).await?;
    }
    if !problems.is_empty() {
        let mut kept = input(&read, as_json);
        if let Input::Fields(fields) = &mut kept {
            fields::place(fields, &problems);
        }
        let mut response = edit_page(&viewer, view, seen, comment, kept, problems);
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    Ok(review(&form, view, &asked, &read, None))
}

/// `POST /approvals/{id}/edit/approve`: the difference was confirmed.
pub(super) async fn approve(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    form: Submitted,
) -> Result<Response, Failed> {
    let approval = read(&desk, &form.viewer, &id).await?;
    let edited = match json::object(form.field("arguments")) {
        Ok(edited) => edited,
        Err(problem) => {
            let problem = t::not_recorded(&problem);
            return with_problem(&desk, &form, &approval, StatusCode::BAD_REQUEST, problem).await;
        }
    };
    let problem = match decide::decoded(&desk, &form, &approval, VoteChoice::Approve, Some(edited.clone())) {
        Err(problem) => problem,
        Ok(new) => match desk.approvals.decide(&form.viewer.principal, new).await {
            Ok(approval) => return Ok(Redirect::to(&format!("/approvals/{}", approval.id)).into_response()),
            Err(Error::Store(StoreError::Refused(refusal))) => t::refused(&refusal),
            Err(error) => return decide::refused(&desk, &form, &approval, error).await,
        },
    };
    // What was entered stays, if it can still be confirmed.
    let approval = read(&desk, &form.viewer, &id).await?;
    let view = View::of(&desk, &form.viewer, &approval, None).await?;
    if !view.bar.can_edit() || !decide::is_current(&approval, &form) {
        return with_problem(&desk, &form, &approval, StatusCode::CONFLICT, problem).await;
    }
    let mut response = review(&form, view, &approval.arguments.to_object(), &edited, Some(problem));
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}

/// The page that says why there is nothing to edit now.
async fn not_now(
    desk: &Desk,
    form: &Submitted,
    approval: &Arc<Approval>,
    view: &View,
) -> Option<Result<Response, Failed>> {
    let why = if !decide::is_current(approval, form) && !approval.status.is_terminal() {
        t::STALE.to_owned()
    } else if view.bar.can_edit() {
        return None;
    } else {
        let closed = view.bar.closed.clone().filter(|why| !why.is_empty());
        closed.unwrap_or_else(
            || if view.pending { view.bar.edit.why().to_owned() } else { t::ALREADY_DECIDED.to_owned() },
        )
    };
    Some(with_problem(desk, form, approval, StatusCode::CONFLICT, why).await)
}

/// The arguments of a form, or what was entered with the problems in it.
fn edited(form: &Submitted, approval: &Approval) -> Result<Map<String, Value>, (Input, Vec<String>)> {
    let (asked, schema) = (approval.arguments.to_object(), approval.request.schema.as_deref());
    if form.field("as") == "json" {
        let text = form.field("arguments").to_owned();
        return json::object(&text).map_err(|problem| {
            let has_form = fields::of(schema, &asked).is_some();
            (Input::Json { text, has_form }, vec![problem])
        });
    }
    let Some(mut fields) = fields::of(schema, &asked) else {
        return Err((first_input(approval), vec![t::NO_FORM.to_owned()]));
    };
    let entered = fields::read(&mut fields, &asked, &|name| form.all(name).next().map(str::to_owned));
    entered.map_err(|problems| (Input::Fields(fields), problems))
}

/// What breaks the request's schema.
async fn breaks_schema(
    desk: &Desk,
    form: &Submitted,
    approval: &Approval,
    edited: Map<String, Value>,
) -> Result<Vec<String>, Failed> {
    let Some(schema) = approval.request.schema.clone() else { return Ok(Vec::new()) };
    let schemas = Arc::clone(desk.approvals.schemas());
    let check = move || schemas.compile(&schema).ok().and_then(|schema| schema.check(&edited).err());
    let broken = desk.approvals.blocking_pool().run(&form.viewer.principal.actor, check).await?;
    Ok(broken.unwrap_or_default())
}

fn first_input(approval: &Approval) -> Input {
    let arguments = approval.arguments.to_object();
    match fields::of(approval.request.schema.as_deref(), &arguments) {
        Some(fields) => Input::Fields(fields),
        None => Input::Json { text: pretty(&arguments), has_form: false },
    }
}

fn pretty(arguments: &Map<String, Value>) -> String {
    format!("{:#}", Value::Object(arguments.clone()))
}

fn edit_page(viewer: &Viewer, view: View, seen: u64, comment: String, input: Input, problems: Vec<String>) -> Response {
    let layout = Layout::of(viewer, t::EDIT_TITLE, None);
    rendered(&EditPage { layout, view, seen, comment, input, problems })
}

fn review(
    form: &Submitted,
    view: View,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    problem: Option<String>,
) -> Response {
    let layout = Layout::of(&form.viewer, t::REVIEW_TITLE, None);
    let (difference, comment) = (Difference::between(old, new), comment(form));
    let fields = vec![
        ("csrf", form.field("csrf").to_owned()),
        ("seen", form.field("seen").to_owned()),
        ("opened", form.field("opened").to_owned()),
        ("request_id", view.bar.key.clone()),
        ("as", "json".to_owned()),
        ("arguments", Value::Object(new.clone()).to_string()),
    ];
    let back = if form.field("as") == "json" { "json" } else { "form" };
    rendered(&ReviewPage { layout, view, difference, fields, comment, back, problem })
}
