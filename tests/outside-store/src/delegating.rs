//! A store that hands every call to another one.

use std::sync::Arc;

use async_trait::async_trait;
use signoff::{
    domain::{Actor, Approval, ApprovalId, Command, Event, Revision, Time, Token, TokenId},
    store::{
        ApprovalStore, Change, ChangeFeed, ChangePage, Cursor, Due, FeedError, Forgotten, Health, History, Lifecycle,
        NewPolicy, Page, PolicyHead, PolicyStore, PolicyVersion, Query, Store, StoreError, Submission, Submitted,
        Subscription, TokenStore, Transfer, Transitioned,
    },
};
use tokio::sync::{broadcast, watch};

/// Hands every call to another store.
pub(crate) struct Delegating(Arc<dyn Store>);

impl Delegating {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl ApprovalStore for Delegating {
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError> {
        self.0.submit(submission).await
    }

    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError> {
        self.0.find(caller, request_id, now).await
    }

    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError> {
        self.0.transition(id, command, now).await
    }

    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError> {
        self.0.get(id).await
    }

    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
        self.0.events(id, after, up_to).await
    }

    async fn list(&self, query: Query) -> Result<Page, StoreError> {
        self.0.list(query).await
    }

    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError> {
        self.0.due(now, limit).await
    }

    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError> {
        self.0.prune(decided_before, now, limit).await
    }

    fn pending(&self) -> u64 {
        self.0.pending()
    }

    fn subscribe(&self, id: ApprovalId) -> Subscription {
        self.0.subscribe(id)
    }
}

#[async_trait]
impl PolicyStore for Delegating {
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        self.0.put_policy(new).await
    }

    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        self.0.policy(version).await
    }

    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
        self.0.policies(before, limit).await
    }
}

#[async_trait]
impl TokenStore for Delegating {
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError> {
        self.0.save_tokens(tokens).await
    }

    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError> {
        self.0.forget_tokens(ids).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.0.tokens().await
    }
}

#[async_trait]
impl ChangeFeed for Delegating {
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError> {
        self.0.changes_after(cursor, limit).await
    }

    async fn newest_cursor(&self) -> Result<Cursor, StoreError> {
        self.0.newest_cursor().await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes()
    }
}

#[async_trait]
impl Transfer for Delegating {
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError> {
        self.0.export(after, limit).await
    }

    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError> {
        self.0.import(histories).await
    }

    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError> {
        self.0.export_forgotten(after, limit).await
    }

    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError> {
        self.0.import_forgotten(forgotten).await
    }

    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        self.0.export_policies(after, limit).await
    }

    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        self.0.import_policies(versions).await
    }
}

#[async_trait]
impl Lifecycle for Delegating {
    fn newest_time(&self) -> Option<Time> {
        self.0.newest_time()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.0.health()
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
