//! Recovers intact data from files that sled may not be able to open, without sled and without changing them.
//!
//! Every value proves itself: its checksum covers its key, every event has the hash of the one before it, and the
//! records of groups have the acknowledged revision of each approval. So it does not matter where in the log a value
//! is, or what around it is lost. Data that may be older than the acknowledged state is omitted: an approval that may
//! have been decided or claimed since must not reappear in its earlier state.

mod lanes;
mod restrictions;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    path::Path,
};

use super::{
    OpenError,
    commit_log::{Checkpoint, Link as GroupLink, Standing},
    directory::Directory,
    frame, keys,
    log::{Entries, Log, LogError, Segment},
    migrate::FROM,
    open::{io_error, read_mark},
    preflight,
    records::{self, Head, Link, Named, NamedPolicy, PolicyRecord},
    tombstones,
    verify::Fault,
    watermark::Mark,
};
use crate::{
    domain::{Approval, ApprovalId, Block, Digest, Event, EventKind, Freeze, Lane, Revision, Time, Token},
    store::{Forgotten, History, PolicyVersion, StoreError, UnchangedPolicy},
};

/// Maximum candidates for a value whose pieces are elsewhere, newest last.
const CANDIDATES: usize = 8;

/// The intact data, and the omissions.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Versions of the policy, in order.
    pub policies: Vec<PolicyVersion>,
    /// Readable SetPolicy calls that made no version, in order of their keys.
    pub unchanged_policies: Vec<UnchangedPolicy>,
    /// Tokens, in order. Empty if anything is damaged: a revoked token must not become valid again.
    pub tokens: Vec<Token>,
    /// Freezes, in order. If anything is damaged, a thawed freeze may be active again, which only blocks calls.
    pub freezes: Vec<Freeze>,
    /// Blocks, in order. If anything is damaged, an ended block may be active again, which only rejects callers.
    pub blocks: Vec<Block>,
    /// Readable `request_id`s of forgotten approvals.
    pub forgotten: Vec<Forgotten>,
    /// Approvals with all of their events, in order.
    pub histories: Vec<History>,
    /// The deliveries of the pending approvals among them, in order. It may be an earlier state, so that some are sent
    /// again.
    pub lanes: Vec<Lane>,
    /// Omitted data, with reasons.
    pub left_out: Vec<Fault>,
}

/// Reads the files in a data directory. The `request_id`s of omitted approvals count as forgotten at `now`, or at the
/// newest time on record if that is later: a repetition of such a request must not count as a new one.
///
/// # Errors
/// When there is no store of this schema version, another process has locked it, or the disk fails.
pub fn salvage(path: &Path, now: Time) -> Result<Salvaged, OpenError> {
    let directory = Directory::inspect(path)?;
    // Neither a damaged nor a missing mark proves anything.
    let mark = match read_mark(&directory) {
        Ok(None) if preflight::schema(&directory.sled()) == Some(FROM) => {
            return Err(OpenError::Unmigrated { path: path.to_owned(), found: FROM });
        }
        read => read.ok().flatten(),
    };
    let found = Found::read(&directory)?;
    Ok(found.sort(mark.as_ref(), now))
}

/// The values in the log that may be intact.
#[derive(Default)]
struct Found {
    /// By key: the newest value that is complete in itself, or the newest ones that have, or are, further pieces.
    values: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    /// The newest revision of each approval in any head, and the hash of its event.
    heads: HashMap<ApprovalId, (Revision, Digest)>,
    /// Approvals of each `request_id`, now or earlier.
    names: BTreeMap<Vec<u8>, BTreeSet<ApprovalId>>,
    /// `request_id`s of forgotten approvals, with the latest time in any entry.
    forgotten: BTreeMap<Vec<u8>, Time>,
    /// SetPolicy calls that made no version.
    unchanged_policies: BTreeMap<Vec<u8>, UnchangedPolicy>,
    /// Whether the whole log was readable.
    sound: bool,
}

