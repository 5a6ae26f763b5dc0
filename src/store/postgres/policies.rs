//! Versions of the policy in PostgreSQL. No two servers record one at once, and no approval changes beside it.

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::{
    PostgresStore, Shared, columns,
    connections::Lock,
    control::{self, Effect},
    finish,
};
use crate::{
    domain::Actor,
    store::{
        NewPolicy, NextPolicy, PolicyHead, PolicyStore, PolicyVersion, StoreError, UnchangedPolicy,
        records::{self, corrupt},
    },
};

#[async_trait]
impl PolicyStore for PostgresStore {
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        let (shared, known) = (Arc::clone(&self.shared), self.known);
        finish(async move {
            let transaction = shared.exclusive(known).await?;
            let put = async {
                if !new.author.is(&Actor::policy_file()) {
                    refuse_beside_a_file(&transaction, &shared).await?;
                }
                put(&transaction, new).await
            };
            let put = put.await;
            transaction.end(put).await
        })
        .await
        .map(Arc::new)
    }

    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        let connection = self.shared.connection().await?;
        let found = match version {
            Some(version) => get(&connection, version).await?,
            None => newest(&connection).await?,
        };
        Ok(found.map(Arc::new))
    }

    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
        let connection = self.shared.connection().await?;
        heads(&connection, before, limit).await
    }
}

/// As [`Transfer::export_policies`](crate::store::Transfer::export_policies).
pub(super) async fn export(client: &ClientWrapper, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
    let sql = "SELECT version, record FROM policies WHERE version > $1 ORDER BY version LIMIT $2";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&saturated(after), &columns::limit(limit)]).await?;
    let found = rows.iter().map(version).collect::<Result<Vec<_>, _>>()?;
    without_gaps(found.iter().map(|version| version.head.version).zip(after.saturating_add(1)..))?;
    Ok(found)
}

/// As [`Transfer::import_policies`](crate::store::Transfer::import_policies).
pub(super) async fn import(shared: &Arc<Shared>, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
    let shared = Arc::clone(shared);
    finish(async move {
        let transaction = shared.connections.exclusive().await?;
        let imported = async {
            let mut new = 0;
            for version in versions {
                new += usize::from(take(&transaction, version).await?);
            }
            Ok(new)
        };
        let imported = imported.await;
        transaction.end(imported).await
    })
    .await
}

/// As [`Transfer::export_unchanged_policies`](crate::store::Transfer::export_unchanged_policies).
pub(super) async fn export_unchanged(
    client: &ClientWrapper,
    after: Option<&UnchangedPolicy>,
    limit: usize,
) -> Result<Vec<UnchangedPolicy>, StoreError> {
    let sql = "SELECT issuer, subject, request_id, record FROM unchanged_policies \
               WHERE $1 OR (issuer, subject, request_id) > ($2, $3, $4) \
               ORDER BY issuer, subject, request_id LIMIT $5";
    let statement = client.prepare_cached(sql).await?;
    let all = after.is_none();
    let (issuer, subject, request_id) = after.map(unchanged_key).unwrap_or_default();
    let limit = columns::limit(limit);
    let rows = client.query(&statement, &[&all, &issuer, &subject, &request_id, &limit]).await?;
    rows.iter().map(unchanged).collect()
}

/// As [`Transfer::import_unchanged_policies`](crate::store::Transfer::import_unchanged_policies).
pub(super) async fn import_unchanged(shared: &Arc<Shared>, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
    let shared = Arc::clone(shared);
    finish(async move {
        let transaction = shared.connections.exclusive().await?;
        let imported = async {
            let mut new = 0;
            for call in calls {
                new += usize::from(take_unchanged(&transaction, call).await?);
            }
            Ok(new)
        };
        let imported = imported.await;
        transaction.end(imported).await
    })
    .await
}

