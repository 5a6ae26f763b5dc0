//! A group of commands that is committed atomically.
//!
//! **Why an overlay.** The commands of a group share one batch and one sync. sled sees the batch only after the last
//! command has run. But two commands of a group may concern the same approval: the second decision must see the first
//! one, or both would win. So a group holds an overlay: maps of everything that its commands changed so far. A lookup
//! reads the overlay first, and then the tree. Overlays exist for approvals, their events, `request_id`s, remembered
//! rejections, forgotten approvals, policies, tokens, sessions, schemas, freezes, blocks, lanes and signing keys.
//!
//! A command that fails must leave no trace in the batch, because the other commands of the group are still committed.
//! So a command reads, checks and encodes before it changes the overlay and the batch.

mod import;
mod lanes;
mod prune;
mod remember;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use sled::Batch;

use super::{
    blocks::GroupBlocks,
    commit_log::{GroupRecord, Tip},
    cut::Kind,
    frame::{self, Encoded},
    freezes::GroupFreezes,
    keys::{self, Field},
    merged_records::MergedRecords,
    outbox::{LaneChange, group::GroupLanes},
    pending::PendingCounts,
    policies::Policies,
    prepared_submission::PreparedSubmission,
    records::{self, Named, Stored},
    schemas::Schemas,
    signing_keys::NewSigningKeys,
    tombstones,
    tree_reader::TreeReader,
};
use crate::{
    domain::{
        Approval, ApprovalId, Blocks, Command, Digest, Event, Freezes, Refusal, Revision, Routes, Session, Time, Token,
        step_unless_frozen,
    },
    store::{Change, Observer, StoreError, Submitted, Transitioned, records::schema_hash},
};

/// Commands that have run, but are not committed yet.
pub(super) struct Group<'a> {
    pages: &'a TreeReader,
    pending: &'a mut PendingCounts,
    batch: Batch,
    pub(super) policies: Policies<'a>,
    pub(super) tokens: MergedRecords<'a, Token>,
    pub(super) sessions: MergedRecords<'a, Session>,
    pub(super) freezes: GroupFreezes<'a>,
    pub(super) blocks: GroupBlocks<'a>,
    lanes: GroupLanes<'a>,
    pub(super) signing_keys: NewSigningKeys<'a>,
    approvals: HashMap<ApprovalId, Known>,
    events: HashMap<ApprovalId, Vec<Event>>,
    request_ids: HashMap<Vec<u8>, Named>,
    /// New entries of the index of remembered rejections.
    rejections: BTreeSet<Vec<u8>>,
    pruned: HashSet<ApprovalId>,
    schemas: Schemas,
    /// Whether this group has tried to drop old records of groups; at the end, whether the batch drops any.
    dropped: bool,
    /// Whether the batch changes tombstones.
    forgotten: bool,
    /// Entries of the time index of tombstones that commands other than `prune` add or remove, for snapshots: nothing
    /// is pruned while there is one.
    tombstones: Vec<Vec<u8>>,
    changed: Vec<Arc<Approval>>,
    /// Approvals with a new status, in order.
    reached: Vec<Arc<Approval>>,
}

/// An approval, and the hash of its newest event.
#[derive(Clone)]
struct Known {
    approval: Arc<Approval>,
    chain: Digest,
}

/// What a group writes, and what to publish once it is durable.
pub(super) struct Commit {
    pub(super) batch: Batch,
    pub(super) ids: HashSet<ApprovalId>,
    /// The new end of the chain of groups; `None` if there is nothing to write.
    pub(super) tip: Option<Tip>,
    /// Whether freezes changed.
    pub(super) froze: bool,
    /// Changes of lanes, for the index of the outbox.
    pub(super) lanes: Vec<LaneChange>,
    /// Keys of changed records that snapshots hold, apart from approvals and lanes.
    touched: Vec<(Kind, Vec<u8>)>,
    changed: Vec<Arc<Approval>>,
    reached: Vec<Arc<Approval>>,
    events: HashMap<ApprovalId, Vec<Event>>,
}

