//! One-tap links of messages: one page with what is decided, and one button.
//!
//! Looking at a link changes nothing, whoever looks. The button is a form like every other: it needs the session of the
//! person for whom the link was made. Links say in a few words what they show, so the rules of rows hold here: what a
//! row would cut, redact or warn about is approved on the approval's own page.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{View, decide, seen, t};
use crate::{
    approvals,
    desk::{
        Desk,
        error::{Failed, rendered},
        layout::Layout,
        queue::Row,
        submitted::Submitted,
        texts::links as texts,
        viewer::Viewer,
    },
    domain::{ApprovalId, Choice},
    links::{Error, Link, LinkState},
    proto::v1,
    store::StoreError,
};

/// The page of a link that decides.
#[derive(Template)]
#[template(path = "approval/link.html")]
struct LinkPage {
    layout: Layout,
    view: View,
    /// The path of the form: the link's own.
    path: String,
    choice: Choice,
    problem: Option<String>,
}

/// The page of a link that does not decide.
#[derive(Template)]
#[template(path = "approval/link_closed.html")]
struct ClosedPage {
    layout: Layout,
    /// What happened.
    title: &'static str,
    message: String,
    approval: ApprovalId,
    /// What is known about the approval, if the viewer may know it.
    view: Option<View>,
}

/// `GET /links/{token}`.
pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    Path(token): Path<String>,
    viewer: Viewer,
) -> Result<Response, Failed> {
    show(&desk, &viewer, &token, None).await
}

/// `POST /links/{token}`: decides.
pub(super) async fn decide(
    State(desk): State<Arc<Desk>>,
    Path(token): Path<String>,
    form: Submitted,
) -> Result<Response, Failed> {
    let link = match desk.links.open(&form.viewer.principal, &token).await {
        Ok(link) => link,
        Err(_) => return show(&desk, &form.viewer, &token, None).await, // says why
    };
    if is_partial(&desk, &form.viewer, &link).await {
        return closed(&desk, &form.viewer, &link, LinkState::Partial).await;
    }
    let choice = match link.choice {
        Choice::Approve => v1::VoteChoice::Approve,
        Choice::Reject => v1::VoteChoice::Reject,
    };
    // The limits of comments are those of every decision.
    let comment = match decide::decoded(&desk, &form, &link.approval, choice, None) {
        Ok(new) => new.comment,
        Err(problem) => return show(&desk, &form.viewer, &token, Some((StatusCode::BAD_REQUEST, problem))).await,
    };
    match desk.links.decide(&form.viewer.principal, &token, seen(&form), comment).await {
        Ok(approval) => Ok(Redirect::to(&format!("/approvals/{}", approval.id)).into_response()),
        Err(Error::Closed(state)) => closed(&desk, &form.viewer, &link, state).await,
        Err(Error::Approval(approvals::Error::Store(StoreError::Refused(refusal)))) => {
            let problem = (StatusCode::CONFLICT, t::refused(&refusal));
            show(&desk, &form.viewer, &token, Some(problem)).await
        }
        Err(error) => Err(failed(error)),
    }
}

/// The page of a link, as it is now.
async fn show(
    desk: &Desk,
    viewer: &Viewer,
    token: &str,
    problem: Option<(StatusCode, String)>,
) -> Result<Response, Failed> {
    let link = match desk.links.open(&viewer.principal, token).await {
        Ok(link) => link,
        Err(Error::OfAnother(approval)) => {
            let layout = Layout::of(viewer, texts::OF_ANOTHER, None);
            let (title, message) = (texts::OF_ANOTHER, texts::OF_ANOTHER_HINT.to_owned());
            return Ok((StatusCode::FORBIDDEN, rendered(&ClosedPage { layout, title, message, approval, view: None }))
                .into_response());
        }
        Err(error) => return Err(failed(error)),
    };
    if link.state != LinkState::Open {
        return closed(desk, viewer, &link, link.state).await;
    }
    if is_partial(desk, viewer, &link).await {
        return closed(desk, viewer, &link, LinkState::Partial).await;
    }
    let view = View::of(desk, viewer, &link.approval, None).await?;
    let title = texts::question(link.choice);
    let layout = Layout::of(viewer, title, None);
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    let path = format!("/links/{token}");
    Ok((status, rendered(&LinkPage { layout, view, path, choice: link.choice, problem })).into_response())
}

/// Whether it would approve what a row of the lists does not show whole.
async fn is_partial(desk: &Desk, viewer: &Viewer, link: &Link) -> bool {
    link.choice == Choice::Approve
        && link.state == LinkState::Open
        && !Row::new(desk, &viewer.principal, &link.approval, desk.clock.now()).await.is_whole()
}

/// The page of a link that does not decide.
async fn closed(desk: &Desk, viewer: &Viewer, link: &Link, state: LinkState) -> Result<Response, Failed> {
    let approval = super::read(desk, viewer, &link.approval.id.to_string()).await?;
    let view = View::of(desk, viewer, &approval, None).await?;
    let (status, title, message) = texts::closed(state);
    let layout = Layout::of(viewer, title, None);
    let (message, view) = (message.to_owned(), Some(view));
    Ok((status, rendered(&ClosedPage { layout, title, message, approval: approval.id, view })).into_response())
}

fn failed(error: Error) -> Failed {
    match error {
        Error::NotALink(_) => Failed::new(StatusCode::NOT_FOUND, texts::NOT_A_LINK, texts::NOT_A_LINK_HINT),
        Error::Approval(approvals::Error::NotFound(_)) => Failed::no_such_page(),
        Error::Approval(error) => error.into(),
        Error::Store(error) => approvals::Error::from(error).into(),
        // Both have pages of their own.
        Error::OfAnother(_) | Error::Closed(_) => Failed::no_such_page(),
    }
}

impl LinkPage {
    const fn approves(&self) -> bool {
        matches!(self.choice, Choice::Approve)
    }

    /// Why the viewer cannot decide it now.
    fn why_not(&self) -> Option<&str> {
        let act = if self.approves() { &self.view.bar.approve } else { &self.view.bar.reject };
        self.view.bar.closed.as_deref().or_else(|| (!act.is_possible()).then(|| act.why()))
    }

    fn heading(&self) -> &'static str {
        texts::question(self.choice)
    }
}
