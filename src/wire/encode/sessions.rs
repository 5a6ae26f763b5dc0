//! Encodes sessions and blocked subjects.

use super::{actor, moment, tokens::roles};
use crate::{
    domain::{Block, Session, SessionState, SignIn},
    proto::v1,
};

/// Encodes a session and its state, without its secret.
#[must_use]
pub fn session(session: &Session, state: SessionState) -> v1::Session {
    let (sign_in, token_id) = match session.sign_in {
        SignIn::Token(id) => (v1::AuthenticationMethod::Token, id.to_string()),
        SignIn::DevToken => (v1::AuthenticationMethod::DevToken, String::new()),
        SignIn::Oidc => (v1::AuthenticationMethod::Oidc, String::new()),
    };
    let state = match state {
        SessionState::Active => v1::SessionState::Active,
        SessionState::Expired => v1::SessionState::Expired,
        SessionState::Ended => v1::SessionState::Ended,
    };
    v1::Session {
        session_id: session.id.to_string(),
        person: Some(actor(&session.actor)),
        roles: roles(&session.roles),
        groups: session.groups.iter().cloned().collect(),
        sign_in: sign_in.into(),
        token_id,
        state: state.into(),
        create_time: Some(moment(session.created_at)),
        last_use_time: Some(moment(session.last_used_at)),
        expire_time: Some(moment(session.expires_at)),
        end_time: session.ended.as_ref().map(|ended| moment(ended.at)),
        ended_by: session.ended.as_ref().map(|ended| actor(&ended.actor)),
    }
}

/// Encodes a block.
#[must_use]
pub fn blocked_subject(block: &Block) -> v1::BlockedSubject {
    let crate::domain::SubjectName { issuer, subject } = block.subject.clone();
    v1::BlockedSubject {
        block_id: block.id.to_string(),
        subject: Some(v1::Subject { issuer, subject }),
        reason: block.reason.clone(),
        blocked_by: Some(actor(&block.actor)),
        block_time: Some(moment(block.at)),
    }
}