impl Commit {
    /// True when there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.tip.is_none()
    }

    /// The changed approvals, with their revisions before this group; 0 for new ones.
    pub(super) fn revisions_before(&self) -> impl Iterator<Item = (ApprovalId, Revision)> {
        let first = |(id, events): (&ApprovalId, &Vec<Event>)| Some((*id, events.first()?.revision - 1));
        self.events.iter().filter_map(first)
    }

    /// Keys of changed records that snapshots hold, apart from approvals.
    pub(super) fn touched(&self) -> impl Iterator<Item = (Kind, Vec<u8>)> {
        let lanes = self.lanes.iter().map(|change| (Kind::Lanes, keys::lane(&change.id)));
        self.touched.iter().cloned().chain(lanes)
    }

    /// Changes to publish.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.changed.iter().map(|approval| {
            let Approval { id, revision, status, .. } = **approval;
            Change { id, revision, status, due: approval.due() }
        })
    }

    pub(super) fn tell(&self, observer: &dyn Observer) {
        self.reached.iter().for_each(|approval| observer.reached(approval));
        let mut told: HashMap<ApprovalId, Revision> = HashMap::new();
        for approval in &self.changed {
            let told = told.entry(approval.id).or_default();
            let events = self.events.get(&approval.id).into_iter().flatten();
            events
                .filter(|event| event.revision > *told && event.revision <= approval.revision)
                .for_each(|event| observer.recorded(approval, event));
            *told = approval.revision;
        }
    }
}

impl<'a> Group<'a> {
    pub(super) fn new(
        pages: &'a TreeReader,
        pending: &'a mut PendingCounts,
        freezes: &'a mut Freezes,
        blocks: &'a mut Blocks,
        routes: &'a Routes,
    ) -> Self {
        Self {
            pages,
            pending,
            batch: Batch::default(),
            policies: Policies::new(pages),
            tokens: MergedRecords::new(pages),
            sessions: MergedRecords::new(pages),
            freezes: GroupFreezes::new(pages, freezes),
            blocks: GroupBlocks::new(pages, blocks),
            lanes: GroupLanes::new(pages, routes),
            signing_keys: NewSigningKeys::new(pages),
            approvals: HashMap::new(),
            events: HashMap::new(),
            request_ids: HashMap::new(),
            rejections: BTreeSet::new(),
            pruned: HashSet::new(),
            schemas: Schemas::default(),
            dropped: false,
            forgotten: false,
            tombstones: Vec::new(),
            changed: Vec::new(),
            reached: Vec::new(),
        }
    }

    /// Ends the group: adds its record, which follows `tip`, to the batch.
    pub(super) fn into_commit(mut self, tip: &Tip) -> Result<Commit, StoreError> {
        let mut record = GroupRecord {
            changed: self.approvals.iter().map(|(id, known)| (*id, known.approval.revision)).collect(),
            pruned: self.pruned.iter().copied().collect(),
            ..GroupRecord::default()
        };
        record.changed.sort_unstable();
        record.pruned.sort_unstable();
        let mut newest = self.changed.iter().map(|approval| approval.updated_at).max();
        let calls = self.policies.new_calls();
        let keeps_calls = !calls.is_empty();
        newest = newest.max(self.policies.write(&mut self.batch, &mut record));
        self.tokens.write(&mut self.batch, &mut record);
        self.sessions.write(&mut self.batch, &mut record);
        newest = newest.max(self.freezes.write(&mut self.batch, &mut record));
        newest = newest.max(self.blocks.write(&mut self.batch, &mut record));
        self.signing_keys.write(&mut self.batch, &mut record);
        self.schemas.remove_unused(self.pages, &self.pruned, &mut self.batch)?;
        let tokens = record.tokens.iter().map(|(id, _)| id).chain(&record.forgotten);
        let tokens = tokens.map(|id| (Kind::Tokens, keys::token(*id)));
        let calls = calls.into_iter().map(|key| (Kind::Calls, key));
        let tombstones = self.tombstones.drain(..).map(|key| (Kind::Forgotten, key));
        let touched = calls.chain(tokens).chain(tombstones).collect();
        let froze = !(record.freezes.is_empty() && record.forgotten_freezes.is_empty());
        let ids = self.approvals.keys().chain(&self.pruned).copied().chain(self.lanes.approvals()).collect();
        let others = self.dropped || self.forgotten || keeps_calls || self.lanes.approvals().next().is_some();
        let changes = record != GroupRecord::default() || others;
        let lanes = self.lanes.write(&mut self.batch);
        let tip = if changes { Some(record.append(tip, newest, &mut self.batch)?) } else { None };
        let Self { batch, changed, reached, events, .. } = self;
        Ok(Commit { batch, ids, tip, froze, lanes, touched, changed, reached, events })
    }

