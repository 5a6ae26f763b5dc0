//! Reads what is provably whole out of files that sled may not be able to open, without sled and without changing them.
//!
//! Every value vouches for itself: its checksum is over its key as well, every event names the one before it, and the
//! records of groups say which revision of each approval was acknowledged. So it does not matter where in the log a
//! value is found, nor what of the log is lost around it. What may be older than what was acknowledged is left out: an
//! approval that may have been decided or claimed since must not come back as it was.

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
    domain::{Approval, ApprovalId, Digest, Event, EventKind, Freeze, Revision, Time, Token},
    store::{Forgotten, History, PolicyVersion, StoreError, UnchangedPolicy},
};

/// Values that are kept of one key whose pieces stand elsewhere, the newest last.
const CANDIDATES: usize = 8;

/// What is whole, and what is not.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Versions of the policy, in order.
    pub policies: Vec<PolicyVersion>,
    /// Calls that set what was set already, as far as they are readable, in order of their keys.
    pub unchanged_policies: Vec<UnchangedPolicy>,
    /// Tokens, in order. None when anything is damaged: a token that was revoked must not come back.
    pub tokens: Vec<Token>,
    /// Freezes, in order. One that was thawed may stand again when anything is damaged: that stops calls, and runs
    /// none.
    pub freezes: Vec<Freeze>,
    /// `request_id`s of approvals that were forgotten, as far as they are readable.
    pub forgotten: Vec<Forgotten>,
    /// Approvals with all of their events, in order.
    pub histories: Vec<History>,
    /// What is known to have been there and is left out, and why.
    pub left_out: Vec<Fault>,
}

/// Reads the files in a data directory. `request_id`s of approvals that are left out are forgotten at `now`, or at the
/// newest time on record if that is later: a repetition of such a request must not be taken for a new one.
///
/// # Errors
/// When there is no store of this schema version, another process has it, or the disk refuses.
pub fn salvage(path: &Path, now: Time) -> Result<Salvaged, OpenError> {
    let directory = Directory::inspect(path)?;
    // A damaged mark proves nothing, and neither does a missing one.
    let mark = match read_mark(&directory) {
        Ok(None) if preflight::schema(&directory.sled()) == Some(FROM) => {
            return Err(OpenError::Unmigrated { path: path.to_owned(), found: FROM });
        }
        read => read.ok().flatten(),
    };
    let found = Found::read(&directory)?;
    Ok(found.sort(mark.as_ref(), now))
}

/// Values by their keys, as far as they may be whole.
#[derive(Default)]
struct Found {
    /// The newest one that is whole by itself, or the newest ones that have, or are, further pieces.
    values: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    /// The newest revision of each approval that any head tells of, and the hash of its event.
    heads: HashMap<ApprovalId, (Revision, Digest)>,
    /// Approvals that `request_id`s stand for, or once stood for.
    names: BTreeMap<Vec<u8>, BTreeSet<ApprovalId>>,
    /// `request_id`s of approvals that were forgotten, and when: the latest time that any entry tells.
    forgotten: BTreeMap<Vec<u8>, Time>,
    /// Calls that set what was set already.
    unchanged_policies: BTreeMap<Vec<u8>, UnchangedPolicy>,
    /// Whether all of the log could be read.
    sound: bool,
}

