//! A store that keeps the policy itself, and hands every other call to another store.

mod policies;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use signoff::{
    domain::{
        Actor, Approval, ApprovalId, Block, ChannelName, Command, DeliveryId, Event, Freeze, ImportedBlocks,
        ImportedFreezes, KeyPurpose, Lane, NewBlock, NewFreeze, NewThaw, NewUnblock, Revision, Session, SessionId,
        Settlement, SigningKey, Time, Token, TokenId,
    },
    store::{
        ApprovalStore, Backlog, BlockStore, Change, ChangeFeed, ChangePage, ControlChanges, ControlPoll, ControlStore,
        ControlVersion, Cursor, Due, FeedError, Forgotten, FreezeStore, Health, History, LaneId, LaneQuery, Leased,
        Lifecycle, OutboxStore, Page, PolicyVersion, Query, Record, SessionStore, SigningKeyStore, Snapshot,
        SnapshotStore, Store, StoreError, Submission, Submitted, Subscription, TokenStore, Transfer, Transitioned,
        UnchangedPolicy,
    },
};
use tokio::sync::{broadcast, watch};

pub(crate) use policies::Policies;

/// Keeps versions of the policy, and everything else in another store.
pub(crate) struct Delegating {
    store: Arc<dyn Store>,
    policies: Arc<Policies>,
    closed: Arc<AtomicBool>,
}

impl Delegating {
    pub(crate) fn new(store: Arc<dyn Store>, policies: Arc<Policies>) -> Self {
        Self { store, policies, closed: Arc::default() }
    }
}

#[async_trait]
impl ApprovalStore for Delegating {
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError> {
        self.store.submit(submission).await
    }

    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError> {
        self.store.find(caller, request_id, now).await
    }

    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError> {
        self.store.transition(id, command, now).await
    }

    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError> {
        self.store.get(id).await
    }

    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
        self.store.events(id, after, up_to).await
    }

    async fn list(&self, query: Query) -> Result<Page, StoreError> {
        self.store.list(query).await
    }

    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError> {
        self.store.due(now, limit).await
    }

    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError> {
        self.store.prune(decided_before, now, limit).await
    }

    fn pending(&self) -> u64 {
        self.store.pending()
    }

    fn subscribe(&self, id: ApprovalId) -> Subscription {
        self.store.subscribe(id)
    }
}

#[async_trait]
impl TokenStore for Delegating {
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError> {
        self.store.save_tokens(tokens).await
    }

    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError> {
        self.store.forget_tokens(ids).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.store.tokens().await
    }
}

#[async_trait]
impl FreezeStore for Delegating {
    async fn freeze(&self, new: NewFreeze) -> Result<Freeze, StoreError> {
        self.store.freeze(new).await
    }

    async fn thaw(&self, new: NewThaw) -> Result<Freeze, StoreError> {
        self.store.thaw(new).await
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        self.store.freezes().await
    }

    async fn import_freezes(&self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError> {
        self.store.import_freezes(freezes).await
    }
}

#[async_trait]
impl SessionStore for Delegating {
    async fn save_sessions(&self, sessions: Vec<Session>) -> Result<usize, StoreError> {
        self.store.save_sessions(sessions).await
    }

    async fn forget_sessions(&self, ids: Vec<SessionId>) -> Result<(), StoreError> {
        self.store.forget_sessions(ids).await
    }

    async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        self.store.sessions().await
    }
}

#[async_trait]
impl SigningKeyStore for Delegating {
    async fn signing_key(&self, purpose: KeyPurpose) -> Result<Option<SigningKey>, StoreError> {
        self.store.signing_key(purpose).await
    }

    async fn keep_signing_key(&self, purpose: KeyPurpose, proposed: SigningKey) -> Result<SigningKey, StoreError> {
        self.store.keep_signing_key(purpose, proposed).await
    }
}

#[async_trait]
impl BlockStore for Delegating {
    async fn block(&self, new: NewBlock) -> Result<Block, StoreError> {
        self.store.block(new).await
    }

    async fn unblock(&self, new: NewUnblock) -> Result<Block, StoreError> {
        self.store.unblock(new).await
    }

