//! Revoke an approval that is not claimed yet. Asks a second time, because it cannot be undone.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{View, decide::refused, lines, read, t};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        layout::Layout,
        submitted::Submitted,
    },
    domain::{NewRevocation, Surface},
    proto::v1,
    wire::decode,
};

#[derive(Template)]
#[template(path = "approval/revoke.html")]
struct RevokePage {
    layout: Layout,
    view: View,
    reason: String,
    problem: Option<String>,
}

/// `POST /approvals/{id}/revoke`.
pub(super) async fn revoke(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    form: Submitted,
) -> Result<Response, Failed> {
    let approval = read(&desk, &form.viewer, &id).await?;
    let reason = lines(form.field("reason"));
    let ask = async |problem: Option<String>| {
        let view = View::of(&desk, &form.viewer, &approval, None).await?;
        let layout = Layout::of(&form.viewer, t::REVOKE_TITLE, None);
        Ok(rendered(&RevokePage { layout, view, reason: reason.clone(), problem }))
    };
    if form.field("confirmed").is_empty() {
        return ask(None).await;
    }
    let request_id = form.field("request_id").to_owned();
    let message = v1::RevokeApprovalRequest { approval_id: id, request_id, reason: reason.clone() };
    let new = match decode::revocation(message, &desk.limits) {
        Ok(new) => new,
        Err(violations) => {
            let problems = violations.0.iter().map(|one| format!("{}: {}", one.field, one.description));
            let mut response = ask(Some(t::not_recorded(&problems.collect::<Vec<_>>().join("; ")))).await?;
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
    };
    let new = NewRevocation { surface: Surface::Desk, ..new };
    match desk.approvals.revoke(&form.viewer.principal, new).await {
        Ok(_) => Ok(Redirect::to(&format!("/approvals/{}", approval.id)).into_response()),
        Err(error) => refused(&desk, &form, &approval, error).await,
    }
}
