//! Fills a database: with a few histories by the store's import, and with copies of their rows in statements. The rows
//! have the sizes, ids and times of real ones. The newest tenth is pending. A hundredth is of each caller.

use std::sync::Arc;

use signoff::store::{Lifecycle as _, PostgresConfig, PostgresStore, Transfer as _};

use super::database::Database;
use crate::{Outcome, payload::Prepared};

/// Different callers, each with a pending and a decided approval that are copied.
const CALLERS: usize = 100;

/// One in this many is pending: the newest ones, where a plan that expects them everywhere would read all others.
const PENDING: i64 = 10;

/// The copies: their ids, which are UUIDv7 of the milliseconds before the originals, and how much older they are.
const COPIES: &str = "\
    CREATE TEMPORARY TABLE copies AS \
    WITH originals AS ( \
        SELECT id, status = 0 AS pending, created, row_number() OVER (PARTITION BY status ORDER BY id) - 1 AS number \
        FROM approvals), \
    numbers AS (SELECT n, ($1::bigint - n) * 1000 AS older FROM generate_series(1, $1::bigint) AS n) \
    SELECT o.id AS original, older, \
        (lpad(to_hex((o.created - older) / 1000), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' \
            || substr(md5(n::text), 4, 15))::uuid AS id \
    FROM numbers JOIN originals o ON o.pending = (n > $1 - $1 / $2) AND o.number = n % $3";

/// Every table that a group writes.
const ROWS: [&str; 5] = [
    "INSERT INTO approvals (id, revision, status, issuer, subject, caller, tool, agent, created, updated, due, decided, \
        schema, arguments_revision, head) \
     SELECT c.id, revision, status, issuer, subject, caller, tool, agent, created - older, updated - older, due - older, \
        decided - older, schema, arguments_revision, head \
     FROM copies c JOIN approvals a ON a.id = c.original ORDER BY c.id",
    "INSERT INTO events (approval, revision, payload) \
     SELECT c.id, revision, payload FROM copies c JOIN events e ON e.approval = c.original ORDER BY c.id, revision",
    "INSERT INTO labels (label, approval) \
     SELECT label, c.id FROM copies c JOIN labels l ON l.approval = c.original ORDER BY label, c.id",
    "INSERT INTO request_ids (issuer, subject, request_id, approval) \
     SELECT issuer, subject, c.id, c.id FROM copies c JOIN request_ids r ON r.approval = c.original ORDER BY c.id",
    "INSERT INTO changes (origin, approval, revision) \
     SELECT origin, c.id, revision FROM copies c JOIN changes h ON h.approval = c.original ORDER BY c.id, revision",
];

/// Creates the tables, and stores `count` approvals, at least two for each caller.
pub(super) async fn fill(database: &Database, count: usize) -> Outcome<()> {
    let config = PostgresConfig::new(&database.url.parse()?, None).await?;
    let store = PostgresStore::open(&config, Arc::new(())).await?;
    let prepared = Prepared::new()?;
    let history = |n: usize| prepared.history(n / 2, n.is_multiple_of(2));
    let originals = (0..2 * CALLERS).map(history).collect::<Outcome<Vec<_>>>()?;
    let copies = count.saturating_sub(originals.len());
    store.import(originals).await?;
    store.close().await;
    let control = &database.control;
    let callers = i64::try_from(CALLERS)?;
    control.execute(COPIES, &[&i64::try_from(copies)?, &PENDING, &callers]).await?;
    control.batch_execute("ANALYZE copies").await?;
    for rows in ROWS {
        control.execute(rows, &[]).await?;
    }
    control.batch_execute("DROP TABLE copies").await?;
    control.batch_execute("VACUUM (ANALYZE)").await?;
    Ok(control.batch_execute("CHECKPOINT").await?)
}
