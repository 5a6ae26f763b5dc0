//! Forgetting in a group: approvals, tombstones, and old records of groups.

use super::{
    super::{
        commit_log::{self, Dropping},
        frame, keys,
        records::{self, Named, Stored},
        tombstones,
    },
    Group, fields,
};
use crate::{
    domain::{Approval, Time},
    store::StoreError,
};

/// Maximum records of groups to drop for each approval that may be forgotten.
const GROUPS_PER_APPROVAL: usize = 16;

impl Group<'_> {
    pub(in super::super) fn prune(
        &mut self,
        decided_before: Time,
        now: Time,
        limit: usize,
    ) -> Result<usize, StoreError> {
        for (at, key) in tombstones::over(self.pages, now, limit)? {
            if self.request_ids.contains_key(&key) {
                continue; // this group reused it: leave it for the next call
            }
            if records::request_id(self.pages, &key)? == Some(Named::Forgotten(at)) {
                self.batch.remove(&key[..]);
            }
            self.batch.remove(keys::forgotten(at, &key));
            self.forgotten = true;
        }
        let mut gone = 0;
        for key in self.pages.keys(keys::decided_before(decided_before)) {
            if gone == limit {
                break;
            }
            let key = key?;
            let id = keys::id_of(&key).ok_or_else(|| records::odd_key(&key))?;
            if self.approvals.contains_key(&id) || self.pruned.contains(&id) {
                continue; // this group changed it: leave it for the next call
            }
            let stored = records::load(self.pages, id)
                .and_then(|stored| stored.ok_or_else(|| records::dangling(id, "the index of decisions")));
            let approval = match stored {
                Ok(Stored { approval, .. }) => approval,
                // Keep it, and forget the others.
                Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => {
                    tracing::warn!(%id, %error, "cannot forget an approval whose record is unreadable");
                    continue;
                }
                Err(error) => return Err(error),
            };
            if approval.updated_at >= decided_before {
                continue; // claimed or reported since: its time starts again
            }
            self.forget(&approval, now)?;
            gone += 1;
        }
        // An approval and its lanes change in a few groups, so this limit is usually enough; the next call continues.
        if !std::mem::replace(&mut self.dropped, true) {
            self.dropped = self.drop_groups(decided_before, GROUPS_PER_APPROVAL * limit)?;
        }
        Ok(gone)
    }

    /// Drops old records of groups. Damage stops only this, not the forgetting of approvals.
    fn drop_groups(&mut self, before: Time, limit: usize) -> Result<bool, StoreError> {
        let what = Dropping { before, limit, kept: commit_log::KEPT };
        let kept = |id| Ok(!self.pruned.contains(&id) && self.pages.contains(keys::head(id))?);
        match commit_log::drop_old(self.pages, what, kept, &mut self.batch) {
            Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => {
                tracing::warn!(%error, "cannot drop old records of commit groups");
                Ok(false)
            }
            outcome => outcome,
        }
    }

    fn forget(&mut self, approval: &Approval, now: Time) -> Result<(), StoreError> {
        let id = approval.id;
        let caller = approval.request.caller.to_string();
        let head = keys::head(id);
        let mut records = Vec::new();
        for range in [head.clone()..=frame::piece_key(&head, u8::MAX), keys::events(id)] {
            records.extend(self.pages.keys(range).collect::<Result<Vec<_>, _>>()?);
        }
        self.lanes.forget(id)?;
        records.into_iter().for_each(|key| self.batch.remove(key));
        for field in fields(approval, &caller) {
            self.batch.remove(field.key(id));
        }
        self.remember(keys::request_id(&approval.request.caller, &approval.request.request_id), now);
        if let Some(decision) = &approval.decision {
            self.batch.remove(keys::decided(decision.at, id));
        }
        if let Some(remembered) = approval.remembered() {
            self.batch.remove(keys::rejection(remembered, id));
        }
        self.schemas.leave(approval);
        self.pruned.insert(id);
        Ok(())
    }
}
