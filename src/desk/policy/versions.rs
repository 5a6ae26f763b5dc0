//! The versions of the policy, and the difference of two.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::{AgentText, Moment, Tab, Tabs, difference::Difference, words, yaml};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        layout::{Layout, Place},
        texts,
        viewer::Viewer,
    },
    identity::Method,
    store::PolicyHead,
};

/// Number of versions on a page.
const PAGE: usize = 50;

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listed {
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "policy_versions.html")]
struct VersionsPage {
    layout: Layout,
    tabs: Tabs,
    versions: Vec<PolicyHead>,
    live: u64,
    /// Number of the last version, if there are older ones.
    older: Option<u64>,
    first: bool,
}

/// `GET /policy/versions`.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Query(listed): Query<Listed>,
) -> Result<Response, Failed> {
    viewer.sees(Method::ListPolicyVersions)?;
    let before = listed.before.map(|text| text.parse().map_err(|_| Failed::no_such_page())).transpose()?;
    let (versions, more) = desk.policies.list(&viewer.principal, before, PAGE).await?;
    Ok(rendered(&VersionsPage {
        layout: Layout::of(&viewer, words::VERSIONS_TITLE, Some(Place::Policy)),
        tabs: Tabs::of(&viewer, Tab::Versions),
        live: desk.policies.status().borrow().live.version,
        older: versions.last().filter(|_| more).map(|last| last.version),
        versions,
        first: before.is_none(),
    }))
}

/// The query of a comparison.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Compared {
    from: Option<String>,
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "policy_compare.html")]
struct ComparePage {
    layout: Layout,
    tabs: Tabs,
    from: u64,
    to: u64,
    /// Who set the newer one, when and why.
    head: Option<PolicyHead>,
    difference: Difference,
}

/// `GET /policy/compare`.
pub(super) async fn compare(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Query(compared): Query<Compared>,
) -> Result<Response, Failed> {
    viewer.sees(Method::GetPolicy)?;
    let number = |text: Option<String>| {
        let wrong = || Failed::new(StatusCode::BAD_REQUEST, texts::errors::INVALID, words::VERSION_WRONG);
        text.and_then(|text| text.trim().parse().ok()).ok_or_else(wrong)
    };
    let (from, to) = (number(compared.from)?, number(compared.to)?);
    let before = desk.policies.get(&viewer.principal, Some(from)).await?;
    let after = desk.policies.get(&viewer.principal, Some(to)).await?;
    Ok(rendered(&ComparePage {
        layout: Layout::of(&viewer, words::COMPARE_TITLE, Some(Place::Policy)),
        tabs: Tabs::of(&viewer, Tab::Versions),
        from,
        to,
        difference: Difference::between(&yaml(&before.document), &yaml(&after.document)),
        head: after.head,
    }))
}
