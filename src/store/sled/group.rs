//! A group of commands that is committed at once: every command sees what the ones before it in the group did.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use sled::{Batch, Tree};

use super::{
    keys::{self, Field},
    policies::Policies,
    records::{self, Encoded, broken, corrupt},
    tokens::Tokens,
};
use crate::{
    domain::{Approval, ApprovalId, Command, Event, Refusal, ReplayError, Revision, Time, request, step},
    store::{Change, History, NAME_MAX, Observer, StoreError, Submission, Submitted, Transitioned},
};

/// Commands run, but not yet committed.
pub(super) struct Group<'a> {
    tree: &'a Tree,
    pending: &'a mut PendingCounts,
    batch: Batch,
    pub(super) policies: Policies<'a>,
    pub(super) tokens: Tokens<'a>,
    approvals: HashMap<ApprovalId, Arc<Approval>>,
    events: HashMap<ApprovalId, Vec<Event>>,
    request_ids: HashMap<Vec<u8>, ApprovalId>,
    pruned: HashSet<ApprovalId>,
    changed: Vec<Arc<Approval>>,
    /// Approvals that have a new status, in order.
    reached: Vec<Arc<Approval>>,
}

/// How many approvals are pending, by caller.
#[derive(Debug, Default)]
pub(super) struct PendingCounts {
    by_caller: HashMap<String, u32>,
    total: u64,
}

impl PendingCounts {
    pub(super) fn add(&mut self, caller: String) {
        *self.by_caller.entry(caller).or_default() += 1;
        self.total += 1;
    }

    fn remove(&mut self, caller: &str) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.by_caller.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                self.by_caller.remove(caller);
            }
        }
    }

    fn of(&self, caller: &str) -> u32 {
        self.by_caller.get(caller).copied().unwrap_or(0)
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }
}

/// A submission with everything done that the writer need not do: it serves all callers, one after the other.
pub(super) struct Opening {
    approval: Arc<Approval>,
    event: Event,
    encoded: Encoded,
    pending_limit: u32,
}

impl Opening {
    pub(super) fn new(submission: Submission) -> Result<Self, StoreError> {
        let Submission { id, request: asked, arguments, verdict, now, pending_limit } = submission;
        let (approval, event) =
            request(id, asked, arguments, verdict, now).map_err(|error| StoreError::BadHistory(id, error))?;
        let encoded = records::encode(&approval, std::slice::from_ref(&event))?;
        Ok(Self { approval: Arc::new(approval), event, encoded, pending_limit })
    }
}

/// What a group writes, and whom it concerns.
pub(super) struct Commit {
    pub(super) batch: Batch,
    pub(super) ids: HashSet<ApprovalId>,
    /// Whether there are new versions of the policy.
    others: bool,
    changed: Vec<Arc<Approval>>,
    reached: Vec<Arc<Approval>>,
}

impl Commit {
    /// True when there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && !self.others
    }

    /// What to publish once it is durable.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.changed.iter().map(|approval| {
            let Approval { id, revision, status, .. } = **approval;
            Change { id, revision, status, due: approval.due() }
        })
    }

    pub(super) fn tell(&self, observer: &dyn Observer) {
        self.reached.iter().for_each(|approval| observer.reached(approval));
    }
}

impl<'a> Group<'a> {
    pub(super) fn new(tree: &'a Tree, pending: &'a mut PendingCounts) -> Self {
        Self {
            tree,
            pending,
            batch: Batch::default(),
            policies: Policies::new(tree),
            tokens: Tokens::new(tree),
            approvals: HashMap::new(),
            events: HashMap::new(),
            request_ids: HashMap::new(),
            pruned: HashSet::new(),
            changed: Vec::new(),
            reached: Vec::new(),
        }
    }

    pub(super) fn into_commit(mut self) -> Commit {
        let (policies, tokens) = (self.policies.write(&mut self.batch), self.tokens.write(&mut self.batch));
        let others = policies || tokens;
        let ids = self.approvals.keys().chain(&self.pruned).copied().collect();
        Commit { batch: self.batch, ids, others, changed: self.changed, reached: self.reached }
    }

