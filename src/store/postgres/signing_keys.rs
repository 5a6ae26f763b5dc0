//! Signing keys in PostgreSQL.

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use serde::{Deserialize, Serialize};

use super::PostgresStore;
use crate::{
    domain::{KeyPurpose, SigningKey},
    store::{
        SigningKeyStore, StoreError,
        records::{self, corrupt},
    },
};

/// The key of a purpose.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    purpose: KeyPurpose,
    key: SigningKey,
}

#[async_trait]
impl SigningKeyStore for PostgresStore {
    async fn signing_key(&self, purpose: KeyPurpose) -> Result<Option<SigningKey>, StoreError> {
        read(&*self.shared.connection().await?, purpose).await
    }

    async fn keep_signing_key(&self, purpose: KeyPurpose, proposed: SigningKey) -> Result<SigningKey, StoreError> {
        let connection = self.shared.connection().await?;
        let record = records::to_bytes(&StoredKey { purpose, key: proposed })?;
        // Waits for other servers that insert one, so the read after it finds the one that stays.
        let sql = "INSERT INTO signing_keys (purpose, record) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let insert = connection.prepare_cached(sql).await?;
        connection.execute(&insert, &[&purpose.name(), &record]).await?;
        let stored = read(&connection, purpose).await?;
        stored.ok_or_else(|| corrupt(format!("the signing key of {purpose} is gone")))
    }
}

async fn read(client: &ClientWrapper, purpose: KeyPurpose) -> Result<Option<SigningKey>, StoreError> {
    let statement = client.prepare_cached("SELECT record FROM signing_keys WHERE purpose = $1").await?;
    let Some(row) = client.query_opt(&statement, &[&purpose.name()]).await? else { return Ok(None) };
    let stored: StoredKey = records::decode(row.get(0))?;
    if stored.purpose != purpose {
        return Err(corrupt(format!("the signing key of {purpose} says that it is that of {}", stored.purpose)));
    }
    Ok(Some(stored.key))
}
