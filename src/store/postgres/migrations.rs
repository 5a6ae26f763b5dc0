//! The versions of the schema, and how a store gets to the newest one.
//!
//! Servers of two versions run side by side during an upgrade. So a migration only adds (expand); what older servers
//! need is removed by a later version (contract). A migration says the oldest build that can still serve, by the newest
//! migration that build knows.

use super::{
    OpenError,
    connections::{Connection, Lock},
};
use crate::store::StoreError;

/// A step of the schema.
struct Migration {
    version: i32,
    /// The newest migration that a server must know to serve a store with this one.
    needs: i32,
    sql: &'static str,
}

const ALL: &[Migration] = &[Migration { version: 1, needs: 1, sql: include_str!("migrations/0001_initial.sql") }];

/// The schema of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaVersion {
    /// The newest applied migration; 0 for an empty database.
    pub applied: i32,
    /// The newest migration of this build.
    pub newest: i32,
    /// The newest migration that a server must know to serve this store.
    pub needs: i32,
}

impl SchemaVersion {
    /// Whether this build can serve the store.
    ///
    /// # Errors
    /// [`OpenError::Newer`] or [`OpenError::Older`].
    pub(super) fn check(self) -> Result<(), OpenError> {
        if self.needs > self.newest {
            Err(OpenError::Newer { found: self.applied, known: self.newest })
        } else if self.applied < self.newest {
            Err(OpenError::Older { found: self.applied, newest: self.newest })
        } else {
            Ok(())
        }
    }
}

fn newest() -> i32 {
    ALL.last().map_or(0, |last| last.version)
}

/// Rejects a store that a later version has migrated meanwhile, so that this build can no longer serve it. `needs`: the
/// newest migration that a server must know.
pub(super) fn still_serves(needs: i32) -> Result<(), StoreError> {
    let known = newest();
    if needs <= known {
        return Ok(());
    }
    let text = format!("the store in PostgreSQL needs schema version {needs}, and this build knows {known}");
    Err(StoreError::Newer(text.into()))
}

/// Reads the version of a store.
pub(super) async fn version(connection: &Connection, schema: &str) -> Result<SchemaVersion, tokio_postgres::Error> {
    // The catalog is read as a table. `to_regclass` answers from a cache, which a connection that waited for another
    // server's migration has not renewed.
    let exists = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'migrations')";
    let row = connection.query_one(exists, &[&schema]).await?;
    if !row.get::<_, bool>(0) {
        return Ok(SchemaVersion { applied: 0, newest: newest(), needs: 0 });
    }
    let sql = "SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM migrations";
    let row = connection.query_one(sql, &[]).await?;
    Ok(SchemaVersion { applied: row.get(0), newest: newest(), needs: row.get(1) })
}

/// Brings a store to the newest version. Servers that start at once wait for each other.
pub(super) async fn migrate(connection: &Connection, schema: &str) -> Result<SchemaVersion, OpenError> {
    let now = version(connection, schema).await?;
    if now.applied >= now.newest {
        return if now.needs > now.newest { now.check().map(|()| now) } else { Ok(now) };
    }
    // Changing a large table may take long.
    connection.batch_execute("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
    connection.execute("SELECT pg_advisory_xact_lock($1)", &[&Lock::Migrations.number(schema)]).await?;
    // Afterwards, no transaction is left that has not seen which build may still serve.
    connection.execute("SELECT pg_advisory_xact_lock($1)", &[&Lock::Gate.number(schema)]).await?;
    // While this holds the gate, no server decides. So it does not wait long for a table that a backup reads.
    connection.batch_execute("SET LOCAL lock_timeout = '5s'").await?;
    let version = version(connection, schema).await?;
    if version.needs > version.newest {
        return version.check().map(|()| version);
    }
    if version.applied == 0 {
        let table = "CREATE TABLE IF NOT EXISTS migrations (version int PRIMARY KEY, needs int NOT NULL, \
                     at timestamptz NOT NULL DEFAULT now())";
        connection.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}; {table}")).await?;
    }
    for Migration { version, needs, sql } in ALL.iter().filter(|one| one.version > version.applied) {
        connection.batch_execute(sql).await?;
        connection.execute("INSERT INTO migrations (version, needs) VALUES ($1, $2)", &[version, needs]).await?;
    }
    connection.batch_execute("COMMIT").await?;
    Ok(self::version(connection, schema).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_count_up_and_never_need_later_ones() {
        for (expected, migration) in (1..).zip(ALL) {
            assert_eq!(migration.version, expected);
            assert!(migration.needs <= migration.version);
        }
    }

    #[test]
    fn a_build_serves_what_it_knows() {
        let version = |applied, needs| SchemaVersion { applied, newest: 2, needs }.check();
        assert!(version(2, 1).is_ok());
        assert!(version(3, 2).is_ok(), "a later migration that only adds");
        assert!(matches!(version(3, 3), Err(OpenError::Newer { found: 3, known: 2 })));
        assert!(matches!(version(1, 1), Err(OpenError::Older { found: 1, newest: 2 })));
    }
}
