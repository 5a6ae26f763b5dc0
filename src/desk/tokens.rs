//! Tokens: list, create, revoke.

mod create;
mod shown;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use self::shown::Shown;
use super::{
    Desk,
    agent_text::AgentText,
    error::{Failed, rendered},
    form::Form,
    layout::{Layout, Place},
    moment::Moment,
    submitted::Submitted,
    texts::tokens as words,
    viewer::Viewer,
};
use crate::{
    domain::{Token, TokenId},
    identity::{LOCAL_ISSUER, Method},
    proto::v1,
    wire::{decode, page_token},
};

/// Number of tokens on a page.
const PAGE: i32 = 50;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/tokens", get(list))
        .route("/tokens/new", get(create::new).post(create::create))
        .route("/tokens/{id}/revoke", get(confirm_revoke).post(revoke))
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
struct Listed {
    done: Option<String>,
    which: Option<String>,
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    layout: Layout,
    done: Option<&'static str>,
    all: bool,
    tokens: Vec<Shown>,
    /// Path of the next page.
    next: Option<String>,
    /// Whether this is the first page.
    first: bool,
    may_create: bool,
    may_revoke: bool,
}

/// `GET /tokens`.
async fn list(State(desk): State<Arc<Desk>>, viewer: Viewer, Query(listed): Query<Listed>) -> Result<Response, Failed> {
    viewer.sees(Method::ListTokens)?;
    let all = listed.which.as_deref() == Some("all");
    let page_token = listed.page.unwrap_or_default();
    let first = page_token.is_empty();
    let message = v1::ListTokensRequest { page_size: PAGE, page_token, active_only: !all };
    let decode::TokensPage { before, limit, active_only } = decode::tokens(&message, &desk.limits)?;
    let page = desk.tokens.list(&viewer.principal, before, limit, active_only)?;
    let last = page.tokens.last().filter(|_| page.more).map(|last| page_token::encode_token(last.id, active_only));
    let which = if all { "all" } else { "active" };
    Ok(rendered(&TokensPage {
        layout: Layout::of(&viewer, words::TITLE, Some(Place::Tokens)),
        done: listed.done.as_deref().and_then(words::done),
        all,
        next: last.map(|last| format!("/tokens?which={which}&page={last}")),
        first,
        tokens: page.tokens.into_iter().map(|token| Shown { token, at: page.at }).collect(),
        may_create: viewer.principal.may(Method::CreateToken),
        may_revoke: viewer.principal.may(Method::RevokeToken),
    }))
}

#[derive(Template)]
#[template(path = "token_revoke.html")]
struct RevokePage {
    layout: Layout,
    form: Form,
    shown: Shown,
    /// Whether the viewer is its owner.
    own: bool,
}

/// The token of a path.
fn token(desk: &Desk, viewer: &Viewer, id: &str) -> Result<Token, Failed> {
    let id = decode::token_id(id).map_err(|_| Failed::no_such_page())?;
    Ok(desk.tokens.get(&viewer.principal, id)?)
}

/// `GET /tokens/{id}/revoke`: shows what revoking does.
async fn confirm_revoke(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    viewer.sees(Method::RevokeToken)?;
    let token = token(&desk, &viewer, &id)?;
    let actor = &viewer.principal.actor;
    let own = actor.issuer == LOCAL_ISSUER && actor.subject == token.grant.subject;
    Ok(rendered(&RevokePage {
        layout: Layout::of(&viewer, words::REVOKE_TITLE, Some(Place::Tokens)),
        form: Form::new(&viewer, &[]),
        shown: Shown { token, at: desk.clock.wall() },
        own,
    }))
}

/// `POST /tokens/{id}/revoke`. Revoking twice is the same as once.
async fn revoke(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    submitted: Submitted,
) -> Result<Response, Failed> {
    let viewer = &submitted.viewer;
    viewer.sees(Method::RevokeToken)?;
    let id: TokenId = token(&desk, viewer, &id)?.id;
    desk.tokens.revoke(&viewer.principal, id).await?;
    Ok(Redirect::to("/tokens?which=all&done=revoked").into_response())
}