impl Found {
    fn read(directory: &Directory) -> Result<Self, OpenError> {
        let failed = |source| io_error(directory, source);
        let log = Log::open_unproven(&directory.sled()).map_err(|error| match error {
            // The log exists, so another attempt may succeed.
            LogError::Io(_, source) if source.kind() != io::ErrorKind::NotFound => failed(source),
            error => OpenError::Lost { path: directory.path().to_owned(), reason: format!("sled/{error}") },
        })?;
        let mut found = Self { sound: log.doubled.is_none() && log.headless.is_empty(), ..Self::default() };
        let (mut segment, mut entries) = (Segment::default(), Entries::default());
        let mut segments: Vec<_> = log.segments.iter().map(|(lsn, at)| (Some(*lsn), *at)).collect();
        segments.extend(log.headless.iter().chain(&log.others).map(|at| (None, *at)));
        for (lsn, at) in segments {
            log.read(lsn.unwrap_or(0), at, &mut segment).map_err(failed)?;
            let unreadable = segment.every_message(lsn.is_some(), |message| {
                entries.of(&message, |prefix, rest, value| {
                    if let Some(prefix) = prefix {
                        found.add([prefix, rest].concat(), value);
                    }
                });
            });
            // Remains of a kill count too: nothing else proves that a token's value is the newest one.
            found.sound &= !unreadable;
        }
        Ok(found)
    }

    /// Adds a value. Calls are in the order of the log.
    fn add(&mut self, key: Vec<u8>, value: &[u8]) {
        if key.first() == Some(&keys::REQUEST_ID) {
            match records::decode_request_id(&key, value) {
                // If a segment has lost its header, the order of entries is unknown: keep the latest time.
                Ok(Named::Forgotten(at)) => {
                    let known = self.forgotten.entry(key).or_insert(at);
                    *known = at.max(*known);
                }
                Ok(Named::Approval(id)) => drop(self.names.entry(key).or_default().insert(id)),
                Err(_) => {}
            }
            return;
        }
        if keys::is_policy_request_id(&key) {
            // Written once, and never changed.
            if let Ok(NamedPolicy::Unchanged(call)) = records::decode_policy_request_id(&key, value) {
                self.unchanged_policies.insert(key, call);
            }
            return;
        }
        if !keys::is_record(&key) {
            return;
        }
        let whole = frame::open(&key, value).ok();
        if let Some((id, payload)) = keys::head_of(&key).zip(whole)
            && let Ok(Head { revision, chain, .. }) = records::decode::<Head>(payload)
        {
            let known = self.heads.entry(id).or_insert((revision, chain));
            if known.0 <= revision {
                *known = (revision, chain);
            }
        }
        let candidates = self.values.entry(key).or_default();
        if whole.is_some() {
            candidates.clear();
        } else if candidates.last().is_some_and(|last| last == value) {
            return;
        } else if candidates.len() == CANDIDATES {
            candidates.remove(0);
        }
        candidates.push(value.to_vec());
    }

    /// The newest intact payload of a key.
    fn payload(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.values.get(key)?.iter().rev().find_map(|first| self.assemble(key, first))
    }

    fn assemble(&self, key: &[u8], first: &[u8]) -> Option<Vec<u8>> {
        if let Ok(payload) = frame::open(key, first) {
            return Some(payload.to_vec());
        }
        // The pieces of one version are written together, so they have the same distance from the newest ones.
        (0..CANDIDATES).find_map(|back| {
            let piece = |key: &[u8]| {
                let candidates = self.values.get(key)?;
                candidates.get(candidates.len().checked_sub(1 + back)?).map(Vec::as_slice)
            };
            frame::assemble(key, first, piece).ok()
        })
    }

