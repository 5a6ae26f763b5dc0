//! Reads pages of lists.

use std::sync::Arc;

use super::{
    id_set::{self, IdSet, Sought},
    records,
    tree_reader::TreeReader,
};
use crate::store::{
    Order, Page, Query, StoreError,
    query::{PAGE_BYTES, weight},
};

/// Maximum index lookups for one page; a page that needs more ends early.
const WALK: usize = 20_000;

/// Reads a page.
pub(super) fn list(pages: &TreeReader, query: &Query) -> Result<Page, StoreError> {
    let mut page = Page::default();
    let (low, high) = query.filter.id_bounds();
    let first = match query.order {
        Order::OldestFirst => low,
        Order::NewestFirst => high,
    };
    let mut from = match query.after {
        Some(after) => match id_set::beyond(after, query.order) {
            Some(next) => next.clamp(low, high.max(low)),
            None => return Ok(page),
        },
        None => first,
    };
    let ids = IdSet::of(pages, &query.filter);
    let (mut bytes, mut budget) = (0, WALK);
    loop {
        let id = match ids.seek(from, query.order, &mut budget)? {
            Sought::Found(id) if (low..=high).contains(&id) => id,
            Sought::Paused(id) if (low..=high).contains(&id) => {
                page.next = id_set::before(id, query.order);
                break;
            }
            _ => break,
        };
        // The index and the record are read one after the other, and may differ: the record is right.
        let found = match records::load(pages, id) {
            Ok(None)
                if ids.seek(id, query.order, &mut 1_000)? == Sought::Found(id)
                    && records::head(pages, id)?.is_none() =>
            {
                Err(records::dangling(id, "an index")) // otherwise it was forgotten meanwhile
            }
            found => found.map(|stored| stored.map(|stored| stored.approval)),
        };
        let found = match found {
            // An unreadable approval must not hide the others.
            Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => {
                tracing::error!(%id, %error, "cannot list an approval whose record is unreadable");
                page.unreadable.push(id);
                None
            }
            found => found?,
        };
        if let Some(approval) = found.filter(|approval| query.filter.matches(approval)) {
            if page.approvals.len() == query.limit || bytes >= PAGE_BYTES {
                page.next = page.approvals.last().map(|last| last.id);
                break;
            }
            bytes += weight(&approval);
            page.approvals.push(Arc::new(approval));
        }
        if budget == 0 || page.unreadable.len() >= query.limit.max(1) {
            page.next = Some(id);
            break;
        }
        match id_set::beyond(id, query.order) {
            Some(next) => from = next,
            None => break,
        }
    }
    page.keep_before_next(query.order);
    Ok(page)
}
