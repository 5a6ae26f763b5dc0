//! The history: all requests that the viewer may read, the newest first, with filters.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use async_trait::async_trait;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};

use super::{
    Desk,
    error::{Failed, rendered},
    layout::{Layout, Place},
    moment::Moment,
    queue::{Cut, Labels, status_name},
    texts,
    viewer::Viewer,
};
use crate::{
    approvals::{HistoryQuery, SearchableArguments, text_of},
    domain::{Approval, ApprovalId, ExecutionResult, Status, Time},
    grpc::error::Failure,
    identity::Principal,
    policies::Policies,
    proto::v1,
    store::Order,
    unicode,
    wire::{decode, page_token},
};

/// Number of requests on a page.
const ROWS: i32 = 50;

/// Longest name of a tool or an agent in a row, in characters.
const NAME: usize = 80;

/// Longest comment in a row, in characters.
const COMMENT: usize = 120;

/// A request of the past, or a pending one.
struct Past {
    id: ApprovalId,
    tool: Cut,
    agent: Cut,
    labels: Labels,
    created: Moment,
    status: Status,
    status_name: &'static str,
    decided: Option<Decided>,
    outcome: Option<&'static str>,
}

struct Decided {
    at: Moment,
    by: String,
    comment: Option<Cut>,
}

/// The filter form, as it was filled in.
#[derive(Clone, Debug, Default)]
struct Fields {
    tool: String,
    agent: String,
    caller: String,
    label: String,
    statuses: Vec<Status>,
    from: String,
    before: String,
    text: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    layout: Layout,
    fields: Fields,
    is_filtered: bool,
    problems: Vec<String>,
    rows: Vec<Past>,
    unreadable: usize,
    next: Option<String>,
    is_first: bool,
}

/// `GET /history`.
pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failed> {
    let principal = &viewer.principal;
    principal.require_role(crate::identity::Method::ListApprovals).map_err(Failure::from)?;
    let fields = Fields::of(&query);
    let given = query.iter().find(|(name, _)| name == "page").map(|(_, token)| token.as_str()).unwrap_or_default();
    let mut page = HistoryPage {
        layout: Layout::of(&viewer, texts::nav::HISTORY, Some(Place::History)),
        is_filtered: !fields.query().is_empty(),
        fields,
        problems: Vec::new(),
        rows: Vec::new(),
        unreadable: 0,
        next: None,
        is_first: given.is_empty(),
    };
    let (wanted, problems) = page.fields.message();
    page.problems = problems;
    let query = match decode::list_approvals(wanted, &desk.limits) {
        Ok(query) if page.problems.is_empty() => query,
        Ok(_) => return Ok(invalid(&page)),
        Err(violations) => {
            let Failed::Page { problems, .. } = Failed::from(Failure::from(violations)) else {
                return Err(Failed::no_such_page());
            };
            page.problems.extend(problems);
            return Ok(invalid(&page));
        }
    };
    // The token binds the filter, but not the text. It is only a place in the list: with another text, the search goes
    // on from there.
    let after = match given {
        "" => None,
        token => match page_token::decode(token, &query.filter, Order::NewestFirst) {
            Ok(after) => Some(after),
            Err(error) => {
                page.problems.push(texts::history::page_problem(&error.to_string()));
                return Ok(invalid(&page));
            }
        },
    };
    let filter = query.filter.clone();
    let search = HistoryQuery {
        filter: query.filter,
        text: page.fields.text.clone(),
        order: Order::NewestFirst,
        after,
        limit: query.limit,
    };
    let found = desk.approvals.history(principal, search, &Unredacted(&desk.policies)).await?;
    page.rows = found.approvals.iter().map(|approval| Past::of(principal, approval)).collect();
    page.unreadable = found.unreadable.len();
    page.next = found.next.map(|last| {
        let token = page_token::encode(&filter, Order::NewestFirst, last);
        let query = page.fields.query();
        if query.is_empty() { format!("/history?page={token}") } else { format!("/history?{query}&page={token}") }
    });
    Ok(rendered(&page))
}

fn invalid(page: &HistoryPage) -> Response {
    let mut response = rendered(page);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// A search finds only what a row may show.
struct Unredacted<'a>(&'a Policies);

#[async_trait]
impl SearchableArguments for Unredacted<'_> {
    async fn text(&self, approval: &Approval) -> String {
        match self.0.display(approval).await.redactions(approval) {
            None => text_of(&serde_json::Value::Object(approval.arguments.to_object())),
            Some(redacted) => serde_json::to_value(redacted.members()).map(|value| text_of(&value)).unwrap_or_default(),
        }
    }
}

