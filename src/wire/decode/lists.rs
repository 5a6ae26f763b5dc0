//! Decodes lists and the queue.

use super::{Checker, Violations};
use crate::{
    domain::{
        Status,
        limits::{PAGE_SIZE_DEFAULT, RequestLimits},
    },
    proto::v1,
    store::{Filter, Order, Query},
    wire::{enums::Code as _, field_path, page_token},
};

/// Decodes ListPending: a page, the oldest first.
///
/// # Errors
/// Every rule that it breaks.
pub fn list_pending(message: v1::ListPendingRequest, limits: &RequestLimits) -> Result<Query, Violations> {
    let mut check = Checker::default();
    let v1::ListPendingRequest { page_size, page_token, tool_name, agent_name, labels, .. } = message;
    let filter = check.queue(tool_name, agent_name, labels, limits);
    check.query(filter, Order::OldestFirst, page_size, &page_token, limits)
}

/// Decodes the filter of WatchPending.
///
/// # Errors
/// Every rule that it breaks.
pub fn watch_pending(message: v1::WatchPendingRequest, limits: &RequestLimits) -> Result<Filter, Violations> {
    let mut check = Checker::default();
    let filter = check.queue(message.tool_name, message.agent_name, message.labels, limits);
    check.finish(|| Some(filter))
}

/// Decodes ListApprovals: a page, the newest first.
///
/// # Errors
/// Every rule that it breaks.
pub fn list_approvals(message: v1::ListApprovalsRequest, limits: &RequestLimits) -> Result<Query, Violations> {
    let mut check = Checker::default();
    let filter = Filter {
        statuses: check.statuses(&message.statuses),
        tool_name: check.tool_filter(message.tool_name),
        agent_name: check.agent_filter(message.agent_name),
        caller: check.caller_filter(message.caller),
        labels: check.label_filter(message.labels, limits.labels),
        created_from: check.moment("created_from", message.created_from),
        created_before: check.moment("created_before", message.created_before),
    };
    if let (Some(from), Some(before)) = (filter.created_from, filter.created_before)
        && from >= before
    {
        check.refuse("created_before", "must be later than created_from");
    }
    check.query(filter, Order::NewestFirst, message.page_size, &message.page_token, limits)
}

impl Checker {
    fn queue(
        &mut self,
        tool_name: String,
        agent_name: String,
        labels: std::collections::HashMap<String, String>,
        limits: &RequestLimits,
    ) -> Filter {
        Filter {
            tool_name: self.tool_filter(tool_name),
            agent_name: self.agent_filter(agent_name),
            labels: self.label_filter(labels, limits.labels),
            ..Filter::pending()
        }
    }

    /// The size of a page.
    pub(super) fn page_size(&mut self, page_size: i32, limits: &RequestLimits) -> Option<usize> {
        let max = limits.page_size_max;
        match u32::try_from(page_size) {
            Ok(0) => usize::try_from(PAGE_SIZE_DEFAULT.min(max)).ok(),
            Ok(size) if size <= max => usize::try_from(size).ok(),
            _ => {
                self.refuse("page_size", format!("is {page_size}; it must be from 1 to {max}, or 0 for the default"));
                None
            }
        }
    }

    /// Sorted and without duplicates, so that the filter stays short.
    fn statuses(&mut self, numbers: &[i32]) -> Vec<Status> {
        let mut statuses = Vec::new();
        for (index, number) in numbers.iter().enumerate() {
            let allowed = "an ApprovalStatus other than APPROVAL_STATUS_UNSPECIFIED";
            let status = self.choice(&field_path::at("statuses", index), *number, allowed, Status::from_wire);
            statuses.extend(status.filter(|status| !statuses.contains(status)));
        }
        statuses.sort_unstable();
        statuses
    }

    fn query(
        mut self,
        filter: Filter,
        order: Order,
        page_size: i32,
        token: &str,
        limits: &RequestLimits,
    ) -> Result<Query, Violations> {
        let limit = self.page_size(page_size, limits);
        let after = (!token.is_empty()).then(|| page_token::decode(token, &filter, order));
        if let Some(Err(error)) = after {
            self.refuse("page_token", error.to_string());
        }
        let after = after.and_then(Result::ok);
        self.finish(|| Some(Query { filter, order, after, limit: limit? }))
    }
}
