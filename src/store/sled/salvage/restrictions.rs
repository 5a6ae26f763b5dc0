//! Freezes and blocks: every readable one is saved, in its newest readable state, because both only restrict.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::de::DeserializeOwned;

use super::{Found, Recorded, Salvaged};
use crate::{
    domain::{Block, Digest, Freeze},
    store::sled::{keys, records},
};

impl Found {
    pub(super) fn restrictions(&self, recorded: &Recorded, salvaged: &mut Salvaged) {
        if !recorded.complete {
            salvaged.leave("A freeze may be lost. Check `signoff freezes` before agents run.");
            salvaged.leave("A block may be lost. Check `signoff subject list` before people sign in.");
        }
        let standing = &recorded.standing;
        let freezes = Kind { keys: keys::freezes(), id_of: keys::freeze_of, key_of: keys::freeze };
        for (id, found) in freezes.read::<Freeze>(self, &standing.freezes, recorded.complete) {
            match found.filter(|freeze| freeze.id == id && freeze.fault().is_none()) {
                Some(freeze) => salvaged.freezes.push(freeze),
                None => salvaged.leave(format!(
                    "Freeze {id}: it is unreadable. The calls that it stopped could run: freeze them again."
                )),
            }
        }
        let blocks = Kind { keys: keys::blocks(), id_of: keys::block_of, key_of: keys::block };
        for (id, found) in blocks.read::<Block>(self, &standing.blocks, recorded.complete) {
            match found.filter(|block| block.id == id && block.fault().is_none()) {
                Some(block) => salvaged.blocks.push(block),
                None => salvaged
                    .leave(format!("Block {id}: it is unreadable. Its subject could call: block the subject again.")),
            }
        }
    }
}

/// The keys of one kind of record.
struct Kind<Id> {
    keys: Range<Vec<u8>>,
    id_of: fn(&[u8]) -> Option<Id>,
    key_of: fn(Id) -> Vec<u8>,
}

impl<Id: Copy + Ord> Kind<Id> {
    /// Every record that was not forgotten; `None` if it is unreadable. `complete`: whether `standing` names them all.
    fn read<T: DeserializeOwned>(
        self,
        found: &Found,
        standing: &BTreeMap<Id, Digest>,
        complete: bool,
    ) -> Vec<(Id, Option<T>)> {
        let ids = found.values.range(self.keys).filter_map(|(key, _)| (self.id_of)(key));
        let ids: BTreeSet<_> = ids.chain(standing.keys().copied()).collect();
        let kept = ids.into_iter().filter(|id| !complete || standing.contains_key(id));
        let read = |id| found.payload(&(self.key_of)(id)).and_then(|payload| records::decode(&payload).ok());
        kept.map(|id| (id, read(id))).collect()
    }
}
