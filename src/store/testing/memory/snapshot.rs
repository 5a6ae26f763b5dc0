//! Snapshots in memory: copies.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    domain::{Block, Freeze},
    store::{History, PolicyVersion, Record, Snapshot, SnapshotStore, StoreError},
};

/// Records per portion.
const PORTION: usize = 64;

#[async_trait]
impl SnapshotStore for MemoryStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let state = self.state()?;
        let mut forgotten: Vec<_> = state.forgotten.values().cloned().collect();
        forgotten.sort_unstable();
        let history = |(id, (_, events)): (&_, &(_, Vec<_>))| History { id: *id, events: events.clone() };
        let mut all: Vec<Record> = Vec::new();
        all.extend(state.policies.iter().map(|version| Record::Policy(PolicyVersion::clone(version))));
        all.extend(state.unchanged_policies.values().cloned().map(Record::UnchangedPolicy));
        all.extend(state.tokens.values().cloned().map(Record::Token));
        all.extend(state.freezes.iter().map(|freeze| Record::Freeze(Freeze::clone(freeze))));
        all.extend(state.blocks.iter().map(|block| Record::Block(Block::clone(block))));
        all.extend(forgotten.into_iter().map(Record::Forgotten));
        all.extend(state.approvals.iter().map(history).map(Record::Approval));
        all.extend(state.outbox.lanes().cloned().map(Record::Lane));
        Ok(Box::new(Copied(all)))
    }
}

/// What is still to be read.
struct Copied(Vec<Record>);

#[async_trait]
impl Snapshot for Copied {
    async fn next(&mut self) -> Result<Option<Vec<Record>>, StoreError> {
        let portion: Vec<_> = self.0.drain(..self.0.len().min(PORTION)).collect();
        Ok((!portion.is_empty()).then_some(portion))
    }
}
