//! Snapshots in sled, which has none itself.
//!
//! **The cut.** A snapshot shows the state between two groups of commits. The writer answers [`Job::Snapshot`] after
//! its group is durable, and notes there what later groups would hide: the freezes and blocks, the newest version of
//! the policy, and the last approval in order of id.
//!
//! **Reading.** The reader walks the tree in order of keys, while groups are applied. Events and versions of the policy
//! are only ever added, so it leaves out those after the cut. For that it must know the revision that an approval had
//! at the cut: the writer notes it when the approval first changes ([`cut`](super::cut)). Of records that change or vanish (tokens,
//! lanes, forgotten `request_id`s, calls that set no policy) the writer notes the old value.
//!
//! **Memory.** An entry exists only from the first change of a record until the reader has passed it. Approvals that
//! are requested after the cut need none, because their ids are higher. So entries are needed for approvals that were
//! not finished at the cut: about 48 bytes for each one that changes while the snapshot is read, and its old lanes. At
//! [`KEPT_MAX`] bytes the snapshot ends with an error; the store works on.
//!
//! **Forgetting** waits: `prune` forgets nothing while a snapshot exists, so that no approval, schema or forgotten
//! `request_id` vanishes under the reader.
//!
//! The alternative was a copy of the whole store, then copies of what has changed meanwhile, until little is left. It
//! needs no notes. But the file would hold outdated histories, the importer would have to replace them, and a store
//! that changes faster than the reader reads would never come to an end.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use async_trait::async_trait;

use super::{
    Shared, SledStore,
    cut::{Begun, KEPT_MAX, Kind},
    directory::Directory,
    frame::{self, corrupt},
    handle::Handle,
    job::Job,
    keys,
    records::{self, NamedPolicy},
    tombstones,
    tree_reader::TreeReader,
};
use crate::{
    domain::{ApprovalId, Lane, Revision, Token},
    store::{History, Record, Snapshot, SnapshotStore, StoreError},
};

/// Maximum approvals per portion: with the largest arguments and the most edits, some MiB.
const APPROVALS: usize = 64;

/// Maximum other records per portion.
const RECORDS: usize = 200;

/// Maximum versions of the policy per portion: each can have 1 MiB.
const POLICIES: usize = 4;

#[async_trait]
impl SnapshotStore for SledStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.snapshot_within(KEPT_MAX).await
    }
}

impl SledStore {
    /// As [`snapshot`](SnapshotStore::snapshot), with another maximum than [`KEPT_MAX`].
    pub(super) async fn snapshot_within(&self, limit: usize) -> Result<Box<dyn Snapshot>, StoreError> {
        let begun = self.write(|reply| Job::Snapshot { limit, reply }).await?;
        let reader = Reader {
            // A fault of sled while a snapshot is read is not one of the store's other readers.
            pages: Handle::new(self.pages.again(), &self.directory),
            begun,
            shared: Arc::clone(&self.shared),
            _directory: Arc::clone(&self.directory),
        };
        Ok(Box::new(SledSnapshot { reader: Arc::new(reader), next: Some(Stage::Policies(0)) }))
    }
}

/// A snapshot that is being read.
struct SledSnapshot {
    reader: Arc<Reader>,
    /// Where to read on; `None` at the end, and after an error.
    next: Option<Stage>,
}

/// A place in the order in which records are read: after this one, or at the first of a kind.
#[derive(Clone, Debug)]
enum Stage {
    Policies(u64),
    Keyed(Kind, Option<Vec<u8>>),
    Freezes,
    Blocks,
    Approvals(Option<ApprovalId>),
}

#[async_trait]
impl Snapshot for SledSnapshot {
    async fn next(&mut self) -> Result<Option<Vec<Record>>, StoreError> {
        while let Some(stage) = self.next.take() {
            let reader = Arc::clone(&self.reader);
            let reading = tokio::task::spawn_blocking(move || reader.read(stage));
            let (records, next) = reading.await.map_err(|error| corrupt(error.to_string()))??;
            // What is before the cut is durable. But of a store that failed or is closed nothing more is shown.
            self.reader.shared.durability.working().await?;
            self.next = next;
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }
}

struct Reader {
    pages: Handle<TreeReader>,
    begun: Begun,
    shared: Arc<Shared>,
    /// Dropped after the tree: another process must not touch the directory while sled has it open.
    _directory: Arc<Directory>,
}

type Portion = (Vec<Record>, Option<Stage>);

impl Reader {
    /// Reads the records of a stage; returns them with the next stage.
    fn read(&self, stage: Stage) -> Result<Portion, StoreError> {
        let Begun { freezes, blocks, .. } = &self.begun;
        match stage {
            Stage::Policies(after) => self.policies(after),
            Stage::Keyed(kind, after) => self.keyed(kind, after),
            Stage::Freezes => Ok((freezes.iter().cloned().map(Record::Freeze).collect(), Some(Stage::Blocks))),
            Stage::Blocks => {
                let next = Stage::Keyed(Kind::Forgotten, None);
                Ok((blocks.iter().cloned().map(Record::Block).collect(), Some(next)))
            }
            Stage::Approvals(after) => self.approvals(after),
        }
    }

    fn policies(&self, after: u64) -> Result<Portion, StoreError> {
        let newest = self.begun.policy;
        let wanted = usize::try_from(newest - after).unwrap_or(POLICIES).min(POLICIES);
        let found = records::policies_after(&self.pages, after, wanted)?;
        if found.len() < wanted {
            return Err(corrupt(format!("version {} of the policy is missing", after + found.len() as u64 + 1)));
        }
        let last = found.last().map_or(newest, |last| last.head.version);
        let next = if last < newest { Stage::Policies(last) } else { Stage::Keyed(Kind::Calls, None) };
        Ok((found.into_iter().map(Record::Policy).collect(), Some(next)))
    }