async fn put(client: &ClientWrapper, new: NewPolicy) -> Result<PolicyVersion, StoreError> {
    match find(client, &new.author, new.request_id.as_deref()).await? {
        Some(Found::Version(first)) => {
            first.check_repetition(&new)?;
            return Ok(first);
        }
        Some(Found::Unchanged(call)) => {
            let version = named(client, call.version).await?;
            call.check_repetition(&new, &version)?;
            return Ok(version);
        }
        None => {}
    }
    let newest = newest(client).await?;
    match (new.after(newest.as_ref())?, newest) {
        (NextPolicy::Version(version), _) => {
            add(client, &version).await?;
            Ok(version)
        }
        (NextPolicy::Unchanged(call), Some(newest)) => {
            if let Some(call) = call {
                keep(client, &call).await?;
            }
            Ok(newest)
        }
        (NextPolicy::Unchanged(_), None) => Err(corrupt("there is no version of the policy to repeat")),
    }
}

/// Imports a version. Returns whether it is new.
async fn take(client: &ClientWrapper, version: PolicyVersion) -> Result<bool, StoreError> {
    let number = version.head.version;
    match get(client, number).await? {
        Some(stored) if stored == version => return Ok(false),
        Some(_) => return Err(StoreError::PolicyConflict(number)),
        None => version.check(heads(client, None, 1).await?.first())?,
    }
    if find(client, &version.head.author, version.request_id.as_deref()).await?.is_some() {
        return Err(StoreError::PolicyConflict(number));
    }
    add(client, &version).await?;
    Ok(true)
}

/// Imports a call that made no version. Returns whether it is new.
async fn take_unchanged(client: &ClientWrapper, call: UnchangedPolicy) -> Result<bool, StoreError> {
    call.check(get(client, call.version).await?.as_ref())?;
    match find(client, &call.author, Some(&call.request_id)).await? {
        Some(Found::Unchanged(stored)) if stored == call => Ok(false),
        Some(_) => Err(StoreError::PolicyConflict(call.version)),
        None => {
            keep(client, &call).await?;
            Ok(true)
        }
    }
}

/// A policy that is set while a server takes the policy from a file would not last: the file's next change replaces it.
/// Such servers hold the lock. This looks at it, and does not take it: a commit releases its locks in any order, so the
/// next transaction could meet it.
async fn refuse_beside_a_file(client: &ClientWrapper, shared: &Shared) -> Result<(), StoreError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND (classid::bigint << 32 | objid::bigint) = $1)";
    let statement = client.prepare_cached(sql).await?;
    let held: bool = client.query_one(&statement, &[&shared.connections.lock(Lock::PolicyFile)]).await?.get(0);
    if held { Err(StoreError::PolicyFromFile) } else { Ok(()) }
}

async fn add(client: &ClientWrapper, version: &PolicyVersion) -> Result<(), StoreError> {
    let PolicyVersion { head, request_id, .. } = version;
    let sql = "INSERT INTO policies (version, issuer, subject, request_id, at, head, record, control) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let changed = control::raise(client, Effect::Restricts).await?;
    let statement = client.prepare_cached(sql).await?;
    let (number, (issuer, subject)) = (columns::number(head.version), columns::names(&head.author));
    let (at, encoded, record) = (columns::micros(head.at), records::to_bytes(head)?, records::to_bytes(version)?);
    client.execute(&statement, &[&number, &issuer, &subject, request_id, &at, &encoded, &record, &changed]).await?;
    Ok(())
}

async fn keep(client: &ClientWrapper, call: &UnchangedPolicy) -> Result<(), StoreError> {
    let sql = "INSERT INTO unchanged_policies (issuer, subject, request_id, record) VALUES ($1, $2, $3, $4)";
    let statement = client.prepare_cached(sql).await?;
    let ((issuer, subject, request_id), record) = (unchanged_key(call), records::to_bytes(call)?);
    client.execute(&statement, &[&issuer, &subject, &request_id, &record]).await?;
    Ok(())
}

/// What an author's idempotency key was used for.
enum Found {
    Version(PolicyVersion),
    Unchanged(UnchangedPolicy),
}