    pub(super) fn submit(&mut self, new: PreparedSubmission) -> Result<Submitted, StoreError> {
        let request = &new.approval.request;
        let key = keys::request_id(&request.caller, &request.request_id);
        let over = match self.find(&key)? {
            None => None,
            Some(Named::Approval(id)) => {
                let found = self.named(id, "a request_id")?.approval;
                found.check_repetition(request)?;
                return Ok(Submitted { approval: found, created: false });
            }
            Some(Named::Forgotten(at)) => {
                tombstones::of_key(at, &key)?.check(new.approval.created_at)?;
                Some(at)
            }
        };
        // A freeze takes precedence over every other verdict.
        let verdict = match self.freezes.standing().judge(&new.approval.request, &new.approval.verdict) {
            None => self.remembered(&new.approval)?,
            frozen => frozen,
        };
        // Prepare it again with the new verdict. This delays the other commands, but is rare.
        let new = match verdict {
            Some(verdict) => new.judged(verdict)?,
            None => new,
        };
        let PreparedSubmission { approval, event, encoded, chain, pending_limit } = new;
        let caller = keys::caller(&approval.request.caller);
        if !approval.status.is_terminal() && self.pending.of(&caller) >= pending_limit {
            return Err(Refusal::TooManyPending { limit: pending_limit }.into());
        }
        let (lanes, events) = (self.lanes.prepare(&approval, std::slice::from_ref(&event))?, vec![event]);
        if let Some(at) = over {
            let entry = keys::forgotten(at, &key);
            self.batch.remove(&entry[..]);
            self.tombstones.push(entry);
        }
        self.put(None, Known { approval: Arc::clone(&approval), chain }, events, encoded)?;
        self.lanes.take(lanes);
        Ok(Submitted { approval, created: true })
    }

    pub(super) fn transition(
        &mut self,
        id: ApprovalId,
        command: &Command,
        now: Time,
    ) -> Result<Transitioned, StoreError> {
        let Known { approval: before, chain } = self.get(id)?;
        let step = step_unless_frozen(&before, command, now, self.freezes.standing());
        let approval = Arc::new(step.approval);
        if !step.events.is_empty() {
            let (encoded, chain) = records::encode(&approval, &step.events, chain)?;
            let lanes = self.lanes.prepare(&approval, &step.events)?;
            self.put(Some(&before), Known { approval: Arc::clone(&approval), chain }, step.events, encoded)?;
            self.lanes.take(lanes);
        }
        let revision = step.outcome?;
        Ok(Transitioned { approval, revision })
    }

    /// Adds a tombstone for a `request_id`.
    fn remember(&mut self, key: Vec<u8>, at: Time) {
        tombstones::put(&mut self.batch, &key, at);
        self.tombstones.push(keys::forgotten(at, &key));
        self.request_ids.insert(key, Named::Forgotten(at));
        self.forgotten = true;
    }

    fn find(&self, request_id: &[u8]) -> Result<Option<Named>, StoreError> {
        match self.request_ids.get(request_id) {
            Some(named) => Ok(Some(*named)),
            None => records::request_id(self.pages, request_id),
        }
    }

