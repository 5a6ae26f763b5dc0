//! The desk: pages on which people see requests, understand them, and decide.
//!
//! It translates only. A page reads use-cases and fills a template; a form becomes a command to a use-case. What a
//! person may see and do is decided there, by the same table of roles as for gRPC. Texts for people are in `desk/texts.rs`,
//! templates in `desk/templates/`, styles and scripts in `desk/assets/`.
//!
//! Pages work without scripts. Scripts keep an open page current (`live.rs`), and count down.

mod agent_text;
mod alerts;
mod approval;
mod assets;
mod cookies;
mod csrf;
mod deliveries;
mod dev_link;
mod error;
mod form;
mod freezes;
mod headers;
mod history;
mod hosts;
mod layout;
mod live;
mod marks;
mod moment;
mod next;
mod phrase;
mod policy;
mod queue;
mod recognise;
mod sessions;
mod sign_in;
mod span;
mod status;
mod submitted;
mod texts;
mod tokens;
mod viewer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use tower_http::compression::CompressionLayer;

use crate::{
    admin::{Admin, Deliveries},
    approvals::Approvals,
    clock::Clock,
    domain::limits::RequestLimits,
    grpc::{Admission, Streams},
    identity::oidc::{CALLBACK_PATH, SignIn},
    links::Links,
    policies::Policies,
    sessions::Sessions,
    tokens::Tokens,
};

pub use dev_link::DevLink;
pub use hosts::Hosts;

/// Maximum size of a form without arguments, in bytes.
const FORM_BYTES: usize = 64 << 10;

/// Everything that pages use.
pub struct Desk {
    /// The use-cases of approvals.
    pub approvals: Arc<Approvals>,
    /// One-tap links of messages.
    pub links: Arc<Links>,
    /// The live policy.
    pub policies: Arc<Policies>,
    /// The server's tokens.
    pub tokens: Arc<Tokens>,
    /// Sessions of people who signed in.
    pub sessions: Arc<Sessions>,
    /// Freezes, and the status.
    pub admin: Arc<Admin>,
    /// Channels of notifications, and their deliveries.
    pub deliveries: Arc<Deliveries>,
    /// Recognises credentials, and limits callers, as for gRPC.
    pub admission: Arc<Admission>,
    /// Counts open streams, together with those of gRPC.
    pub streams: Arc<Streams>,
    /// Server time and wall time.
    pub clock: Arc<dyn Clock>,
    /// Limits of texts and arguments.
    pub limits: RequestLimits,
    /// The names by which browsers may address the desk.
    pub hosts: Hosts,
    /// Sign-in with an OpenID provider.
    pub sign_in: Option<Arc<SignIn>>,
    /// The sign-in link of development mode.
    pub dev_link: Option<Arc<DevLink>>,
}

/// The pages. They answer on the same port as the API.
pub fn router(desk: Arc<Desk>) -> Router {
    let pages = Router::new()
        .route("/", get(queue::waiting))
        .route("/pending", get(queue::pending))
        .route("/history", get(history::page))
        .route("/events", get(queue::events))
        .route("/alerts", get(alerts::switches))
        .route("/bulk", post(queue::bulk::confirm))
        .route("/bulk/decide", post(queue::bulk::decide))
        .route("/sign-in", get(sign_in::page).post(sign_in::with_token))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/sign-out/everywhere", post(sign_in::sign_out_everywhere))
        .route("/sign-in/openid", get(sign_in::openid::begin))
        .route(CALLBACK_PATH, get(sign_in::openid::finish))
        .route("/sign-in/dev/{secret}", get(sign_in::with_dev_link))
        .merge(freezes::routes())
        .merge(tokens::routes())
        .merge(sessions::routes())
        .merge(deliveries::routes())
        .merge(status::routes())
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .merge(policy::routes());
    // Only assets are compressed: the size of a compressed page can betray what is on it (BREACH).
    let assets = Router::new().route("/assets/{version}/{name}", get(assets::serve)).layer(CompressionLayer::new());
    pages
        .merge(approval::routes())
        .merge(assets)
        .layer(from_fn_with_state(Arc::clone(&desk), headers::punctual))
        .layer(from_fn_with_state(Arc::clone(&desk), hosts::check))
        .layer(from_fn(headers::add))
        .layer(from_fn(headers::bound))
        .with_state(desk)
}

/// The answer to a request for a page that does not exist.
pub async fn no_such_page() -> axum::response::Response {
    headers::with(error::Failed::no_such_page().into_page())
}
