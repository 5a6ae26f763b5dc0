//! Approve and reject: forms of the page become decisions, which the domain accepts or refuses.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};

use serde_json::{Map, Value};

use super::{View, bar, comment, read, seen, t, with_problem};
use crate::{
    approvals::Error,
    desk::{
        Desk,
        error::{Failed, rendered},
        layout::Layout,
        submitted::Submitted,
    },
    domain::{Approval, NewDecision, Refusal, Surface, bounded_opened},
    proto::v1::{self, decide_request::Seen},
    store::StoreError,
    wire::{decode, structs},
};

#[derive(Template)]
#[template(path = "approval/confirm.html")]
struct ConfirmPage {
    layout: Layout,
    view: View,
    /// What the first form had, to send it again.
    fields: Vec<(&'static str, String)>,
    comment: String,
}

/// `POST /approvals/{id}/decide`.
pub(super) async fn decide(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    form: Submitted,
) -> Result<Response, Failed> {
    let approval = read(&desk, &form.viewer, &id).await?;
    let approves = match form.field("choice") {
        "approve" => true,
        "reject" => false,
        _ => {
            let problem = t::CHOICE_MISSING.to_owned();
            return with_problem(&desk, &form, &approval, StatusCode::BAD_REQUEST, problem).await;
        }
    };
    if approves && form.field("confirmed").is_empty() && is_current(&approval, &form) {
        let view = View::of(&desk, &form.viewer, &approval, None).await?;
        if bar::confirms(&approval, view.warnings) && view.bar.closed.is_none() {
            return Ok(confirm(&form, view));
        }
    }
    let choice = if approves { v1::VoteChoice::Approve } else { v1::VoteChoice::Reject };
    record(&desk, &form, &approval, choice).await
}

/// Records a decision. Refusals become the page with the reason, and what the viewer had entered.
async fn record(
    desk: &Desk,
    form: &Submitted,
    approval: &Arc<Approval>,
    choice: v1::VoteChoice,
) -> Result<Response, Failed> {
    let new = match decoded(desk, form, approval, choice, None) {
        Ok(new) => new,
        Err(problem) => return with_problem(desk, form, approval, StatusCode::BAD_REQUEST, problem).await,
    };
    match desk.approvals.decide(&form.viewer.principal, new).await {
        Ok(approval) => Ok(Redirect::to(&format!("/approvals/{}", approval.id)).into_response()),
        Err(error) => refused(desk, form, approval, error).await,
    }
}

/// The decision of a form, or what is wrong with it. The rules are those of the API.
pub(super) fn decoded(
    desk: &Desk,
    form: &Submitted,
    approval: &Approval,
    choice: v1::VoteChoice,
    edited: Option<Map<String, Value>>,
) -> Result<NewDecision, String> {
    let message = v1::DecideRequest {
        approval_id: approval.id.to_string(),
        request_id: form.field("request_id").to_owned(),
        choice: choice.into(),
        // A form that does not say what was seen saw nothing: no approval has this revision.
        seen: Some(Seen::Revision(form.field("seen").parse().ok().filter(|seen| *seen > 0).unwrap_or(u64::MAX))),
        comment: spoken(form, choice),
        edited_arguments: edited.map(structs::from_object),
        on_behalf_of: None,
    };
    let new = decode::decision(message, &desk.limits).map_err(|violations| {
        let problems = violations.0.iter().map(|one| format!("{}: {}", one.field, one.description));
        t::not_recorded(&problems.collect::<Vec<_>>().join("; "))
    })?;
    let opened = bounded_opened(opened(form.field("opened")));
    Ok(NewDecision { surface: Surface::Desk, opened, ..new })
}

/// The page that says why a decision was not recorded.
pub(super) async fn refused(
    desk: &Desk,
    form: &Submitted,
    approval: &Approval,
    error: Error,
) -> Result<Response, Failed> {
    let (status, problem) = match &error {
        Error::Store(StoreError::Refused(refusal)) => {
            let status = match refusal {
                Refusal::CommentRequired => StatusCode::BAD_REQUEST,
                _ => StatusCode::CONFLICT,
            };
            (status, t::refused(refusal))
        }
        Error::EditViolatesSchema(violations) => {
            (StatusCode::BAD_REQUEST, t::not_recorded(&format!("{error}: {}", violations.join("; "))))
        }
        Error::NotFound(_) => return Err(Failed::no_such_page()),
        _ => return Err(error.into()),
    };
    // It has changed: read it again. After an edit the viewer may not see it any more.
    let approval = read(desk, &form.viewer, &approval.id.to_string()).await?;
    with_problem(desk, form, &approval, status, problem).await
}

/// The comment; for a rejection, after the reason that was chosen.
fn spoken(form: &Submitted, choice: v1::VoteChoice) -> String {
    let (comment, reason) = (comment(form), form.field("reason").trim());
    match (choice, reason.is_empty(), comment.is_empty()) {
        (v1::VoteChoice::Reject, false, true) => reason.to_owned(),
        (v1::VoteChoice::Reject, false, false) => format!("{reason}\n{comment}"),
        _ => comment,
    }
}

/// The parts that the page says were opened: a JSON list of names.
fn opened(field: &str) -> Vec<String> {
    serde_json::from_str(field).unwrap_or_default()
}

/// Whether the form's page showed the current arguments.
pub(super) fn is_current(approval: &Approval, form: &Submitted) -> bool {
    (approval.arguments_revision..=approval.revision).contains(&seen(form))
}

fn confirm(form: &Submitted, view: View) -> Response {
    let layout = Layout::of(&form.viewer, t::CONFIRM_TITLE, None);
    let field = |name: &'static str| (name, form.field(name).to_owned());
    let comment = comment(form);
    let mut fields: Vec<_> = ["csrf", "seen", "request_id", "opened", "reason"].into_iter().map(field).collect();
    fields.push(("comment", comment.clone()));
    rendered(&ConfirmPage { layout, view, fields, comment })
}
