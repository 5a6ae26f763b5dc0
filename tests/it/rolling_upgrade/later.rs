//! What a later version does to the store, by hand.

use serde_json::json;
use signoff::proto::v1::Approval;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::databases::{Database, cluster};

/// A server of a later version.
pub(super) struct Later(tokio_postgres::Client);

impl Later {
    pub(super) async fn connect(database: &Database) -> Self {
        let (client, connection) =
            cluster::connection().dbname(&database.name).connect(NoTls).await.expect("the database exists");
        tokio::spawn(connection);
        client.batch_execute("SET search_path = signoff").await.expect("a setting");
        Self(client)
    }

    /// The applied migrations.
    pub(super) async fn migrations(&self) -> Vec<i32> {
        let rows = self.0.query("SELECT version FROM migrations ORDER BY version", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Applies a migration that adds a table and a column. `needs`: the newest migration that a server must know.
    pub(super) async fn migrate(&self, version: i32, needs: i32) {
        let sql = format!(
            "BEGIN; ALTER TABLE approvals ADD COLUMN sealed boolean; ALTER TABLE meta ADD COLUMN seals bigint; \
             CREATE TABLE seals (approval uuid PRIMARY KEY); \
             INSERT INTO migrations (version, needs) VALUES ({version}, {needs}); COMMIT"
        );
        self.0.batch_execute(&sql).await.expect("a migration beside a running server");
    }

    /// Writes a new head, an event of an unknown kind, and perhaps an unknown status.
    pub(super) async fn write(&self, approval: &Approval, change: fn(Vec<u8>) -> Vec<u8>, status: Option<i16>) {
        let id: Uuid = approval.id.parse().expect("an id");
        self.0.batch_execute("BEGIN").await.unwrap();
        let row = self.0.query_one("SELECT head, revision FROM approvals WHERE id = $1 FOR UPDATE", &[&id]).await;
        let row = row.expect("the approval is there");
        let (head, revision) = (change(row.get(0)), row.get::<_, i64>(1) + 1);
        let event = json!({"revision": revision, "kind": {"sealed": {"by": "ann"}}});
        let payload = [&[0; 32][..], &rmp_serde::to_vec_named(&event).unwrap()].concat();
        let update = "UPDATE approvals SET head = $2, revision = $3, status = coalesce($4, status), sealed = true \
                      WHERE id = $1";
        // The column may be missing: not every test migrates.
        let update = if self.is_migrated().await { update.to_owned() } else { update.replace(", sealed = true", "") };
        self.0.execute(&update, &[&id, &head, &revision, &status]).await.unwrap();
        let event = "INSERT INTO events (approval, revision, payload) VALUES ($1, $2, $3)";
        self.0.execute(event, &[&id, &revision, &payload]).await.unwrap();
        let change = "INSERT INTO changes (origin, approval, revision) VALUES (gen_random_uuid(), $1, $2)";
        self.0.execute(change, &[&id, &revision]).await.unwrap();
        self.0.batch_execute("COMMIT").await.unwrap();
    }

    async fn is_migrated(&self) -> bool {
        self.0.query_one("SELECT max(version) > 1 FROM migrations", &[]).await.unwrap().get(0)
    }

    /// What is on record of an approval.
    pub(super) async fn record(&self, approval: &Approval) -> (Vec<u8>, i64, i64) {
        let id: Uuid = approval.id.parse().expect("an id");
        let sql =
            "SELECT head, revision, (SELECT count(*) FROM events WHERE approval = id) FROM approvals WHERE id = $1";
        let row = self.0.query_one(sql, &[&id]).await.expect("the approval is there");
        (row.get(0), row.get(1), row.get(2))
    }
}

/// A head with a field that this version does not know.
pub(super) fn with_field(mut head: Vec<u8>) -> Vec<u8> {
    assert!((0x80..0x8f).contains(&head[0]), "a small map with room for one more");
    head[0] += 1;
    head.extend(&rmp_serde::to_vec_named(&json!({"sealed": true})).unwrap()[1..]);
    head
}

/// A head with a status that this version does not know.
pub(super) fn with_status(mut head: Vec<u8>) -> Vec<u8> {
    let (known, unknown) = (b"\xa7pending", b"\xa7waiting");
    let place = head.windows(known.len()).position(|bytes| bytes == known).expect("it is pending");
    head[place..place + known.len()].copy_from_slice(unknown);
    head
}
