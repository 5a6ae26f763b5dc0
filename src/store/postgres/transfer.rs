//! Export and import.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::{
    PostgresStore, columns,
    failed::Failed,
    group::{Changed, RequestKey},
    load, policies, write,
};
use crate::{
    domain::{Approval, ApprovalId, ReplayError, Revision, Status, name::composed},
    store::{Change, Forgotten, History, NAME_MAX, PolicyVersion, StoreError, Transfer, UnchangedPolicy, records},
};

#[async_trait]
impl Transfer for PostgresStore {
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError> {
        histories(&*self.shared.connection().await?, after, limit).await.map(|(histories, _)| histories)
    }

    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError> {
        let mut new: BTreeMap<ApprovalId, Changed> = BTreeMap::new();
        drop(self.shared.connection().await?);
        let transaction = self.shared.connections.exclusive().await?;
        let ids: Vec<Uuid> = histories.iter().map(|history| history.id.uuid()).collect();
        let stored = load::events(&transaction, &ids, 0, Revision::MAX).await?;
        let mut keys: HashSet<RequestKey> = HashSet::new();
        for History { id, events } in histories {
            let approval = Approval::replay(id, &events).map_err(|error| StoreError::BadHistory(id, error))?;
            if names(&approval).any(|name| name.len() > NAME_MAX) {
                return Err(StoreError::BadHistory(id, ReplayError::NameTooLong { limit: NAME_MAX }));
            }
            match stored.get(&id).or_else(|| new.get(&id).map(|changed| &changed.events)) {
                Some(stored) if *stored == events => continue,
                Some(_) => return Err(StoreError::Conflict(id)),
                None => {}
            }
            let (issuer, subject) = columns::names(&approval.request.caller);
            let key = (issuer, subject, approval.request.request_id.clone());
            let sql =
                "SELECT forgotten IS NULL FROM request_ids WHERE issuer = $1 AND subject = $2 AND request_id = $3";
            let statement = transaction.prepare_cached(sql).await?;
            match transaction.query_opt(&statement, &[&key.0, &key.1, &key.2]).await? {
                Some(row) if row.get(0) => return Err(StoreError::Conflict(id)),
                Some(_) => continue, // forgotten
                None if !keys.insert(key) => return Err(StoreError::Conflict(id)),
                None => {}
            }
            new.insert(id, Changed::imported(Arc::new(approval), events));
        }
        let changed: Vec<_> = new.values().collect();
        if !changed.is_empty() {
            write::changes(&transaction, &changed, self.shared.origin).await.map_err(|failed| match failed {
                Failed::Store(error) => error,
                Failed::Race | Failed::Unknown(..) => StoreError::Unavailable("an import lost a race".into()),
            })?;
        }
        transaction.commit().await?;
        let pending = changed.iter().filter(|changed| changed.approval.status == Status::Pending).count();
        self.shared.pending.fetch_add(pending as u64, std::sync::atomic::Ordering::AcqRel);
        for Changed { approval, .. } in &changed {
            let Approval { id, revision, status, .. } = **approval;
            self.shared.commits.publish(Change { id, revision, status, due: approval.due() });
        }
        Ok(changed.len())
    }

    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError> {
        forgotten(&*self.shared.connection().await?, after.as_ref(), limit).await
    }

    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError> {
        let bad = |one: &Forgotten| Some(StoreError::BadForgotten(one.request_id.clone(), one.fault()?));
        if let Some(error) = forgotten.iter().find_map(bad) {
            return Err(error);
        }
        drop(self.shared.connection().await?);
        let transaction = self.shared.connections.exclusive().await?;
        let sql = "INSERT INTO request_ids (issuer, subject, request_id, forgotten) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (issuer, subject, request_id) DO UPDATE SET forgotten = EXCLUDED.forgotten \
                   WHERE request_ids.forgotten < EXCLUDED.forgotten";
        let statement = transaction.prepare_cached(sql).await?;
        let mut new = 0;
        for one in forgotten {
            let (issuer, subject) = (composed(&one.issuer), composed(&one.subject));
            let at = columns::micros(one.at);
            new += transaction.execute(&statement, &[&&*issuer, &&*subject, &one.request_id, &at]).await?;
        }
        transaction.commit().await?;
        Ok(usize::try_from(new).unwrap_or(usize::MAX))
    }

    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        policies::export(&*self.shared.connection().await?, after, limit).await
    }

    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        policies::import(&self.shared, versions).await
    }

    async fn export_unchanged_policies(
        &self,
        after: Option<UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError> {
        policies::export_unchanged(&*self.shared.connection().await?, after.as_ref(), limit).await
    }

    async fn import_unchanged_policies(&self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
        policies::import_unchanged(&self.shared, calls).await
    }
}

/// Whole histories after an approval, and the id of the last one.
pub(super) async fn histories(
    client: &ClientWrapper,
    after: Option<ApprovalId>,
    limit: usize,
) -> Result<(Vec<History>, Option<ApprovalId>), StoreError> {
    let sql = "SELECT id FROM approvals WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&after.map(ApprovalId::uuid), &columns::limit(limit)]).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let mut found = load::events(client, &ids, 0, Revision::MAX).await?;
    let history = |id: &Uuid| {
        let id = ApprovalId::new(*id);
        Some(History { id, events: found.remove(&id)? }) // none if it was forgotten meanwhile
    };
    Ok((ids.iter().filter_map(history).collect(), ids.last().copied().map(ApprovalId::new)))
}

/// Forgotten `request_id`s after one, in order.
pub(super) async fn forgotten(
    client: &ClientWrapper,
    after: Option<&Forgotten>,
    limit: usize,
) -> Result<Vec<Forgotten>, StoreError> {
    let sql = "SELECT forgotten, issuer, subject, request_id FROM request_ids WHERE forgotten IS NOT NULL \
               AND ($1::bigint IS NULL OR (forgotten, issuer, subject, request_id) > ($1, $2, $3, $4)) \
               ORDER BY forgotten, issuer, subject, request_id LIMIT $5";
    let statement = client.prepare_cached(sql).await?;
    let at = after.map(|after| columns::micros(after.at));
    let name = |name: fn(&Forgotten) -> &String| after.map_or_else(String::new, |after| composed(name(after)).into());
    let (issuer, subject) = (name(|after| &after.issuer), name(|after| &after.subject));
    let request_id = after.map_or("", |after| &after.request_id);
    let rows = client.query(&statement, &[&at, &issuer, &subject, &request_id, &columns::limit(limit)]).await?;
    let forgotten = |row: &tokio_postgres::Row| {
        let at = records::time(row.get(0))?;
        Ok(Forgotten { at, issuer: row.get(1), subject: row.get(2), request_id: row.get(3) })
    };
    rows.iter().map(forgotten).collect()
}

/// All texts of an approval that become part of an index.
fn names(approval: &Approval) -> impl Iterator<Item = &str> {
    let request = &approval.request;
    let fixed =
        [&request.tool_name, &request.agent.name, &request.caller.issuer, &request.caller.subject, &request.request_id];
    let labels = request.labels.iter().flat_map(|(key, value)| [key, value]);
    fixed.into_iter().chain(labels).map(String::as_str)
}
