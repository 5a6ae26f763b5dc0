//! The cut of a snapshot: the moment that it shows, and what it keeps of records that have changed since.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{
    frame,
    keys::{self, Field},
    records,
    tree_reader::TreeReader,
};
use crate::{
    domain::{ApprovalId, Block, Blocks, Freeze, Freezes, Revision},
    store::StoreError,
};

/// Maximum bytes of old records that a snapshot keeps. Far above what a backup of a busy store needs, and bearable for
/// a server.
pub(super) const KEPT_MAX: usize = 256 << 20;

/// Estimated bytes for the entry of an approval: id, revision, and their share of a tree's node.
const APPROVAL_BYTES: usize = 48;

/// Estimated bytes for the entry of another record, without its key and value.
const RECORD_BYTES: usize = 128;

/// Records that can change or vanish, apart from approvals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// SetPolicy calls that made no version.
    Calls,
    Tokens,
    /// Entries of the time index of forgotten `request_id`s.
    Forgotten,
    Lanes,
}

impl Kind {
    const COUNT: usize = 4;

    /// Reads a record under its key: the payload, or the value if such records have no pieces.
    fn read(self, pages: &TreeReader, key: &[u8]) -> Old {
        match self {
            Self::Calls | Self::Forgotten => Ok(pages.get(key)?.map(|value| value.to_vec())),
            Self::Tokens | Self::Lanes => frame::get(pages, key),
        }
    }
}

/// A record at the cut: its payload, or `None` if there was none. An error if it could not be read when it changed.
pub(super) type Old = Result<Option<Vec<u8>>, StoreError>;

/// The moment between two groups of commits that a snapshot shows, and what has changed since.
///
/// The writer calls [`note`](Self::note) before it applies a group, and the reader asks *after* it has read the tree.
/// So if the reader saw a record of a later group, the old one is here.
#[derive(Debug)]
pub(super) struct Cut {
    /// The last approval at the cut, in order of id. Later ones need no entries.
    end: Option<ApprovalId>,
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Revisions at the cut; 0 for approvals that did not exist.
    approvals: Before<ApprovalId, Revision>,
    records: [Before<Vec<u8>, Old>; Kind::COUNT],
    bytes: usize,
    /// Whether the limit was reached. Everything is dropped then.
    overrun: bool,
}

/// The old values of keys that have changed, until the reader has passed them. It reads keys in order.
#[derive(Debug)]
struct Before<K, V> {
    changed: BTreeMap<K, V>,
    read: Read<K>,
}

#[derive(Debug)]
enum Read<K> {
    Nothing,
    UpTo(K),
    Everything,
}

impl<K, V> Default for Before<K, V> {
    fn default() -> Self {
        Self { changed: BTreeMap::new(), read: Read::Nothing }
    }
}

impl<K: Ord, V> Before<K, V> {
    /// Whether the reader still needs the old value of a key.
    fn needs(&self, key: &K) -> bool {
        let read = match &self.read {
            Read::Nothing => false,
            Read::UpTo(last) => key <= last,
            Read::Everything => true,
        };
        !read && !self.changed.contains_key(key)
    }

    /// Takes the old values up to a key, or all. From now on the reader does not need them.
    fn take(&mut self, up_to: Option<K>) -> BTreeMap<K, V> {
        let Some(last) = up_to else {
            self.read = Read::Everything;
            return std::mem::take(&mut self.changed);
        };
        let mut later = self.changed.split_off(&last);
        let at_last = later.remove_entry(&last);
        let mut taken = std::mem::replace(&mut self.changed, later);
        taken.extend(at_last);
        self.read = Read::UpTo(last);
        taken
    }
}

impl Kept {
    fn add(&mut self, bytes: usize, limit: usize) {
        self.bytes += bytes;
        if self.bytes > limit {
            *self = Self { overrun: true, ..Self::default() };
        }
    }
}

impl Cut {
    pub(super) fn new(end: Option<ApprovalId>, limit: usize) -> Self {
        Self { end, limit, kept: Mutex::default() }
    }

    /// The last approval at the cut, in order of id.
    pub(super) const fn end(&self) -> Option<ApprovalId> {
        self.end
    }

    /// Keeps the old values of what a group will change. Call this before the group is applied. `revisions` are those of
    /// the changed approvals before the group, and `records` the keys of the other changed records.
    fn note(
        &self,
        pages: &TreeReader,
        revisions: impl Iterator<Item = (ApprovalId, Revision)>,
        records: impl Iterator<Item = (Kind, Vec<u8>)>,
    ) {
        let mut kept = self.kept();
        let here = |id: ApprovalId| self.end.is_some_and(|end| id <= end);
        for (id, revision) in revisions.filter(|(id, _)| here(*id)) {
            if !kept.overrun && kept.approvals.needs(&id) {
                kept.approvals.changed.insert(id, revision);
                kept.add(APPROVAL_BYTES, self.limit);
            }
        }
        for (kind, key) in records {
            let later = kind == Kind::Lanes && !keys::lane_of(&key).is_some_and(|(id, _)| here(id));
            if !later && !kept.overrun && kept.records[kind as usize].needs(&key) {
                let old = kind.read(pages, &key);
                let bytes = weight(&key, &old);
                kept.records[kind as usize].changed.insert(key, old);
                kept.add(bytes, self.limit);
            }
        }
    }

