//! Approvals in PostgreSQL.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use uuid::Uuid;

use super::{PostgresStore, columns, job::Task, list, load, prune};
use crate::{
    domain::{Actor, Approval, ApprovalId, Command, Event, Revision, Time},
    store::{
        ApprovalStore, Due, Forgotten, Page, Query, StoreError, Submission, Submitted, Subscription, Transitioned,
        records,
    },
};

#[async_trait]
impl ApprovalStore for PostgresStore {
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError> {
        self.write(|reply| Task::Submit(Box::new(submission), reply)).await
    }

    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError> {
        self.write(|reply| Task::Transition(id, Box::new(command), now, reply)).await
    }

    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError> {
        let connection = self.shared.connection().await?;
        if [&caller.issuer, &caller.subject].into_iter().any(|name| name.contains('\0')) || request_id.contains('\0') {
            return Ok(None); // no name contains it, and PostgreSQL rejects it
        }
        let sql = "SELECT approval, forgotten FROM request_ids WHERE issuer = $1 AND subject = $2 AND request_id = $3";
        let statement = connection.prepare_cached(sql).await?;
        let (issuer, subject) = columns::names(caller);
        let Some(row) = connection.query_opt(&statement, &[&issuer, &subject, &request_id]).await? else {
            return Ok(None);
        };
        if let Some(at) = row.get::<_, Option<i64>>(1) {
            let at = records::time(at)?;
            Forgotten { at, issuer, subject, request_id: request_id.to_owned() }.check(now)?;
        }
        Ok(row.get::<_, Option<Uuid>>(0).map(ApprovalId::new))
    }

    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError> {
        let connection = self.shared.connection().await?;
        load::approval(&connection, id).await.map(|known| known.approval)
    }

    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
        let connection = self.shared.connection().await?;
        Ok(load::events(&connection, &[id.uuid()], after, up_to).await?.remove(&id).unwrap_or_default())
    }

    async fn list(&self, query: Query) -> Result<Page, StoreError> {
        list::list(&*self.shared.connection().await?, query).await
    }

    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError> {
        let connection = self.shared.connection().await?;
        let due = "SELECT id FROM approvals WHERE due <= $1 ORDER BY due, id LIMIT $2";
        let next = "SELECT min(due) FROM approvals WHERE due > $1";
        let (due, next) = (connection.prepare_cached(due).await?, connection.prepare_cached(next).await?);
        let (now, limit) = (columns::micros(now), columns::limit(limit));
        let ids = connection.query(&due, &[&now, &limit]).await?;
        let next: Option<i64> = connection.query_one(&next, &[&now]).await?.get(0);
        let ids = ids.iter().map(|row| ApprovalId::new(row.get(0))).collect();
        Ok(Due { ids, next: next.map(records::time).transpose()? })
    }

    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError> {
        prune::prune(&self.shared, decided_before, now, limit).await
    }

    fn pending(&self) -> u64 {
        self.shared.pending.load(Ordering::Acquire)
    }

    fn subscribe(&self, id: ApprovalId) -> Subscription {
        self.shared.commits.subscribe(id)
    }
}
