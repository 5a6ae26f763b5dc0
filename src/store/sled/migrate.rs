//! Migrates a store of schema version 2, which commit debbbb3 wrote: events without a chain, records without checksums,
//! no groups, no watermark.
//!
//! It only reads the old store. It creates the new one beside it, and renames it into place once it is durable. After a
//! crash, the next start repeats or completes the migration. It removes the old files last.

use std::{fs, io, path::Path};

use serde::Deserialize;
use sled::{Batch, Tree};

use super::{
    OpenError, SCHEMA,
    commit_log::Tip,
    directory::Directory,
    frame::{self, corrupt},
    group_commit::Group,
    keys,
    open::{io_error, open_sled, patience, store_id, unreadable, write_out},
    pending::PendingCounts,
    records,
    tree_reader::TreeReader,
    watermark::{Mark, State, Watermark},
};
use crate::{
    domain::{ApprovalId, Blocks, Event, Freezes, Revision, Routes, Token},
    store::{History, PolicyVersion, StoreError},
};

/// The schema version that is migrated.
pub(super) const FROM: u32 = 2;

/// Approvals in one batch of the new store.
const BATCH: usize = 200;

/// Versions of the policy in one batch: each may have 1 MiB.
const POLICIES: usize = 8;

/// Creates the new store beside the old one, and marks that it will replace the old one. Returns the mark.
pub(super) fn migrate(directory: &Directory, old: &TreeReader) -> Result<Mark, OpenError> {
    let failed = |source| io_error(directory, source);
    tracing::info!(path = %directory.path().display(), from = FROM, to = SCHEMA, "migrating the store");
    let made = directory.made();
    remove(&made).map_err(failed)?;
    remove(&directory.replaced()).map_err(failed)?;
    let store = store_id().map_err(failed)?;
    let db = open_sled(directory, &made)?;
    let mut new = New {
        pages: TreeReader::new(Tree::clone(&db)),
        pending: PendingCounts::default(),
        freezes: Freezes::default(),
        blocks: Blocks::default(),
        tip: Tip::NONE,
    };
    let mut batch = Batch::default();
    batch.insert(keys::SCHEMA, &SCHEMA.to_be_bytes());
    batch.insert(keys::STORE, frame::seal(keys::STORE, store.as_bytes()));
    let counts = db
        .apply_batch(batch)
        .map_err(|error| corrupt(error.to_string()))
        .and_then(|()| new.take(old))
        .map_err(|error| unreadable(directory, format!("cannot migrate it: {error}")))?;
    write_out(directory, &db, Batch::default(), patience(&directory.sled()))?;
    let tip = new.tip;
    drop((new, db));
    Directory::settle(&made).map_err(failed)?;
    let mark = Mark::new(store, SCHEMA, State::Swapping).at(&tip);
    let mark = *Watermark::create(&directory.watermark(), mark).map_err(failed)?.mark();
    directory.sync().map_err(failed)?;
    let [approvals, policies, tokens] = counts;
    tracing::info!(approvals, policies, tokens, "migrated the store");
    Ok(mark)
}

/// Replaces the old store by the new one. After a crash, it continues where it was interrupted.
pub(super) fn swap(directory: &Directory) -> io::Result<()> {
    let (made, place, replaced) = (directory.made(), directory.sled(), directory.replaced());
    if !made.exists() {
        return Ok(()); // already replaced
    }
    if replaced.exists() {
        remove(&place)?; // an empty directory, which opening has created
    } else {
        fs::rename(&place, &replaced)?;
    }
    fs::rename(&made, &place)?;
    directory.sync()
}

