//! Verifies a whole store by comparing its records with each other. `signoff store check` uses it, and opening when
//! sled's files raise doubts.

mod lanes;
mod listed;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::{
    SCHEMA, UPGRADED,
    commit_log::{self, Checkpoint, GroupRecord, Standing},
    frame::{self, corrupt},
    group_commit::fields,
    keys::{self, Field},
    records::{self, Named, NamedPolicy},
    schemas, tombstones,
    tree_reader::TreeReader,
    watermark::Mark,
};
use crate::{
    domain::{Approval, ApprovalId, Revision, Status},
    store::{PolicyHead, StoreError},
};

/// The result of verifying a store.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Intact approvals.
    pub approvals: u64,
    /// Their events.
    pub events: u64,
    /// Intact versions of the policy.
    pub policies: u64,
    /// Intact tokens.
    pub tokens: u64,
    /// Intact freezes.
    pub freezes: u64,
    /// Intact sessions.
    pub sessions: u64,
    /// Intact blocks of subjects.
    pub blocks: u64,
    /// Intact lanes of the outbox.
    pub lanes: u64,
    /// Intact signing keys.
    pub signing_keys: u64,
    /// Records of commit groups. Their chain is intact unless a fault says otherwise.
    pub groups: u64,
    /// The damage, in the order in which it was found.
    pub faults: Vec<Fault>,
    /// Remarks: unusual bytes, which a kill or a power loss can leave, and what `signoff store salvage` would save.
    pub notes: Vec<String>,
}

/// Damage in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A description.
    pub what: String,
    /// The damaged approval, if it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<ApprovalId>,
}

impl Findings {
    pub(super) fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(Fault { what: what.into(), approval_id: None });
    }

    fn of(&mut self, id: ApprovalId, what: impl Into<String>) {
        self.faults.push(Fault { what: what.into(), approval_id: Some(id) });
    }

    /// Records an error as a fault, and continues.
    fn take<T>(&mut self, outcome: Result<T, StoreError>) -> Option<T> {
        outcome.map_err(|error| self.fault(error.to_string())).ok()
    }
}

/// Verifies everything. Stops a part early only if sled cannot read on.
pub(super) fn verify(pages: &TreeReader, mark: Option<&Mark>) -> Findings {
    let mut findings = Findings::default();
    check_store(pages, mark, &mut findings);
    let recorded = check_groups(pages, mark, &mut findings);
    let heads = check_approvals(pages, &recorded, &mut findings);
    check_events(pages, &heads, &mut findings);
    lanes::check(pages, &heads, &mut findings);
    check_policies(pages, &recorded, &mut findings);
    check_unchanged_policies(pages, &mut findings);
    listed::check(pages, &recorded, &mut findings);
    for faults in [tombstones::faults(pages), schemas::faults(pages)] {
        let faults = findings.take(faults).unwrap_or_default();
        faults.into_iter().for_each(|fault| findings.fault(fault));
    }
    findings
}

/// The content of the store according to the records of groups.
#[derive(Default)]
struct Recorded {
    approvals: HashMap<ApprovalId, Revision>,
    standing: Standing,
    /// Whether all records were readable.
    whole: bool,
}

impl Recorded {
    fn add(&mut self, record: &GroupRecord) {
        self.approvals.extend(record.changed.iter().copied());
        for id in &record.pruned {
            self.approvals.remove(id);
        }
        self.standing.add(record);
    }
}

fn check_store(pages: &TreeReader, mark: Option<&Mark>, findings: &mut Findings) {
    let known = [Some(SCHEMA), mark.map(|mark| mark.schema).filter(|schema| UPGRADED.contains(schema))];
    match findings.take(pages.get(keys::SCHEMA)) {
        // An upgrade raises the version in sled first, then in the mark.
        Some(Some(schema)) if known.into_iter().flatten().any(|known| *schema == known.to_be_bytes()) => {}
        Some(Some(_)) => findings.fault("sled has another schema version"),
        Some(None) => findings.fault("sled has no schema version"),
        None => {}
    }
    let Some(store) = findings.take(frame::get(pages, keys::STORE)) else { return };
    match (store, mark) {
        (None, _) => findings.fault("sled has no store id"),
        (Some(store), Some(mark)) if store != mark.store.as_bytes() => {
            findings.fault("WATERMARK and sled belong to different stores");
        }
        _ => {}
    }
}