    /// Reads records of a kind after a key.
    fn keyed(&self, kind: Kind, after: Option<Vec<u8>>) -> Result<Portion, StoreError> {
        let (mut found, mut last) = (BTreeMap::new(), None);
        for entry in self.pages.range(range(kind, after)) {
            let (key, value) = entry?;
            let payload = match kind {
                Kind::Calls => Some(value.to_vec()),
                Kind::Forgotten => Some(Vec::new()),
                Kind::Tokens if keys::token_of(&key).is_none() => continue, // a further piece
                Kind::Lanes => match keys::lane_of(&key) {
                    None => continue, // a further piece
                    Some((approval, _)) if self.begun.cut.end().is_none_or(|end| approval > end) => break,
                    Some(_) => frame::join(&self.pages, &key, value)?,
                },
                Kind::Tokens => frame::join(&self.pages, &key, value)?,
            };
            found.extend(payload.map(|payload| (key.to_vec(), payload)));
            if found.len() == RECORDS {
                last = Some(key.to_vec());
                break;
            }
        }
        for (key, old) in self.begun.cut.old(kind, last.clone())? {
            match old? {
                Some(payload) => drop(found.insert(key, payload)),
                None => drop(found.remove(&key)),
            }
        }
        let mut records = Vec::with_capacity(found.len());
        for (key, payload) in found {
            records.extend(decode(kind, &key, &payload)?);
        }
        Ok((
            records,
            match last {
                Some(last) => Some(Stage::Keyed(kind, Some(last))),
                None => after_kind(kind),
            },
        ))
    }

    fn approvals(&self, after: Option<ApprovalId>) -> Result<Portion, StoreError> {
        let Some(end) = self.begun.cut.end() else { return Ok((Vec::new(), after_approvals())) };
        let first = keys::head(after.unwrap_or_else(|| ApprovalId::new(uuid::Uuid::nil())));
        let (mut histories, mut last) = (Vec::new(), None);
        for key in self.pages.keys(first..=keys::head(end)) {
            let Some(id) = keys::head_of(&key?).filter(|id| Some(*id) != after) else { continue };
            histories.push(History { id, events: records::events(&self.pages, id, 0, Revision::MAX)? });
            if histories.len() == APPROVALS {
                last = Some(id);
                break;
            }
        }
        let revisions = self.begun.cut.revisions(last)?;
        for History { id, events } in &mut histories {
            if let Some(revision) = revisions.get(id) {
                events.truncate(usize::try_from(*revision).unwrap_or(usize::MAX));
            }
        }
        histories.retain(|history| !history.events.is_empty()); // requested after the cut
        let next = last.map_or_else(after_approvals, |last| Some(Stage::Approvals(Some(last))));
        Ok((histories.into_iter().map(Record::Approval).collect(), next))
    }
}

/// The stage after the last record of a kind.
const fn after_kind(kind: Kind) -> Option<Stage> {
    match kind {
        Kind::Calls => Some(Stage::Keyed(Kind::Tokens, None)),
        Kind::Tokens => Some(Stage::Freezes),
        Kind::Forgotten => Some(Stage::Approvals(None)),
        Kind::Lanes => None,
    }
}

const fn after_approvals() -> Option<Stage> {
    Some(Stage::Keyed(Kind::Lanes, None))
}

/// The keys of a kind's records after one, or of all.
fn range(kind: Kind, after: Option<Vec<u8>>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let all = match kind {
        Kind::Calls => return keys::policy_request_ids_after(after),
        Kind::Tokens => keys::tokens(),
        Kind::Forgotten => keys::forgotten_before(None),
        Kind::Lanes => keys::lanes(),
    };
    let start = after.map_or(Bound::Included(all.start), Bound::Excluded);
    (start, Bound::Excluded(all.end))
}

/// Decodes a record. `None` for entries that are not records of this kind: versions of the policy among the calls.
fn decode(kind: Kind, key: &[u8], payload: &[u8]) -> Result<Option<Record>, StoreError> {
    Ok(Some(match kind {
        Kind::Calls => match records::decode_policy_request_id(key, payload)? {
            NamedPolicy::Unchanged(call) => Record::UnchangedPolicy(call),
            NamedPolicy::Version(_) => return Ok(None),
        },
        Kind::Tokens => {
            let token: Token = records::decode(payload)?;
            if keys::token_of(key) != Some(token.id) {
                return Err(corrupt(format!("token {} is stored under another id", token.id)));
            }
            Record::Token(token)
        }
        Kind::Forgotten => {
            let (at, request_id) = keys::forgotten_of(key)
                .ok_or_else(|| corrupt("an entry of the index of forgotten request_ids is malformed"))?;
            Record::Forgotten(tombstones::of_key(at, &request_id)?)
        }
        Kind::Lanes => {
            let lane: Lane = records::decode(payload)?;
            if keys::lane_of(key)
                .is_none_or(|(approval, channel)| (approval, channel) != (lane.approval, lane.channel.clone()))
            {
                let (channel, approval) = (&lane.channel, lane.approval);
                return Err(corrupt(format!("the lane of {channel} for {approval} is stored under another key")));
            }
            Record::Lane(lane)
        }
    }))
}
