//! A group of commands: pure. It runs on what was read for it, and says what to write.
//!
//! Commands of a group run one after the other, and each sees the results of those before it. The rows that decide are
//! locked while the group runs ([`writer`](super::writer)), so no other server can change them meanwhile.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    columns,
    job::{Job, Task},
    load::{Found, Known},
};
use crate::{
    domain::{
        Approval, ApprovalId, Command, Digest, Event, Freezes, Lane, Refusal, Revision, Routes, Status, Time, Verdict,
        request, step_unless_frozen,
    },
    store::{
        Change, ControlVersion, Forgotten, LaneId, Observer, StoreError, Submission, Submitted, Transitioned,
        records::{self, corrupt},
    },
};

/// A caller, as its names are compared.
pub(super) type Caller = (String, String);

/// A caller and its idempotency key.
pub(super) type RequestKey = (String, String, String);

/// What a caller's idempotency key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Approval(ApprovalId),
    Forgotten(Time),
}

/// What was read for a group.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Those that commands and idempotency keys refer to, and those of remembered rejections.
    pub(super) approvals: Found,
    pub(super) request_ids: HashMap<RequestKey, Named>,
    /// The number of pending approvals of the callers that submit.
    pub(super) pending: HashMap<Caller, u32>,
    /// The rejection of each call that is remembered longest.
    pub(super) rejections: HashMap<Digest, (Time, ApprovalId)>,
    pub(super) freezes: Arc<Freezes>,
    /// The newest control data that restrict.
    pub(super) restricted: ControlVersion,
    /// Those of the approvals that commands change. Unreadable ones are missing, and replaced.
    pub(super) lanes: HashMap<LaneId, Lane>,
}

/// The result of a command.
#[derive(Debug)]
pub(super) enum Outcome {
    Submitted(Result<Submitted, StoreError>),
    Transitioned(Result<Transitioned, StoreError>),
}

impl Outcome {
    /// Whether the command had its effect, now or before.
    pub(super) const fn succeeded(&self) -> bool {
        matches!(self, Self::Submitted(Ok(_)) | Self::Transitioned(Ok(_)))
    }
}

/// An approval that a group changed.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) approval: Arc<Approval>,
    /// Hash of the event before the new ones.
    previous: Digest,
    /// Its new events.
    pub(super) events: Vec<Event>,
    /// Its status before; `None` if it is new.
    pub(super) before: Option<Status>,
}

impl Changed {
    /// A whole history.
    pub(super) const fn imported(approval: Arc<Approval>, events: Vec<Event>) -> Self {
        Self { approval, previous: Digest::ZERO, events, before: None }
    }

    /// The stored form of its head and new events.
    pub(super) fn encode(&self) -> Result<records::EncodedApproval, StoreError> {
        records::encode(&self.approval, &self.events, self.previous)
    }
}

/// Commands that have run, but are not written yet.
pub(super) struct Group<'a> {
    loaded: Loaded,
    routes: &'a Routes,
    changed: BTreeMap<ApprovalId, Changed>,
    lanes: BTreeMap<LaneId, Lane>,
    /// States that approvals reached, in order, with the status before.
    reached: Vec<Arc<Approval>>,
}

/// What a group changed.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) changed: BTreeMap<ApprovalId, Changed>,
    pub(super) lanes: BTreeMap<LaneId, Lane>,
    reached: Vec<Arc<Approval>>,
}

impl<'a> Group<'a> {
    pub(super) const fn new(loaded: Loaded, routes: &'a Routes) -> Self {
        Self { loaded, routes, changed: BTreeMap::new(), lanes: BTreeMap::new(), reached: Vec::new() }
    }

    /// Runs a command.
    pub(super) fn run(&mut self, job: &Job) -> Outcome {
        let outdated = job.known.is_some_and(|known| known < self.loaded.restricted);
        match &job.task {
            Task::Submit(..) if outdated => Outcome::Submitted(Err(StoreError::Outdated)),
            Task::Submit(new, _) => Outcome::Submitted(self.submit(new)),
            Task::Transition(..) if outdated => Outcome::Transitioned(Err(StoreError::Outdated)),
            Task::Transition(id, command, now, _) => Outcome::Transitioned(self.transition(*id, command, *now)),
            Task::Close(_) => Outcome::Transitioned(Err(StoreError::NotFound)), // the writer does not pass it on
        }
    }

    /// What to write.
    pub(super) fn into_writes(self) -> Writes {
        Writes { changed: self.changed, lanes: self.lanes, reached: self.reached }
    }

    fn submit(&mut self, new: &Submission) -> Result<Submitted, StoreError> {
        let caller = columns::names(&new.request.caller);
        let key = (caller.0.clone(), caller.1.clone(), new.request.request_id.clone());
        match self.loaded.request_ids.get(&key) {
            Some(Named::Approval(id)) => {
                let approval = self.named(*id, "a request_id")?.approval;
                approval.check_repetition(&new.request)?;
                return Ok(Submitted { approval, created: false });
            }
            Some(Named::Forgotten(at)) => {
                let (issuer, subject, request_id) = key.clone();
                Forgotten { at: *at, issuer, subject, request_id }.check(new.now)?;
            }
            None => {}
        }
        // Checked first as it was asked, so that a bad request is an error whatever is frozen or remembered.
        let open = |verdict: Arc<Verdict>| {
            let Submission { id, request: asked, arguments, now, .. } = new.clone();
            request(id, asked, arguments, verdict, now).map_err(|error| StoreError::BadHistory(id, error))
        };
        let (mut approval, mut event) = open(Arc::clone(&new.verdict))?;
        // A freeze takes precedence over every other verdict.
        let verdict = match self.loaded.freezes.judge(&approval.request, &approval.verdict) {
            None => self.remembered(&approval)?,
            frozen => frozen,
        };
        if let Some(verdict) = verdict {
            (approval, event) = open(Arc::new(verdict))?;
        }
        let pending = self.loaded.pending.entry(caller).or_default();
        if approval.status == Status::Pending && *pending >= new.pending_limit {
            return Err(Refusal::TooManyPending { limit: new.pending_limit }.into());
        }
        let approval = Arc::new(approval);
        self.loaded.request_ids.insert(key, Named::Approval(approval.id));
        self.put(Arc::clone(&approval), vec![event], Digest::ZERO, None);
        Ok(Submitted { approval, created: true })
    }