    /// The revisions at the cut of the approvals up to an id, or of all, that have changed since. Call it after reading
    /// these approvals; it drops the entries.
    pub(super) fn revisions(&self, up_to: Option<ApprovalId>) -> Result<BTreeMap<ApprovalId, Revision>, StoreError> {
        let mut kept = self.usable()?;
        let taken = kept.approvals.take(up_to);
        kept.bytes -= taken.len() * APPROVAL_BYTES;
        Ok(taken)
    }

    /// As [`revisions`](Self::revisions), for records of a kind, by key.
    pub(super) fn old(&self, kind: Kind, up_to: Option<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, Old>, StoreError> {
        let mut kept = self.usable()?;
        let taken = kept.records[kind as usize].take(up_to);
        kept.bytes -= taken.iter().map(|(key, old)| weight(key, old)).sum::<usize>();
        Ok(taken)
    }

    fn usable(&self) -> Result<MutexGuard<'_, Kept>, StoreError> {
        let kept = self.kept();
        if kept.overrun { Err(StoreError::SnapshotOverrun { limit: self.limit }) } else { Ok(kept) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cuts that the writer notes changes for. Those of dropped snapshots vanish.
#[derive(Debug, Default)]
pub(super) struct Cuts(Vec<Weak<Cut>>);

impl Cuts {
    /// Makes a cut after the group that was just committed.
    pub(super) fn cut(
        &mut self,
        pages: &TreeReader,
        freezes: &Freezes,
        blocks: &Blocks,
        limit: usize,
    ) -> Result<Begun, StoreError> {
        let first = keys::head(ApprovalId::new(uuid::Uuid::nil()));
        let mut newest_first = pages.keys(first..=Field::All.key(ApprovalId::new(uuid::Uuid::max()))).rev();
        let end = newest_first.find_map(|key| key.map(|key| keys::head_of(&key)).transpose()).transpose()?;
        let policy = records::policies(pages, None, 1)?.pop().map_or(0, |newest| newest.version);
        let freezes = freezes.iter().map(|freeze| Freeze::clone(freeze)).collect();
        let blocks = blocks.iter().map(|block| Block::clone(block)).collect();
        let cut = Arc::new(Cut::new(end, limit));
        self.0.push(Arc::downgrade(&cut));
        Ok(Begun { cut, freezes, blocks, policy })
    }

    /// Whether a snapshot exists.
    pub(super) fn any(&mut self) -> bool {
        self.0.retain(|cut| cut.strong_count() > 0);
        !self.0.is_empty()
    }

    /// As [`Cut::note`], for every snapshot that exists.
    pub(super) fn note<R: Iterator<Item = (Kind, Vec<u8>)>>(
        &self,
        pages: &TreeReader,
        revisions: impl Fn() -> Vec<(ApprovalId, Revision)>,
        records: impl Fn() -> R,
    ) {
        for cut in self.0.iter().filter_map(Weak::upgrade) {
            cut.note(pages, revisions().into_iter(), records());
        }
    }
}

/// A snapshot that begins: its cut, and what the writer holds in memory.
pub(super) struct Begun {
    pub(super) cut: Arc<Cut>,
    pub(super) freezes: Vec<Freeze>,
    pub(super) blocks: Vec<Block>,
    /// The newest version of the policy.
    pub(super) policy: u64,
}

fn weight(key: &[u8], old: &Old) -> usize {
    RECORD_BYTES + key.len() + old.as_ref().ok().and_then(Option::as_ref).map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_old_value_counts_until_it_is_read() {
        let mut before = Before::default();
        for (key, value) in [(1, "one"), (2, "two"), (4, "four"), (5, "five")] {
            assert!(before.needs(&key));
            before.changed.insert(key, value);
            assert!(!before.needs(&key), "a later change must not replace it");
        }
        assert_eq!(before.take(Some(2)), BTreeMap::from([(1, "one"), (2, "two")]));
        assert!(!before.needs(&1) && !before.needs(&2) && before.needs(&3));
        assert_eq!(before.take(Some(4)), BTreeMap::from([(4, "four")]));
        assert_eq!(before.take(None), BTreeMap::from([(5, "five")]));
        assert!(!before.needs(&6));
    }

    #[test]
    fn an_overrun_keeps_nothing() {
        let mut kept = Kept::default();
        kept.approvals.changed.insert(ApprovalId::new(uuid::Uuid::nil()), 1);
        kept.add(10, 10);
        assert!(!kept.overrun && kept.approvals.changed.len() == 1);
        kept.add(1, 10);
        assert!(kept.overrun && kept.approvals.changed.is_empty() && kept.bytes == 0);
    }
}
