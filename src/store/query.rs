//! What to list. Filters are equalities, so that every store can index them, and all must hold.

use std::collections::BTreeMap;

use crate::domain::{Approval, ApprovalId, Status, Time, name};

/// A page to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which approvals.
    pub filter: Filter,
    /// In which order of creation.
    pub order: Order,
    /// Only those that come after this one, in `order`.
    pub after: Option<ApprovalId>,
    /// At most so many; fewer when they are large.
    pub limit: usize,
}

/// For implementations of stores: bytes of text after which a page ends, whatever its limit. What an approval says can
/// be far larger on the wire, and clients take 4 MiB of it unless told otherwise.
pub const PAGE_BYTES: usize = 384 * 1024;

/// About how much of a page an approval takes, in bytes of text. Pages end by it at [`PAGE_BYTES`].
#[must_use]
pub fn weight(approval: &Approval) -> usize {
    let request = &approval.request;
    let labels: usize = request.labels.iter().map(|(key, value)| key.len() + value.len()).sum();
    let trace: usize = approval.verdict.trace.iter().map(|rule| rule.rule.len() + rule.detail.len()).sum();
    let votes: usize = approval.votes.iter().map(|vote| vote.comment.len() + 128).sum();
    let schema = request.schema.as_deref().map_or(0, str::len);
    // The verdict's message, and the comment on the decision once more where a remembered rejection is shown.
    let comment = approval.decision.as_ref().map_or(0, |decision| decision.comment.len());
    let remembered = approval.verdict.remembered_rejection.as_ref().map_or(0, |_| comment);
    let texts = request.reason.len() + approval.verdict.message.len() + comment + remembered;
    approval.arguments.as_json().len() + schema + texts + labels + trace + votes
}

/// Order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    OldestFirst,
    /// The newest first.
    NewestFirst,
}

/// Which approvals; an empty filter takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One of these; empty: any.
    pub statuses: Vec<Status>,
    /// This tool.
    pub tool_name: Option<String>,
    /// This agent.
    pub agent_name: Option<String>,
    /// This caller, as `issuer/subject`.
    pub caller: Option<String>,
    /// All of these labels.
    pub labels: BTreeMap<String, String>,
    /// Created at this time or later.
    pub created_from: Option<Time>,
    /// Created before this time.
    pub created_before: Option<Time>,
}

impl Filter {
    /// Pending approvals.
    #[must_use]
    pub fn pending() -> Self {
        Self { statuses: vec![Status::Pending], ..Self::default() }
    }

    /// Whether an approval is one of those.
    #[must_use]
    pub fn matches(&self, approval: &Approval) -> bool {
        let request = &approval.request;
        let wanted = |filter: &Option<String>, value: &str| filter.as_ref().is_none_or(|wanted| wanted == value);
        (self.statuses.is_empty() || self.statuses.contains(&approval.status))
            && wanted(&self.tool_name, &request.tool_name)
            && wanted(&self.agent_name, &request.agent.name)
            && self.caller.as_ref().is_none_or(|caller| name::same(caller, &request.caller.to_string()))
            && self.labels.iter().all(|(key, value)| request.labels.get(key) == Some(value))
            && self.created_from.is_none_or(|from| approval.created_at >= from)
            && self.created_before.is_none_or(|before| approval.created_at < before)
    }
}