impl Fields {
    fn of(query: &[(String, String)]) -> Self {
        let field = |name: &str| {
            query.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let wanted: Vec<&str> =
            query.iter().filter(|(field, _)| field == "status").map(|(_, value)| value.as_str()).collect();
        let statuses = Status::ALL.into_iter().filter(|status| wanted.contains(&status_name(*status))).collect();
        Self {
            tool: field("tool"),
            agent: field("agent"),
            caller: field("caller"),
            label: field("label"),
            statuses,
            from: field("from"),
            before: field("before"),
            text: field("text"),
        }
    }

    fn wants(&self, status: &Status) -> bool {
        self.statuses.contains(status)
    }

    /// The query of a link to the same list. Empty without a filter.
    fn query(&self) -> String {
        let statuses = self.statuses.iter().map(|status| ("status", status_name(*status)));
        let fields = [
            ("tool", self.tool.as_str()),
            ("agent", &self.agent),
            ("caller", &self.caller),
            ("label", &self.label),
            ("from", &self.from),
            ("before", &self.before),
            ("text", &self.text),
        ];
        let given: Vec<(&str, &str)> =
            fields.into_iter().filter(|(_, value)| !value.is_empty()).chain(statuses).collect();
        let pairs: Vec<String> = given.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        pairs.join("&")
    }

    /// The call of the API with the same filter, and what is wrong with fields that only the form has.
    fn message(&self) -> (v1::ListApprovalsRequest, Vec<String>) {
        let mut problems = Vec::new();
        let mut moment = |name: &str, text: &str| {
            let time = parse_time(text);
            if time.is_none() && !text.is_empty() {
                problems.push(texts::history::time_problem(name, text));
            }
            time.map(|time| prost_types::Timestamp { seconds: time.timestamp(), nanos: 0 })
        };
        let created_from = moment(texts::history::FROM, &self.from);
        let created_before = moment(texts::history::BEFORE, &self.before);
        let mut labels = HashMap::new();
        if !self.label.is_empty() {
            match self.label.split_once('=') {
                Some((key, value)) => drop(labels.insert(key.trim().to_owned(), value.trim().to_owned())),
                None => problems.push(texts::history::LABEL_PROBLEM.to_owned()),
            }
        }
        let statuses = self.statuses.iter().map(|status| wire_status(*status).into()).collect();
        let message = v1::ListApprovalsRequest {
            page_size: ROWS,
            page_token: String::new(),
            statuses,
            tool_name: self.tool.clone(),
            agent_name: self.agent.clone(),
            caller: self.caller.clone(),
            labels,
            created_from,
            created_before,
        };
        (message, problems)
    }
}

const fn wire_status(status: Status) -> v1::ApprovalStatus {
    match status {
        Status::Pending => v1::ApprovalStatus::Pending,
        Status::Approved => v1::ApprovalStatus::Approved,
        Status::Rejected => v1::ApprovalStatus::Rejected,
        Status::TimedOut => v1::ApprovalStatus::TimedOut,
        Status::Cancelled => v1::ApprovalStatus::Cancelled,
        Status::AutoApproved => v1::ApprovalStatus::AutoApproved,
        Status::AutoRejected => v1::ApprovalStatus::AutoRejected,
    }
}

/// A time in UTC, as browsers submit it: `2026-11-30T14:02`, with or without seconds; or a date.
fn parse_time(text: &str) -> Option<Time> {
    let zone = text.strip_suffix('Z').unwrap_or(text);
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let time = formats.iter().find_map(|format| chrono::NaiveDateTime::parse_from_str(zone, format).ok());
    let date = || chrono::NaiveDate::parse_from_str(zone, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    time.or_else(date).map(|time| time.and_utc())
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

impl Past {
    fn of(viewer: &Principal, approval: &Approval) -> Self {
        let request = &approval.request;
        let agent = if request.agent.name.is_empty() { &request.caller.subject } else { &request.agent.name };
        let decided = approval.decision.as_ref().map(|decision| {
            let by = if decision.actor.is(&viewer.actor) {
                texts::history::YOU.to_owned()
            } else {
                unicode::escape(&decision.actor.subject).into_owned()
            };
            let comment = Some(&decision.comment).filter(|comment| !comment.is_empty());
            Decided { at: Moment(decision.at), by, comment: comment.map(|comment| Cut::new(comment, COMMENT)) }
        });
        let outcome = match (&approval.claim, &approval.revocation) {
            (_, Some(_)) => Some(texts::history::REVOKED),
            (Some(claim), None) => Some(match claim.outcome.as_ref().map(|outcome| outcome.result) {
                Some(ExecutionResult::Succeeded) => texts::history::SUCCEEDED,
                Some(ExecutionResult::Failed) => texts::history::FAILED,
                None => texts::history::CLAIMED,
            }),
            (None, None) => None,
        };
        Self {
            id: approval.id,
            tool: Cut::new(&request.tool_name, NAME),
            agent: Cut::new(agent, NAME),
            labels: Labels::of(&request.labels),
            created: Moment(approval.created_at),
            status: approval.status,
            status_name: status_name(approval.status),
            decided,
            outcome,
        }
    }
}
