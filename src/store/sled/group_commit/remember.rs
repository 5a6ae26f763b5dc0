//! Rejections that answer the same call in the same run: an index finds them, by the call and the end of their time.

use super::{
    super::{keys, records},
    Group,
};
use crate::{
    domain::{Approval, Digest, Time, Verdict},
    store::StoreError,
};

impl Group<'_> {
    /// What a remembered rejection makes of a new request; `None` when none answers it.
    pub(super) fn remembered(&self, new: &Approval) -> Result<Option<Verdict>, StoreError> {
        let Some(call) = new.request.call_in_run() else { return Ok(None) };
        let Some(key) = self.rejection(call, new.created_at)? else { return Ok(None) };
        let id = keys::id_of(&key).ok_or_else(|| records::odd_key(&key))?;
        // Where its record cannot be read, the call fails: to ask again could turn a no into a yes.
        let rejected = self.named(id, "the index of remembered rejections")?.approval;
        Ok(rejected.remembered_for(&new.request, &new.verdict, new.created_at))
    }

    /// Finds a rejection, if there is one to remember.
    pub(super) fn remember_rejection(&mut self, approval: &Approval) {
        if let Some(remembered) = approval.remembered() {
            let key = keys::rejection(remembered, approval.id);
            self.batch.insert(&key[..], &[]);
            self.rejections.insert(key);
        }
    }

    /// The entry of the rejection that answers a call longest.
    fn rejection(&self, call: Digest, now: Time) -> Result<Option<Vec<u8>>, StoreError> {
        let here = self.rejections.range(keys::rejections(call, now)).next_back().cloned();
        for key in self.pages.keys(keys::rejections(call, now)).rev() {
            let key = key?.to_vec();
            if keys::id_of(&key).is_none_or(|id| !self.pruned.contains(&id)) {
                return Ok(here.max(Some(key)));
            }
        }
        Ok(here)
    }
}
