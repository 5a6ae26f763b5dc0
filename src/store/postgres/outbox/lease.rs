//! Leases of lanes: a column, so that no two servers lease one lane. Servers at once skip the lanes that another one is
//! about to lease, and do not wait.
//!
//! A commit cannot be taken back. So leases that their caller does not take, because it stopped waiting, are ended by
//! another transaction. If the server dies, they end by themselves.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::{readable, wake};
use crate::{
    domain::{ChannelName, Lane, Time, after},
    store::{
        Leased, StoreError,
        postgres::{Shared, columns, finish},
        records,
    },
};

/// Ends leases that are over. A lane that another transaction has locked is free soon enough.
const EXPIRE: &str = "\
    WITH over AS MATERIALIZED ( \
        SELECT approval FROM lanes WHERE channel = $1 AND leased_until <= $2 FOR UPDATE SKIP LOCKED) \
    UPDATE lanes l SET leased_until = NULL FROM over WHERE l.channel = $1 AND l.approval = over.approval";
const TAKE: &str = "\
    WITH free AS MATERIALIZED ( \
        SELECT approval FROM lanes \
        WHERE channel = $1 AND due <= $2 AND leased_until IS NULL AND approval <> ALL($5) \
        ORDER BY due, approval LIMIT $4 FOR UPDATE SKIP LOCKED) \
    UPDATE lanes l SET leased_until = $3 FROM free WHERE l.channel = $1 AND l.approval = free.approval \
    RETURNING l.approval, l.channel, l.record, l.due";
const NEXT: &str = "\
    SELECT least( \
        (SELECT min(due) FROM lanes \
         WHERE channel = $1 AND due IS NOT NULL AND leased_until IS NULL AND approval <> ALL($2)), \
        (SELECT min(leased_until) FROM lanes WHERE channel = $1 AND due IS NOT NULL AND leased_until IS NOT NULL))";
/// Ends these leases, unless they have become others.
const END: &str = "\
    UPDATE lanes SET leased_until = NULL WHERE channel = $1 AND approval = ANY($2) AND leased_until = $3";

/// Leases lanes of a channel.
pub(super) async fn lease(
    shared: &Arc<Shared>,
    channel: &ChannelName,
    now: Time,
    lease: Duration,
    limit: usize,
) -> Result<Leased, StoreError> {
    let (shared, channel) = (Arc::clone(shared), channel.clone());
    // If the caller stops waiting, the task drops what it has taken, and so ends the leases.
    let taken = finish(async move {
        let transaction = shared.connections.begin().await?;
        let until = after(now, lease);
        let unreadable = shared.backlog.unreadable(&channel, now);
        let taken = take(&transaction, &channel, now, until, limit, &unreadable).await;
        let Found { lanes, unreadable, next } = transaction.end(taken).await?;
        if !unreadable.is_empty() {
            shared.backlog.leave_out(&channel, unreadable, until);
        }
        let next = shared.backlog.readable_again(&channel).into_iter().chain(next).min();
        Ok(Taken { shared, channel, until, leased: Leased { lanes, next } })
    });
    Ok(taken.await?.keep())
}

/// What a call leased.
struct Found {
    lanes: Vec<Lane>,
    /// Those that cannot be read.
    unreadable: Vec<Uuid>,
    /// When another call can lease a lane.
    next: Option<Time>,
}

async fn take(
    client: &ClientWrapper,
    channel: &ChannelName,
    now: Time,
    until: Time,
    limit: usize,
    unreadable: &[Uuid],
) -> Result<Found, StoreError> {
    let (channel, now, until) = (channel.as_str(), columns::micros(now), columns::micros(until));
    let expire = client.prepare_cached(EXPIRE).await?;
    let take = client.prepare_cached(TAKE).await?;
    let next = client.prepare_cached(NEXT).await?;
    // One round trip: statements are sent in this order.
    let (_, mut taken, next) = tokio::try_join!(
        biased;
        async { client.execute(&expire, &[&channel, &now]).await },
        async { client.query(&take, &[&channel, &now, &until, &columns::limit(limit), &unreadable]).await },
        async { client.query_one(&next, &[&channel, &unreadable]).await },
    )?;
    taken.sort_by_key(|row| (row.get::<_, Option<i64>>(3), row.get::<_, Uuid>(0)));
    let (mut lanes, mut unreadable) = (Vec::with_capacity(taken.len()), Vec::new());
    for row in &taken {
        match readable(row) {
            Some(lane) => lanes.push(lane),
            None => unreadable.push(row.get(0)),
        }
    }
    if !unreadable.is_empty() {
        // A server of a later version may be able to read them.
        let end = client.prepare_cached(END).await?;
        client.execute(&end, &[&channel, &unreadable, &until]).await?;
    }
    let next: Option<i64> = next.get(0);
    Ok(Found { lanes, unreadable, next: next.map(records::time).transpose()? })
}

/// Leases that the caller does not have yet. Dropping them ends them.
struct Taken {
    shared: Arc<Shared>,
    channel: ChannelName,
    until: Time,
    leased: Leased,
}

impl Taken {
    /// Gives them to the caller.
    fn keep(mut self) -> Leased {
        std::mem::take(&mut self.leased)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let approvals: Vec<Uuid> = self.leased.lanes.iter().map(|lane| lane.approval.uuid()).collect();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if approvals.is_empty() {
            return;
        }
        let (shared, channel, until) = (Arc::clone(&self.shared), self.channel.clone(), columns::micros(self.until));
        runtime.spawn(async move {
            let ended = async {
                let connection = shared.connections.get().await?;
                let end = connection.prepare_cached(END).await?;
                connection.execute(&end, &[&channel.as_str(), &approvals, &until]).await?;
                Ok::<_, StoreError>(())
            };
            match ended.await {
                Ok(()) => wake(&shared),
                // They end by themselves.
                Err(error) => tracing::warn!(%channel, %error, "cannot end leases that the outbox does not need"),
            }
        });
    }
}
