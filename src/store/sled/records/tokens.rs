//! Tokens.

use super::{Encoded, get};
use crate::{
    domain::{Digest, Token, TokenId},
    store::{
        StoreError,
        sled::{
            frame::{self, corrupt},
            keys,
            tree_reader::TreeReader,
        },
    },
};

/// Reads a token.
pub(in super::super) fn token(pages: &TreeReader, id: TokenId) -> Result<Option<Token>, StoreError> {
    match get::<Token>(pages, &keys::token(id))? {
        Some(token) if token.id != id => Err(corrupt(format!("token {id} says that it is {}", token.id))),
        token => Ok(token),
    }
}

/// Reads every token, in order.
pub(in super::super) fn tokens(pages: &TreeReader) -> Result<Vec<Token>, StoreError> {
    let mut found = Vec::new();
    for key in pages.keys(keys::tokens()) {
        if let Some(id) = keys::token_of(&key?) {
            found.extend(token(pages, id)?); // `None` if forgotten meanwhile
        }
    }
    Ok(found)
}

/// Keys and values of a token, and the hash of its payload.
pub(in super::super) fn encode_token(token: &Token) -> Result<(Encoded, Digest), StoreError> {
    let payload = rmp_serde::to_vec_named(token).map_err(|error| corrupt(error.to_string()))?;
    let mut encoded = Encoded::new();
    frame::cut(&mut encoded, keys::token(token.id), &payload)?;
    Ok((encoded, Digest::of_bytes(&payload)))
}
