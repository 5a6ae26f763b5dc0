//! Forgetting approvals.

use uuid::Uuid;

use super::{Shared, columns};
use crate::{
    domain::{Time, after, before},
    store::{REMEMBERED, StoreError},
};

const OVER: &str = "\
    DELETE FROM request_ids WHERE (issuer, subject, request_id) IN ( \
        SELECT issuer, subject, request_id FROM request_ids WHERE forgotten <= $1 \
        ORDER BY forgotten, issuer, subject, request_id LIMIT $2)";
/// A claim or report since the decision starts its time again.
const OLD: &str = "\
    SELECT id FROM approvals WHERE decided < $1 AND updated < $1 ORDER BY decided, id LIMIT $2";

/// Forgets approvals, as [`ApprovalStore::prune`](crate::store::ApprovalStore::prune) says. Unlike sled's, this also
/// forgets approvals whose records are unreadable: nothing of them is needed for it.
pub(super) async fn prune(shared: &Shared, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError> {
    drop(shared.connection().await?); // an answer from a closed store is an error
    let transaction = shared.connections.exclusive().await?;
    let limit = columns::limit(limit);
    // `before` saturates in the first days of 1970.
    let over = before(now, REMEMBERED);
    if after(over, REMEMBERED) <= now {
        transaction.execute(OVER, &[&columns::micros(over), &limit]).await?;
    }
    let rows = transaction.query(OLD, &[&columns::micros(decided_before), &limit]).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    if !ids.is_empty() {
        let forgotten = "UPDATE request_ids SET approval = NULL, forgotten = $2 WHERE (issuer, subject, request_id) IN \
                         (SELECT issuer, subject, request_id FROM request_ids WHERE approval = ANY($1))";
        transaction.execute(forgotten, &[&ids, &columns::micros(now)]).await?;
        let newest =
            "UPDATE meta SET newest = greatest(newest, (SELECT max(updated) FROM approvals WHERE id = ANY($1)))";
        transaction.execute(newest, &[&ids]).await?;
        let schemas = "SELECT DISTINCT schema FROM approvals WHERE id = ANY($1) AND schema IS NOT NULL";
        let schemas: Vec<Vec<u8>> = transaction.query(schemas, &[&ids]).await?.iter().map(|row| row.get(0)).collect();
        for sql in [
            "DELETE FROM approvals WHERE id = ANY($1)",
            "DELETE FROM events WHERE approval = ANY($1)",
            "DELETE FROM labels WHERE approval = ANY($1)",
            "DELETE FROM rejections WHERE approval = ANY($1)",
            "DELETE FROM changes WHERE approval = ANY($1)",
            "DELETE FROM lanes WHERE approval = ANY($1)",
        ] {
            transaction.execute(sql, &[&ids]).await?;
        }
        let unused = "DELETE FROM schemas WHERE hash = ANY($1) \
                      AND NOT EXISTS (SELECT FROM approvals WHERE approvals.schema = schemas.hash)";
        transaction.execute(unused, &[&schemas]).await?;
    }
    transaction.commit().await?;
    shared.backlog.forget(&ids);
    Ok(ids.len())
}
