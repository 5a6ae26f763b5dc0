//! A store whose timing the tests control.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::{Semaphore, broadcast, watch};

use crate::{
    domain::{
        Actor, Approval, ApprovalId, Block, ChannelName, Command, DeliveryId, Event, Freeze, ImportedBlocks,
        ImportedFreezes, KeyPurpose, Lane, NewBlock, NewFreeze, NewThaw, NewUnblock, Revision, Session, SessionId,
        Settlement, SigningKey, Time, Token, TokenId,
    },
    store::{
        ApprovalStore, Backlog, BlockStore, Change, ChangeFeed, ChangePage, ControlStore, Cursor, Due, FeedError,
        Forgotten, FreezeStore, Health, History, LaneId, LaneQuery, Leased, Lifecycle, MemoryStore, NewPolicy,
        OutboxStore, Page, PolicyHead, PolicyStore, PolicyVersion, Query, SessionStore, SigningKeyStore, Snapshot,
        SnapshotStore, StoreError, Submission, Submitted, Subscription, TokenStore, Transfer, Transitioned,
        UnchangedPolicy,
    },
};

type Ambush = Box<dyn FnOnce() + Send>;

/// The in-memory store, with commits that a test can hold back before they are acknowledged.
pub(crate) struct Staged {
    pub(crate) inner: MemoryStore,
    /// Approvals that lists have read.
    pub(crate) read: std::sync::atomic::AtomicUsize,
    /// Every submit and transition takes a permit after it is recorded.
    acknowledge: Semaphore,
    /// Commits that wait for a permit, or had one.
    pub(crate) recorded: watch::Sender<usize>,
    /// Runs at the next `subscribe`, just before it.
    ambush: std::sync::Mutex<Option<Ambush>>,
    /// Approvals whose records are damaged.
    damaged: std::sync::Mutex<std::collections::BTreeSet<ApprovalId>>,
    /// Whether the index of deadlines is damaged.
    pub(crate) deadlines_damaged: std::sync::atomic::AtomicBool,
    /// Policies that were read.
    pub(crate) policies_read: std::sync::atomic::AtomicUsize,
    /// Whether policies cannot be read.
    pub(crate) policies_fail: std::sync::atomic::AtomicBool,
}

impl Default for Staged {
    fn default() -> Self {
        Self {
            inner: MemoryStore::default(),
            read: std::sync::atomic::AtomicUsize::new(0),
            acknowledge: Semaphore::new(Semaphore::MAX_PERMITS),
            recorded: watch::Sender::new(0),
            ambush: std::sync::Mutex::default(),
            damaged: std::sync::Mutex::default(),
            deadlines_damaged: std::sync::atomic::AtomicBool::new(false),
            policies_read: std::sync::atomic::AtomicUsize::new(0),
            policies_fail: std::sync::atomic::AtomicBool::new(false),
        }
    }
}

impl Staged {
    /// A store that adds deliveries.
    pub(crate) fn with_routes(routes: crate::domain::Routes) -> Self {
        Self { inner: MemoryStore::with_routes(Arc::new(routes)), ..Self::default() }
    }

    /// From now on commits are recorded, but not acknowledged.
    pub(crate) fn hold(&self) {
        self.acknowledge.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Acknowledges all that was held, and all to come.
    pub(crate) fn release(&self) {
        self.acknowledge.add_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn before_subscribing(&self, ambush: impl FnOnce() + Send + 'static) {
        *self.ambush.lock().unwrap() = Some(Box::new(ambush));
    }

    /// From now on an approval cannot be read.
    pub(crate) fn damage(&self, id: ApprovalId) {
        self.damaged.lock().unwrap().insert(id);
    }

    fn is_damaged(&self, id: ApprovalId) -> bool {
        self.damaged.lock().unwrap().contains(&id)
    }

    async fn acknowledged<T>(&self, outcome: T) -> T {
        self.recorded.send_modify(|recorded| *recorded += 1);
        drop(self.acknowledge.acquire().await);
        outcome
    }
}

#[async_trait]
impl ApprovalStore for Staged {
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError> {
        let outcome = self.inner.submit(submission).await;
        self.acknowledged(outcome).await
    }

    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError> {
        self.inner.find(caller, request_id, now).await
    }

    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError> {
        let outcome = self.inner.transition(id, command, now).await;
        self.acknowledged(outcome).await
    }

    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError> {
        if self.is_damaged(id) {
            return Err(StoreError::Corrupt("damaged".into()));
        }
        self.inner.get(id).await
    }

    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
        self.inner.events(id, after, up_to).await
    }

    async fn list(&self, query: Query) -> Result<Page, StoreError> {
        let mut page = self.inner.list(query).await?;
        let damaged = page.approvals.extract_if(.., |approval| self.is_damaged(approval.id));
        page.unreadable = damaged.map(|approval| approval.id).collect();
        self.read.fetch_add(page.approvals.len(), std::sync::atomic::Ordering::Relaxed);
        Ok(page)
    }

    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError> {
        if self.deadlines_damaged.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(StoreError::Corrupt("damaged".into()));
        }
        self.inner.due(now, limit).await
    }

    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError> {
        let outcome = self.inner.prune(decided_before, now, limit).await;
        self.acknowledged(outcome).await
    }

    fn pending(&self) -> u64 {
        self.inner.pending()
    }

    fn subscribe(&self, id: ApprovalId) -> Subscription {
        let ambush = self.ambush.lock().unwrap().take();
        if let Some(ambush) = ambush {
            ambush();
        }
        self.inner.subscribe(id)
    }
}