    fn transition(&mut self, id: ApprovalId, command: &Command, now: Time) -> Result<Transitioned, StoreError> {
        let Known { approval: before, chain } = self.get(id)?;
        let step = step_unless_frozen(&before, command, now, &self.loaded.freezes);
        let approval = Arc::new(step.approval);
        if !step.events.is_empty() {
            self.put(Arc::clone(&approval), step.events, chain, Some(before.status));
        }
        let revision = step.outcome?;
        Ok(Transitioned { approval, revision })
    }

    /// The verdict of a remembered rejection on a new request.
    fn remembered(&self, new: &Approval) -> Result<Option<Verdict>, StoreError> {
        let Some(call) = new.request.call_in_run() else { return Ok(None) };
        let Some((until, id)) = self.loaded.rejections.get(&call) else { return Ok(None) };
        if *until <= new.created_at {
            return Ok(None);
        }
        // If the rejection is unreadable, the request fails: asking again could turn a rejection into an approval.
        let rejected = self.named(*id, "the index of remembered rejections")?.approval;
        Ok(rejected.remembered_for(&new.request, &new.verdict, new.created_at))
    }

    fn get(&self, id: ApprovalId) -> Result<Known, StoreError> {
        self.loaded.approvals.get(&id).cloned().unwrap_or(Err(StoreError::NotFound))
    }

    /// An approval that a row refers to.
    fn named(&self, id: ApprovalId, by: &str) -> Result<Known, StoreError> {
        match self.get(id) {
            Err(StoreError::NotFound) => Err(corrupt(format!("{by} refers to the approval {id}, which has no record"))),
            found => found,
        }
    }

    /// Notes a new state of an approval. `previous`: the hash of the event before the new ones.
    fn put(&mut self, approval: Arc<Approval>, events: Vec<Event>, previous: Digest, before: Option<Status>) {
        let id = approval.id;
        self.deliver(&approval, &events);
        let caller = columns::names(&approval.request.caller);
        match (before == Some(Status::Pending), approval.status == Status::Pending) {
            (false, true) => *self.loaded.pending.entry(caller).or_default() += 1,
            (true, false) => {
                // Callers that do not submit in this group are not counted.
                if let Some(count) = self.loaded.pending.get_mut(&caller) {
                    *count = count.saturating_sub(1);
                }
            }
            _ => {}
        }
        if before != Some(approval.status) {
            self.reached.push(Arc::clone(&approval));
        }
        if let Some((call, until)) = approval.remembered() {
            let known = self.loaded.rejections.entry(call).or_insert((until, id));
            *known = (*known).max((until, id));
        }
        let changed = self.changed.entry(id).or_insert_with(|| Changed {
            approval: Arc::clone(&approval),
            previous,
            events: Vec::new(),
            before,
        });
        changed.approval = Arc::clone(&approval);
        changed.events.extend(events);
        // Nothing reads the chain of an approval that this group changed: its events are encoded together.
        self.loaded.approvals.insert(id, Ok(Known { approval, chain: previous }));
    }

    /// Adds the deliveries of new events.
    fn deliver(&mut self, approval: &Approval, events: &[Event]) {
        for event in events {
            for (channel, delivery) in self.routes.deliveries(approval, event) {
                let id = (approval.id, channel.clone());
                let stored = &self.loaded.lanes;
                let lane = self.lanes.entry(id).or_insert_with_key(|id| {
                    stored.get(id).cloned().unwrap_or_else(|| Lane::new(channel, approval.id))
                });
                lane.push(delivery);
            }
        }
    }
}

impl Writes {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// How the number of pending approvals changes.
    pub(super) fn pending(&self) -> i64 {
        let change = |changed: &Changed| {
            let before = changed.before == Some(Status::Pending);
            i64::from(changed.approval.status == Status::Pending) - i64::from(before)
        };
        self.changed.values().map(change).sum()
    }

    /// The newest states, to publish.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.changed.values().map(|Changed { approval, .. }| {
            let Approval { id, revision, status, .. } = **approval;
            Change { id, revision, status, due: approval.due() }
        })
    }

    /// Reports everything to an observer.
    pub(super) fn tell(&self, observer: &dyn Observer) {
        self.reached.iter().for_each(|approval| observer.reached(approval));
        for Changed { approval, events, .. } in self.changed.values() {
            events.iter().for_each(|event| observer.recorded(approval, event));
        }
    }

    /// An event that tells whether the group is on record: its approval, its revision and the hash of its payload.
    pub(super) fn proof(&self) -> Result<Option<(ApprovalId, Revision, Digest)>, StoreError> {
        let Some((id, changed)) = self.changed.iter().next() else { return Ok(None) };
        Ok(Some((*id, changed.approval.revision, changed.encode()?.chain)))
    }
}
