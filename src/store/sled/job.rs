//! Jobs of the writer.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{cut::Begun, prepared_submission::PreparedSubmission};
use crate::{
    domain::{
        ApprovalId, Block, ChannelName, Command, DeliveryId, Freeze, ImportedBlocks, ImportedFreezes, KeyPurpose, Lane,
        NewBlock, NewFreeze, NewThaw, NewUnblock, Session, SessionId, Settlement, SigningKey, Time, Token, TokenId,
    },
    store::{Forgotten, History, NewPolicy, PolicyVersion, StoreError, Submitted, Transitioned, UnchangedPolicy},
};

/// A command for the writer, with the channel for its answer.
pub(super) enum Job {
    Submit(PreparedSubmission, Reply<Submitted>),
    Transition(ApprovalId, Command, Time, Reply<Transitioned>),
    Import(Vec<History>, Reply<usize>),
    Prune {
        decided_before: Time,
        now: Time,
        limit: usize,
        reply: Reply<usize>,
    },
    ImportForgotten(Vec<Forgotten>, Reply<usize>),
    PutPolicy(NewPolicy, Reply<Arc<PolicyVersion>>),
    ImportPolicies(Vec<PolicyVersion>, Reply<usize>),
    SaveTokens(Vec<Token>, Reply<usize>),
    ForgetTokens(Vec<TokenId>, Reply<()>),
    SaveSessions(Vec<Session>, Reply<usize>),
    ForgetSessions(Vec<SessionId>, Reply<()>),
    Block(NewBlock, Reply<Block>),
    Unblock(NewUnblock, Reply<Block>),
    ImportBlocks(Vec<Block>, Reply<ImportedBlocks>),
    KeepSigningKey(KeyPurpose, SigningKey, Reply<SigningKey>),
    Freeze(NewFreeze, Reply<Freeze>),
    Thaw(NewThaw, Reply<Freeze>),
    ImportUnchangedPolicies(Vec<UnchangedPolicy>, Reply<usize>),
    ImportFreezes(Vec<Freeze>, Reply<ImportedFreezes>),
    Settle(Vec<(ChannelName, ApprovalId, Settlement)>, Reply<()>),
    Revive(DeliveryId, Time, Reply<Lane>),
    ImportLanes(Vec<Lane>, Reply<usize>),
    /// Begins a snapshot after the group of this job.
    Snapshot {
        /// Maximum bytes of changed records.
        limit: usize,
        reply: Reply<Begun>,
    },
    /// The last job.
    Close,
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;
