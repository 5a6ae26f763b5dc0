//! Sessions.

use super::{Encoded, get};
use crate::{
    domain::{Digest, Session, SessionId},
    store::{
        StoreError,
        sled::{
            frame::{self, corrupt},
            keys,
            tree_reader::TreeReader,
        },
    },
};

/// Reads a session.
pub(in super::super) fn session(pages: &TreeReader, id: SessionId) -> Result<Option<Session>, StoreError> {
    match get::<Session>(pages, &keys::session(id))? {
        Some(session) if session.id != id => Err(corrupt(format!("session {id} says that it is {}", session.id))),
        session => Ok(session),
    }
}

/// Reads every session, in order.
pub(in super::super) fn sessions(pages: &TreeReader) -> Result<Vec<Session>, StoreError> {
    let mut found = Vec::new();
    for key in pages.keys(keys::sessions()) {
        if let Some(id) = keys::session_of(&key?) {
            found.extend(session(pages, id)?); // `None` if forgotten meanwhile
        }
    }
    Ok(found)
}

/// Keys and values of a session, and the hash of its payload.
pub(in super::super) fn encode_session(session: &Session) -> Result<(Encoded, Digest), StoreError> {
    let payload = rmp_serde::to_vec_named(session).map_err(|error| corrupt(error.to_string()))?;
    let mut encoded = Encoded::new();
    frame::cut(&mut encoded, keys::session(session.id), &payload)?;
    Ok((encoded, Digest::of_bytes(&payload)))
}