    fn sort(self, mark: Option<&Mark>, now: Time) -> Salvaged {
        let mut salvaged = Salvaged::default();
        let recorded = self.groups(mark);
        if !recorded.complete {
            salvaged.leave(
                "Records of commit groups are missing. This list may not name everything that was acknowledged.",
            );
            salvaged.leave(
                "A newer policy version may be lost. Compare the saved policy with the one you expect before you start \
                 the server.",
            );
        }
        self.policies(&recorded, &mut salvaged);
        self.unchanged_policies(&mut salvaged);
        self.tokens(&recorded, &mut salvaged);
        self.restrictions(&recorded, &mut salvaged);
        let kept = self.approvals(&recorded, &mut salvaged);
        let now = recorded.newest.map_or(now, |newest| newest.max(now));
        salvaged.forgotten = self.forgotten(&recorded, &kept, now);
        salvaged
    }

    /// Follows the chain of groups as far as possible.
    fn groups(&self, mark: Option<&Mark>) -> Recorded {
        let mut recorded = Recorded::default();
        let checkpoint =
            self.payload(keys::CHECKPOINT).and_then(|payload| rmp_serde::from_slice::<Checkpoint>(&payload).ok());
        let begin = checkpoint.as_ref().map_or((0, Digest::ZERO), |checkpoint| (checkpoint.counter, checkpoint.hash));
        recorded.standing = checkpoint.map(|checkpoint| checkpoint.standing).unwrap_or_default();
        let (mut last, mut unbroken) = (begin, true);
        let mut marked = mark.is_some_and(|mark| (mark.counter, mark.hash) == begin);
        for key in self.values.range(keys::groups()).map(|(key, _)| key) {
            let Some(counter) = keys::group_of(key).filter(|counter| *counter > begin.0) else { continue };
            let link = self
                .payload(key)
                .and_then(|payload| Some((GroupLink::decode(counter, &payload).ok()?, Digest::of_bytes(&payload))));
            let Some((link, hash)) = link else {
                unbroken = false;
                continue;
            };
            unbroken &= counter == last.0 + 1 && link.previous == last.1;
            last = (counter, hash);
            marked |= mark.is_some_and(|mark| (mark.counter, mark.hash) == last) && unbroken;
            recorded.newest = recorded.newest.max(link.record.newest());
            recorded.approvals.extend(link.record.changed.iter().copied());
            recorded.pruned.extend(&link.record.pruned);
            for (id, _) in &link.record.changed {
                recorded.pruned.remove(id);
            }
            for id in &link.record.pruned {
                recorded.approvals.remove(id);
            }
            recorded.standing.add(&link.record);
        }
        recorded.complete = marked && unbroken;
        recorded
    }

    fn policies(&self, recorded: &Recorded, salvaged: &mut Salvaged) {
        let numbers = self.values.range(keys::policies_before(None)).filter_map(|(key, _)| keys::policy_of(key));
        let last = numbers.fold(recorded.standing.policies, u64::max);
        for version in 1..=last {
            let newest = salvaged.policies.last().map(|newest| &newest.head);
            let policy = self.policy(version).filter(|policy| policy.check(newest).is_ok());
            let Some(policy) = policy else {
                salvaged.leave(format!("Policy versions {version} to {last}: cannot read version {version}."));
                return;
            };
            salvaged.policies.push(policy);
        }
    }

    /// Saves the calls whose versions are saved; the others refer to lost versions.
    fn unchanged_policies(&self, salvaged: &mut Salvaged) {
        let saved = |call: &&UnchangedPolicy| {
            let version = salvaged.policies.iter().find(|version| version.head.version == call.version);
            call.check(version).is_ok()
        };
        salvaged.unchanged_policies = self.unchanged_policies.values().filter(saved).cloned().collect();
    }

    fn policy(&self, version: u64) -> Option<PolicyVersion> {
        let record: PolicyRecord = records::decode(&self.payload(&keys::policy(version))?).ok()?;
        let document = records::decode(&self.payload(&keys::policy_document(version))?).ok()?;
        let PolicyRecord { head, request_id, expected } = record;
        (head.version == version).then_some(PolicyVersion { head, request_id, expected, document })
    }

