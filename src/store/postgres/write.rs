//! Writes a group of commands: one statement for each table, all in one round trip.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    Shared, columns,
    failed::Failed,
    group::{Changed, Writes},
    outbox,
};
use crate::{domain::Approval, store::records};

const INSERT: &str = "\
    INSERT INTO approvals (id, revision, status, issuer, subject, caller, tool, agent, created, updated, due, decided, \
        schema, arguments_revision, head) \
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[], \
        $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[], $14::bigint[], $15::bytea[])";
/// The condition holds, because the rows are locked. It guards against a mistake here.
const UPDATE: &str = "\
    UPDATE approvals a SET revision = n.revision, status = n.status, updated = n.updated, due = n.due, \
        decided = n.decided, arguments_revision = n.arguments_revision, head = n.head \
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::bigint[], \
        $8::bigint[], $9::bytea[]) \
        AS n (id, before, revision, status, updated, due, decided, arguments_revision, head) \
    WHERE a.id = n.id AND a.revision = n.before";
const EVENTS: &str = "\
    INSERT INTO events (approval, revision, payload) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[])";
const LABELS: &str = "INSERT INTO labels (label, approval) SELECT * FROM unnest($1::text[], $2::uuid[])";
const SCHEMAS: &str = "\
    INSERT INTO schemas (hash, document) SELECT * FROM unnest($1::bytea[], $2::text[]) ON CONFLICT DO NOTHING";
/// Replaces the key of a forgotten approval whose time is over.
const REQUEST_IDS: &str = "\
    INSERT INTO request_ids (issuer, subject, request_id, approval) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) \
    ON CONFLICT (issuer, subject, request_id) DO UPDATE SET approval = EXCLUDED.approval, forgotten = NULL \
    WHERE request_ids.approval IS NULL";
const REJECTIONS: &str = "\
    INSERT INTO rejections (call, until, approval) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::uuid[]) \
    ON CONFLICT DO NOTHING";
const CHANGES: &str = "\
    INSERT INTO changes (origin, approval, revision) SELECT $1, * FROM unnest($2::uuid[], $3::bigint[])";
/// A lease stays: the server that has it sends the head of the lane.
const LANES: &str = "\
    INSERT INTO lanes (approval, channel, record, due, since, dead) \
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::boolean[]) \
    ON CONFLICT (approval, channel) DO UPDATE SET \
        record = EXCLUDED.record, due = EXCLUDED.due, since = EXCLUDED.since, dead = EXCLUDED.dead";

/// New approvals, as columns.
#[derive(Default)]
struct New<'a> {
    ids: Vec<Uuid>,
    revisions: Vec<i64>,
    statuses: Vec<i16>,
    issuers: Vec<String>,
    subjects: Vec<String>,
    callers: Vec<String>,
    tools: Vec<&'a str>,
    agents: Vec<&'a str>,
    created: Vec<i64>,
    updated: Vec<i64>,
    due: Vec<Option<i64>>,
    decided: Vec<Option<i64>>,
    schemas: Vec<Option<Vec<u8>>>,
    arguments: Vec<i64>,
    heads: Vec<Vec<u8>>,
    request_ids: Vec<&'a str>,
    labels: Vec<String>,
    labelled: Vec<Uuid>,
    documents: Vec<(Vec<u8>, &'a str)>,
}

/// Changed approvals, as columns.
#[derive(Default)]
struct Old {
    ids: Vec<Uuid>,
    before: Vec<i64>,
    revisions: Vec<i64>,
    statuses: Vec<i16>,
    updated: Vec<i64>,
    due: Vec<Option<i64>>,
    decided: Vec<Option<i64>>,
    arguments: Vec<i64>,
    heads: Vec<Vec<u8>>,
}

fn decided(approval: &Approval) -> Option<i64> {
    approval.decision.as_ref().map(|decision| columns::micros(decision.at))
}

impl<'a> New<'a> {
    fn add(&mut self, approval: &'a Approval, head: Vec<u8>) {
        let (request, id) = (&approval.request, approval.id.uuid());
        let (issuer, subject) = columns::names(&request.caller);
        let schema = records::schema_hash(request).map(columns::digest);
        self.documents.extend(schema.clone().zip(request.schema.as_deref()));
        for (key, value) in &request.labels {
            self.labels.push(columns::label(key, value));
            self.labelled.push(id);
        }
        self.ids.push(id);
        self.revisions.push(columns::number(approval.revision));
        self.statuses.push(columns::status(approval.status));
        self.issuers.push(issuer);
        self.subjects.push(subject);
        self.callers.push(columns::caller(&request.caller.to_string()));
        self.tools.push(&request.tool_name);
        self.agents.push(&request.agent.name);
        self.created.push(columns::micros(approval.created_at));
        self.updated.push(columns::micros(approval.updated_at));
        self.due.push(columns::due(approval));
        self.decided.push(decided(approval));
        self.schemas.push(schema);
        self.arguments.push(columns::number(approval.arguments_revision));
        self.heads.push(head);
        self.request_ids.push(&request.request_id);
    }
}

