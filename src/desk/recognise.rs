//! Recognises the signed-in person of a request, by the cookie of the session.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};

use super::{Desk, csrf::CsrfToken, error::Failed, next::Next, texts, viewer::Viewer};
use crate::{
    grpc::StreamPermit,
    identity::{Method, SignedIn},
    sessions::Sessions,
};

impl Viewer {
    /// Requires that the person may make a call. A page for others does not exist.
    ///
    /// # Errors
    /// The page of paths that do not exist.
    pub(super) fn sees(&self, method: Method) -> Result<(), Failed> {
        if self.principal.may(method) { Ok(()) } else { Err(Failed::no_such_page()) }
    }
}

impl FromRequestParts<Arc<Desk>> for Viewer {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Failed> {
        admit(parts, desk, Sessions::recognise).await
    }
}

/// Admits the person whose cookie `look` recognises.
async fn admit(
    parts: &Parts,
    desk: &Desk,
    look: impl Fn(&Sessions, &str) -> Option<SignedIn> + Send,
) -> Result<Viewer, Failed> {
    let Some(secret) = desk.hosts.cookies().session(&parts.headers) else { return Err(elsewhere(parts)) };
    let mut signed_in = look(&desk.sessions, &secret);
    // Another server may have started the session a moment ago.
    if signed_in.is_none() && desk.sessions.caught_up().await {
        signed_in = look(&desk.sessions, &secret);
    }
    let Some(signed_in) = signed_in else { return Err(elsewhere(parts)) };
    desk.admission.admit_known(&signed_in.principal, &parts.extensions)?;
    Ok(Viewer { principal: signed_in.principal, session: signed_in.session, csrf: CsrfToken::of_session(&secret) })
}

/// Sends a person to the sign-in page. A script gets a status instead, which it can tell from a page.
fn elsewhere(parts: &Parts) -> Failed {
    let accepts = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.starts_with("text/event-stream") {
        return Failed::new(StatusCode::UNAUTHORIZED, texts::errors::SIGN_IN, texts::errors::SESSION_ENDED);
    }
    let asked = parts.uri.path_and_query().map(|path| path.as_str());
    // A form cannot be sent again after the sign-in; the page with it can.
    let next = if parts.method == "GET" { Next::of(asked) } else { Next::of(None) };
    Failed::SignIn(next.sign_in())
}

/// The viewer of a page that keeps a stream open, instead of [`Viewer`]. A page opens it by itself, again and again: it
/// does not count as a use of the session, which would otherwise never be idle while a page is open.
pub(super) struct Streaming {
    pub(super) viewer: Viewer,
    /// Counts the stream.
    pub(super) permit: StreamPermit,
}

impl FromRequestParts<Arc<Desk>> for Streaming {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Failed> {
        let viewer = admit(parts, desk, Sessions::peek).await?;
        let permit = desk.streams.open_on(&parts.extensions, &viewer.principal)?;
        Ok(Self { viewer, permit })
    }
}