    fn tokens(&self, recorded: &Recorded, salvaged: &mut Salvaged) {
        if !self.sound || !recorded.complete {
            if !recorded.standing.tokens.is_empty() || self.values.range(keys::tokens()).next().is_some() {
                salvaged.leave("All tokens: a revoked token could become valid again. Create new tokens.");
            }
            return;
        }
        for (id, hash) in &recorded.standing.tokens {
            let payload = self.payload(&keys::token(*id)).filter(|payload| Digest::of_bytes(payload) == *hash);
            let token = payload.and_then(|payload| records::decode::<Token>(&payload).ok());
            match token.filter(|token| token.id == *id && token.fault().is_none()) {
                Some(token) => salvaged.tokens.push(token),
                None => salvaged.leave(format!("Token {id}: it is unreadable, or differs from the acknowledged one.")),
            }
        }
    }

    /// Saves or omits each approval. Returns the `request_id`s of the saved ones.
    fn approvals(&self, recorded: &Recorded, salvaged: &mut Salvaged) -> BTreeMap<Vec<u8>, ApprovalId> {
        let mut ids = self.with_events();
        ids.extend(recorded.approvals.keys().chain(self.heads.keys()));
        let named: BTreeSet<_> = self.names.values().flatten().copied().collect();
        ids.extend(&named);
        let mut request_ids = BTreeMap::new();
        for id in ids.into_iter().filter(|id| !recorded.forgot(*id)) {
            match self.history(id, recorded) {
                Ok((history, approval)) => {
                    let key = keys::request_id(&approval.request.caller, &approval.request.request_id);
                    if let Some(older) = request_ids.insert(key, id) {
                        // A key can be used again only after `retain` has forgotten its approval: the older one.
                        salvaged.histories.retain(|history| history.id != older);
                        salvaged.lanes.retain(|lane| lane.approval != older);
                        salvaged.without(older, "another approval has its request_id");
                    }
                    salvaged.lanes.extend(self.lanes(&approval));
                    salvaged.histories.push(history);
                }
                Err(reason) if named.contains(&id) || self.request_id(id).is_some() => salvaged.without(id, reason),
                Err(reason) => salvaged.without(
                    id,
                    format!("{reason}. Its request_id is unknown too: a repeated request would count as a new one"),
                ),
            }
        }
        request_ids
    }

    /// `request_id`s that must not be used again, apart from those of saved approvals. The one of an omitted approval
    /// counts as forgotten now, because its tool may have run.
    fn forgotten(&self, recorded: &Recorded, kept: &BTreeMap<Vec<u8>, ApprovalId>, now: Time) -> Vec<Forgotten> {
        let names = self.names.iter().flat_map(|(key, ids)| ids.iter().map(|id| (key.clone(), *id)));
        let asked = self.with_events().into_iter().filter_map(|id| Some((self.request_id(id)?, id)));
        // By key: whether it belonged to an approval that was not forgotten.
        let mut used: BTreeMap<Vec<u8>, bool> = self.forgotten.keys().map(|key| (key.clone(), false)).collect();
        for (key, id) in names.chain(asked) {
            let lost = !recorded.forgot(id);
            // In an intact store, a key of a forgotten approval without a tombstone has expired.
            if lost || !(recorded.complete && self.sound) || self.forgotten.contains_key(&key) {
                *used.entry(key).or_default() |= lost;
            }
        }
        used.retain(|key, _| !kept.contains_key(key));
        let at = |key: &[u8], lost: bool| self.forgotten.get(key).filter(|_| !lost).copied().unwrap_or(now);
        let mut forgotten: Vec<_> =
            used.into_iter().filter_map(|(key, lost)| tombstones::of_key(at(&key, lost), &key).ok()).collect();
        forgotten.sort();
        forgotten
    }

