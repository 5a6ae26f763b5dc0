//! The page of one approval: see what will happen, and decide.
//!
//! `view.rs` reads all that the page shows; the files beside it make its parts. Nothing that a `GET` or `HEAD` request
//! does changes anything: what decides is a form (`decide.rs`, `edit.rs`, `revoke.rs`). While the page is open,
//! `events.rs` sends it again after each change, and `assets/approval.js` puts the new parts in the places of the old.

mod bar;
mod before;
mod decide;
mod difference;
mod edit;
mod events;
mod history;
mod link;
mod outcome;
mod panels;
mod revoke;
mod rules;
mod surroundings;
mod told;
mod tree;
mod view;
mod waiting;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};

use self::{surroundings::Surroundings, view::View};
use super::{
    Desk,
    error::{Failed, rendered},
    layout::Layout,
    submitted::Submitted,
    texts::approval as t,
    viewer::Viewer,
};
use crate::domain::{Approval, ApprovalId, Revision};

/// Maximum size of a form with arguments, in bytes: the largest arguments, each byte as three, and room for the rest.
const FORM_BYTES: usize = 512 << 10;

/// The paths of approvals.
pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/approvals/{id}", get(page).post(again))
        .route("/approvals/{id}/events", get(events::stream))
        .route("/approvals/{id}/decide", post(decide::decide))
        .route("/approvals/{id}/edit", get(edit::page).post(edit::submit))
        .route("/approvals/{id}/edit/approve", post(edit::approve))
        .route("/approvals/{id}/revoke", post(revoke::revoke))
        .route("/links/{token}", get(link::page).post(link::decide))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
}

#[derive(Template)]
#[template(path = "approval/page.html")]
struct Page {
    layout: Layout,
    view: View,
    problem: Option<String>,
}

/// `GET /approvals/{id}`.
async fn page(State(desk): State<Arc<Desk>>, Path(id): Path<String>, viewer: Viewer) -> Result<Response, Failed> {
    let approval = read(&desk, &viewer, &id).await?;
    let view = View::of(&desk, &viewer, &approval, None).await?;
    let around = Surroundings::of(&desk, &viewer, &approval).await?;
    Ok(show(&viewer, view.with_surroundings(around), None))
}

/// `POST /approvals/{id}`: the page again, with what the viewer had entered. Changes nothing.
async fn again(State(desk): State<Arc<Desk>>, Path(id): Path<String>, form: Submitted) -> Result<Response, Failed> {
    let approval = read(&desk, &form.viewer, &id).await?;
    Ok(show(&form.viewer, kept(&desk, &form, &approval).await?, None))
}

/// The page with a problem, after a form that was not accepted. What the viewer had entered is kept.
async fn with_problem(
    desk: &Desk,
    form: &Submitted,
    approval: &Arc<Approval>,
    status: StatusCode,
    problem: String,
) -> Result<Response, Failed> {
    let mut response = show(&form.viewer, kept(desk, form, approval).await?, Some(problem));
    *response.status_mut() = status;
    Ok(response)
}

async fn kept(desk: &Desk, form: &Submitted, approval: &Arc<Approval>) -> Result<View, Failed> {
    let view = View::of(desk, &form.viewer, approval, form.field("seen").parse().ok()).await?;
    let bar = view.bar.clone().with(&comment(form), form.field("reason"));
    let around = Surroundings::of(desk, &form.viewer, approval).await?;
    Ok(View { bar, ..view }.with_surroundings(around))
}

fn show(viewer: &Viewer, view: View, problem: Option<String>) -> Response {
    let layout = Layout::of(viewer, &view.tool.text, None).with_script("approval.js");
    rendered(&Page { layout, view, problem })
}

/// An approval that the viewer may read. Any other looks missing.
async fn read(desk: &Desk, viewer: &Viewer, id: &str) -> Result<Arc<Approval>, Failed> {
    let id: ApprovalId = id.parse().map_err(|_| Failed::no_such_page())?;
    match desk.approvals.get(&viewer.principal, id).await {
        Ok(approval) => Ok(approval),
        Err(crate::approvals::Error::NotFound(_)) => Err(Failed::no_such_page()),
        Err(error) => Err(error.into()),
    }
}

/// The viewer's comment.
fn comment(form: &Submitted) -> String {
    lines(form.field("comment"))
}

fn lines(text: &str) -> String {
    text.trim().to_owned()
}

/// The revision that the form's page showed; 0 if the form does not say, which is never current.
fn seen(form: &Submitted) -> Revision {
    form.field("seen").parse().unwrap_or_default()
}
