//! Records that are saved whole or forgotten, in PostgreSQL: tokens and sessions. A record that is stored already takes
//! over what is newer in the copy. No approval changes beside a change of them, because they decide who may call.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    PostgresStore, Shared,
    control::{self, Effect},
    finish,
};
use crate::{
    domain::{Session, SessionId, Token, TokenId},
    store::{
        SessionStore, StoreError, TokenStore,
        records::{self, corrupt},
    },
};

#[async_trait]
impl TokenStore for PostgresStore {
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError> {
        save(self, tokens).await
    }

    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError> {
        forget::<Token>(&self.shared, ids.into_iter().map(TokenId::uuid).collect()).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        all(&*self.shared.connection().await?).await
    }
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn save_sessions(&self, sessions: Vec<Session>) -> Result<usize, StoreError> {
        save(self, sessions).await
    }

    async fn forget_sessions(&self, ids: Vec<SessionId>) -> Result<(), StoreError> {
        forget::<Session>(&self.shared, ids.into_iter().map(SessionId::uuid).collect()).await
    }

    async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        all(&*self.shared.connection().await?).await
    }
}

/// A kind of such records.
pub(super) trait Mergeable: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What one is called in messages.
    const NAME: &str;
    /// Reads those with some ids.
    const SOME: &str;
    /// Reads all, in order.
    const ALL: &str;
    /// Writes some, whether they are new or not.
    const SAVE: &str;
    /// Reads those that changed after a version of the control data.
    const CHANGED: &str;
    /// Forgets some.
    const FORGET: &str;

    /// How a new record affects calls.
    const NEW: Effect;

    /// Its id.
    fn uuid(&self) -> Uuid;

    /// Whether it differs from a copy by its last use at most.
    fn grants_as(&self, other: &Self) -> bool;

    /// The error if it is invalid.
    fn check(&self) -> Result<(), StoreError>;

    /// Takes over what is newer in a copy. Fails, without a change, if the other is not a copy of this record.
    fn merge(&mut self, copy: &Self) -> Result<(), StoreError>;
}

macro_rules! statements {
    ($table:literal) => {
        const SOME: &str = concat!("SELECT id, record FROM ", $table, " WHERE id = ANY($1)");
        const ALL: &str = concat!("SELECT id, record FROM ", $table, " ORDER BY id");
        const SAVE: &str = concat!(
            "INSERT INTO ",
            $table,
            " (id, record, control) SELECT *, $3::bigint FROM unnest($1::uuid[], $2::bytea[]) ",
            "ON CONFLICT (id) DO UPDATE SET record = EXCLUDED.record, control = EXCLUDED.control"
        );
        const CHANGED: &str = concat!("SELECT id, record FROM ", $table, " WHERE control > $1 ORDER BY id");
        const FORGET: &str = concat!("DELETE FROM ", $table, " WHERE id = ANY($1)");
    };
}

impl Mergeable for Token {
    const NAME: &str = "token";
    /// Another server that creates a token with the same `request_id` must see it.
    const NEW: Effect = Effect::Restricts;
    statements!("tokens");

    fn uuid(&self) -> Uuid {
        self.id.uuid()
    }

    fn grants_as(&self, other: &Self) -> bool {
        Self { last_used_at: other.last_used_at, ..self.clone() } == *other
    }

    fn check(&self) -> Result<(), StoreError> {
        self.fault().map_or(Ok(()), |fault| Err(StoreError::BadToken(self.id, fault)))
    }

    fn merge(&mut self, copy: &Self) -> Result<(), StoreError> {
        if self.absorb(copy) { Ok(()) } else { Err(StoreError::TokenConflict(self.id)) }
    }
}

impl Mergeable for Session {
    const NAME: &str = "session";
    const NEW: Effect = Effect::Adds;
    statements!("sessions");

    fn uuid(&self) -> Uuid {
        self.id.uuid()
    }

    fn grants_as(&self, other: &Self) -> bool {
        Self { last_used_at: other.last_used_at, ..self.clone() } == *other
    }

    fn check(&self) -> Result<(), StoreError> {
        self.fault().map_or(Ok(()), |fault| Err(StoreError::BadSession(self.id, fault)))
    }

    fn merge(&mut self, copy: &Self) -> Result<(), StoreError> {
        if self.absorb(copy) { Ok(()) } else { Err(StoreError::SessionConflict(self.id)) }
    }
}

fn decode<R: Mergeable>(row: &tokio_postgres::Row) -> Result<R, StoreError> {
    let id: Uuid = row.get(0);
    let record: R = records::decode(row.get(1))?;
    if record.uuid() == id {
        return Ok(record);
    }
    Err(corrupt(format!("{} {id} says that it is {}", R::NAME, record.uuid())))
}

/// Reads every record, in order of id.
pub(super) async fn all<R: Mergeable>(client: &ClientWrapper) -> Result<Vec<R>, StoreError> {
    let statement = client.prepare_cached(R::ALL).await?;
    client.query(&statement, &[]).await?.iter().map(decode).collect()
}

/// Saves records: all or none. Returns the number of new ones.
async fn save<R: Mergeable>(store: &PostgresStore, records: Vec<R>) -> Result<usize, StoreError> {
    let (shared, known) = (Arc::clone(&store.shared), store.known);
    finish(async move {
        let transaction = shared.exclusive(known).await?;
        let saved = merge_into(&transaction, records).await;
        transaction.end(saved).await
    })
    .await
}

async fn merge_into<R: Mergeable>(client: &ClientWrapper, copies: Vec<R>) -> Result<usize, StoreError> {
    let ids: Vec<Uuid> = copies.iter().map(R::uuid).collect();
    let some = client.prepare_cached(R::SOME).await?;
    let mut known = BTreeMap::new();
    for row in client.query(&some, &[&ids]).await? {
        let record: R = decode(&row)?;
        known.insert(record.uuid(), record);
    }
    let stored = known.clone();
    for copy in &copies {
        copy.check()?;
        known.entry(copy.uuid()).or_insert_with(|| copy.clone()).merge(copy)?;
    }
    let new = known.len() - stored.len();
    known.retain(|id, record| stored.get(id) != Some(record));
    let effect = |record: &R| match stored.get(&record.uuid()) {
        None => R::NEW,
        Some(before) if before.grants_as(record) => Effect::Adds, // other servers learn of the use
        Some(_) => Effect::Restricts,
    };
    let Some(effect) = known.values().map(effect).max() else { return Ok(0) };
    let version = control::raise(client, effect).await?;
    let encoded = known.values().map(records::to_bytes).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<Uuid> = known.keys().copied().collect();
    let save = client.prepare_cached(R::SAVE).await?;
    client.execute(&save, &[&ids, &encoded, &version]).await?;
    Ok(new)
}

/// Reads the records that changed after a version of the control data.
pub(super) async fn changed_after<R: Mergeable>(client: &ClientWrapper, version: i64) -> Result<Vec<R>, StoreError> {
    let statement = client.prepare_cached(R::CHANGED).await?;
    client.query(&statement, &[&version]).await?.iter().map(decode).collect()
}

async fn forget<R: Mergeable>(shared: &Arc<Shared>, ids: Vec<Uuid>) -> Result<(), StoreError> {
    let shared = Arc::clone(shared);
    finish(async move {
        let transaction = shared.connections.exclusive().await?;
        let forget = transaction.prepare_cached(R::FORGET).await?;
        transaction.execute(&forget, &[&ids]).await?;
        transaction.commit().await
    })
    .await
}
