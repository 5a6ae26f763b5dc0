//! PostgreSQL's own speed: rows of the same content in one statement for each group, without reading or locking anything
//! before. One connection for each server, each sending its next statement when the one before is committed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use signoff::store::{PostgresConfig, PostgresStore};
use tokio::task::JoinSet;
use tokio_postgres::{Client, Row, Statement, types::ToSql};
use uuid::Uuid;

use super::database::{Database, Postgres};
use crate::{Outcome, payload};

/// What a group of requests writes.
const REQUESTS: &str = "\
    WITH heads AS ( \
        INSERT INTO approvals (id, revision, status, issuer, subject, caller, tool, agent, created, updated, due, \
            arguments_revision, head) \
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[], \
            $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[])), \
    history AS ( \
        INSERT INTO events (approval, revision, payload) \
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $14::bytea[])), \
    labelled AS (INSERT INTO labels (label, approval) SELECT * FROM unnest($15::text[], $1::uuid[])), \
    named AS ( \
        INSERT INTO request_ids (issuer, subject, request_id, approval) \
        SELECT * FROM unnest($4::text[], $5::text[], $16::text[], $1::uuid[])) \
    INSERT INTO changes (origin, approval, revision) SELECT $17, * FROM unnest($1::uuid[], $2::bigint[])";

/// What a group of decisions writes.
const DECISIONS: &str = "\
    WITH heads AS ( \
        UPDATE approvals a SET revision = n.revision, status = n.status, updated = n.updated, due = NULL, \
            decided = n.updated, head = n.head \
        FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bytea[]) \
            AS n (id, revision, status, updated, head) \
        WHERE a.id = n.id AND a.revision = n.revision - 1), \
    history AS ( \
        INSERT INTO events (approval, revision, payload) \
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $6::bytea[])) \
    INSERT INTO changes (origin, approval, revision) SELECT $7, * FROM unnest($1::uuid[], $2::bigint[])";

/// Rows per second, of requests and of decisions, in groups of these sizes.
pub(super) async fn rates(
    postgres: &Postgres,
    content: Content,
    connections: usize,
    groups: [f64; 2],
    seconds: f64,
) -> Outcome<[f64; 2]> {
    let content = Arc::new(content);
    let database = postgres.database().await?;
    PostgresStore::migrate(&PostgresConfig::new(&database.url.parse()?, None).await?).await?;
    let (mut writing, mut deciding) = (JoinSet::new(), JoinSet::new());
    let [requests, decisions] = groups;
    for _ in 0..connections {
        let (client, content) = (database.connect().await?, Arc::clone(&content));
        writing.spawn(async move {
            let statement = client.prepare(REQUESTS).await?;
            let writer = Writer { client, statement, content, origin: Uuid::new_v4() };
            writer.write(requests, seconds).await
        });
    }
    let (mut rates, mut pending) = ([0.0, 0.0], Vec::new());
    while let Some(ended) = writing.join_next().await {
        let (rate, ids) = ended??;
        rates[0] += rate;
        pending.push(ids);
    }
    for ids in pending {
        let (client, content) = (database.connect().await?, Arc::clone(&content));
        deciding.spawn(async move {
            let statement = client.prepare(DECISIONS).await?;
            let writer = Writer { client, statement, content, origin: Uuid::new_v4() };
            writer.decide(ids, decisions, seconds).await
        });
    }
    while let Some(ended) = deciding.join_next().await {
        rates[1] += ended??;
    }
    Ok(rates)
}

/// What servers wrote for a request, and for a decision.
pub(super) struct Content {
    request: Row,
    decision: Row,
}

impl Content {
    /// That of a pending approval, and of a decided one.
    pub(super) async fn of(database: &Database) -> Outcome<Self> {
        let request = "SELECT a.issuer, a.subject, a.caller, a.tool, a.agent, a.created, a.due, a.head, e.payload, l.label \
             FROM approvals a JOIN events e ON e.approval = a.id JOIN labels l ON l.approval = a.id \
             WHERE a.status = 0 LIMIT 1";
        let decision = "SELECT a.status, a.updated, a.head, e.payload \
             FROM approvals a JOIN events e ON e.approval = a.id AND e.revision = 2 WHERE a.status = 1 LIMIT 1";
        let control = &database.control;
        Ok(Self { request: control.query_one(request, &[]).await?, decision: control.query_one(decision, &[]).await? })
    }
}