    /// Approvals with at least one event.
    fn with_events(&self) -> BTreeSet<ApprovalId> {
        let events = keys::event(ApprovalId::new(uuid::Uuid::nil()), 0)
            ..=keys::event(ApprovalId::new(uuid::Uuid::max()), Revision::MAX);
        self.values.range(events).filter_map(|(key, _)| Some(keys::event_of(key)?.0)).collect()
    }

    /// The key of an approval's `request_id`, from its first event.
    fn request_id(&self, id: ApprovalId) -> Option<Vec<u8>> {
        let payload = self.payload(&keys::event(id, 1))?;
        let (_previous, event) = payload.split_first_chunk::<32>()?; // its schema does not matter
        match records::decode::<Event>(event).ok()?.kind {
            EventKind::Requested { request, .. } => Some(keys::request_id(&request.caller, &request.request_id)),
            _ => None,
        }
    }

    fn link(&self, id: ApprovalId, revision: Revision, payload: &[u8]) -> Result<Link, StoreError> {
        Link::decode(id, revision, payload, |hash| Ok(self.payload(&keys::schema(&hash))))
    }

    /// An approval's events, if all that were acknowledged are intact.
    fn history(&self, id: ApprovalId, recorded: &Recorded) -> Result<(History, Approval), String> {
        let (mut events, mut last): (Vec<Event>, _) = (Vec::new(), Digest::ZERO);
        let head = self.heads.get(&id);
        let acknowledged = recorded.approvals.get(&id).copied();
        let wanted = acknowledged.max(head.map(|head| head.0)).unwrap_or(0);
        loop {
            let revision = events.len() as u64 + 1;
            let payload = self.payload(&keys::event(id, revision));
            match payload.map(|payload| self.link(id, revision, &payload)) {
                Some(Ok(link)) if link.previous == last => {
                    last = link.hash;
                    events.push(link.event);
                }
                // With the reason: one lost schema can affect many approvals.
                Some(Err(error)) if revision <= wanted => {
                    return Err(format!("cannot read revision {revision} of {wanted}: {error}"));
                }
                _ if revision <= wanted => return Err(format!("cannot read revision {revision} of {wanted}")),
                _ => break,
            }
        }
        let newest = events.len() as u64;
        if newest == 0 || head.is_some_and(|(revision, chain)| *revision == newest && *chain != last) {
            return Err("its events differ from the recorded ones".into());
        }
        let approval = Approval::replay(id, &events).map_err(|error| format!("its events are invalid: {error}"))?;
        let over = !approval.status.is_approved() || approval.claim.is_some() || approval.revocation.is_some();
        let settled = approval.status.is_terminal() && over;
        if settled || (recorded.complete && acknowledged.is_some()) {
            return Ok((History { id, events }, approval));
        }
        Err(format!("it may have changed after revision {newest}: records of commit groups are missing"))
    }
}

/// The content of the store according to the records of groups.
#[derive(Default)]
struct Recorded {
    approvals: HashMap<ApprovalId, Revision>,
    pruned: BTreeSet<ApprovalId>,
    standing: Standing,
    /// The newest time in them.
    newest: Option<Time>,
    /// Whether their chain reaches the watermark without a gap.
    complete: bool,
}

impl Recorded {
    /// Whether an approval was forgotten. Every stored approval is in a record: none is dropped before its approvals.
    fn forgot(&self, id: ApprovalId) -> bool {
        self.pruned.contains(&id) || (self.complete && !self.approvals.contains_key(&id))
    }
}

impl Salvaged {
    fn leave(&mut self, what: impl Into<String>) {
        self.left_out.push(Fault { what: what.into(), approval_id: None });
    }

    fn without(&mut self, id: ApprovalId, why: impl Into<String>) {
        self.left_out.push(Fault { what: why.into(), approval_id: Some(id) });
    }
}

#[cfg(test)]
mod tests;