    pub(super) fn submit(&mut self, new: Opening) -> Result<Submitted, StoreError> {
        let Opening { approval, event, encoded, pending_limit } = new;
        let caller = keys::caller(&approval.request.caller);
        let key = keys::request_id(&approval.request.caller, &approval.request.request_id);
        if let Some(id) = self.find(&key)? {
            let found = self.get(id)?;
            if *found.request == *approval.request {
                return Ok(Submitted { approval: found, created: false });
            }
            let request_id = approval.request.request_id.clone();
            return Err(Refusal::RequestIdReused { request_id, approval: id }.into());
        }
        if !approval.status.is_terminal() && self.pending.of(&caller) >= pending_limit {
            return Err(Refusal::TooManyPending { limit: pending_limit }.into());
        }
        self.put(None, &approval, vec![event], encoded);
        Ok(Submitted { approval, created: true })
    }

    pub(super) fn transition(
        &mut self,
        id: ApprovalId,
        command: &Command,
        now: Time,
    ) -> Result<Transitioned, StoreError> {
        let before = self.get(id)?;
        let step = step(&before, command, now);
        let approval = Arc::new(step.approval);
        if !step.events.is_empty() {
            let encoded = records::encode(&approval, &step.events)?;
            self.put(Some(&before), &approval, step.events, encoded);
        }
        let revision = step.outcome?;
        Ok(Transitioned { approval, revision })
    }

    pub(super) fn import(&mut self, histories: Vec<History>) -> Result<usize, StoreError> {
        let mut new: BTreeMap<ApprovalId, (Arc<Approval>, Vec<Event>)> = BTreeMap::new();
        let mut request_ids = HashSet::new();
        for History { id, events } in histories {
            let approval = Approval::replay(id, &events).map_err(|error| StoreError::BadHistory(id, error))?;
            if names(&approval).any(|name| name.len() > NAME_MAX) {
                return Err(StoreError::BadHistory(id, ReplayError::NameTooLong { limit: NAME_MAX }));
            }
            let stored = match new.get(&id) {
                Some((_, events)) => Some(events.clone()),
                None => match self.get(id) {
                    Ok(_) => Some(self.history(id)?),
                    Err(StoreError::NotFound) => None,
                    Err(error) => return Err(error),
                },
            };
            match stored {
                Some(stored) if stored == events => continue,
                Some(_) => return Err(StoreError::Conflict(id)),
                None => {}
            }
            let key = keys::request_id(&approval.request.caller, &approval.request.request_id);
            if self.find(&key)?.is_some() || !request_ids.insert(key) {
                return Err(StoreError::Conflict(id));
            }
            new.insert(id, (Arc::new(approval), events));
        }
        let count = new.len();
        let encode = |(approval, events): &(Arc<Approval>, Vec<Event>)| records::encode(approval, events);
        let encoded = new.values().map(encode).collect::<Result<Vec<_>, _>>()?;
        for ((approval, events), encoded) in new.into_values().zip(encoded) {
            self.put(None, &approval, events, encoded);
        }
        Ok(count)
    }

    pub(super) fn prune(&mut self, decided_before: Time, limit: usize) -> Result<usize, StoreError> {
        let mut gone = 0;
        for key in self.tree.range(keys::decided_before(decided_before)).keys() {
            if gone == limit {
                break;
            }
            let key = key.map_err(broken)?;
            let id = keys::id_of(&key).ok_or_else(|| corrupt("a decision's key".into()))?;
            if self.approvals.contains_key(&id) || self.pruned.contains(&id) {
                continue; // changed in this very group: next time
            }
            let approval = records::load(self.tree, id)?.ok_or_else(|| corrupt(format!("{id} has no record")))?;
            if approval.updated_at >= decided_before {
                continue; // claimed or reported since: kept for as long again
            }
            self.forget(&approval)?;
            gone += 1;
        }
        Ok(gone)
    }

    fn forget(&mut self, approval: &Approval) -> Result<(), StoreError> {
        let id = approval.id;
        let caller = approval.request.caller.to_string();
        let (head, events) = (keys::head(id), keys::event(id, 0)..=keys::event(id, Revision::MAX));
        let mut records = Vec::new();
        for range in [head.clone()..=[&head[..], &[0xff]].concat(), events] {
            records.extend(self.tree.range(range).keys().collect::<Result<Vec<_>, _>>().map_err(broken)?);
        }
        records.into_iter().for_each(|key| self.batch.remove(key));
        for field in fields(approval, &caller) {
            self.batch.remove(field.key(id));
        }
        self.batch.remove(keys::request_id(&approval.request.caller, &approval.request.request_id));
        if let Some(decision) = &approval.decision {
            self.batch.remove(keys::decided(decision.at, id));
        }
        self.pruned.insert(id);
        Ok(())
    }

