//! Signing in with an OpenID provider: to it, and back.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{Extensions, HeaderMap, HeaderValue, Method as Verb, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::start;
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        hosts,
        layout::Layout,
        next::Next,
        texts::openid::{self as texts, Explained},
    },
    grpc::error::Failure,
    identity::oidc::{Answer, Finished, SignIn, SignInError},
    sessions,
};

/// The query of the link to the provider.
#[derive(Debug, Default, Deserialize)]
pub(in crate::desk) struct Wanted {
    next: Option<String>,
    /// Whether the browser was sent here from another of the server's names already.
    here: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in_failed.html")]
struct FailedPage {
    layout: Layout,
    explained: Explained,
    again: String,
}

/// `GET /sign-in/openid`: sends the browser to the provider. A `HEAD` request, as of a program that looks at links,
/// does nothing.
pub(in crate::desk) async fn begin(
    State(desk): State<Arc<Desk>>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Result<Response, Failed> {
    let sign_in = desk.sign_in.as_ref().ok_or_else(Failed::no_such_page)?;
    if request.method() != Verb::GET {
        return Ok(StatusCode::OK.into_response());
    }
    let next = Next::of(wanted.next.as_deref());
    // The provider sends the browser to the public name, to which it must send the cookie back. If a proxy replaces the
    // name, the second request still has another one; then the browser is assumed to be at the public name.
    let public = sign_in.public_url();
    if wanted.here.is_none() && hosts::host(&request).is_some_and(|host| !host.eq_ignore_ascii_case(public.host())) {
        return Ok(Redirect::to(&public.join(&next.openid_at_public_url())).into_response());
    }
    match sign_in.begin(next.as_str(), request.headers()).await {
        Ok(begun) => Ok(with_cookies(Redirect::to(&begun.url).into_response(), begun.cookies)),
        Err(error) => Ok(failed(&error, &next)),
    }
}

/// `GET /sign-in/openid/callback`: the provider's answer.
pub(in crate::desk) async fn finish(
    State(desk): State<Arc<Desk>>,
    answer: Result<Query<Answer>, QueryRejection>,
    verb: Verb,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Failed> {
    let sign_in = desk.sign_in.as_ref().ok_or_else(Failed::no_such_page)?;
    if verb != Verb::GET {
        return Ok(StatusCode::OK.into_response());
    }
    // A repeated parameter is as good as none.
    let answer = answer.map(|Query(answer)| answer).unwrap_or_default();
    let Finished { cookie, result } = sign_in.finish(&answer, &headers).await;
    let answered = signed_in(&desk, sign_in, result, &headers, &extensions).await;
    Ok(with_cookies(answered.unwrap_or_else(Failed::into_page), cookie))
}

async fn signed_in(
    desk: &Desk,
    sign_in: &SignIn,
    result: Result<crate::identity::oidc::SignedIn, SignInError>,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Response, Failed> {
    let signed_in = match result {
        Ok(signed_in) => signed_in,
        Err(error) => return Ok(failed(&error, &Next::of(None))),
    };
    let (principal, next) = (signed_in.principal, Next::of(Some(&signed_in.next)));
    desk.admission.admit_known(&principal, extensions)?;
    desk.policies.seen_reviewers().record(&principal);
    match start(desk, &principal, headers, &next).await {
        Ok(response) => Ok(response),
        Err(why @ (sessions::Error::NoRole(_) | sessions::Error::NotASignIn)) => {
            Ok(page(StatusCode::FORBIDDEN, texts::not_for_the_desk(&why.to_string(), sign_in.provider()), &next))
        }
        Err(error) => Err(Failure::from(error).into()),
    }
}

fn failed(error: &SignInError, next: &Next) -> Response {
    let status = match error {
        SignInError::Unavailable | SignInError::Busy | SignInError::NoRandom => StatusCode::SERVICE_UNAVAILABLE,
        SignInError::ClientRejected | SignInError::ClientSecret(_) => StatusCode::INTERNAL_SERVER_ERROR,
        SignInError::NotAPerson | SignInError::NoRole { .. } | SignInError::Denied(_) => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    page(status, texts::explain(error), next)
}

fn page(status: StatusCode, explained: Explained, next: &Next) -> Response {
    let layout = Layout::without_viewer(&explained.title);
    let mut response = rendered(&FailedPage { layout, explained, again: next.sign_in() });
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = String>) -> Response {
    for cookie in cookies {
        // Names and values are base64url.
        if let Ok(value) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}
