//! Freezes in PostgreSQL. A change reads all of them, runs the domain's rules and writes what these changed, alone: no
//! approval changes beside it. So a claim either was granted before a freeze, or sees it.
//!
//! The writers of all servers keep the freezes in memory. Every change raises `meta.freezes`, which each group reads in
//! its own transaction.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::{PostgresStore, Shared, columns, finish};
use crate::{
    domain::{Freeze, FreezeChanges, FreezeError, FreezeId, Freezes, ImportedFreezes, NewFreeze, NewThaw},
    store::{
        FreezeStore, StoreError,
        records::{self, corrupt},
    },
};

const SAVE: &str = "\
    INSERT INTO freezes (id, newest, record) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) \
    ON CONFLICT (id) DO UPDATE SET newest = EXCLUDED.newest, record = EXCLUDED.record";
/// Time does not run back when the newest freeze is forgotten.
const FORGET: &str = "\
    WITH gone AS (DELETE FROM freezes WHERE id = ANY($1) RETURNING newest) \
    UPDATE meta SET freezes = freezes + 1, newest = greatest(newest, (SELECT max(newest) FROM gone)) \
    RETURNING freezes";

#[async_trait]
impl FreezeStore for PostgresStore {
    async fn freeze(&self, new: NewFreeze) -> Result<Freeze, StoreError> {
        let freeze = change(self, |all| all.freeze(new)).await?;
        Ok(Freeze::clone(&freeze))
    }

    async fn thaw(&self, new: NewThaw) -> Result<Freeze, StoreError> {
        let freeze = change(self, |all| all.thaw(new)).await?;
        Ok(Freeze::clone(&freeze))
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        let connection = self.shared.connection().await?;
        let found = read(&connection).await?;
        Ok(found.iter().map(|freeze| Freeze::clone(freeze)).collect())
    }

    async fn import_freezes(&self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError> {
        change(self, |all| all.import(freezes)).await
    }
}

/// Reads all freezes. One that is unreadable fails the call: it may stop any tool.
pub(super) async fn read(client: &ClientWrapper) -> Result<Freezes, StoreError> {
    let statement = client.prepare_cached("SELECT id, record FROM freezes").await?;
    let rows = client.query(&statement, &[]).await?;
    let freeze = |row: &tokio_postgres::Row| {
        let id = FreezeId::new(row.get(0));
        let freeze: Freeze = records::decode(row.get(1))?;
        if freeze.id == id { Ok(freeze) } else { Err(corrupt(format!("freeze {id} says that it is {}", freeze.id))) }
    };
    rows.iter().map(freeze).collect()
}

async fn change<T: Send + 'static>(
    store: &PostgresStore,
    run: impl FnOnce(&mut Freezes) -> Result<(T, FreezeChanges), FreezeError> + Send + 'static,
) -> Result<T, StoreError> {
    let (shared, known) = (Arc::clone(&store.shared), store.known);
    finish(async move {
        let transaction = shared.exclusive(known).await?;
        let changed = async {
            let mut all = read(&transaction).await?;
            let (answer, changes) = run(&mut all)?;
            let version = write(&transaction, &changes).await?;
            Ok((answer, version, all))
        };
        let changed = changed.await;
        let (answer, version, all) = transaction.end(changed).await?;
        if let Some(version) = version {
            observe(&shared, version, &all);
        }
        Ok(answer)
    })
    .await
}

/// Writes changes. Returns the new version of the freezes, if there are any.
async fn write(client: &ClientWrapper, changes: &FreezeChanges) -> Result<Option<i64>, StoreError> {
    let FreezeChanges { changed, forgotten } = changes;
    if changed.is_empty() && forgotten.is_empty() {
        return Ok(None);
    }
    let newest = |freeze: &Freeze| freeze.thawed.as_ref().map_or(freeze.at, |thawed| thawed.at.max(freeze.at));
    let ids: Vec<Uuid> = changed.iter().map(|freeze| freeze.id.uuid()).collect();
    let times: Vec<i64> = changed.iter().map(|freeze| columns::micros(newest(freeze))).collect();
    let encoded = changed.iter().map(|freeze| records::to_bytes(&**freeze)).collect::<Result<Vec<_>, _>>()?;
    let gone: Vec<Uuid> = forgotten.iter().map(|id| id.uuid()).collect();
    let (save, forget) = (client.prepare_cached(SAVE).await?, client.prepare_cached(FORGET).await?);
    client.execute(&save, &[&ids, &times, &encoded]).await?;
    Ok(Some(client.query_one(&forget, &[&gone]).await?.get(0)))
}

/// The version of the freezes that the observer saw last.
#[derive(Debug, Default)]
pub(super) struct ObservedVersion(Mutex<Option<i64>>);

/// Shows the freezes that another server has changed to the observer: this one may have no calls that read them.
pub(super) async fn catch_up(client: &ClientWrapper, shared: &Shared, version: i64) -> Result<(), StoreError> {
    let seen = *shared.observed.0.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.is_none_or(|seen| seen < version) {
        observe(shared, version, &read(client).await?);
    }
    Ok(())
}

/// Shows freezes to the observer, unless it has seen a newer version: the writer and changes at once may come late.
pub(super) fn observe(shared: &Shared, version: i64, freezes: &Freezes) {
    let mut last = shared.observed.0.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last < version) {
        *last = Some(version);
        shared.observer.frozen(freezes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            FreezeScope, Refusal,
            freeze_samples::{new_freeze, new_thaw},
            samples::{at, id},
        },
        store::{
            ApprovalStore as _,
            conformance::{Subject as _, approve, claim, outbox::routes, submission},
            postgres::testing::{self, Postgres},
        },
    };

    /// Notes how many freezes there are.
    #[derive(Debug, Default)]
    struct Counts(Mutex<Vec<usize>>);

    impl crate::store::Observer for Counts {
        fn committed(&self, _: usize, _: std::time::Duration) {}
        fn reached(&self, _: &crate::domain::Approval) {}
        fn recorded(&self, _: &crate::domain::Approval, _: &crate::domain::Event) {}
        fn pending(&self, _: u64, _: Option<crate::domain::Time>) {}
        fn frozen(&self, freezes: &Freezes) {
            self.0.lock().unwrap().push(freezes.iter().count());
        }
    }

    #[tokio::test]
    async fn a_freeze_holds_at_every_server_at_once() {
        let subject = Postgres::create(routes()).await;
        let (here, there) = (subject.opened(), subject.other().await);
        let digest = there.submit(submission(0, 1)).await.unwrap().approval.digest;
        there.transition(id(0, 1), approve(1), at(1)).await.unwrap();
        here.freeze(new_freeze(1, FreezeScope::All)).await.unwrap();
        let refused = there.transition(id(0, 1), claim(1, digest), at(2)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(Refusal::Frozen(_))), "{refused:?}");
        there.thaw(new_thaw(1)).await.unwrap();
        here.transition(id(0, 1), claim(1, digest), at(3)).await.unwrap();
    }

    #[tokio::test]
    async fn the_observer_never_sees_older_freezes_after_newer_ones() {
        let counts = Arc::new(Counts::default());
        let store = testing::open(&testing::config(routes()), Arc::clone(&counts) as _).await;
        store.freeze(new_freeze(1, FreezeScope::All)).await.unwrap();
        store.freeze(new_freeze(2, FreezeScope::Agent("a".into()))).await.unwrap();
        // A group that read them before the second freeze.
        observe(&store.shared, 1, &Freezes::default());
        assert_eq!(*counts.0.lock().unwrap(), [0, 1, 2]);
    }
}