#[async_trait]
impl PolicyStore for Staged {
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        let outcome = self.inner.put_policy(new).await;
        self.acknowledged(outcome).await
    }

    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        use std::sync::atomic::Ordering;
        self.policies_read.fetch_add(1, Ordering::Relaxed);
        if self.policies_fail.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the test says so".into()));
        }
        self.inner.policy(version).await
    }

    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
        self.inner.policies(before, limit).await
    }
}

#[async_trait]
impl TokenStore for Staged {
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError> {
        let outcome = self.inner.save_tokens(tokens).await;
        self.acknowledged(outcome).await
    }

    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError> {
        let outcome = self.inner.forget_tokens(ids).await;
        self.acknowledged(outcome).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.inner.tokens().await
    }
}

#[async_trait]
impl Transfer for Staged {
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError> {
        self.inner.export(after, limit).await
    }

    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError> {
        self.inner.import(histories).await
    }

    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError> {
        self.inner.export_forgotten(after, limit).await
    }

    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError> {
        let outcome = self.inner.import_forgotten(forgotten).await;
        self.acknowledged(outcome).await
    }

    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        self.inner.export_policies(after, limit).await
    }

    async fn export_unchanged_policies(
        &self,
        after: Option<UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError> {
        self.inner.export_unchanged_policies(after, limit).await
    }

    async fn import_unchanged_policies(&self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
        let outcome = self.inner.import_unchanged_policies(calls).await;
        self.acknowledged(outcome).await
    }

    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        self.inner.import_policies(versions).await
    }
}

#[async_trait]
impl FreezeStore for Staged {
    async fn freeze(&self, new: NewFreeze) -> Result<Freeze, StoreError> {
        self.inner.freeze(new).await
    }

    async fn thaw(&self, new: NewThaw) -> Result<Freeze, StoreError> {
        self.inner.thaw(new).await
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        self.inner.freezes().await
    }

    async fn import_freezes(&self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError> {
        self.inner.import_freezes(freezes).await
    }
}

#[async_trait]
impl SessionStore for Staged {
    async fn save_sessions(&self, sessions: Vec<Session>) -> Result<usize, StoreError> {
        self.inner.save_sessions(sessions).await
    }

    async fn forget_sessions(&self, ids: Vec<SessionId>) -> Result<(), StoreError> {
        self.inner.forget_sessions(ids).await
    }

    async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        self.inner.sessions().await
    }
}

#[async_trait]
impl SigningKeyStore for Staged {
    async fn signing_key(&self, purpose: KeyPurpose) -> Result<Option<SigningKey>, StoreError> {
        self.inner.signing_key(purpose).await
    }

    async fn keep_signing_key(&self, purpose: KeyPurpose, proposed: SigningKey) -> Result<SigningKey, StoreError> {
        self.inner.keep_signing_key(purpose, proposed).await
    }
}

#[async_trait]
impl BlockStore for Staged {
    async fn block(&self, new: NewBlock) -> Result<Block, StoreError> {
        self.inner.block(new).await
    }

    async fn unblock(&self, new: NewUnblock) -> Result<Block, StoreError> {
        self.inner.unblock(new).await
    }

    async fn blocks(&self) -> Result<Vec<Block>, StoreError> {
        self.inner.blocks().await
    }

    async fn import_blocks(&self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError> {
        self.inner.import_blocks(blocks).await
    }
}

#[async_trait]
impl OutboxStore for Staged {
    async fn lease(
        &self,
        channel: &ChannelName,
        now: Time,
        lease: Duration,
        limit: usize,
    ) -> Result<Leased, StoreError> {
        self.inner.lease(channel, now, lease, limit).await
    }

    async fn settle(&self, settlements: Vec<(ChannelName, ApprovalId, Settlement)>) -> Result<(), StoreError> {
        self.inner.settle(settlements).await
    }

    async fn lane(&self, channel: &ChannelName, approval: ApprovalId) -> Result<Option<Lane>, StoreError> {
        self.inner.lane(channel, approval).await
    }

    async fn lanes(&self, query: LaneQuery) -> Result<Vec<Lane>, StoreError> {
        self.inner.lanes(query).await
    }

    async fn revive(&self, id: DeliveryId, now: Time) -> Result<Lane, StoreError> {
        self.inner.revive(id, now).await
    }

    fn backlog(&self) -> Vec<Backlog> {
        self.inner.backlog()
    }

    fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.inner.outbox_changes()
    }

    async fn export_lanes(&self, after: Option<LaneId>, limit: usize) -> Result<Vec<Lane>, StoreError> {
        self.inner.export_lanes(after, limit).await
    }

    async fn import_lanes(&self, lanes: Vec<Lane>) -> Result<usize, StoreError> {
        self.inner.import_lanes(lanes).await
    }
}

#[async_trait]
impl ChangeFeed for Staged {
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError> {
        self.inner.changes_after(cursor, limit).await
    }

    async fn newest_cursor(&self) -> Result<Cursor, StoreError> {
        self.inner.newest_cursor().await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes()
    }
}

#[async_trait]
impl SnapshotStore for Staged {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }
}

/// Only one server uses it.
impl ControlStore for Staged {}

#[async_trait]
impl Lifecycle for Staged {
    fn newest_time(&self) -> Option<Time> {
        self.inner.newest_time()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.inner.health()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
