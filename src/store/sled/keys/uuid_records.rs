//! Keys of records that are found by a UUID: tokens, freezes, sessions and blocks of subjects. Further pieces of a large
//! record have longer keys.

use std::ops::{Range, RangeInclusive};

use uuid::Uuid;

use super::{BLOCK, FREEZE, SESSION, TOKEN};
use crate::domain::{BlockId, FreezeId, SessionId, TokenId};

fn key(prefix: u8, id: Uuid) -> Vec<u8> {
    [&[prefix], &id.as_bytes()[..]].concat()
}

/// All keys with a prefix.
fn all(prefix: u8) -> Range<Vec<u8>> {
    vec![prefix]..vec![prefix + 1]
}

/// A key, and those of the record's further pieces.
fn pieces(first: Vec<u8>) -> RangeInclusive<Vec<u8>> {
    let last = [&first[..], &[0xff]].concat();
    first..=last
}

/// The id in a key; `None` if it has another prefix, or is of a further piece.
fn id(prefix: u8, key: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(key.strip_prefix(&[prefix])?).ok()
}

/// A token.
pub(in crate::store::sled) fn token(id: TokenId) -> Vec<u8> {
    key(TOKEN, id.uuid())
}

/// All keys of tokens.
pub(in crate::store::sled) fn tokens() -> Range<Vec<u8>> {
    all(TOKEN)
}

/// A token's key and those of its further pieces.
pub(in crate::store::sled) fn pieces_of_token(id: TokenId) -> RangeInclusive<Vec<u8>> {
    pieces(token(id))
}

/// The token in a token's key.
pub(in crate::store::sled) fn token_of(key: &[u8]) -> Option<TokenId> {
    id(TOKEN, key).map(TokenId::new)
}

/// A freeze.
pub(in crate::store::sled) fn freeze(id: FreezeId) -> Vec<u8> {
    key(FREEZE, id.uuid())
}

/// All keys of freezes.
pub(in crate::store::sled) fn freezes() -> Range<Vec<u8>> {
    all(FREEZE)
}

/// A freeze's key and those of its further pieces.
pub(in crate::store::sled) fn pieces_of_freeze(id: FreezeId) -> RangeInclusive<Vec<u8>> {
    pieces(freeze(id))
}

/// The freeze in a freeze's key.
pub(in crate::store::sled) fn freeze_of(key: &[u8]) -> Option<FreezeId> {
    id(FREEZE, key).map(FreezeId::new)
}

/// A session.
pub(in crate::store::sled) fn session(id: SessionId) -> Vec<u8> {
    key(SESSION, id.uuid())
}

/// All keys of sessions.
pub(in crate::store::sled) fn sessions() -> Range<Vec<u8>> {
    all(SESSION)
}

/// A session's key and those of its further pieces.
pub(in crate::store::sled) fn pieces_of_session(id: SessionId) -> RangeInclusive<Vec<u8>> {
    pieces(session(id))
}

/// The session in a session's key.
pub(in crate::store::sled) fn session_of(key: &[u8]) -> Option<SessionId> {
    id(SESSION, key).map(SessionId::new)
}

/// A block of a subject.
pub(in crate::store::sled) fn block(id: BlockId) -> Vec<u8> {
    key(BLOCK, id.uuid())
}

/// All keys of blocks.
pub(in crate::store::sled) fn blocks() -> Range<Vec<u8>> {
    all(BLOCK)
}

/// A block's key and those of its further pieces.
pub(in crate::store::sled) fn pieces_of_block(id: BlockId) -> RangeInclusive<Vec<u8>> {
    pieces(block(id))
}

/// The block in a block's key.
pub(in crate::store::sled) fn block_of(key: &[u8]) -> Option<BlockId> {
    id(BLOCK, key).map(BlockId::new)
}