impl Old {
    fn add(&mut self, Changed { approval, events, .. }: &Changed, head: Vec<u8>) {
        self.ids.push(approval.id.uuid());
        self.before.push(columns::number(approval.revision - events.len() as u64));
        self.revisions.push(columns::number(approval.revision));
        self.statuses.push(columns::status(approval.status));
        self.updated.push(columns::micros(approval.updated_at));
        self.due.push(columns::due(approval));
        self.decided.push(decided(approval));
        self.arguments.push(columns::number(approval.arguments_revision));
        self.heads.push(head);
    }
}

/// Writes a group in the open transaction.
pub(super) async fn group(client: &ClientWrapper, writes: &Writes, shared: &Shared) -> Result<(), Failed> {
    let approvals: Vec<_> = writes.changed.values().collect();
    changes(client, &approvals, shared.origin).await?;
    Ok(outbox::write(client, LANES, writes.lanes.values(), &shared.routes, None).await?)
}

/// Writes new states of approvals in the open transaction.
pub(super) async fn changes(client: &ClientWrapper, changed: &[&Changed], origin: Uuid) -> Result<(), Failed> {
    let (mut new, mut old) = (New::default(), Old::default());
    let (mut of, mut revisions, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
    let (mut calls, mut until, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for one in changed {
        let encoded = one.encode()?;
        for (revision, payload) in encoded.events {
            of.push(one.approval.id.uuid());
            revisions.push(columns::number(revision));
            payloads.push(payload);
        }
        if one.before != Some(one.approval.status)
            && let Some((call, time)) = one.approval.remembered()
        {
            calls.push(columns::digest(call));
            until.push(columns::micros(time));
            rejected.push(one.approval.id.uuid());
        }
        match one.before {
            None => new.add(&one.approval, encoded.head),
            Some(_) => old.add(one, encoded.head),
        }
    }
    let all: Vec<Uuid> = changed.iter().map(|one| one.approval.id.uuid()).collect();
    let newest: Vec<i64> = changed.iter().map(|one| columns::number(one.approval.revision)).collect();
    // In order, so that two servers never wait for each other in a circle.
    new.documents.sort_unstable();
    let (hashes, documents): (Vec<Vec<u8>>, Vec<&str>) = new.documents.into_iter().unzip();

    let insert = client.prepare_cached(INSERT).await?;
    let update = client.prepare_cached(UPDATE).await?;
    let events = client.prepare_cached(EVENTS).await?;
    let labels = client.prepare_cached(LABELS).await?;
    let schemas = client.prepare_cached(SCHEMAS).await?;
    let request_ids = client.prepare_cached(REQUEST_IDS).await?;
    let rejections = client.prepare_cached(REJECTIONS).await?;
    let feed = client.prepare_cached(CHANGES).await?;

    let inserts = async {
        if new.ids.is_empty() {
            return Ok(0);
        }
        let (.., named) = tokio::try_join!(
            biased;
            async {
                let parameters: &[&(dyn ToSql + Sync)] = &[
                    &new.ids,
                    &new.revisions,
                    &new.statuses,
                    &new.issuers,
                    &new.subjects,
                    &new.callers,
                    &new.tools,
                    &new.agents,
                    &new.created,
                    &new.updated,
                    &new.due,
                    &new.decided,
                    &new.schemas,
                    &new.arguments,
                    &new.heads,
                ];
                client.execute(&insert, parameters).await
            },
            async { client.execute(&labels, &[&new.labels, &new.labelled]).await },
            async { client.execute(&schemas, &[&hashes, &documents]).await },
            async { client.execute(&request_ids, &[&new.issuers, &new.subjects, &new.request_ids, &new.ids]).await },
        )?;
        Ok(named)
    };
    let updates = async {
        if old.ids.is_empty() {
            return Ok(0);
        }
        let parameters: &[&(dyn ToSql + Sync)] = &[
            &old.ids,
            &old.before,
            &old.revisions,
            &old.statuses,
            &old.updated,
            &old.due,
            &old.decided,
            &old.arguments,
            &old.heads,
        ];
        client.execute(&update, parameters).await
    };
    let rejections = async {
        if calls.is_empty() { Ok(0) } else { client.execute(&rejections, &[&calls, &until, &rejected]).await }
    };
    let (named, updated, ..) = tokio::try_join!(
        biased;
        inserts,
        updates,
        async { client.execute(&events, &[&of, &revisions, &payloads]).await },
        rejections,
        async { client.execute(&feed, &[&origin, &all, &newest]).await },
    )?;
    if named != new.ids.len() as u64 || updated != old.ids.len() as u64 {
        return Err(Failed::Race);
    }
    Ok(())
}
