//! The policy: its rules in words, its versions, what it would do with a call, and setting it.

mod difference;
mod edit;
mod readable;
mod tried;
mod versions;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    response::Response,
    routing::get,
};
use serde::Deserialize;

use self::readable::{Fact, ReadableRule};
use super::{
    Desk,
    agent_text::AgentText,
    error::{Failed, rendered},
    layout::{Layout, Place},
    moment::Moment,
    texts::policy as words,
    viewer::Viewer,
};
use crate::{
    identity::Method,
    policies::{FileFault, PolicyView},
    policy::Document,
    policy_file::{self, TEXT_MAX},
    store::PolicyHead,
    wire::encode,
};

/// Maximum size of a form with a policy: each byte of the text becomes up to three in a form.
const FORM_BYTES: usize = 3 * TEXT_MAX + (64 << 10);

pub(super) fn routes() -> Router<Arc<Desk>> {
    let long = Router::new()
        .route("/policy/edit", get(edit::page).post(edit::submit))
        .route("/policy/try", get(tried::page).post(tried::submit))
        .layer(DefaultBodyLimit::max(FORM_BYTES));
    Router::new()
        .route("/policy", get(live))
        .route("/policy/versions", get(versions::list))
        .route("/policy/versions/{version}", get(version))
        .route("/policy/compare", get(versions::compare))
        .merge(long)
}

/// The pages of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Rules,
    Versions,
    Try,
    Change,
}

/// Links to the pages that the viewer may see.
struct Tabs(Vec<(&'static str, &'static str, bool)>);

impl Tabs {
    fn of(viewer: &Viewer, current: Tab) -> Self {
        let tabs = [
            (Tab::Rules, "/policy", words::RULES, Method::GetPolicy),
            (Tab::Versions, "/policy/versions", words::VERSIONS, Method::ListPolicyVersions),
            (Tab::Try, "/policy/try", words::TRY, Method::TestPolicy),
            (Tab::Change, "/policy/edit", words::CHANGE, Method::SetPolicy),
        ];
        let may = tabs.into_iter().filter(|(.., method)| viewer.principal.may(*method));
        Self(may.map(|(tab, path, name, _)| (path, name, tab == current)).collect())
    }
}

/// The policy file, if one governs.
struct File {
    path: String,
    fault: Option<FileFault>,
}

impl File {
    fn of(desk: &Desk) -> Option<Self> {
        desk.policies.file().map(|(path, fault)| Self { path: path.display().to_string(), fault })
    }
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    layout: Layout,
    tabs: Tabs,
    done: Option<&'static str>,
    version: u64,
    head: Option<PolicyHead>,
    live: bool,
    file: Option<File>,
    defaults: Vec<Fact>,
    shown: Vec<Fact>,
    rules: Vec<ReadableRule>,
    yaml: String,
}

/// The query of the live policy.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

/// `GET /policy`: the live policy.
async fn live(State(desk): State<Arc<Desk>>, viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, Failed> {
    viewer.sees(Method::GetPolicy)?;
    let view = desk.policies.get(&viewer.principal, None).await?;
    Ok(policy_page(&desk, &viewer, view, asked.done.as_deref().and_then(words::done)))
}

/// `GET /policy/versions/{version}`.
async fn version(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Path(version): Path<String>,
) -> Result<Response, Failed> {
    viewer.sees(Method::GetPolicy)?;
    let version = version.parse().map_err(|_| Failed::no_such_page())?;
    let view = desk.policies.get(&viewer.principal, Some(version)).await?;
    Ok(policy_page(&desk, &viewer, view, None))
}

fn policy_page(desk: &Desk, viewer: &Viewer, view: PolicyView, done: Option<&'static str>) -> Response {
    let PolicyView { version, head, document } = view;
    let live = desk.policies.status().borrow().live.version == version;
    let title = if live { words::TITLE.to_owned() } else { words::version(version) };
    rendered(&PolicyPage {
        layout: Layout::of(viewer, &title, Some(Place::Policy)).with_script("copy.js"),
        tabs: Tabs::of(viewer, if live { Tab::Rules } else { Tab::Versions }),
        done,
        version,
        head,
        live,
        file: File::of(desk),
        defaults: readable::defaults(&document),
        shown: readable::shown(&document),
        rules: document.rules.iter().map(ReadableRule::of).collect(),
        yaml: yaml(&document),
    })
}

/// A policy as a file. It contains no invisible characters.
fn yaml(document: &Document) -> String {
    policy_file::write(&encode::document(document))
}
