//! The frame of every stored value: `[format][number of further pieces][CRC-32 of everything else and the key]`, then
//! the payload.
//!
//! **Why a checksum.** sled has its own checksums, but they cover the pages that it writes, not the records that we
//! meant: a correct page can hold an old value, or the value of another key. This checksum covers the key and the whole
//! payload. So reading detects a value that is stale, in the wrong place, or lacks a piece, even if each part is
//! intact.
//!
//! **Why pieces.** sled stores a page of over 128 KiB in a separate file, and never syncs that file. It splits pages by
//! their number of entries, not by their size. So values must be small: a large payload is cut into pieces of
//! [`PIECE`] bytes, under the key of the first piece followed by a number.

use sled::IVec;

use super::tree_reader::TreeReader;
use crate::store::StoreError;
pub(super) use crate::store::records::corrupt;

/// The format of values. Reading a later one gives [`StoreError::Newer`].
const FORMAT: u8 = 1;

/// Bytes before the payload: format, pieces, checksum.
const HEADER: usize = 1 + 1 + 4;

/// Maximum size of a stored value, in bytes. A page of sled has up to 17 entries, or 20 after a merge, and all of them
/// with their keys must stay under 128 KiB.
const PIECE: usize = 6_000;

/// Keys and values, ready to be written.
pub(super) type Encoded = Vec<(Vec<u8>, Vec<u8>)>;

/// Frames a small payload.
pub(super) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    debug_assert!(HEADER + payload.len() <= PIECE, "use cut() for a large payload");
    let mut value = Vec::with_capacity(HEADER + payload.len());
    value.extend_from_slice(&[FORMAT, 0]);
    value.extend_from_slice(&checksum(key, 0, payload).to_le_bytes());
    value.extend_from_slice(payload);
    value
}

/// Frames a payload, in as many pieces as it needs.
pub(super) fn cut(encoded: &mut Encoded, key: Vec<u8>, payload: &[u8]) -> Result<(), StoreError> {
    let (first, rest) = payload.split_at(payload.len().min(PIECE - HEADER));
    let pieces = u8::try_from(rest.len().div_ceil(PIECE))
        .map_err(|_| corrupt(format!("a record of {} bytes is too long to store", payload.len())))?;
    let mut value = Vec::with_capacity(HEADER + first.len());
    value.extend_from_slice(&[FORMAT, pieces]);
    value.extend_from_slice(&checksum(&key, pieces, payload).to_le_bytes());
    value.extend_from_slice(first);
    let numbered = (1..=pieces).zip(rest.chunks(PIECE));
    encoded.extend(numbered.map(|(number, piece)| (piece_key(&key, number), piece.to_vec())));
    encoded.push((key, value));
    Ok(())
}

/// The key of a further piece.
pub(super) fn piece_key(key: &[u8], number: u8) -> Vec<u8> {
    [key, &[number]].concat()
}

/// The payload of a value without further pieces.
pub(super) fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (pieces, sum, payload) = split(key, value)?;
    if pieces == 0 && sum == checksum(key, 0, payload) { Ok(payload) } else { Err(mismatch(key)) }
}

/// Reads the payload under a key, with its pieces; `None` if there is none.
pub(super) fn get(pages: &TreeReader, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    match pages.get(key)? {
        Some(first) => join(pages, key, first),
        None => Ok(None),
    }
}

/// Reads the payload of a value whose first piece is known; `None` if it was removed meanwhile.
///
/// The writer may replace pieces while they are read one by one. The first piece differs in every version. So after a
/// mismatch it is read again: if it has changed, so has the value, and reading starts again; if not, the value is
/// damaged.
pub(super) fn join(pages: &TreeReader, key: &[u8], mut first: IVec) -> Result<Option<Vec<u8>>, StoreError> {
    loop {
        let (pieces, sum, payload) = split(key, &first)?;
        let (mut payload, mut missing) = (payload.to_vec(), false);
        for number in 1..=pieces {
            match pages.get(piece_key(key, number))? {
                Some(piece) => payload.extend_from_slice(&piece),
                None => missing = true,
            }
        }
        if !missing && sum == checksum(key, pieces, &payload) {
            return Ok(Some(payload));
        }
        match pages.get(key)? {
            None => return Ok(None),
            Some(now) if now != first => first = now,
            Some(_) => return Err(mismatch(key)),
        }
    }
}

