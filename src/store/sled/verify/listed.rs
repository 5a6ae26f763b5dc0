//! Tokens, sessions, freezes, blocks and signing keys: the records of groups list each of them with its hash.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    ops::Range,
};

use super::{Findings, Recorded};
use crate::{
    domain::{Block, Digest, Freeze, Session, Token},
    store::{
        StoreError,
        sled::{frame, keys, records, tree_reader::TreeReader},
    },
};

/// Compares all of them with the records of groups.
pub(super) fn check(pages: &TreeReader, recorded: &Recorded, findings: &mut Findings) {
    let standing = &recorded.standing;
    let tokens = Listed {
        name: "token",
        keys: keys::tokens(),
        id_of: keys::token_of,
        read: records::token,
        fault: Token::fault,
        standing: &standing.tokens,
        if_it_differs: ": a revocation may be lost",
        if_it_is_missing: "",
    };
    findings.tokens = tokens.check(pages, recorded.whole, findings);
    let sessions = Listed {
        name: "session",
        keys: keys::sessions(),
        id_of: keys::session_of,
        read: records::session,
        fault: Session::fault,
        standing: &standing.sessions,
        if_it_differs: ": its end may be lost",
        if_it_is_missing: "",
    };
    findings.sessions = sessions.check(pages, recorded.whole, findings);
    let freezes = Listed {
        name: "freeze",
        keys: keys::freezes(),
        id_of: keys::freeze_of,
        read: records::freeze,
        fault: Freeze::fault,
        standing: &standing.freezes,
        if_it_differs: "",
        if_it_is_missing: ": calls that it stopped could run",
    };
    findings.freezes = freezes.check(pages, recorded.whole, findings);
    let blocks = Listed {
        name: "block",
        keys: keys::blocks(),
        id_of: keys::block_of,
        read: records::block,
        fault: Block::fault,
        standing: &standing.blocks,
        if_it_differs: "",
        if_it_is_missing: ": its subject could call",
    };
    findings.blocks = blocks.check(pages, recorded.whole, findings);
    let signing_keys = Listed {
        name: "signing key of",
        keys: keys::signing_keys(),
        id_of: keys::signing_key_of,
        read: records::signing_key,
        fault: |_| None,
        standing: &standing.signing_keys,
        if_it_differs: "",
        if_it_is_missing: ": what it signed is not recognised",
    };
    findings.signing_keys = signing_keys.check(pages, recorded.whole, findings);
}

/// Records of one kind.
struct Listed<'a, Id, T> {
    name: &'static str,
    keys: Range<Vec<u8>>,
    id_of: fn(&[u8]) -> Option<Id>,
    read: fn(&TreeReader, Id) -> Result<Option<T>, StoreError>,
    fault: fn(&T) -> Option<&'static str>,
    /// Those that must be stored, with the hashes of their payloads.
    standing: &'a BTreeMap<Id, Digest>,
    /// What that can mean.
    if_it_differs: &'static str,
    if_it_is_missing: &'static str,
}

impl<Id: Copy + Ord + Display, T> Listed<'_, Id, T> {
    /// Returns the number of intact ones. `whole`: whether all records of groups were readable.
    fn check(self, pages: &TreeReader, whole: bool, findings: &mut Findings) -> u64 {
        let Self { name, keys, id_of, read, fault, standing, if_it_differs, if_it_is_missing } = self;
        let (mut kept, mut intact) = (BTreeSet::new(), 0);
        for key in pages.keys(keys) {
            let Some(key) = findings.take(key) else { break };
            let Some(id) = id_of(&key) else { continue };
            kept.insert(id);
            match read(pages, id) {
                Ok(Some(found)) => match fault(&found) {
                    None => intact += 1,
                    Some(fault) => findings.fault(format!("{name} {id}: {fault}")),
                },
                Ok(None) => findings.fault(format!("{name} {id} is missing")),
                Err(error) => {
                    findings.fault(format!("{name} {id}: {error}"));
                    continue;
                }
            }
            let Some(payload) = findings.take(frame::get(pages, &key)) else { continue };
            let hash = payload.map(|payload| Digest::of_bytes(&payload));
            match standing.get(&id) {
                _ if !whole => {}
                None => findings.fault(format!("{name} {id} was forgotten, but is still stored")),
                Some(recorded) if Some(*recorded) == hash => {}
                Some(_) => findings.fault(format!("{name} {id} differs from the acknowledged one{if_it_differs}")),
            }
        }
        for id in standing.keys().filter(|id| whole && !kept.contains(*id)) {
            findings.fault(format!("{name} {id} was acknowledged, but is missing{if_it_is_missing}"));
        }
        intact
    }
}