/// A connection that writes groups.
struct Writer {
    client: Client,
    statement: Statement,
    content: Arc<Content>,
    origin: Uuid,
}

impl Writer {
    /// Writes requests; returns their rate, and all ids.
    async fn write(&self, group: f64, seconds: f64) -> Outcome<(f64, Vec<Uuid>)> {
        let row = &self.content.request;
        let (issuer, subject, caller): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let (tool, agent, label): (&str, &str, &str) = (row.get(3), row.get(4), row.get(9));
        let (created, due): (i64, i64) = (row.get(5), row.get(6));
        let (head, payload): (&[u8], &[u8]) = (row.get(7), row.get(8));
        let (mut clock, mut all) = (Clock::start(group, seconds), Vec::new());
        while let Some(count) = clock.next() {
            let ids: Vec<Uuid> = (0..count).map(|_| payload::uuid()).collect();
            let keys: Vec<String> = (0..count).map(|_| payload::uuid().to_string()).collect();
            let parameters: &[&(dyn ToSql + Sync)] = &[
                &ids,
                &vec![1_i64; count],
                &vec![0_i16; count],
                &vec![issuer; count],
                &vec![subject; count],
                &vec![caller; count],
                &vec![tool; count],
                &vec![agent; count],
                &vec![created; count],
                &vec![created; count],
                &vec![due; count],
                &vec![1_i64; count],
                &vec![head; count],
                &vec![payload; count],
                &vec![label; count],
                &keys,
                &self.origin,
            ];
            self.client.execute(&self.statement, parameters).await?;
            clock.written(count);
            all.extend(ids);
        }
        Ok((clock.rate(), all))
    }

    /// Writes decisions on pending approvals; returns their rate.
    async fn decide(&self, mut pending: Vec<Uuid>, group: f64, seconds: f64) -> Outcome<f64> {
        let row = &self.content.decision;
        let (status, updated): (i16, i64) = (row.get(0), row.get(1));
        let (head, payload): (&[u8], &[u8]) = (row.get(2), row.get(3));
        let mut clock = Clock::start(group, seconds);
        while let Some(count) = clock.next() {
            let ids = pending.split_off(pending.len().saturating_sub(count));
            let count = ids.len();
            if count == 0 {
                break;
            }
            let parameters: &[&(dyn ToSql + Sync)] = &[
                &ids,
                &vec![2_i64; count],
                &vec![status; count],
                &vec![updated; count],
                &vec![head; count],
                &vec![payload; count],
                &self.origin,
            ];
            self.client.execute(&self.statement, parameters).await?;
            clock.written(count);
        }
        Ok(clock.rate())
    }
}

/// The sizes of groups, whose mean is a fraction, and the rate after a warm-up of a quarter of the time.
struct Clock {
    group: f64,
    /// The part of a row that the groups so far have too few.
    rest: f64,
    from: Instant,
    until: Instant,
    /// When the group began.
    begun: Instant,
    /// When the last one ended.
    ended: Instant,
    rows: f64,
}

impl Clock {
    fn start(group: f64, seconds: f64) -> Self {
        let from = Instant::now() + Duration::from_secs_f64(seconds / 4.0);
        let until = from + Duration::from_secs_f64(seconds);
        Self { group, rest: 0.0, from, until, begun: from, ended: from, rows: 0.0 }
    }

    /// The size of the next group; none at the end.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a few hundred")]
    fn next(&mut self) -> Option<usize> {
        self.begun = Instant::now();
        let size = self.group + self.rest;
        self.rest = size.fract();
        (self.begun < self.until).then_some((size as usize).max(1))
    }

    #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
    fn written(&mut self, count: usize) {
        if self.begun >= self.from {
            self.rows += count as f64;
            self.ended = Instant::now();
        }
    }

    fn rate(&self) -> f64 {
        self.rows / (self.ended - self.from).as_secs_f64()
    }
}
