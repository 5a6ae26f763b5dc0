//! The switches of notifications and of the sound, which `assets/alerts.js` shows. What they switch is in the browser.

use askama::Template;
use axum::response::Response;

use super::{error::rendered, texts, viewer::Viewer};

#[derive(Template)]
#[template(path = "alerts.html")]
struct Switches;

/// `GET /alerts`: a part of a page. It is fetched only when somebody opens it, to keep the lists small.
pub(super) async fn switches(_: Viewer) -> Response {
    rendered(&Switches)
}
