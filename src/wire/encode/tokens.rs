//! Encodes tokens and callers.

use std::collections::BTreeSet;

use super::{actor, moment};
use crate::{
    domain::{Actor, DecidesFor, Grant, Permission, Role, Time, Token, TokenState},
    identity::{AuthenticationMethod, LOCAL_ISSUER, Principal},
    proto::v1,
    wire::enums::Code as _,
};

/// Encodes a token and its state at `now`, without its secret.
#[must_use]
pub fn token(token: &Token, now: Time) -> v1::Token {
    let Grant { kind, subject, roles: may, groups, on_behalf_of, permissions: asserts, decides_for: scope, comment } =
        &token.grant;
    let state = match token.state(now) {
        TokenState::Active => v1::TokenState::Active,
        TokenState::Expired => v1::TokenState::Expired,
        TokenState::Revoked => v1::TokenState::Revoked,
    };
    v1::Token {
        token_id: token.id.to_string(),
        owner: Some(actor(&Actor { kind: *kind, issuer: LOCAL_ISSUER.into(), subject: subject.clone() })),
        roles: roles(may),
        groups: groups.iter().cloned().collect(),
        permissions: permissions(asserts),
        comment: comment.clone(),
        state: state.into(),
        creator: Some(actor(&token.creator)),
        create_time: Some(moment(token.created_at)),
        expire_time: token.expires_at.map(moment),
        last_use_time: token.last_used_at.map(moment),
        revoke_time: token.revoked.as_ref().map(|revoked| moment(revoked.at)),
        on_behalf_of: on_behalf_of.as_ref().map(actor),
        decides_for: decides_for(scope),
        revoker: token.revoked.as_ref().map(|revoked| actor(&revoked.actor)),
    }
}

/// Encodes a caller.
#[must_use]
pub fn caller(principal: &Principal) -> v1::Caller {
    let method = match principal.method {
        AuthenticationMethod::DevToken => v1::AuthenticationMethod::DevToken,
        AuthenticationMethod::Token => v1::AuthenticationMethod::Token,
        AuthenticationMethod::Oidc => v1::AuthenticationMethod::Oidc,
        AuthenticationMethod::Certificate => v1::AuthenticationMethod::Certificate,
        // None of them makes calls of gRPC.
        AuthenticationMethod::Session | AuthenticationMethod::Chat | AuthenticationMethod::DataDirectory => {
            v1::AuthenticationMethod::Unspecified
        }
    };
    v1::Caller {
        actor: Some(actor(&principal.actor)),
        roles: roles(&principal.roles),
        groups: principal.groups.iter().cloned().collect(),
        permissions: permissions(&principal.permissions),
        on_behalf_of: principal.on_behalf_of.as_ref().map(actor),
        decides_for: decides_for(&principal.decides_for),
        method: method.into(),
        authenticate_time: Some(moment(principal.authenticated_at)),
        expire_time: principal.expires_at.map(moment),
    }
}

pub(super) fn roles(roles: &BTreeSet<Role>) -> Vec<i32> {
    roles.iter().map(|role| role.to_wire().into()).collect()
}

fn decides_for(scope: &DecidesFor) -> Option<v1::DecidesFor> {
    let names = |names: &BTreeSet<String>| names.iter().cloned().collect();
    let DecidesFor { issuers, groups } = scope;
    (!scope.is_empty()).then(|| v1::DecidesFor { issuers: names(issuers), groups: names(groups) })
}

fn permissions(permissions: &BTreeSet<Permission>) -> Vec<i32> {
    permissions.iter().map(|permission| permission.to_wire().into()).collect()
}