    fn find(&self, request_id: &[u8]) -> Result<Option<ApprovalId>, StoreError> {
        if let Some(id) = self.request_ids.get(request_id) {
            return Ok(Some(*id));
        }
        let found = self.tree.get(request_id).map_err(broken)?.and_then(|value| keys::id_of(&value));
        Ok(found.filter(|id| !self.pruned.contains(id)))
    }

    fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError> {
        if let Some(approval) = self.approvals.get(&id) {
            return Ok(Arc::clone(approval));
        }
        if self.pruned.contains(&id) {
            return Err(StoreError::NotFound);
        }
        records::load(self.tree, id)?.map(Arc::new).ok_or(StoreError::NotFound)
    }

    /// Every event of an approval.
    fn history(&self, id: ApprovalId) -> Result<Vec<Event>, StoreError> {
        let mut events =
            if self.pruned.contains(&id) { Vec::new() } else { records::events(self.tree, id, 0, Revision::MAX)? };
        events.extend(self.events.get(&id).into_iter().flatten().cloned());
        Ok(events)
    }

    /// Adds everything that a new state of an approval needs to the batch: head, events, index entries.
    fn put(&mut self, before: Option<&Approval>, after: &Arc<Approval>, events: Vec<Event>, encoded: Encoded) {
        let id = after.id;
        self.events.entry(id).or_default().extend(events);
        let (caller, shown) = (keys::caller(&after.request.caller), after.request.caller.to_string());
        for (key, value) in encoded {
            self.batch.insert(key, value);
        }

        let status = before.map(|before| before.status);
        if let Some(old) = status.filter(|old| *old != after.status) {
            self.batch.remove(Field::Status(old).key(id));
            self.batch.insert(Field::Status(after.status).key(id), caller.as_bytes());
        } else if status.is_none() {
            for field in fields(after, &shown) {
                // Heads index themselves; the caller beside a status is what start-up counts.
                match field {
                    Field::All => continue,
                    Field::Status(_) => self.batch.insert(field.key(id), caller.as_bytes()),
                    _ => self.batch.insert(field.key(id), &[]),
                }
            }
            let key = keys::request_id(&after.request.caller, &after.request.request_id);
            self.batch.insert(&key[..], &id.uuid().as_bytes()[..]);
            self.request_ids.insert(key, id);
        }

        let deadline = |approval: &Approval| (!approval.status.is_terminal()).then(|| approval.due());
        let (old, new) = (before.and_then(deadline), deadline(after));
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
        }

        match (old.is_some(), new.is_some()) {
            (false, true) => self.pending.add(caller),
            (true, false) => self.pending.remove(&caller),
            _ => {}
        }
        self.approvals.insert(id, Arc::clone(after));
        self.changed.push(Arc::clone(after));
        if status != Some(after.status) {
            self.reached.push(Arc::clone(after));
        }
    }
}

/// Everything of an approval that becomes part of a key.
fn names(approval: &Approval) -> impl Iterator<Item = &str> {
    let request = &approval.request;
    let fixed =
        [&request.tool_name, &request.agent.name, &request.caller.issuer, &request.caller.subject, &request.request_id];
    let labels = request.labels.iter().flat_map(|(key, value)| [key, value]);
    fixed.into_iter().chain(labels).map(String::as_str)
}

/// Every index that an approval is in.
fn fields<'a>(approval: &'a Approval, caller: &'a str) -> impl Iterator<Item = Field<'a>> {
    let request = &approval.request;
    let fixed = [
        Field::All,
        Field::Status(approval.status),
        Field::Tool(&request.tool_name),
        Field::Agent(&request.agent.name),
        Field::Caller(caller),
    ];
    fixed.into_iter().chain(request.labels.iter().map(|(key, value)| Field::Label(key, value)))
}
