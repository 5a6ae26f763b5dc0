//! stand-in until the wire layer lands
use super::structs::to_json;
use crate::{approvals::*, config::Limits, domain::*, proto::v1 as pb, store::*};
use std::time::Duration;
#[derive(Debug)]
pub(super) struct Violations(pub String);
type R<T> = Result<T, Violations>;
fn bad<E: std::fmt::Display>(e: E) -> Violations {
    Violations(e.to_string())
}
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
fn args(s: Option<prost_types::Struct>) -> R<Arguments> {
    Arguments::new(to_json(s.unwrap_or_default())).map_err(bad)
}
pub(super) fn request_approval(m: pb::RequestApprovalRequest, limits: &Limits) -> R<(NewRequest, u64)> {
    let agent = m.agent.unwrap_or_default();
    Ok((
        NewRequest {
            request_id: some(m.request_id),
            tool_name: m.tool_name,
            arguments: args(m.arguments)?,
            agent: Agent { name: agent.name, run_id: agent.run_id, chain: agent.chain },
            reason: m.reason,
            labels: m.labels.into_iter().collect(),
            timeout: m.timeout.map_or(limits.timeout_default, |d| Duration::new(d.seconds as u64, d.nanos as u32)),
            schema: None,
            cancel_on_disconnect: m.cancel_on_disconnect,
        },
        m.after_revision,
    ))
}
pub(super) fn watch_approval(m: pb::WatchApprovalRequest) -> R<(ApprovalId, u64)> {
    Ok((m.approval_id.parse().map_err(bad)?, m.after_revision))
}
pub(super) fn get_approval(m: &pb::GetApprovalRequest) -> R<ApprovalId> {
    m.approval_id.parse().map_err(bad)
}
pub(super) fn wait_approval(m: pb::WaitApprovalRequest) -> R<(ApprovalId, u64, Duration)> {
    Ok((
        m.approval_id.parse().map_err(bad)?,
        m.after_revision,
        m.timeout.map_or(Duration::from_secs(60), |d| Duration::new(d.seconds as u64, d.nanos as u32)),
    ))
}
fn query(filter: Filter, order: Order, size: i32, token: &str) -> R<Query> {
    let after = if token.is_empty() { None } else { Some(token.parse().map_err(bad)?) };
    Ok(Query { filter, order, after, limit: if size == 0 { 50 } else { size as usize } })
}
pub(super) fn list_pending(m: pb::ListPendingRequest, _: &Limits) -> R<Query> {
    let filter = Filter {
        tool_name: some(m.tool_name),
        agent_name: some(m.agent_name),
        labels: m.labels.into_iter().collect(),
        ..Filter::pending()
    };
    query(filter, Order::OldestFirst, m.page_size, &m.page_token)
}
pub(super) fn watch_pending(m: pb::WatchPendingRequest) -> R<Filter> {
    Ok(Filter {
        tool_name: some(m.tool_name),
        agent_name: some(m.agent_name),
        labels: m.labels.into_iter().collect(),
        ..Filter::pending()
    })
}
pub(super) fn list_approvals(m: pb::ListApprovalsRequest, _: &Limits) -> R<Query> {
    let statuses =
        m.statuses().filter_map(|s| Status::ALL.into_iter().find(|x| super::encode::status(*x) == s)).collect();
    let filter = Filter {
        statuses,
        tool_name: some(m.tool_name),
        agent_name: some(m.agent_name),
        caller: some(m.caller),
        labels: m.labels.into_iter().collect(),
        ..Filter::default()
    };
    query(filter, Order::NewestFirst, m.page_size, &m.page_token)
}
pub(super) struct PageTokens;
impl PageTokens {
    pub(super) fn of(_: &Query) -> Self {
        Self
    }
    pub(super) fn after(&self, id: Option<ApprovalId>) -> String {
        id.map(|id| id.to_string()).unwrap_or_default()
    }
}
pub(super) fn decide(m: pb::DecideRequest, _: &Limits) -> R<NewDecision> {
    let choice = match m.choice() {
        pb::VoteChoice::Approve => Choice::Approve,
        pb::VoteChoice::Reject => Choice::Reject,
        _ => return Err(bad("choice")),
    };
    let seen = match m.seen {
        Some(pb::decide_request::Seen::Revision(r)) => Seen::Revision(r),
        Some(pb::decide_request::Seen::Digest(d)) => Seen::Digest(d.parse().map_err(bad)?),
        None => return Err(bad("seen")),
    };
    Ok(NewDecision {
        id: m.approval_id.parse().map_err(bad)?,
        request_id: some(m.request_id),
        choice,
        seen,
        comment: m.comment,
        edit: match m.edited_arguments {
            Some(e) => Some(args(Some(e))?),
            None => None,
        },
    })
}
pub(super) fn cancel(m: pb::CancelApprovalRequest, _: &Limits) -> R<Cancellation> {
    Ok(Cancellation { id: m.approval_id.parse().map_err(bad)?, request_id: some(m.request_id), reason: m.reason })
}
pub(super) fn claim(m: pb::ClaimExecutionRequest) -> R<NewClaim> {
    Ok(NewClaim {
        id: m.approval_id.parse().map_err(bad)?,
        request_id: some(m.request_id),
        digest: m.digest.parse().map_err(bad)?,
    })
}
pub(super) fn report(m: pb::ReportExecutionRequest, _: &Limits) -> R<NewReport> {
    let result = match m.result() {
        pb::ExecutionResult::Succeeded => ExecutionResult::Succeeded,
        pb::ExecutionResult::Failed => ExecutionResult::Failed,
        _ => return Err(bad("result")),
    };
    Ok(NewReport {
        id: m.approval_id.parse().map_err(bad)?,
        request_id: some(m.request_id),
        claim_id: m.claim_id.parse().map_err(bad)?,
        result,
        message: m.message,
    })
}
