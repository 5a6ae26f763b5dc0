//! Export and import in sled.

use async_trait::async_trait;

use super::{
    SledStore,
    job::Job,
    keys::{self, Field},
    records, tombstones,
};
use crate::{
    domain::{ApprovalId, Revision},
    store::{Forgotten, History, PolicyVersion, StoreError, Transfer, UnchangedPolicy},
};

#[async_trait]
impl Transfer for SledStore {
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError> {
        self.scan(move |pages| {
            let from = keys::head(after.unwrap_or_else(|| ApprovalId::new(uuid::Uuid::nil())));
            let mut histories = Vec::new();
            for key in pages.keys(from..=Field::All.key(ApprovalId::new(uuid::Uuid::max()))) {
                let key = key?;
                if histories.len() == limit {
                    break;
                }
                if let Some(id) = keys::head_of(&key).filter(|id| Some(*id) != after) {
                    let events = records::events(pages, id, 0, Revision::MAX)?;
                    if !events.is_empty() {
                        histories.push(History { id, events });
                    }
                }
            }
            Ok(histories)
        })
        .await
    }

    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError> {
        self.write(|reply| Job::Import(histories, reply)).await
    }

    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError> {
        self.scan(move |pages| tombstones::export(pages, after.as_ref(), limit)).await
    }

    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError> {
        self.write(|reply| Job::ImportForgotten(forgotten, reply)).await
    }

    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        self.scan(move |pages| records::policies_after(pages, after, limit)).await
    }

    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        self.write(|reply| Job::ImportPolicies(versions, reply)).await
    }

    async fn export_unchanged_policies(
        &self,
        after: Option<UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError> {
        self.scan(move |pages| records::unchanged_policies(pages, after.as_ref(), limit)).await
    }

    async fn import_unchanged_policies(&self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
        self.write(|reply| Job::ImportUnchangedPolicies(calls, reply)).await
    }
}
