//! Deciding several requests together: a page repeats what will be decided, and then each has its own result.
//!
//! Each request is decided at the revision that the list showed. What a list cut or redacted cannot be approved like
//! this: the reviewer has not seen it.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use futures_util::future::join_all;

use super::{Row, View, status_name};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        layout::Layout,
        submitted::Submitted,
        texts,
    },
    domain::{Approval, ApprovalId, Choice, NewDecision, Revision, Status, Surface},
    grpc::error::Failure,
    identity::{Method, Principal},
    proto::v1,
    wire::decode,
};

/// Maximum number of requests to decide together. An open page can show more than one page of rows.
const SELECTED: usize = 50;

/// What the form says.
struct Selection {
    view: View,
    choice: Choice,
    comment: String,
    picked: Vec<Picked>,
}

/// A request, as the list showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Picked {
    id: ApprovalId,
    revision: Revision,
}

/// A selected request on a page.
struct Line {
    id: ApprovalId,
    revision: Revision,
    /// `None`: the viewer may not see it.
    row: Option<Row>,
    status: &'static str,
    /// The result, or why it is not included.
    text: String,
}

#[derive(Template)]
#[template(path = "bulk_confirm.html")]
struct ConfirmPage {
    layout: Layout,
    csrf: String,
    view: View,
    choice: Choice,
    comment: String,
    /// Makes a repeated submission of this page one decision.
    key: String,
    included: Vec<Line>,
    excluded: Vec<Line>,
}

#[derive(Template)]
#[template(path = "bulk_results.html")]
struct ResultsPage {
    layout: Layout,
    view: View,
    lines: Vec<Line>,
}

/// `POST /bulk`: repeats what was selected. Changes nothing.
pub(in crate::desk) async fn confirm(State(desk): State<Arc<Desk>>, form: Submitted) -> Result<Response, Failed> {
    let principal = &form.viewer.principal;
    principal.require_role(Method::Decide).map_err(Failure::from)?;
    let Selection { view, choice, comment, picked } = Selection::of(&form)?;
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for picked in picked {
        let line = selected(&desk, principal, choice, picked).await?;
        if line.text.is_empty() { included.push(line) } else { excluded.push(line) }
    }
    let title = texts::queue::bulk::question(choice, included.len());
    Ok(rendered(&ConfirmPage {
        layout: Layout::of(&form.viewer, &title, None),
        csrf: form.viewer.csrf.to_string(),
        view,
        choice,
        comment,
        key: format!("desk-{}", uuid::Uuid::new_v4()),
        included,
        excluded,
    }))
}

/// `POST /bulk/decide`: decides each, at the revision that was shown.
pub(in crate::desk) async fn decide(State(desk): State<Arc<Desk>>, form: Submitted) -> Result<Response, Failed> {
    let principal = &form.viewer.principal;
    principal.require_role(Method::Decide).map_err(Failure::from)?;
    let selection = Selection::of(&form)?;
    let decisions = selection.picked.iter().map(|picked| message(*picked, &selection, form.field("key")));
    // Checked before the first is decided: a comment that is too long is not a result for each.
    let decisions: Result<Vec<NewDecision>, _> =
        decisions.map(|message| decode::decision(message, &desk.limits)).collect();
    let decisions = decisions.map_err(Failure::from)?;
    let lines = decisions.into_iter().map(|new| one(&desk, principal, NewDecision { surface: Surface::Desk, ..new }));
    let lines = join_all(lines).await;
    let layout = Layout::of(&form.viewer, texts::queue::bulk::RESULTS, None);
    Ok(rendered(&ResultsPage { layout, view: selection.view, lines }))
}

impl Selection {
    fn of(form: &Submitted) -> Result<Self, Failed> {
        let invalid = |message: &str| Failed::new(StatusCode::BAD_REQUEST, texts::errors::INVALID, message);
        let unclear = || invalid(texts::queue::bulk::INVALID_SELECTION);
        let view = if form.field("view") == View::Pending.name() { View::Pending } else { View::Waiting };
        let choice = match form.field("choice") {
            "approve" => Choice::Approve,
            "reject" => Choice::Reject,
            _ => return Err(unclear()),
        };
        let mut picked: Vec<Picked> = Vec::new();
        for text in form.all("select") {
            let (id, revision) = text.split_once(':').ok_or_else(unclear)?;
            let (Ok(id), Ok(revision)) = (id.parse(), revision.parse()) else { return Err(unclear()) };
            if picked.iter().all(|known| known.id != id) {
                picked.push(Picked { id, revision });
            }
        }
        if picked.is_empty() {
            return Err(invalid(texts::queue::bulk::NOTHING_SELECTED));
        }
        if picked.len() > SELECTED {
            return Err(invalid(&texts::queue::bulk::too_many(picked.len(), SELECTED)));
        }
        let comment = form.field("comment").trim().to_owned();
        Ok(Self { view, choice, comment, picked })
    }
}

