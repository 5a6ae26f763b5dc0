//! Reads pages of lists.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{columns, load};
use crate::{
    domain::ApprovalId,
    store::{
        Filter, Order, Page, Query, StoreError,
        query::{PAGE_BYTES, weight},
    },
};

/// Approvals that are read at once. A page of large ones ends early, and then most of the others would be read in vain.
const CHUNK: usize = 64;

/// Reads a page.
pub(super) async fn list(client: &ClientWrapper, query: Query) -> Result<Page, StoreError> {
    let Query { filter, order, after, limit } = query;
    let mut page = Page::default();
    let (mut bytes, mut from) = (0, after);
    'page: loop {
        // One more than the page holds, to see whether there is another one.
        let room = (limit - page.approvals.len()).saturating_add(1).min(CHUNK);
        let ids = matching(client, &filter, order, from, room).await?;
        let mut found = load::approvals(client, &ids.iter().map(|id| id.uuid()).collect::<Vec<_>>()).await?;
        for id in &ids {
            from = Some(*id);
            match found.remove(id) {
                // It was forgotten, or it changed, between the two statements.
                None => {}
                Some(Ok(known)) if !filter.matches(&known.approval) => {}
                Some(Ok(known)) => {
                    if page.approvals.len() == limit || bytes >= PAGE_BYTES {
                        page.next = page.approvals.last().map(|last| last.id);
                        break 'page;
                    }
                    bytes += weight(&known.approval);
                    page.approvals.push(known.approval);
                }
                // An unreadable approval must not hide the others.
                Some(Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_)))) => {
                    tracing::error!(%id, %error, "cannot list an approval whose record is unreadable");
                    page.unreadable.push(*id);
                    if page.unreadable.len() >= limit.max(1) {
                        page.next = Some(*id);
                        break 'page;
                    }
                }
                Some(Err(error)) => return Err(error),
            }
        }
        if ids.len() < room {
            break;
        }
    }
    page.keep_before_next(order);
    Ok(page)
}

/// The ids of approvals that match, by what is indexed.
async fn matching(
    client: &ClientWrapper,
    filter: &Filter,
    order: Order,
    after: Option<ApprovalId>,
    limit: usize,
) -> Result<Vec<ApprovalId>, StoreError> {
    let labels = filter.labels.iter().flat_map(|(key, value)| [key, value]);
    let mut texts = [&filter.tool_name, &filter.agent_name, &filter.caller].into_iter().flatten().chain(labels);
    if texts.any(|text| text.contains('\0')) {
        return Ok(Vec::new()); // no name contains it, and PostgreSQL rejects it
    }
    let mut conditions = Conditions::default();
    // In the text, not as parameters: only so does the planner know how rare a status is, and that an index of pending
    // approvals fits.
    let codes: Vec<String> = filter.statuses.iter().map(|status| columns::status(*status).to_string()).collect();
    match &codes[..] {
        [] => {}
        [code] => conditions.sql.push(format!("a.status = {code}")),
        codes => conditions.sql.push(format!("a.status IN ({})", codes.join(", "))),
    }
    if let Some(tool) = &filter.tool_name {
        conditions.add("a.tool = $", tool.clone());
    }
    if let Some(agent) = &filter.agent_name {
        conditions.add("a.agent = $", agent.clone());
    }
    if let Some(caller) = &filter.caller {
        conditions.add("a.caller = $", columns::caller(caller));
    }
    for (key, value) in &filter.labels {
        conditions.add("a.id IN (SELECT approval FROM labels WHERE label = $)", columns::label(key, value));
    }
    // Ids begin with the time, and have an index.
    let (low, high) = filter.id_bounds();
    if let Some(from) = filter.created_from {
        conditions.add("a.id >= $", low.uuid());
        conditions.add("a.created >= $", columns::micros(from));
    }
    if let Some(before) = filter.created_before {
        conditions.add("a.id <= $", high.uuid());
        conditions.add("a.created < $", columns::micros(before));
    }
    let (comparison, direction) = match order {
        Order::OldestFirst => ("a.id > $", "ASC"),
        Order::NewestFirst => ("a.id < $", "DESC"),
    };
    if let Some(after) = after {
        conditions.add(comparison, after.uuid());
    }
    let matches = conditions.sql();
    conditions.add("LIMIT $", columns::limit(limit));
    let limit = conditions.sql.last().map_or("", String::as_str);
    let sql = format!("SELECT a.id FROM approvals a WHERE {matches} ORDER BY a.id {direction} {limit}");
    // Prepared once for each shape of a filter, of which people use a few.
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &conditions.parameters()).await?;
    Ok(rows.iter().map(|row| ApprovalId::new(row.get::<_, Uuid>(0))).collect())
}

/// Conditions of a statement, all of which must hold.
#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Conditions {
    /// Adds a condition, in which `$` stands for the value.
    fn add(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        self.values.push(Box::new(value));
        self.sql.push(condition.replace('$', &format!("${}", self.values.len())));
    }

    fn sql(&self) -> String {
        if self.sql.is_empty() { "true".to_owned() } else { self.sql.join(" AND ") }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}
