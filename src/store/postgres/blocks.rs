//! Blocks of subjects in PostgreSQL. A change reads all of them, runs the domain's rules and writes what these changed,
//! alone: no approval changes beside it.

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PostgresStore, columns,
    control::{self, Effect},
    finish,
};
use crate::{
    domain::{Block, BlockChanges, BlockError, BlockId, Blocks, ImportedBlocks, NewBlock, NewUnblock},
    store::{
        BlockStore, StoreError,
        records::{self, corrupt},
    },
};

const SAVE: &str = "\
    INSERT INTO blocks (id, newest, record, control) \
    SELECT id, newest, record, $4 FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS new (id, newest, record) \
    ON CONFLICT (id) DO UPDATE SET newest = EXCLUDED.newest, record = EXCLUDED.record, control = EXCLUDED.control";
/// Time does not run back when the newest block is forgotten.
const FORGET: &str = "\
    WITH gone AS (DELETE FROM blocks WHERE id = ANY($1) RETURNING newest) \
    UPDATE meta SET newest = greatest(newest, (SELECT max(newest) FROM gone))";

#[async_trait]
impl BlockStore for PostgresStore {
    async fn block(&self, new: NewBlock) -> Result<Block, StoreError> {
        let block = change(self, |all| all.block(new)).await?;
        Ok(Block::clone(&block))
    }

    async fn unblock(&self, new: NewUnblock) -> Result<Block, StoreError> {
        let block = change(self, |all| all.unblock(new)).await?;
        Ok(Block::clone(&block))
    }

    async fn blocks(&self) -> Result<Vec<Block>, StoreError> {
        let connection = self.shared.connection().await?;
        let found = read(&connection).await?;
        Ok(found.iter().map(|block| Block::clone(block)).collect())
    }

    async fn import_blocks(&self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError> {
        change(self, |all| all.import(blocks)).await
    }
}

/// Reads all blocks. One that is unreadable fails the call: it may block any subject.
pub(super) async fn read(client: &ClientWrapper) -> Result<Blocks, StoreError> {
    let statement = client.prepare_cached("SELECT id, record FROM blocks").await?;
    client.query(&statement, &[]).await?.iter().map(decode).collect()
}

/// Reads the blocks that changed after a version of the control data.
pub(super) async fn changed_after(client: &ClientWrapper, version: i64) -> Result<Vec<Block>, StoreError> {
    let statement = client.prepare_cached("SELECT id, record FROM blocks WHERE control > $1").await?;
    client.query(&statement, &[&version]).await?.iter().map(decode).collect()
}

fn decode(row: &Row) -> Result<Block, StoreError> {
    let id = BlockId::new(row.get(0));
    let block: Block = records::decode(row.get(1))?;
    if block.id == id { Ok(block) } else { Err(corrupt(format!("block {id} says that it is {}", block.id))) }
}

async fn change<T: Send + 'static>(
    store: &PostgresStore,
    run: impl FnOnce(&mut Blocks) -> Result<(T, BlockChanges), BlockError> + Send + 'static,
) -> Result<T, StoreError> {
    let (shared, known) = (Arc::clone(&store.shared), store.known);
    finish(async move {
        let transaction = shared.exclusive(known).await?;
        let changed = async {
            let mut all = read(&transaction).await?;
            let (answer, changes) = run(&mut all)?;
            write(&transaction, &changes).await?;
            Ok(answer)
        };
        let changed = changed.await;
        transaction.end(changed).await
    })
    .await
}

async fn write(client: &ClientWrapper, changes: &BlockChanges) -> Result<(), StoreError> {
    let BlockChanges { changed, forgotten } = changes;
    let newest = |block: &Block| block.unblocked.as_ref().map_or(block.at, |ended| ended.at.max(block.at));
    if !changed.is_empty() {
        let ids: Vec<Uuid> = changed.iter().map(|block| block.id.uuid()).collect();
        let times: Vec<i64> = changed.iter().map(|block| columns::micros(newest(block))).collect();
        let encoded = changed.iter().map(|block| records::to_bytes(&**block)).collect::<Result<Vec<_>, _>>()?;
        let save = client.prepare_cached(SAVE).await?;
        let restricts = changed.iter().any(|block| block.unblocked.is_none());
        let version = control::raise(client, if restricts { Effect::Restricts } else { Effect::Adds }).await?;
        client.execute(&save, &[&ids, &times, &encoded, &version]).await?;
    }
    if !forgotten.is_empty() {
        let gone: Vec<Uuid> = forgotten.iter().map(|id| id.uuid()).collect();
        let forget = client.prepare_cached(FORGET).await?;
        client.execute(&forget, &[&gone]).await?;
    }
    Ok(())
}