fn message(picked: Picked, selection: &Selection, key: &str) -> v1::DecideRequest {
    let choice = match selection.choice {
        Choice::Approve => v1::VoteChoice::Approve,
        Choice::Reject => v1::VoteChoice::Reject,
    };
    v1::DecideRequest {
        approval_id: picked.id.to_string(),
        request_id: key.to_owned(),
        choice: choice.into(),
        seen: Some(v1::decide_request::Seen::Revision(picked.revision)),
        comment: selection.comment.clone(),
        ..v1::DecideRequest::default()
    }
}

/// A selected request before the decision. Its text is empty if it can be decided like this.
async fn selected(desk: &Desk, viewer: &Principal, choice: Choice, picked: Picked) -> Result<Line, Failed> {
    let Picked { id, revision } = picked;
    let approval = match desk.approvals.get(viewer, id).await {
        Ok(approval) => approval,
        Err(crate::approvals::Error::NotFound(_)) => return Ok(Line::unknown(picked)),
        Err(error) => return Err(error.into()),
    };
    let row = Row::new(desk, viewer, &approval, desk.clock.now()).await;
    let text = if approval.status.is_terminal() {
        fate(viewer, &approval)
    } else if !approval.shows_current_arguments(revision) {
        texts::queue::bulk::CHANGED.to_owned()
    } else if !row.decidable {
        texts::queue::NOT_FOR_YOU.to_owned()
    } else if choice == Choice::Approve && !row.is_whole() {
        texts::queue::bulk::PARTIAL.to_owned()
    } else {
        String::new()
    };
    let status = status_name(approval.status);
    Ok(Line { id, revision, row: Some(row.into_text()), status, text })
}

/// Decides one request.
async fn one(desk: &Desk, viewer: &Principal, new: NewDecision) -> Line {
    let (id, choice) = (new.id, new.choice);
    let revision = match new.seen {
        crate::domain::Seen::Revision(revision) => revision,
        crate::domain::Seen::Digest(_) => 0,
    };
    let picked = Picked { id, revision };
    let before = match desk.approvals.get(viewer, id).await {
        Ok(approval) => approval,
        Err(error) => return Line { text: why(error), ..Line::unknown(picked) },
    };
    let row = Row::new(desk, viewer, &before, desk.clock.now()).await;
    // Also for a revision that is not yet there: a vote could make it current before this one is recorded. Arguments
    // that an edit has replaced are refused with that reason.
    let shown = before.arguments_revision <= revision && !before.status.is_terminal();
    let (status, text) = if choice == Choice::Approve && shown && !row.is_whole() {
        (before.status, texts::queue::bulk::PARTIAL.to_owned())
    } else {
        match desk.approvals.decide(viewer, new).await {
            Ok(approval) if approval.status == Status::Pending => {
                (approval.status, texts::queue::bulk::waits(choice).to_owned())
            }
            Ok(approval) => (approval.status, fate(viewer, &approval)),
            Err(error) => (before.status, why(error)),
        }
    };
    Line { id, revision, row: Some(row.into_text()), status: status_name(status), text }
}

fn fate(viewer: &Principal, approval: &Approval) -> String {
    let decision = approval.decision.as_ref();
    let by_viewer = decision.is_some_and(|decision| decision.actor.is(&viewer.actor));
    texts::queue::fate(approval.status, decision.map(|decision| decision.actor.subject.as_str()), by_viewer)
}

/// The message of an error page, as the result of one request.
fn why(error: crate::approvals::Error) -> String {
    match Failed::from(error) {
        Failed::Page { message, .. } => message,
        Failed::SignIn(_) => texts::errors::SESSION_ENDED.to_owned(),
    }
}

impl Line {
    fn unknown(picked: Picked) -> Self {
        let Picked { id, revision } = picked;
        Self { id, revision, row: None, status: "unknown", text: texts::queue::bulk::NOT_AVAILABLE.to_owned() }
    }
}