    async fn blocks(&self) -> Result<Vec<Block>, StoreError> {
        self.store.blocks().await
    }

    async fn import_blocks(&self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError> {
        self.store.import_blocks(blocks).await
    }
}

#[async_trait]
impl OutboxStore for Delegating {
    async fn lease(
        &self,
        channel: &ChannelName,
        now: Time,
        lease: Duration,
        limit: usize,
    ) -> Result<Leased, StoreError> {
        self.store.lease(channel, now, lease, limit).await
    }

    async fn settle(&self, settlements: Vec<(ChannelName, ApprovalId, Settlement)>) -> Result<(), StoreError> {
        self.store.settle(settlements).await
    }

    async fn lane(&self, channel: &ChannelName, approval: ApprovalId) -> Result<Option<Lane>, StoreError> {
        self.store.lane(channel, approval).await
    }

    async fn lanes(&self, query: LaneQuery) -> Result<Vec<Lane>, StoreError> {
        self.store.lanes(query).await
    }

    async fn revive(&self, id: DeliveryId, now: Time) -> Result<Lane, StoreError> {
        self.store.revive(id, now).await
    }

    fn backlog(&self) -> Vec<Backlog> {
        self.store.backlog()
    }

    fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.store.outbox_changes()
    }

    async fn export_lanes(&self, after: Option<LaneId>, limit: usize) -> Result<Vec<Lane>, StoreError> {
        self.store.export_lanes(after, limit).await
    }

    async fn import_lanes(&self, lanes: Vec<Lane>) -> Result<usize, StoreError> {
        self.store.import_lanes(lanes).await
    }
}

#[async_trait]
impl ChangeFeed for Delegating {
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError> {
        self.store.changes_after(cursor, limit).await
    }

    async fn newest_cursor(&self) -> Result<Cursor, StoreError> {
        self.store.newest_cursor().await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.store.changes()
    }
}

#[async_trait]
impl Transfer for Delegating {
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError> {
        self.store.export(after, limit).await
    }

    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError> {
        self.store.import(histories).await
    }

    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError> {
        self.store.export_forgotten(after, limit).await
    }

    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError> {
        self.store.import_forgotten(forgotten).await
    }

    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        self.newer_policies(after, limit)
    }

    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        self.take_policies(versions)
    }

    async fn export_unchanged_policies(
        &self,
        after: Option<UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError> {
        self.unchanged_beyond(after.as_ref(), limit)
    }

    async fn import_unchanged_policies(&self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
        self.take_unchanged(calls)
    }
}

#[async_trait]
impl SnapshotStore for Delegating {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let others = self.store.snapshot().await?;
        // Read later, so that every policy that the others refer to is here.
        Ok(Box::new(WithPolicies { first: self.policy_records()?, others }))
    }
}

/// A snapshot of the other store, after versions of the policy.
struct WithPolicies {
    first: Vec<Record>,
    others: Box<dyn Snapshot>,
}

#[async_trait]
impl Snapshot for WithPolicies {
    async fn next(&mut self) -> Result<Option<Vec<Record>>, StoreError> {
        if self.first.is_empty() { self.others.next().await } else { Ok(Some(std::mem::take(&mut self.first))) }
    }
}

#[async_trait]
impl ControlStore for Delegating {
    fn as_of(&self, known: ControlVersion) -> Option<Arc<dyn Store>> {
        let (store, policies) = (self.store.as_of(known)?, Arc::clone(&self.policies));
        Some(Arc::new(Self { store, policies, closed: Arc::clone(&self.closed) }))
    }

    async fn control_after(&self, known: ControlVersion) -> Result<ControlChanges, StoreError> {
        self.store.control_after(known).await
    }

    fn control_polls(&self) -> Option<watch::Receiver<ControlPoll>> {
        self.store.control_polls()
    }
}

#[async_trait]
impl Lifecycle for Delegating {
    fn newest_time(&self) -> Option<Time> {
        self.store.newest_time().max(self.newest_policy_time())
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.store.health()
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.store.close().await;
    }
}
