//! Snapshots: a transaction that sees the database as it was at one moment (`REPEATABLE READ`).
//!
//! PostgreSQL keeps what changes meanwhile, so nothing limits a snapshot but its reader's patience: old row versions are
//! not cleaned up before it ends.

use async_trait::async_trait;

use super::{PostgresStore, blocks, connections::Transaction, freezes, merged_records, outbox, policies, transfer};
use crate::{
    domain::{ApprovalId, Block, Freeze, Token},
    store::{Forgotten, LaneId, Record, Snapshot, SnapshotStore, StoreError, UnchangedPolicy},
};

/// Approvals per portion: each can have some 100 KiB.
const APPROVALS: usize = 16;

/// Versions of the policy per portion: each can have 1 MiB.
const POLICIES: usize = 4;

/// Smaller records per portion.
const OTHERS: usize = 200;

/// The transaction waits for its reader as long as that takes.
const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                     SET LOCAL idle_in_transaction_session_timeout = 0; SELECT 1";

#[async_trait]
impl SnapshotStore for PostgresStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        drop(self.shared.connection().await?); // an answer from a closed store is an error
        let transaction = self.shared.connections.begin().await?;
        transaction.batch_execute(BEGIN).await?;
        Ok(Box::new(View { transaction, next: Next::Policies(0) }))
    }
}

/// A snapshot that is being read.
struct View {
    transaction: Transaction,
    next: Next,
}

/// What comes next, and what came before it.
#[derive(Clone)]
enum Next {
    Policies(u64),
    UnchangedPolicies(Option<UnchangedPolicy>),
    Tokens,
    Freezes,
    Blocks,
    Forgotten(Option<Forgotten>),
    Approvals(Option<ApprovalId>),
    Lanes(Option<LaneId>),
    End,
}

#[async_trait]
impl Snapshot for View {
    async fn next(&mut self) -> Result<Option<Vec<Record>>, StoreError> {
        while !matches!(self.next, Next::End) {
            let (records, next) = self.portion().await?;
            self.next = next;
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }
}

impl View {
    /// The next portion, which may be empty, and what follows it.
    async fn portion(&self) -> Result<(Vec<Record>, Next), StoreError> {
        let client = &*self.transaction;
        Ok(match &self.next {
            Next::Policies(after) => {
                let found = policies::export(client, *after, POLICIES).await?;
                let last = found.last().map(|last| last.head.version);
                let next = last.map_or(Next::UnchangedPolicies(None), Next::Policies);
                (found.into_iter().map(Record::Policy).collect(), next)
            }
            Next::UnchangedPolicies(after) => {
                let found = policies::export_unchanged(client, after.as_ref(), OTHERS).await?;
                let next = found.last().map_or(Next::Tokens, |last| Next::UnchangedPolicies(Some(last.clone())));
                (found.into_iter().map(Record::UnchangedPolicy).collect(), next)
            }
            Next::Tokens => {
                let found = merged_records::all::<Token>(client).await?;
                (found.into_iter().map(Record::Token).collect(), Next::Freezes)
            }
            Next::Freezes => {
                let found = freezes::read(client).await?;
                (found.iter().map(|freeze| Record::Freeze(Freeze::clone(freeze))).collect(), Next::Blocks)
            }
            Next::Blocks => {
                let found = blocks::read(client).await?;
                (found.iter().map(|block| Record::Block(Block::clone(block))).collect(), Next::Forgotten(None))
            }
            Next::Forgotten(after) => {
                let found = transfer::forgotten(client, after.as_ref(), OTHERS).await?;
                let next = found.last().map_or(Next::Approvals(None), |last| Next::Forgotten(Some(last.clone())));
                (found.into_iter().map(Record::Forgotten).collect(), next)
            }
            Next::Approvals(after) => {
                let (found, last) = transfer::histories(client, *after, APPROVALS).await?;
                let next = last.map_or(Next::Lanes(None), |last| Next::Approvals(Some(last)));
                (found.into_iter().map(Record::Approval).collect(), next)
            }
            Next::Lanes(after) => {
                let found = outbox::export(client, after.as_ref(), OTHERS).await?;
                let last = found.last().map(|lane| (lane.approval, lane.channel.clone()));
                let next = last.map_or(Next::End, |last| Next::Lanes(Some(last)));
                (found.into_iter().map(Record::Lane).collect(), next)
            }
            Next::End => (Vec::new(), Next::End),
        })
    }
}
