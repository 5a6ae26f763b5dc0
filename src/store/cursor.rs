//! A position in a change feed, as consumers store it.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// First byte of the encoded content.
const VERSION: u8 = 1;

/// Maximum length of a position, in bytes.
const POSITION_MAX: usize = 64;

/// A position in the change feed of one store: the consumer has seen everything before it. Its text of letters, digits,
/// `-` and `_` never expires. Its content is opaque: each store defines its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    store: Uuid,
    position: Vec<u8>,
}

/// Why a cursor cannot be used. Start again without one: the feed then reports every stored approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not the text of a cursor.
    #[error("not a valid change feed cursor")]
    Malformed,
    /// Another store wrote it.
    #[error("the cursor belongs to another store; start again without a cursor")]
    OtherStore,
    /// This store wrote it, and was then restored from an older backup.
    #[error("the cursor does not match this store; a backup may have been restored. Start again without a cursor")]
    OtherHistory,
}

impl Cursor {
    /// For implementations of stores: a cursor with the store's own encoding of a position, at most 64 bytes.
    ///
    /// # Errors
    /// [`CursorError::Malformed`] when the position is longer.
    pub fn new(store: Uuid, position: impl Into<Vec<u8>>) -> Result<Self, CursorError> {
        let position = position.into();
        if position.len() > POSITION_MAX { Err(CursorError::Malformed) } else { Ok(Self { store, position }) }
    }

    /// The position, if the cursor belongs to this store.
    ///
    /// # Errors
    /// [`CursorError::OtherStore`].
    pub fn position_in(&self, store: Uuid) -> Result<&[u8], CursorError> {
        if self.store == store { Ok(&self.position) } else { Err(CursorError::OtherStore) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [&[VERSION], &self.store.as_bytes()[..], &self.position].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let malformed = CursorError::Malformed;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed)?;
        let (content, sum) = bytes.split_last_chunk().ok_or(malformed)?;
        let (&version, rest) = content.split_first().ok_or(malformed)?;
        if version != VERSION || crc32fast::hash(content) != u32::from_be_bytes(*sum) {
            return Err(malformed);
        }
        let (store, position) = rest.split_first_chunk().ok_or(malformed)?;
        Self::new(Uuid::from_bytes(*store), position)
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_pinned() {
        let cursor = Cursor::new(Uuid::from_u128(7), [1, 2, 3]).unwrap();
        assert_eq!(cursor.to_string(), "AQAAAAAAAAAAAAAAAAAAAAcBAgNdmMF9");
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        let json = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
        assert_eq!(cursor.position_in(Uuid::from_u128(7)), Ok(&[1, 2, 3][..]));
        assert_eq!(cursor.position_in(Uuid::from_u128(8)), Err(CursorError::OtherStore));
        assert_eq!(Cursor::new(Uuid::nil(), [0; 65]), Err(CursorError::Malformed));
    }

    #[test]
    fn other_texts_are_malformed() {
        let text = Cursor::new(Uuid::from_u128(7), [1, 2, 3]).unwrap().to_string();
        for cut in 0..text.len() {
            assert_eq!(text[..cut].parse::<Cursor>(), Err(CursorError::Malformed));
        }
        for (at, byte) in text.bytes().enumerate() {
            let mut other = text.clone().into_bytes();
            other[at] = if byte == b'A' { b'B' } else { b'A' };
            assert_eq!(String::from_utf8(other).unwrap().parse::<Cursor>(), Err(CursorError::Malformed), "{at}");
        }
    }
}