fn check_groups(pages: &TreeReader, mark: Option<&Mark>, findings: &mut Findings) -> Recorded {
    let mut recorded = Recorded::default();
    if let Some(mark) = mark {
        match findings.take(commit_log::hash_of(pages, mark.counter)) {
            Some(Some(hash)) if hash == mark.hash => {}
            Some(Some(_)) => findings.fault(format!("commit group {} differs from the acknowledged one", mark.counter)),
            Some(None) => findings.fault(format!("commit group {} was acknowledged, but is missing", mark.counter)),
            None => {}
        }
    }
    let Some(checkpoint) = findings.take(Checkpoint::read(pages)) else { return recorded };
    let from = checkpoint.tip();
    let Checkpoint { standing, .. } = checkpoint;
    recorded.standing = standing;
    let walked = commit_log::walk(pages, from, |record| {
        recorded.add(record);
        findings.groups += 1;
        Ok(())
    });
    recorded.whole = findings.take(walked).is_some();
    recorded
}

/// Replays every history, and compares it with its head and with the indexes. Returns the revisions of the heads.
fn check_approvals(pages: &TreeReader, recorded: &Recorded, findings: &mut Findings) -> BTreeMap<ApprovalId, Revision> {
    let (mut heads, mut expected) = (BTreeMap::new(), Expected::default());
    let all = keys::head(ApprovalId::new(uuid::Uuid::nil()))..=Field::All.key(ApprovalId::new(uuid::Uuid::max()));
    for key in pages.keys(all) {
        let Some(key) = findings.take(key) else { break };
        let Some(id) = keys::head_of(&key) else { continue };
        let whole = approval(pages, id);
        heads.insert(id, whole.as_ref().map_or(Revision::MAX, |(approval, _)| approval.revision));
        let (approval, events) = match whole {
            Ok(whole) => whole,
            Err(error) => {
                findings.of(id, error.to_string());
                continue;
            }
        };
        match recorded.approvals.get(&id) {
            Some(revision) if *revision == approval.revision => {}
            Some(revision) if recorded.whole => {
                let stored = approval.revision;
                findings.of(id, format!("it has {stored} events, but {revision} were acknowledged"));
                continue;
            }
            // A record is never dropped while its approvals are stored.
            None if recorded.whole => findings.of(id, "no record of a commit group lists it"),
            _ => {}
        }
        findings.approvals += 1;
        findings.events += events;
        expected.check(pages, &approval, findings);
    }
    for (id, revision) in &recorded.approvals {
        if !heads.contains_key(id) {
            findings.of(*id, format!("{revision} events were acknowledged, but the approval is missing"));
        }
    }
    expected.check_others(pages, &heads, findings);
    heads
}

/// Reads an approval whose head matches its events.
fn approval(pages: &TreeReader, id: ApprovalId) -> Result<(Approval, u64), StoreError> {
    let stored = records::load(pages, id)?.ok_or_else(|| corrupt("its head is missing"))?.approval;
    let events = records::events(pages, id, 0, Revision::MAX)?;
    let made = Approval::replay(id, &events).map_err(|error| corrupt(format!("its events are invalid: {error}")))?;
    if made == stored { Ok((stored, events.len() as u64)) } else { Err(corrupt("its head does not match its events")) }
}

/// Expected index entries, counted by the prefix of their keys.
#[derive(Default)]
struct Expected {
    counts: BTreeMap<u8, u64>,
}

impl Expected {
    fn check(&mut self, pages: &TreeReader, approval: &Approval, findings: &mut Findings) {
        let id = approval.id;
        let caller = approval.request.caller.to_string();
        for field in fields(approval, &caller).filter(|field| !matches!(field, Field::All)) {
            let key = field.key(id);
            match (self.entry(pages, &key, findings), field) {
                (Some(None), _) => findings.of(id, format!("it is missing from the index of {}", name(&field))),
                (Some(Some(value)), Field::Status(_)) => {
                    let shown = frame::open(&key, &value)
                        .is_ok_and(|shown| shown == keys::caller(&approval.request.caller).as_bytes());
                    if !shown {
                        findings.of(id, "its entry in the index of statuses names another caller");
                    }
                }
                _ => {}
            }
        }
        if approval.status == Status::Pending {
            self.present(pages, &keys::deadline(approval.due(), id), id, "deadlines", findings);
        }
        if let Some(decision) = &approval.decision {
            self.present(pages, &keys::decided(decision.at, id), id, "decisions", findings);
        }
        if let Some(remembered) = approval.remembered() {
            self.present(pages, &keys::rejection(remembered, id), id, "remembered rejections", findings);
        }
        let key = keys::request_id(&approval.request.caller, &approval.request.request_id);
        if let Some(value) = self.entry(pages, &key, findings) {
            match value.map(|value| records::decode_request_id(&key, &value)) {
                Some(Ok(Named::Approval(found))) if found == id => {}
                Some(Ok(Named::Approval(other))) => {
                    findings.of(id, format!("its request_id leads to the approval {other}"))
                }
                Some(Ok(Named::Forgotten(at))) => findings.of(id, format!("its request_id was forgotten at {at}")),
                Some(Err(error)) => findings.of(id, format!("its request_id: {error}")),
                None => findings.of(id, "its request_id is missing"),
            }
        }
    }