/// Removes the old store, once the new one has been opened.
pub(super) fn clean(directory: &Directory) -> io::Result<()> {
    let replaced = directory.replaced();
    if replaced.exists() {
        tracing::info!(path = %replaced.display(), "removing the old store after its migration");
        remove(&replaced)?;
    }
    Ok(())
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The new store.
struct New {
    pages: TreeReader,
    pending: PendingCounts,
    freezes: Freezes,
    blocks: Blocks,
    tip: Tip,
}

impl New {
    /// Copies everything. Returns the numbers of approvals, versions of the policy and tokens.
    fn take(&mut self, old: &TreeReader) -> Result<[usize; 3], StoreError> {
        let policies = policies(old)?;
        for versions in policies.chunks(POLICIES) {
            self.commit(|group| group.policies.import(versions.to_vec()))?;
        }
        let tokens = tokens(old)?;
        let count = tokens.len();
        self.commit(|group| group.tokens.save(tokens))?;
        let (mut approvals, mut batch) = (0, Vec::with_capacity(BATCH));
        for key in old.keys(keys::head(ApprovalId::new(uuid::Uuid::nil()))..vec![b'h' + 1]) {
            if let Some(id) = keys::head_of(&key?) {
                batch.push(history(old, id)?);
                approvals += 1;
            }
            if batch.len() == BATCH {
                let full = std::mem::take(&mut batch);
                self.commit(|group| group.import(full))?;
            }
        }
        self.commit(|group| group.import(batch))?;
        Ok([approvals, policies.len(), count])
    }

    fn commit(&mut self, run: impl FnOnce(&mut Group<'_>) -> Result<usize, StoreError>) -> Result<(), StoreError> {
        let routes = Routes::default(); // nobody is told of what is migrated
        let mut group = Group::new(&self.pages, &mut self.pending, &mut self.freezes, &mut self.blocks, &routes);
        run(&mut group)?;
        let commit = group.into_commit(&self.tip)?;
        if let Some(tip) = commit.tip {
            self.pages.tree().apply_batch(commit.batch).map_err(|error| corrupt(error.to_string()))?;
            self.tip = tip;
        }
        Ok(())
    }
}

/// The part of an old head that is compared with its events.
#[derive(Deserialize)]
struct OldHead {
    revision: Revision,
}

/// An old version of the policy, without its document.
#[derive(Deserialize)]
struct OldPolicy {
    head: crate::store::PolicyHead,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    expected: Option<u64>,
}

fn history(old: &TreeReader, id: ApprovalId) -> Result<History, StoreError> {
    let head: OldHead = read(old, &keys::head(id))?;
    let mut events: Vec<Event> = Vec::new();
    for key in old.keys(keys::events(id)) {
        let key = key?;
        if keys::event_of(&key).is_some() {
            events.push(read(old, &key)?);
        }
    }
    if events.len() as u64 == head.revision {
        return Ok(History { id, events });
    }
    Err(corrupt(format!("{id} has {} events; its head says {}", events.len(), head.revision)))
}

fn policies(old: &TreeReader) -> Result<Vec<PolicyVersion>, StoreError> {
    let mut found = Vec::new();
    for key in old.keys(keys::policies_before(None)) {
        let key = key?;
        let Some(version) = keys::policy_of(&key) else { continue };
        let OldPolicy { head, request_id, expected } = read(old, &key)?;
        let document = read(old, &keys::policy_document(version))?;
        found.push(PolicyVersion { head, request_id, expected, document });
    }
    Ok(found)
}

fn tokens(old: &TreeReader) -> Result<Vec<Token>, StoreError> {
    let mut found = Vec::new();
    for key in old.keys(keys::tokens()) {
        let key = key?;
        if keys::token_of(&key).is_some() {
            found.push(read(old, &key)?);
        }
    }
    Ok(found)
}

/// Reads an old record: a first byte with the number of further pieces, then MessagePack.
fn read<T: serde::de::DeserializeOwned>(old: &TreeReader, key: &[u8]) -> Result<T, StoreError> {
    let named = |what: &str| corrupt(format!("the record {}: {what}", frame::shown(key)));
    let first = old.get(key)?.ok_or_else(|| named("it is missing"))?;
    let (pieces, rest) = first.split_first().ok_or_else(|| named("it is empty"))?;
    let mut payload = rest.to_vec();
    for number in 1..=*pieces {
        let piece = old.get(frame::piece_key(key, number))?.ok_or_else(|| named("a piece is missing"))?;
        payload.extend_from_slice(&piece);
    }
    records::decode(&payload).map_err(|error| named(&error.to_string()))
}
