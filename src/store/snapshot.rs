//! Snapshots: everything that moves to another store, as it was at one moment, while the store goes on working.
//!
//! Exports and backups read snapshots, so that their files hold a state that the store really had. A fuzzy copy would
//! not do: it could hold a lane without its approval, or an approval without the policy that judged it, and a restored
//! server would act on that.

use async_trait::async_trait;

use super::{Forgotten, History, PolicyVersion, StoreError, UnchangedPolicy};
use crate::domain::{Block, Freeze, Lane, Token};

/// Takes snapshots.
#[async_trait]
pub trait SnapshotStore: Send + Sync + 'static {
    /// Takes a snapshot. It holds every command that was answered before this call. Of the commands that run during the
    /// call it holds those up to one moment in the order of commits, and none after it. So if it holds a command, it
    /// also holds every command that was answered before that one was sent.
    ///
    /// It holds what [`Transfer`](super::Transfer), [`TokenStore`](super::TokenStore),
    /// [`FreezeStore`](super::FreezeStore), [`BlockStore`](super::BlockStore) and
    /// [`OutboxStore`](super::OutboxStore) can import: no sessions and no signing keys.
    ///
    /// # Errors
    /// A failure.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;
}

/// A state that a store had at one moment.
///
/// The store works normally while this exists, with one exception: [`prune`](super::ApprovalStore::prune) may forget
/// nothing. So read it promptly, and drop it.
#[async_trait]
pub trait Snapshot: Send + 'static {
    /// The next records: at most some MiB. `None` after the last ones. The records are in an order in which another
    /// store can import them: each comes after those that it refers to.
    ///
    /// # Errors
    /// [`StoreError::SnapshotOverrun`] when the store can no longer keep the state, or a failure. One damaged record
    /// fails the snapshot: a copy without it would look whole. After an error the snapshot is of no use.
    async fn next(&mut self) -> Result<Option<Vec<Record>>, StoreError>;
}

/// A record of a snapshot: the unit of export and import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A version of the policy.
    Policy(PolicyVersion),
    /// A SetPolicy call that made no version.
    UnchangedPolicy(UnchangedPolicy),
    /// A token.
    Token(Token),
    /// A freeze.
    Freeze(Freeze),
    /// A block of a subject.
    Block(Block),
    /// The `request_id` of a forgotten approval.
    Forgotten(Forgotten),
    /// An approval.
    Approval(History),
    /// What a channel is still to be told about an approval.
    Lane(Lane),
}