/// The payload of a value whose pieces are known.
pub(super) fn assemble<'a>(
    key: &[u8],
    first: &[u8],
    mut piece: impl FnMut(&[u8]) -> Option<&'a [u8]>,
) -> Result<Vec<u8>, StoreError> {
    let (pieces, sum, payload) = split(key, first)?;
    let mut payload = payload.to_vec();
    for number in 1..=pieces {
        payload.extend_from_slice(piece(&piece_key(key, number)).ok_or_else(|| mismatch(key))?);
    }
    if sum == checksum(key, pieces, &payload) { Ok(payload) } else { Err(mismatch(key)) }
}

/// Whether a value has further pieces.
pub(super) fn is_first_of_several(value: &[u8]) -> bool {
    matches!(value, [FORMAT, pieces, ..] if *pieces > 0)
}

/// Splits a first piece: number of further pieces, checksum, payload.
fn split<'a>(key: &[u8], value: &'a [u8]) -> Result<(u8, u32, &'a [u8]), StoreError> {
    let Some((&[format, pieces, a, b, c, d], payload)) = value.split_first_chunk::<HEADER>() else {
        return Err(mismatch(key));
    };
    match format {
        FORMAT => Ok((pieces, u32::from_le_bytes([a, b, c, d]), payload)),
        newer if newer > FORMAT => Err(StoreError::Newer(
            format!("the record {} has format {newer}; this build reads up to {FORMAT}", shown(key)).into(),
        )),
        _ => Err(mismatch(key)),
    }
}

fn checksum(key: &[u8], pieces: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&[FORMAT, pieces]);
    hasher.update(payload);
    hasher.finalize()
}

fn mismatch(key: &[u8]) -> StoreError {
    corrupt(format!("the checksum of the record {} does not match", shown(key)))
}

/// A key for messages: its prefix, then hex.
pub(super) fn shown(key: &[u8]) -> String {
    match key.split_first() {
        Some((prefix, rest)) => {
            let hex = rest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            format!("{}:{hex}", char::from(*prefix))
        }
        None => "(no key)".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every later build must read this.
    #[test]
    fn the_frame_is_pinned() {
        assert_eq!(seal(b"key", b"payload"), b"\x01\x00\x69\x3b\xf1\xc1payload");
    }

    #[test]
    fn every_flip_is_noticed() {
        let value = seal(b"key", b"payload");
        assert_eq!(open(b"key", &value), Ok(&b"payload"[..]));
        for byte in 0..value.len() {
            for bit in 0..8 {
                let mut flipped = value.clone();
                flipped[byte] ^= 1 << bit;
                let error = open(b"key", &flipped).unwrap_err();
                let newer = byte == 0 && flipped[0] > FORMAT;
                assert_eq!(matches!(error, StoreError::Newer(_)), newer, "{byte} {bit} {error}");
            }
        }
        assert!(open(b"kex", &value).is_err(), "a value under another key");
        for length in 0..value.len() {
            assert!(open(b"key", &value[..length]).is_err());
        }
    }

    #[test]
    fn pieces_belong_to_their_record() {
        let large = |byte| vec![byte; 3 * PIECE];
        let (mut one, mut two) = (Encoded::new(), Encoded::new());
        cut(&mut one, b"a".to_vec(), &large(1)).unwrap();
        cut(&mut two, b"a".to_vec(), &large(2)).unwrap();
        assert!(one.iter().all(|(_, value)| value.len() <= PIECE));
        let find =
            |from: &Encoded, key: &[u8]| from.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone());
        let (first, last) = (find(&one, b"a").unwrap(), piece_key(b"a", 3));
        let whole = |last_from: &Encoded| {
            let pieces: Vec<_> = (1..=3).map(|number| piece_key(b"a", number)).collect();
            let values: Vec<_> =
                pieces.iter().map(|key| find(if *key == last { last_from } else { &one }, key).unwrap()).collect();
            assemble(b"a", &first, |key| pieces.iter().position(|piece| piece == key).map(|at| &values[at][..]))
        };
        assert_eq!(whole(&one).unwrap(), large(1));
        assert!(whole(&two).is_err(), "a piece of another version");
        assert!(assemble(b"a", &first, |_| None).is_err(), "no pieces");
        assert!(cut(&mut one, b"b".to_vec(), &vec![0; 256 * PIECE]).is_err());
    }
}
