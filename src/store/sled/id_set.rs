//! Walks index entries in order of id. A filter with several fields is an intersection: it leaps from one index to the
//! next id in the other, so that a list reads little more than it returns.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    keys::{self, Field},
    tree_reader::TreeReader,
};
use crate::{
    domain::ApprovalId,
    store::{Filter, Order, StoreError},
};

/// A sorted set of ids.
pub(super) enum IdSet<'a> {
    /// Entries of one field and value.
    Index { pages: &'a TreeReader, prefix: Vec<u8> },
    /// Ids in any of the sets.
    Any(Vec<IdSet<'a>>),
    /// Ids in all of the sets.
    All(Vec<IdSet<'a>>),
}

/// The result of a seek.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sought {
    /// The first id.
    Found(ApprovalId),
    /// No further id.
    Nothing,
    /// The budget is used up. No id comes before this one.
    Paused(ApprovalId),
}

impl<'a> IdSet<'a> {
    /// The set of ids for a filter. Creation times are not in it: they bound the walk, see [`Filter::id_bounds`].
    pub(super) fn of(pages: &'a TreeReader, filter: &Filter) -> Self {
        let index = |field: Field<'_>| IdSet::Index { pages, prefix: field.prefix() };
        let mut all = Vec::new();
        // In order, PENDING first: an approval that is decided during the walk is then found under its new status.
        let statuses: BTreeSet<_> = filter.statuses.iter().copied().collect();
        if !statuses.is_empty() {
            all.push(IdSet::Any(statuses.into_iter().map(|status| index(Field::Status(status))).collect()));
        }
        all.extend(filter.tool_name.as_deref().map(|name| index(Field::Tool(name))));
        all.extend(filter.agent_name.as_deref().map(|name| index(Field::Agent(name))));
        all.extend(filter.caller.as_deref().map(|name| index(Field::Caller(name))));
        all.extend(filter.labels.iter().map(|(name, value)| index(Field::Label(name, value))));
        if all.is_empty() { index(Field::All) } else { IdSet::All(all) }
    }

    /// The first id at or after `from`, in `order`. Each index lookup takes one from the budget: without it, sets that
    /// hardly overlap could occupy a thread for a long time without a result.
    pub(super) fn seek(&self, from: ApprovalId, order: Order, budget: &mut usize) -> Result<Sought, StoreError> {
        match self {
            Self::Index { pages, prefix } => {
                *budget = budget.saturating_sub(1);
                let at = [&prefix[..], from.uuid().as_bytes()].concat();
                let id_at = |key: &[u8]| if key.len() == prefix.len() + 16 { keys::id_of(key) } else { None };
                let mut found = None;
                let mut take = |key: Result<sled::IVec, StoreError>| {
                    found = id_at(&key?);
                    Ok::<_, StoreError>(found.is_some())
                };
                // Keys of another length are pieces of large heads, or values that begin with this one.
                match order {
                    Order::OldestFirst => {
                        let last = [&prefix[..], Uuid::max().as_bytes()].concat();
                        for key in pages.keys(at..=last) {
                            if take(key)? {
                                break;
                            }
                        }
                    }
                    Order::NewestFirst => {
                        for key in pages.keys(prefix.clone()..=at).rev() {
                            if take(key)? {
                                break;
                            }
                        }
                    }
                }
                Ok(found.map_or(Sought::Nothing, Sought::Found))
            }
            Self::Any(sets) => {
                let mut nearest = Sought::Nothing;
                for set in sets {
                    nearest = match (nearest, set.seek(from, order, budget)?) {
                        (_, Sought::Paused(_)) => return Ok(Sought::Paused(from)),
                        (Sought::Found(a), Sought::Found(b)) => Sought::Found(first(a, b, order)),
                        (Sought::Nothing, found) => found,
                        (found, _) => found,
                    };
                }
                Ok(nearest)
            }
            Self::All(sets) => {
                let mut candidate = from;
                loop {
                    let start = candidate;
                    for set in sets {
                        match set.seek(candidate, order, budget)? {
                            Sought::Found(found) => candidate = found,
                            other => return Ok(other),
                        }
                    }
                    if candidate == start {
                        return Ok(Sought::Found(candidate));
                    }
                    if *budget == 0 {
                        return Ok(Sought::Paused(candidate));
                    }
                }
            }
        }
    }
}

fn first(a: ApprovalId, b: ApprovalId, order: Order) -> ApprovalId {
    match order {
        Order::OldestFirst => a.min(b),
        Order::NewestFirst => a.max(b),
    }
}

/// The next possible id, in `order`; `None` at the end.
pub(super) fn beyond(id: ApprovalId, order: Order) -> Option<ApprovalId> {
    let number = id.uuid().as_u128();
    let next = match order {
        Order::OldestFirst => number.checked_add(1),
        Order::NewestFirst => number.checked_sub(1),
    };
    next.map(|number| ApprovalId::new(Uuid::from_u128(number)))
}

/// The previous possible id, in `order`; `None` at the start.
pub(super) fn before(id: ApprovalId, order: Order) -> Option<ApprovalId> {
    match order {
        Order::OldestFirst => beyond(id, Order::NewestFirst),
        Order::NewestFirst => beyond(id, Order::OldestFirst),
    }
}

#[cfg(test)]
mod tests;