impl Found {
    fn read(directory: &Directory) -> Result<Self, OpenError> {
        let failed = |source| io_error(directory, source);
        let log = Log::open_unproven(&directory.sled()).map_err(|error| match error {
            // The log is there: the next attempt may be able to read it.
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
            // Leftovers of a kill count as well: whether a token is the newest one is not on record elsewhere.
            found.sound &= !unreadable;
        }
        Ok(found)
    }

    /// Takes a value; later ones come later in the log.
    fn add(&mut self, key: Vec<u8>, value: &[u8]) {
        if key.first() == Some(&keys::REQUEST_ID) {
            match records::decode_request_id(&key, value) {
                // Nothing tells which of two entries is the newer one when a segment has lost its header.
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
            // It is written once, and never changes.
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

    /// The newest whole payload under a key.
    fn payload(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.values.get(key)?.iter().rev().find_map(|first| self.assemble(key, first))
    }

    fn assemble(&self, key: &[u8], first: &[u8]) -> Option<Vec<u8>> {
        if let Ok(payload) = frame::open(key, first) {
            return Some(payload.to_vec());
        }
        // Pieces are written together: those of one version stand equally far from the newest.
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
        self.freezes(&recorded, &mut salvaged);
        let kept = self.approvals(&recorded, &mut salvaged);
        let now = recorded.newest.map_or(now, |newest| newest.max(now));
        salvaged.forgotten = self.forgotten(&recorded, &kept, now);
        salvaged
    }

    /// Follows the chain of groups as far as it goes.
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

    /// Calls whose versions are saved. Of the others nothing is left that they could lead to.
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

    /// Every freeze that can be read, as it was last readable.
    fn freezes(&self, recorded: &Recorded, salvaged: &mut Salvaged) {
        if !recorded.complete {
            salvaged.leave("A freeze may be lost. Check `signoff freezes` before agents run.");
        }
        let found = self.values.range(keys::freezes()).filter_map(|(key, _)| keys::freeze_of(key));
        let ids: BTreeSet<_> = found.chain(recorded.standing.freezes.keys().copied()).collect();
        for id in ids {
            if recorded.complete && !recorded.standing.freezes.contains_key(&id) {
                continue; // forgotten
            }
            let payload = self.payload(&keys::freeze(id));
            let freeze = payload.and_then(|payload| records::decode::<Freeze>(&payload).ok());
            match freeze.filter(|freeze| freeze.id == id && freeze.fault().is_none()) {
                Some(freeze) => salvaged.freezes.push(freeze),
                None => salvaged.leave(format!(
                    "Freeze {id}: it is unreadable. The calls that it stopped could run: freeze them again."
                )),
            }
        }
    }

    /// Sorts approvals. Returns the `request_id`s of those that are saved.
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
                        // The older one was forgotten by `retain`, or the key could not have been used again.
                        salvaged.histories.retain(|history| history.id != older);
                        salvaged.without(older, "another approval has its request_id");
                    }
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

    /// `request_id`s that must not be used again, without those of approvals that are saved. That of an approval which
    /// is left out counts as forgotten only now: its tool may have run.
    fn forgotten(&self, recorded: &Recorded, kept: &BTreeMap<Vec<u8>, ApprovalId>, now: Time) -> Vec<Forgotten> {
        let names = self.names.iter().flat_map(|(key, ids)| ids.iter().map(|id| (key.clone(), *id)));
        let asked = self.with_events().into_iter().filter_map(|id| Some((self.request_id(id)?, id)));
        // By key: whether something that was not forgotten stood behind it.
        let mut used: BTreeMap<Vec<u8>, bool> = self.forgotten.keys().map(|key| (key.clone(), false)).collect();
        for (key, id) in names.chain(asked) {
            let lost = !recorded.forgot(id);
            // In a whole store, one without a trace of being forgotten was so for long enough.
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

    /// Approvals of which there is any event.
    fn with_events(&self) -> BTreeSet<ApprovalId> {
        let events = keys::event(ApprovalId::new(uuid::Uuid::nil()), 0)
            ..=keys::event(ApprovalId::new(uuid::Uuid::max()), Revision::MAX);
        self.values.range(events).filter_map(|(key, _)| Some(keys::event_of(key)?.0)).collect()
    }

    /// The key of an approval's `request_id`, as its first event tells it.
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

    /// An approval's events, when they are all that was acknowledged.
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
                // Why: one schema that is lost may leave out many approvals.
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

/// What the records of groups say that there was.
#[derive(Default)]
struct Recorded {
    approvals: HashMap<ApprovalId, Revision>,
    pruned: BTreeSet<ApprovalId>,
    standing: Standing,
    /// The newest time that they tell.
    newest: Option<Time>,
    /// Whether they lead without a gap from where they begin to the watermark.
    complete: bool,
}

impl Recorded {
    /// Whether an approval was forgotten: no record of a group is dropped while it tells of one that is kept.
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