    fn present(&mut self, pages: &TreeReader, key: &[u8], id: ApprovalId, index: &str, findings: &mut Findings) {
        if self.entry(pages, key, findings) == Some(None) {
            findings.of(id, format!("it is missing from the index of {index}"));
        }
    }

    fn entry(&mut self, pages: &TreeReader, key: &[u8], findings: &mut Findings) -> Option<Option<sled::IVec>> {
        *self.counts.entry(key[0]).or_default() += 1;
        findings.take(pages.get(key))
    }

    /// Finds entries that belong to no intact approval.
    fn check_others(&self, pages: &TreeReader, heads: &BTreeMap<ApprovalId, Revision>, findings: &mut Findings) {
        let damaged = heads.values().any(|revision| *revision == Revision::MAX);
        for (prefix, index) in keys::INDEXES {
            let (mut found, mut strangers) = (0, Vec::new());
            for entry in pages.prefix([prefix]) {
                let Some((key, value)) = findings.take(entry) else { break };
                let id = if prefix == keys::REQUEST_ID {
                    match records::decode_request_id(&key, &value) {
                        Ok(Named::Approval(id)) => Some(id),
                        Ok(Named::Forgotten(_)) => continue, // its approval was forgotten
                        Err(_) => None,
                    }
                } else {
                    keys::id_of(&key)
                };
                found += 1;
                if id.is_none_or(|id| !heads.contains_key(&id)) {
                    strangers.push(frame::shown(&key));
                }
            }
            let (expected, strange) = (self.counts.get(&prefix).copied().unwrap_or(0), strangers.len());
            for key in strangers {
                findings.fault(format!("the entry {key} in the index of {index} belongs to no approval"));
            }
            if !damaged && strange == 0 && found > expected {
                findings.fault(format!("the index of {index} has {found} entries; expected {expected}"));
            }
        }
    }
}

const fn name(field: &Field<'_>) -> &'static str {
    match field {
        Field::All => "approvals",
        Field::Status(_) => "statuses",
        Field::Tool(_) => "tools",
        Field::Agent(_) => "agents",
        Field::Caller(_) => "callers",
        Field::Label(..) => "labels",
        Field::Schema(_) => "schemas",
    }
}

fn check_events(pages: &TreeReader, heads: &BTreeMap<ApprovalId, Revision>, findings: &mut Findings) {
    let mut headless = BTreeSet::new();
    let all = keys::event(ApprovalId::new(uuid::Uuid::nil()), 0)
        ..=keys::event(ApprovalId::new(uuid::Uuid::max()), Revision::MAX);
    for key in pages.keys(all) {
        let Some(key) = findings.take(key) else { break };
        let Some((id, revision)) = keys::event_of(&key) else { continue };
        match heads.get(&id) {
            Some(newest) if revision <= *newest => {}
            Some(newest) => findings.of(id, format!("it has an event {revision}, but its head ends at {newest}")),
            None if headless.insert(id) => findings.of(id, "it has events, but no head"),
            None => {}
        }
    }
}

fn check_policies(pages: &TreeReader, recorded: &Recorded, findings: &mut Findings) {
    let mut newest: Option<PolicyHead> = None;
    let last = findings.take(records::policies(pages, None, 1)).and_then(|mut heads| heads.pop());
    let last = last.map_or(0, |head| head.version).max(recorded.standing.policies);
    for version in 1..=last {
        match records::policy(pages, version) {
            Ok(Some(policy)) => {
                if let Err(error) = policy.check(newest.as_ref()) {
                    findings.fault(error.to_string());
                }
                if let Some(request_id) = &policy.request_id {
                    let key = keys::policy_request_id(&policy.head.author, request_id);
                    if findings
                        .take(records::policy_request_id(pages, &key))
                        .is_some_and(|found| found != Some(NamedPolicy::Version(version)))
                    {
                        findings
                            .fault(format!("the request_id of version {version} of the policy does not lead to it"));
                    }
                }
                findings.policies += 1;
                newest = Some(policy.head);
            }
            Ok(None) => findings.fault(format!("version {version} of the policy is missing")),
            Err(error) => findings.fault(format!("version {version} of the policy: {error}")),
        }
    }
}

/// SetPolicy calls that made no version: each must be under its own key, and refer to a stored version.
fn check_unchanged_policies(pages: &TreeReader, findings: &mut Findings) {
    let Some(calls) = findings.take(records::unchanged_policies(pages, None, usize::MAX)) else { return };
    for call in calls {
        let Some(version) = findings.take(records::policy(pages, call.version)) else { continue };
        if let Err(error) = call.check(version.as_ref()) {
            findings.fault(format!("a request_id of SetPolicy: {error}"));
        }
    }
}
