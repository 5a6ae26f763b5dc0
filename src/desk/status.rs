//! The server's status.

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};

use super::{
    Desk,
    agent_text::AgentText,
    error::{Failed, rendered},
    freezes::scope,
    layout::{Layout, Place},
    moment::Moment,
    span,
    texts::status as words,
    viewer::Viewer,
};
use crate::{
    domain::{ServerStatus, Time},
    identity::Method,
    policies::FileFault,
};

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new().route("/status", get(page))
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    layout: Layout,
    status: ServerStatus,
    /// The policy file, and its problem.
    file: Option<(String, Option<FileFault>)>,
}

impl StatusPage {
    fn since(&self, time: &Time) -> String {
        span::roughly((self.status.now - *time).to_std().unwrap_or_default())
    }
}

/// `GET /status`.
async fn page(State(desk): State<Arc<Desk>>, viewer: Viewer) -> Result<Response, Failed> {
    viewer.sees(Method::GetStatus)?;
    let status = desk.admin.status(&viewer.principal).await?;
    let file = desk.policies.file().map(|(path, fault)| (path.display().to_string(), fault));
    Ok(rendered(&StatusPage { layout: Layout::of(&viewer, words::TITLE, Some(Place::Status)), status, file }))
}