async fn find(client: &ClientWrapper, author: &Actor, request_id: Option<&str>) -> Result<Option<Found>, StoreError> {
    let (issuer, subject) = columns::names(author);
    // PostgreSQL cannot compare texts with a NUL. Nothing is stored under them.
    let Some(request_id) = request_id.filter(|id| ![*id, &issuer, &subject].iter().any(|text| text.contains('\0')))
    else {
        return Ok(None);
    };
    let key = "issuer = $1 AND subject = $2 AND request_id = $3";
    let sql = format!("SELECT version, record FROM policies WHERE {key}");
    let statement = client.prepare_cached(&sql).await?;
    if let Some(row) = client.query_opt(&statement, &[&issuer, &subject, &request_id]).await? {
        let found = version(&row)?;
        return if found.is_by(author, request_id) {
            Ok(Some(Found::Version(found)))
        } else {
            let number = found.head.version;
            Err(corrupt(format!("version {number} of the policy is stored under another author and request_id")))
        };
    }
    let sql = format!("SELECT issuer, subject, request_id, record FROM unchanged_policies WHERE {key}");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&issuer, &subject, &request_id]).await?;
    row.map(|row| unchanged(&row).map(Found::Unchanged)).transpose()
}

async fn get(client: &ClientWrapper, number: u64) -> Result<Option<PolicyVersion>, StoreError> {
    let Ok(number) = i64::try_from(number) else { return Ok(None) };
    let statement = client.prepare_cached("SELECT version, record FROM policies WHERE version = $1").await?;
    client.query_opt(&statement, &[&number]).await?.map(|row| version(&row)).transpose()
}

/// Reads a version that a record refers to.
async fn named(client: &ClientWrapper, number: u64) -> Result<PolicyVersion, StoreError> {
    let found = get(client, number).await?;
    found.ok_or_else(|| corrupt(format!("version {number} of the policy is referenced, but missing")))
}

pub(super) async fn newest(client: &ClientWrapper) -> Result<Option<PolicyVersion>, StoreError> {
    let statement = client.prepare_cached("SELECT version, record FROM policies ORDER BY version DESC LIMIT 1").await?;
    client.query_opt(&statement, &[]).await?.map(|row| version(&row)).transpose()
}

async fn heads(client: &ClientWrapper, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
    let sql = "SELECT version, head FROM policies WHERE version < $1 ORDER BY version DESC LIMIT $2";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&saturated(before.unwrap_or(u64::MAX)), &columns::limit(limit)]).await?;
    let head = |row: &Row| numbered(row, records::decode(row.get(1))?, |head: &PolicyHead| head.version);
    let heads = rows.iter().map(head).collect::<Result<Vec<_>, _>>()?;
    without_gaps(heads.windows(2).map(|pair| (pair[0].version, pair[1].version + 1)))?;
    Ok(heads)
}

fn version(row: &Row) -> Result<PolicyVersion, StoreError> {
    numbered(row, records::decode(row.get(1))?, |version: &PolicyVersion| version.head.version)
}

fn unchanged(row: &Row) -> Result<UnchangedPolicy, StoreError> {
    let call: UnchangedPolicy = records::decode(row.get(3))?;
    let (issuer, subject, request_id) = unchanged_key(&call);
    if [issuer.as_str(), &subject, &request_id] == [row.get::<_, &str>(0), row.get(1), row.get(2)] {
        return Ok(call);
    }
    Err(corrupt("a request_id of SetPolicy is stored under another key"))
}

fn unchanged_key(call: &UnchangedPolicy) -> (String, String, String) {
    let (issuer, subject) = columns::names(&call.author);
    (issuer, subject, call.request_id.clone())
}

/// Checks that a record has the number of its row.
fn numbered<T>(row: &Row, record: T, number: impl Fn(&T) -> u64) -> Result<T, StoreError> {
    let (stored, says) = (columns::unsigned(row.get(0))?, number(&record));
    if stored == says {
        return Ok(record);
    }
    Err(corrupt(format!("version {stored} of the policy says that it is version {says}")))
}

/// Checks that versions follow each other: each is the expected one.
fn without_gaps(mut versions: impl Iterator<Item = (u64, u64)>) -> Result<(), StoreError> {
    match versions.find(|(found, expected)| found != expected) {
        Some((_, expected)) => Err(corrupt(format!("version {expected} of the policy is missing"))),
        None => Ok(()),
    }
}

/// A version to compare with.
fn saturated(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
