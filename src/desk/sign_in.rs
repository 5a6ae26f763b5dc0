//! Signing in and out.

pub(super) mod openid;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, Method as Verb, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Desk,
    error::{Failed, rendered},
    layout::Layout,
    next::Next,
    submitted::{self, Submitted},
    texts,
};
use crate::{
    domain::SignIn,
    grpc::error::Failure,
    identity::{AuthenticationMethod, Principal},
    sessions,
};

/// Longest token that a person can enter, in bytes: the longest that the API accepts.
const TOKEN_BYTES: usize = 16 << 10;

/// Headers by which browsers say that they fetch a page before the person has asked for it.
const FETCHED_AHEAD: [&str; 3] = ["sec-purpose", "purpose", "x-purpose"];

/// The query of the sign-in page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    layout: Layout,
    next: String,
    problem: Option<String>,
    dev: bool,
    /// The OpenID provider's name, and the link to it.
    openid: Option<(String, String)>,
}

/// `GET /sign-in`.
pub(super) async fn page(State(desk): State<Arc<Desk>>, Query(wanted): Query<Wanted>) -> Response {
    form(&desk, &Next::of(wanted.next.as_deref()), None)
}

fn form(desk: &Desk, next: &Next, problem: Option<String>) -> Response {
    let layout = Layout::without_viewer(texts::sign_in::TITLE);
    let openid = desk.sign_in.as_ref().map(|openid| (texts::openid::sign_in_with(openid.provider()), next.openid()));
    let (next, dev) = (next.as_str().to_owned(), desk.dev_link.is_some());
    rendered(&SignInPage { layout, next, problem, dev, openid })
}

/// `POST /sign-in`: with a token of the server.
pub(super) async fn with_token(State(desk): State<Arc<Desk>>, request: Request) -> Result<Response, Failed> {
    submitted::require_own(&request)?;
    let (headers, extensions) = (request.headers().clone(), request.extensions().clone());
    let fields = submitted::fields(request).await?;
    let field = |name| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str());
    let (next, token) = (Next::of(Some(field("next"))), field("token").trim());
    let refused = |status, text: String| {
        let mut page = form(&desk, &next, Some(text));
        *page.status_mut() = status;
        Ok(page)
    };
    if token.is_empty() || token.len() > TOKEN_BYTES {
        return refused(StatusCode::BAD_REQUEST, texts::sign_in::NO_TOKEN.to_owned());
    }
    let principal = match desk.admission.recognise(token).await {
        Ok(principal) => principal,
        Err(Failure::Unrecognised(cause)) => {
            return refused(StatusCode::UNAUTHORIZED, texts::sign_in::refused(cause));
        }
        Err(failure) => return Err(failure.into()),
    };
    desk.admission.admit_known(&principal, &extensions)?;
    match start(&desk, &principal, &headers, &next).await {
        Ok(response) => Ok(response),
        Err(error @ (sessions::Error::NoRole(_) | sessions::Error::NotASignIn)) => {
            refused(StatusCode::FORBIDDEN, texts::sign_in::not_allowed(&error))
        }
        Err(error) => Err(Failure::from(error).into()),
    }
}

/// `GET /sign-in/dev/{secret}`: the link that `serve --dev` prints. Signs the reviewer in, once. A `HEAD` request, as
/// of a program that looks at links, and a request of a browser that fetches it ahead, change nothing.
pub(super) async fn with_dev_link(
    State(desk): State<Arc<Desk>>,
    Path(secret): Path<String>,
    verb: Verb,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let Some(link) = desk.dev_link.as_ref() else { return Err(Failed::no_such_page()) };
    if verb != Verb::GET {
        return Ok(StatusCode::OK.into_response());
    }
    if FETCHED_AHEAD.iter().any(|header| headers.contains_key(*header)) {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()); // the browser asks again when the person does
    }
    let Some(token) = link.redeem(&secret) else {
        let signed_in = desk.hosts.cookies().session(&headers).and_then(|secret| desk.sessions.recognise(&secret));
        if signed_in.is_some() {
            return Ok(Redirect::to("/").into_response()); // a person clicks a link again that worked
        }
        return Err(Failed::new(StatusCode::GONE, texts::sign_in::LINK_USED, texts::sign_in::LINK_USED_HINT));
    };
    let principal = desk.admission.recognise(token).await?;
    start(&desk, &principal, &headers, &Next::of(None)).await.map_err(|error| Failure::from(error).into())
}

/// Starts a session. The one of the cookie that the browser sent ends: a cookie from before a sign-in is never the
/// session after it.
pub(super) async fn start(
    desk: &Desk,
    principal: &Principal,
    headers: &HeaderMap,
    next: &Next,
) -> Result<Response, sessions::Error> {
    let cookies = desk.hosts.cookies();
    let before = cookies.session(headers).and_then(|secret| desk.sessions.recognise(&secret));
    let (_, secret) = desk.sessions.start(principal, kind(principal)?).await?;
    if let Some(before) = before {
        desk.sessions.end(&before.principal, before.session).await?;
    }
    let set = [(header::SET_COOKIE, cookies.set_session(secret.reveal()))];
    Ok((set, Redirect::to(next.as_str())).into_response())
}

/// How a person signed in. Certificates do not: a browser would send one with every request, also of other sites.
fn kind(principal: &Principal) -> Result<SignIn, sessions::Error> {
    match (principal.method, principal.token) {
        (AuthenticationMethod::Token, Some(token)) => Ok(SignIn::Token(token)),
        (AuthenticationMethod::DevToken, _) => Ok(SignIn::DevToken),
        (AuthenticationMethod::Oidc, _) => Ok(SignIn::Oidc),
        _ => Err(sessions::Error::NotASignIn),
    }
}

/// `POST /sign-out`.
pub(super) async fn sign_out(State(desk): State<Arc<Desk>>, form: Submitted) -> Result<Response, Failed> {
    desk.sessions.end(&form.viewer.principal, form.viewer.session).await.map_err(Failure::from)?;
    Ok(signed_out(&desk))
}

/// `POST /sign-out/everywhere`: ends all sessions of the person.
pub(super) async fn sign_out_everywhere(State(desk): State<Arc<Desk>>, form: Submitted) -> Result<Response, Failed> {
    let person = &form.viewer.principal;
    desk.sessions.end_all(person, Some(&person.actor)).await.map_err(Failure::from)?;
    Ok(signed_out(&desk))
}

fn signed_out(desk: &Desk) -> Response {
    ([(header::SET_COOKIE, desk.hosts.cookies().clear_session())], Redirect::to("/sign-in")).into_response()
}
