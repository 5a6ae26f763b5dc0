//! Approvals in sled: point reads on the caller's thread, scans on blocking threads, commands through the writer.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;

use super::{
    SledStore,
    job::Job,
    keys, list,
    prepared_submission::PreparedSubmission,
    records::{self, Named},
    tombstones,
};
use crate::{
    domain::{Actor, Approval, ApprovalId, Command, Event, Revision, Time},
    store::{ApprovalStore, Due, Page, Query, StoreError, Submission, Submitted, Subscription, Transitioned},
};

#[async_trait]
impl ApprovalStore for SledStore {
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError> {
        let opening = PreparedSubmission::new(submission)?;
        self.write(|reply| Job::Submit(opening, reply)).await
    }

    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError> {
        self.write(|reply| Job::Transition(id, command, now, reply)).await
    }

    // Point reads stay on the caller's thread: from memory they take a few microseconds, less than switching threads.
    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError> {
        let key = keys::request_id(caller, request_id);
        match records::request_id(&self.pages, &key)? {
            None => Ok(None),
            Some(named @ Named::Approval(id)) => {
                if !self.pages.contains(keys::head(id))? && records::request_id(&self.pages, &key)? == Some(named) {
                    return Err(records::dangling(id, "a request_id")); // otherwise it was forgotten meanwhile
                }
                self.shared.durability.settle(id).await?;
                Ok(Some(id))
            }
            Some(Named::Forgotten(at)) => {
                self.shared.durability.settle_all().await?;
                tombstones::of_key(at, &key)?.check(now)?;
                Ok(None)
            }
        }
    }

    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError> {
        let found = records::load(&self.pages, id)?;
        self.shared.durability.settle(id).await?;
        found.map(|stored| Arc::new(stored.approval)).ok_or(StoreError::NotFound)
    }

    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
        let found = records::events(&self.pages, id, after, up_to)?;
        self.shared.durability.settle(id).await?;
        Ok(found)
    }

    async fn list(&self, query: Query) -> Result<Page, StoreError> {
        self.scan(move |pages| list::list(pages, &query)).await
    }

    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError> {
        self.scan(move |pages| {
            let mut due = Due::default();
            for key in pages.keys(keys::deadlines_until(now)).take(limit) {
                let key = key?;
                due.ids.push(keys::id_of(&key).ok_or_else(|| records::odd_key(&key))?);
            }
            if let Some(key) = pages.keys(keys::deadlines_after(now)).next() {
                due.next = keys::time_of(&key?);
            }
            Ok(due)
        })
        .await
    }

    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError> {
        self.write(|reply| Job::Prune { decided_before, now, limit, reply }).await
    }

    fn pending(&self) -> u64 {
        self.shared.pending.load(Ordering::Relaxed)
    }

    fn subscribe(&self, id: ApprovalId) -> Subscription {
        self.shared.commits.subscribe(id)
    }
}
