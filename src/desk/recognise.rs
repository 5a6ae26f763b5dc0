//! Recognises the signed-in person of a request, by the cookie of the session.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};

use super::{Desk, csrf::CsrfToken, error::Failed, next::Next, texts, viewer::Viewer};
use crate::{grpc::StreamPermit, identity::Method};

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
        let Some(secret) = desk.hosts.cookies().session(&parts.headers) else { return Err(elsewhere(parts)) };
        let Some(signed_in) = desk.sessions.recognise(&secret) else { return Err(elsewhere(parts)) };
        desk.admission.admit_known(&signed_in.principal, &parts.extensions)?;
        Ok(Self { principal: signed_in.principal, session: signed_in.session, csrf: CsrfToken::of_session(&secret) })
    }
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

/// Counts a stream of a viewer.
pub(super) struct Streaming(pub(super) StreamPermit);

impl FromRequestParts<Arc<Desk>> for Streaming {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Failed> {
        let viewer = Viewer::from_request_parts(parts, desk).await?;
        Ok(Self(desk.streams.open_on(&parts.extensions, &viewer.principal)?))
    }
}
