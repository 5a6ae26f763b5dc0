//! Remembered rejections, which also apply to the same call in the same run. An index finds them by the call and the
//! time until which they are remembered.

use super::{
    super::{keys, records},
    Group,
};
use crate::{
    domain::{Approval, Digest, Time, Verdict},
    store::StoreError,
};

impl Group<'_> {
    /// The verdict of a remembered rejection on a new request; `None` if there is none.
    pub(super) fn remembered(&self, new: &Approval) -> Result<Option<Verdict>, StoreError> {
        let Some(call) = new.request.call_in_run() else { return Ok(None) };
        let Some(key) = self.rejection(call, new.created_at)? else { return Ok(None) };
        let id = keys::id_of(&key).ok_or_else(|| records::odd_key(&key))?;
        // If the rejection is unreadable, the request fails: asking again could turn a rejection into an approval.
        let rejected = self.named(id, "the index of remembered rejections")?.approval;
        Ok(rejected.remembered_for(&new.request, &new.verdict, new.created_at))
    }

    /// Adds the approval's rejection to the index, if it is to be remembered.
    pub(super) fn remember_rejection(&mut self, approval: &Approval) {
        if let Some(remembered) = approval.remembered() {
            let key = keys::rejection(remembered, approval.id);
            self.batch.insert(&key[..], &[]);
            self.rejections.insert(key);
        }
    }

    /// The entry of the rejection of a call that is remembered longest.
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
