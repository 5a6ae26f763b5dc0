//! Queries of lists. Filters are equalities, so that every store can index them; all must match.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::domain::{Approval, ApprovalId, Provenance, Status, Time, Vote, name, to_micros};

/// A page to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which approvals.
    pub filter: Filter,
    /// The order, by creation.
    pub order: Order,
    /// Only approvals after this one, in `order`.
    pub after: Option<ApprovalId>,
    /// Maximum number of approvals. Large approvals end a page earlier.
    pub limit: usize,
}

/// For implementations of stores: a page ends once it has this many bytes of text, whatever its limit. An approval can
/// be far larger on the wire, and gRPC clients accept messages of 4 MiB by default.
pub const PAGE_BYTES: usize = 384 * 1024;

/// Approximate size of an approval in a page, in bytes of text. A page ends at [`PAGE_BYTES`].
#[must_use]
pub fn weight(approval: &Approval) -> usize {
    let request = &approval.request;
    let labels: usize = request.labels.iter().map(|(key, value)| key.len() + value.len()).sum();
    let trace: usize = approval.verdict.trace.iter().map(|rule| rule.rule.len() + rule.detail.len()).sum();
    let opened = |provenance: &Option<Provenance>| {
        provenance.as_ref().map_or(0, |provenance| provenance.opened.iter().map(String::len).sum())
    };
    let vote = |vote: &Vote| vote.comment.len() + 128 + opened(&vote.provenance);
    let votes: usize = approval.votes.iter().map(vote).sum();
    let schema = request.schema.as_deref().map_or(0, str::len);
    // A remembered rejection shows the comment of the decision a second time.
    let comment = approval.decision.as_ref().map_or(0, |decision| decision.comment.len());
    let decider_opened: usize = approval.decision.as_ref().map_or(0, |decision| opened(&decision.provenance));
    let remembered = approval.verdict.remembered_rejection.as_ref().map_or(0, |_| comment);
    let revocation = approval.revocation.as_ref().map_or(0, |revocation| revocation.reason.len() + 128);
    let texts = request.reason.len() + approval.verdict.message.len() + comment + remembered + revocation;
    let texts = texts + decider_opened;
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

/// Which approvals; an empty filter matches all.
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
    /// Minimum and maximum id of approvals in the filter's time range. Ids begin with the millisecond of creation, but a
    /// generator that runs out of numbers in one millisecond may borrow from the next ones.
    pub(super) fn id_bounds(&self) -> (ApprovalId, ApprovalId) {
        const BORROWED_MS: u64 = 1_000;
        let at = |millis: u64, rest: u128| ApprovalId::new(Uuid::from_u128(u128::from(millis) << 80 | rest));
        let low = self.created_from.map_or(0, |time| to_micros(time) / 1_000);
        let high = self.created_before.map(|time| (to_micros(time) / 1_000).saturating_add(BORROWED_MS));
        let rest = (1 << 80) - 1;
        (at(low, 0), high.map_or(ApprovalId::new(Uuid::max()), |millis| at(millis, rest)))
    }

    /// A filter for pending approvals.
    #[must_use]
    pub fn pending() -> Self {
        Self { statuses: vec![Status::Pending], ..Self::default() }
    }

    /// Whether the filter matches an approval.
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
