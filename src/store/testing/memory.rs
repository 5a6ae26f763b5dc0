//! The simplest store that follows the rules: the model that other stores are compared with, and a store for tests.

mod blocks;
mod changes;
mod freezes;
mod outbox;
mod policies;
mod sessions;
mod signing_keys;
mod snapshot;
mod tokens;
mod transfer;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    domain::{
        Actor, Approval, ApprovalId, Blocks, Command, Event, Freezes, KeyPurpose, Refusal, Revision, Routes, Session,
        SessionId, SigningKey, Status, Time, Token, TokenId, Verdict, name::composed, request, step_unless_frozen,
    },
    store::{
        ApprovalStore, Change, CommitBroadcast, ControlStore, Due, Forgotten, Health, Lifecycle, Order, Page,
        PolicyVersion, Query, RecordedChange, StoreError, Submission, Submitted, Subscription, Transitioned,
        UnchangedPolicy,
        query::{PAGE_BYTES, weight},
    },
};

/// A store in memory, which is lost with the process.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    commits: Arc<CommitBroadcast>,
    health: watch::Sender<Health>,
    routes: Arc<Routes>,
    outbox: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// The store's id in cursors.
    id: Uuid,
    closed: bool,
    /// All commits, in order.
    changes: Vec<RecordedChange>,
    approvals: BTreeMap<ApprovalId, (Arc<Approval>, Vec<Event>)>,
    by_request_id: HashMap<Key, ApprovalId>,
    forgotten: HashMap<Key, Forgotten>,
    /// In order; version 1 is first.
    policies: Vec<Arc<PolicyVersion>>,
    unchanged_policies: BTreeMap<Key, UnchangedPolicy>,
    tokens: BTreeMap<TokenId, Token>,
    sessions: BTreeMap<SessionId, Session>,
    freezes: Freezes,
    blocks: Blocks,
    outbox: outbox::Outbox,
    signing_keys: BTreeMap<KeyPurpose, SigningKey>,
    /// The newest time of an event or a version of the policy, including those of forgotten approvals.
    newest: Option<Time>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_routes(Arc::default())
    }
}

impl MemoryStore {
    /// An empty store, whose events are delivered to these channels.
    #[must_use]
    pub fn with_routes(routes: Arc<Routes>) -> Self {
        let state = State { id: Uuid::new_v4(), ..State::default() };
        Self {
            state: Mutex::new(state),
            commits: CommitBroadcast::new(),
            health: watch::Sender::new(Health::Working),
            routes,
            outbox: watch::Sender::new(0),
        }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(StoreError::Unavailable("closed".into())) } else { Ok(state) }
    }

    fn publish(&self, approval: &Approval) {
        let Approval { id, revision, status, .. } = *approval;
        self.commits.publish(Change { id, revision, status, due: approval.due() });
    }
}

impl State {
    fn put(&mut self, approval: Approval, new: impl IntoIterator<Item = Event>) -> Arc<Approval> {
        let approval = Arc::new(approval);
        self.newest = self.newest.max(Some(approval.updated_at));
        self.by_request_id.insert(key(&approval.request.caller, &approval.request.request_id), approval.id);
        let before = self.approvals.get(&approval.id).map_or(0, |(before, _)| before.revision);
        if approval.revision > before {
            self.changes.push(RecordedChange { approval_id: approval.id, revision: approval.revision });
        }
        let entry = self.approvals.entry(approval.id).or_insert_with(|| (Arc::clone(&approval), Vec::new()));
        entry.0 = Arc::clone(&approval);
        entry.1.extend(new);
        approval
    }

    /// Rejects a key that is remembered as used.
    fn check(&self, key: &Key, now: Time) -> Result<(), Refusal> {
        self.forgotten.get(key).map_or(Ok(()), |forgotten| forgotten.check(now))
    }

    /// The verdict on a new request by the rejection of the same call that is remembered longest.
    fn remembered(&self, new: &Submission) -> Option<Verdict> {
        let answers = |approval: &Approval| {
            let (_, until) = approval.remembered()?;
            let verdict = approval.remembered_for(&new.request, &new.verdict, new.now)?;
            Some((until, approval.id, verdict))
        };
        let all = self.approvals.values().filter_map(|(approval, _)| answers(approval));
        all.max_by_key(|(until, id, _)| (*until, *id)).map(|(.., verdict)| verdict)
    }

    fn get(&self, id: ApprovalId) -> Result<&(Arc<Approval>, Vec<Event>), StoreError> {
        self.approvals.get(&id).ok_or(StoreError::NotFound)
    }
}

/// A caller and its idempotency key.
type Key = (String, String, String);

fn key(Actor { issuer, subject, .. }: &Actor, request_id: &str) -> Key {
    named(issuer, subject, request_id)
}

fn named(issuer: &str, subject: &str, request_id: &str) -> Key {
    (composed(issuer).into_owned(), composed(subject).into_owned(), request_id.to_owned())
}

