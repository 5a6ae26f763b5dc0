//! Blocks of subjects in PostgreSQL. A change reads all of them, runs the domain's rules and writes what these changed,
//! alone: no approval changes beside it.

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::{PostgresStore, Shared, columns, finish};
use crate::{
    domain::{Block, BlockChanges, BlockError, BlockId, Blocks, ImportedBlocks, NewBlock, NewUnblock},
    store::{
        BlockStore, StoreError,
        records::{self, corrupt},
    },
};

const SAVE: &str = "\
    INSERT INTO blocks (id, newest, record) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) \
    ON CONFLICT (id) DO UPDATE SET newest = EXCLUDED.newest, record = EXCLUDED.record";
/// Time does not run back when the newest block is forgotten.
const FORGET: &str = "\
    WITH gone AS (DELETE FROM blocks WHERE id = ANY($1) RETURNING newest) \
    UPDATE meta SET newest = greatest(newest, (SELECT max(newest) FROM gone))";

#[async_trait]
impl BlockStore for PostgresStore {
    async fn block(&self, new: NewBlock) -> Result<Block, StoreError> {
        let block = change(&self.shared, |all| all.block(new)).await?;
        Ok(Block::clone(&block))
    }

    async fn unblock(&self, new: NewUnblock) -> Result<Block, StoreError> {
        let block = change(&self.shared, |all| all.unblock(new)).await?;
        Ok(Block::clone(&block))
    }

    async fn blocks(&self) -> Result<Vec<Block>, StoreError> {
        let connection = self.shared.connection().await?;
        let found = read(&connection).await?;
        Ok(found.iter().map(|block| Block::clone(block)).collect())
    }

    async fn import_blocks(&self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError> {
        change(&self.shared, |all| all.import(blocks)).await
    }
}

/// Reads all blocks. One that is unreadable fails the call: it may block any subject.
pub(super) async fn read(client: &ClientWrapper) -> Result<Blocks, StoreError> {
    let statement = client.prepare_cached("SELECT id, record FROM blocks").await?;
    let rows = client.query(&statement, &[]).await?;
    let block = |row: &tokio_postgres::Row| {
        let id = BlockId::new(row.get(0));
        let block: Block = records::decode(row.get(1))?;
        if block.id == id { Ok(block) } else { Err(corrupt(format!("block {id} says that it is {}", block.id))) }
    };
    rows.iter().map(block).collect()
}

async fn change<T: Send + 'static>(
    shared: &Arc<Shared>,
    run: impl FnOnce(&mut Blocks) -> Result<(T, BlockChanges), BlockError> + Send + 'static,
) -> Result<T, StoreError> {
    let shared = Arc::clone(shared);
    finish(async move {
        let transaction = shared.connections.exclusive().await?;
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
        client.execute(&save, &[&ids, &times, &encoded]).await?;
    }
    if !forgotten.is_empty() {
        let gone: Vec<Uuid> = forgotten.iter().map(|id| id.uuid()).collect();
        let forget = client.prepare_cached(FORGET).await?;
        client.execute(&forget, &[&gone]).await?;
    }
    Ok(())
}