    fn get(&self, id: ApprovalId) -> Result<Known, StoreError> {
        if let Some(known) = self.approvals.get(&id) {
            return Ok(known.clone());
        }
        if self.pruned.contains(&id) {
            return Err(StoreError::NotFound);
        }
        let Stored { approval, chain } = records::load(self.pages, id)?.ok_or(StoreError::NotFound)?;
        Ok(Known { approval: Arc::new(approval), chain })
    }

    /// Reads an approval that an idempotency key or an index refers to.
    fn named(&self, id: ApprovalId, by: &str) -> Result<Known, StoreError> {
        match self.get(id) {
            Err(StoreError::NotFound) => Err(records::dangling(id, by)),
            found => found,
        }
    }

    /// Every event of an approval.
    fn history(&self, id: ApprovalId) -> Result<Vec<Event>, StoreError> {
        let mut events =
            if self.pruned.contains(&id) { Vec::new() } else { records::events(self.pages, id, 0, Revision::MAX)? };
        events.extend(self.events.get(&id).into_iter().flatten().cloned());
        Ok(events)
    }

    /// Adds everything that a new state of an approval needs to the batch: head, events, index entries.
    fn put(
        &mut self,
        before: Option<&Approval>,
        known: Known,
        events: Vec<Event>,
        encoded: Encoded,
    ) -> Result<(), StoreError> {
        let after = Arc::clone(&known.approval);
        let id = after.id;
        if before.is_none() {
            self.schemas.keep(self.pages, &after, &mut self.batch)?;
        }
        self.events.entry(id).or_default().extend(events);
        let (caller, shown) = (keys::caller(&after.request.caller), after.request.caller.to_string());
        for (key, value) in encoded {
            self.batch.insert(key, value);
        }

        let status = before.map(|before| before.status);
        if let Some(old) = status.filter(|old| *old != after.status) {
            self.batch.remove(Field::Status(old).key(id));
            self.insert_status(&after, &caller);
        } else if status.is_none() {
            for field in fields(&after, &shown) {
                // Heads are their own index. Start-up counts pending approvals by the caller in the status index.
                match field {
                    Field::All => continue,
                    Field::Status(_) => self.insert_status(&after, &caller),
                    _ => self.batch.insert(field.key(id), &[]),
                }
            }
            let key = keys::request_id(&after.request.caller, &after.request.request_id);
            let named = Named::Approval(id);
            self.batch.insert(&key[..], records::encode_request_id(&key, named));
            self.request_ids.insert(key, named);
        }

        let deadline = |approval: &Approval| (!approval.status.is_terminal()).then(|| approval.due());
        let (old, new) = (before.and_then(deadline), deadline(&after));
        if old != new {
            if let Some(old) = old {
                self.batch.remove(keys::deadline(old, id));
            }
            if let Some(new) = new {
                self.batch.insert(keys::deadline(new, id), &[]);
            }
        }
        if let Some(decision) = after.decision.as_ref().filter(|_| status != Some(after.status)) {
            self.batch.insert(keys::decided(decision.at, id), &[]);
            self.remember_rejection(&after);
        }

        match (old.is_some(), new.is_some()) {
            (false, true) => self.pending.add(caller, id),
            (true, false) => self.pending.remove(&caller, id),
            _ => {}
        }
        self.approvals.insert(id, known);
        if status != Some(after.status) {
            self.reached.push(Arc::clone(&after));
        }
        self.changed.push(after);
        Ok(())
    }

    fn insert_status(&mut self, approval: &Approval, caller: &str) {
        let key = Field::Status(approval.status).key(approval.id);
        let value = frame::seal(&key, caller.as_bytes());
        self.batch.insert(key, value);
    }
}

/// Every index that an approval is in.
pub(super) fn fields<'a>(approval: &'a Approval, caller: &'a str) -> impl Iterator<Item = Field<'a>> {
    let request = &approval.request;
    let fixed = [
        Field::All,
        Field::Status(approval.status),
        Field::Tool(&request.tool_name),
        Field::Agent(&request.agent.name),
        Field::Caller(caller),
    ];
    let labels = request.labels.iter().map(|(key, value)| Field::Label(key, value));
    fixed.into_iter().chain(labels).chain(schema_hash(request).map(Field::Schema))
}