#[async_trait]
impl ApprovalStore for MemoryStore {
    async fn submit(&self, new: Submission) -> Result<Submitted, StoreError> {
        let mut state = self.state()?;
        let caller = new.request.caller.clone();
        if let Some(&id) = state.by_request_id.get(&key(&caller, &new.request.request_id)) {
            let approval = Arc::clone(&state.get(id)?.0);
            approval.check_repetition(&new.request)?;
            return Ok(Submitted { approval, created: false });
        }
        state.check(&key(&caller, &new.request.request_id), new.now)?;
        let mine = |approval: &Approval| !approval.status.is_terminal() && approval.request.caller.is(&caller);
        let pending = state.approvals.values().filter(|(approval, _)| mine(approval)).count();
        let frozen = state.freezes.judge(&new.request, &new.verdict);
        let verdict = frozen.or_else(|| state.remembered(&new)).map_or(new.verdict, Arc::new);
        let (approval, event) = request(new.id, new.request, new.arguments, verdict, new.now)
            .map_err(|error| StoreError::BadHistory(new.id, error))?;
        if approval.status == Status::Pending && pending >= new.pending_limit as usize {
            return Err(Refusal::TooManyPending { limit: new.pending_limit }.into());
        }
        state.forgotten.remove(&key(&caller, &approval.request.request_id));
        state.deliver(&self.routes, &approval, std::slice::from_ref(&event));
        let approval = state.put(approval, [event]);
        self.publish(&approval);
        self.wake();
        Ok(Submitted { approval, created: true })
    }

    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError> {
        let state = self.state()?;
        let key = key(caller, request_id);
        let found = state.by_request_id.get(&key).copied();
        if found.is_none() {
            state.check(&key, now)?;
        }
        Ok(found)
    }

    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError> {
        let mut state = self.state()?;
        let step = step_unless_frozen(&state.get(id)?.0, &command, now, &state.freezes);
        let changed = !step.events.is_empty();
        state.deliver(&self.routes, &step.approval, &step.events);
        let approval = state.put(step.approval, step.events);
        if changed {
            self.publish(&approval);
            self.wake();
        }
        let revision = step.outcome?;
        Ok(Transitioned { approval, revision })
    }

    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError> {
        Ok(Arc::clone(&self.state()?.get(id)?.0))
    }

    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
        let state = self.state()?;
        let events = state.approvals.get(&id).map(|(_, events)| events.as_slice()).unwrap_or_default();
        Ok(events.iter().filter(|event| event.revision > after && event.revision <= up_to).cloned().collect())
    }

    async fn list(&self, query: Query) -> Result<Page, StoreError> {
        let state = self.state()?;
        let mut matching: Vec<_> = state.approvals.values().map(|(approval, _)| Arc::clone(approval)).collect();
        if query.order == Order::NewestFirst {
            matching.reverse();
        }
        matching.retain(|approval| {
            let beyond = query.after.is_none_or(|after| match query.order {
                Order::OldestFirst => approval.id > after,
                Order::NewestFirst => approval.id < after,
            });
            beyond && query.filter.matches(approval)
        });
        let mut bytes = 0;
        let fits = |approval: &&Arc<Approval>| {
            let fits = bytes < PAGE_BYTES;
            bytes += weight(approval);
            fits
        };
        let room = matching.iter().take(query.limit).take_while(fits).count();
        let more = matching.len() > room;
        matching.truncate(room);
        let next = if more { matching.last().map(|last| last.id) } else { None };
        Ok(Page { approvals: matching, next, unreadable: Vec::new() })
    }

    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError> {
        let state = self.state()?;
        let pending = state.approvals.values().filter(|(approval, _)| !approval.status.is_terminal());
        let mut deadlines: Vec<_> = pending.map(|(approval, _)| (approval.due(), approval.id)).collect();
        deadlines.sort_unstable();
        let due = deadlines.partition_point(|(deadline, _)| *deadline <= now);
        let ids = deadlines[..due].iter().take(limit).map(|(_, id)| *id).collect();
        Ok(Due { ids, next: deadlines.get(due).map(|(deadline, _)| *deadline) })
    }

    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        // A claim or report since then starts its time again.
        let decided = |approval: &Approval| Some((approval.decision.as_ref()?.at, approval.id));
        let quiet = state.approvals.values().filter(|(approval, _)| approval.updated_at < decided_before);
        let mut old: Vec<_> = quiet.filter_map(|(approval, _)| decided(approval)).collect();
        old.retain(|(at, _)| *at < decided_before);
        old.sort_unstable();
        old.truncate(limit);
        let mut over: Vec<_> = state.forgotten.values().filter(|one| one.until() <= now).cloned().collect();
        over.sort_unstable();
        over.truncate(limit);
        state.forgotten.retain(|_, forgotten| !over.contains(forgotten));
        for (_, id) in &old {
            let Some((approval, _)) = state.approvals.remove(id) else { continue };
            state.outbox.forget(*id);
            let Actor { issuer, subject, .. } = approval.request.caller.clone();
            let request_id = approval.request.request_id.clone();
            let key = key(&approval.request.caller, &request_id);
            state.by_request_id.remove(&key);
            state.forgotten.insert(key, Forgotten { at: now, issuer, subject, request_id });
        }
        Ok(old.len())
    }

    fn pending(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.approvals.values().filter(|(approval, _)| !approval.status.is_terminal()).count() as u64
    }

    fn subscribe(&self, id: ApprovalId) -> Subscription {
        self.commits.subscribe(id)
    }
}

/// Only one server uses it.
impl ControlStore for MemoryStore {}

#[async_trait]
impl Lifecycle for MemoryStore {
    fn newest_time(&self) -> Option<Time> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).newest
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    async fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}
