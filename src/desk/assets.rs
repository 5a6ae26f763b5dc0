//! Styles, scripts and the icon: compiled into the program, sent compressed, and cached by browsers.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};

/// A file of the pages.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: [Asset; 6] = [
    Asset { name: "style.css", content_type: CSS, content: include_str!("assets/style.css") },
    Asset { name: "alerts.js", content_type: SCRIPT, content: include_str!("assets/alerts.js") },
    Asset { name: "copy.js", content_type: SCRIPT, content: include_str!("assets/copy.js") },
    Asset { name: "desk.js", content_type: SCRIPT, content: include_str!("assets/desk.js") },
    Asset { name: "queue.js", content_type: SCRIPT, content: include_str!("assets/queue.js") },
    Asset { name: "approval.js", content_type: SCRIPT, content: include_str!("assets/approval.js") },
];

/// Changes with every asset. It is a directory in their paths, so that scripts import each other by relative paths.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = ASSETS.iter().fold(Sha256::new(), |hash, asset| hash.chain_update(asset.content));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// The path of an asset, for templates.
pub(super) fn path(name: &str) -> String {
    debug_assert!(ASSETS.iter().any(|asset| asset.name == name), "{name}");
    format!("/assets/{}/{name}", *VERSION)
}

/// `GET /assets/{version}/{name}`. A page of an older version gets the current file, which is then not cached.
pub(super) async fn serve(Path((version, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return super::no_such_page().await;
    };
    let caching = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-store" };
    let headers = [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, caching)];
    (StatusCode::OK, headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_cached_by_their_version() {
        let current = path("style.css");
        let version = current.split('/').nth(2).unwrap().to_owned();
        for (version, caching) in [(version, "immutable"), ("0".repeat(16), "no-store")] {
            let response = serve(Path((version, "style.css".to_owned()))).await;
            let headers = response.headers();
            assert_eq!(headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
            assert!(headers[header::CACHE_CONTROL].to_str().unwrap().contains(caching));
        }
        assert_eq!(serve(Path(("x".into(), "../desk.rs".into()))).await.status(), StatusCode::NOT_FOUND);
    }
}
