//! Resolves an id from the command line: a whole id, its first characters, or `-` for the only waiting approval. Never
//! guesses: several matches are an error that lists them.

use chrono::{DateTime, TimeDelta, Utc};

use signoff_client::Client;

use super::{
    connection::unary,
    describe,
    failure::Failure,
    filters::timestamp,
    rows::PAGE,
    server_time::ServerTime,
    text::{between, escape, instant, span},
};
use crate::{
    domain::limits::{CLAIM_WINDOW_MAX, TIMEOUT_MAX},
    proto::v1::{Approval, ApprovalStatus, GetCallerRequest, ListApprovalsRequest, ListPendingRequest},
};

/// The help of an argument with an approval's id.
pub(super) const HELP: &str =
    "Id of the approval, at least its first 8 characters, or - if only one approval is waiting";

/// The text for the only waiting approval.
const ONLY: &str = "-";
/// Hexadecimal digits of a UUID.
const DIGITS: usize = 32;
/// Minimum number of digits of a prefix. An id begins with the time in milliseconds as 12 digits, so 8 digits select
/// about a minute.
const MINIMUM: usize = 8;
/// Digits of the time in an id.
const TIME_DIGITS: usize = 12;
/// Upper bound for the difference between the time in an id and the creation time.
const SLACK: TimeDelta = TimeDelta::seconds(1);
/// Maximum number of candidates that an error lists.
const LISTED: usize = 10;

/// Which approvals [`ONLY`] selects from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Those that wait for the caller's decision.
    ForMyDecision,
    /// Pending approvals that the caller may see.
    ForADecision,
    /// The caller's own pending requests.
    Mine,
    /// Approved calls that the caller may see and that wait for their claim.
    ForItsClaim,
}

/// Resolves the id of an approval.
pub(super) async fn resolve(given: &str, waiting: Waiting, client: &Client) -> Result<String, Failure> {
    if given == ONLY {
        return only(waiting, client).await;
    }
    let Some(prefix) = Prefix::parse(given)? else { return Ok(given.to_owned()) };
    let (from, before) = prefix.times();
    let request = ListApprovalsRequest {
        created_from: Some(timestamp(from)),
        created_before: Some(timestamp(before)),
        ..ListApprovalsRequest::default()
    };
    let (found, now) = list(request, |approval, _| prefix.is_of(&approval.id), client).await?;
    let found = found.iter().map(|approval| candidate(approval, now)).collect();
    let what = format!("ids that begin with {given}");
    one(found, &what, || format!("no approval that you can see has an id that begins with {given}"))
}

/// The matching approvals, up to one more than an error lists, and the server's time.
async fn list(
    mut request: ListApprovalsRequest,
    wanted: impl Fn(&Approval, DateTime<Utc>) -> bool,
    client: &Client,
) -> Result<(Vec<Approval>, DateTime<Utc>), Failure> {
    let mut found = Vec::new();
    request.page_size = PAGE.cast_signed();
    loop {
        let answer = client.approvals().list_approvals(unary(request.clone())).await?;
        let now = ServerTime::of(&answer).now();
        let page = answer.into_inner();
        let unreadable = page.unreadable_approval_ids.into_iter().map(|id| Approval { id, ..Approval::default() });
        found.extend(page.approvals.into_iter().chain(unreadable).filter(|approval| wanted(approval, now)));
        if page.next_page_token.is_empty() || found.len() > LISTED {
            return Ok((found, now));
        }
        request.page_token = page.next_page_token;
    }
}

/// Whether the text is [`ONLY`], which the user cannot have reviewed before.
pub(super) fn is_only(given: &str) -> bool {
    given == ONLY
}

async fn only(waiting: Waiting, client: &Client) -> Result<String, Failure> {
    let whose = match waiting {
        Waiting::ForMyDecision => "your decision",
        Waiting::ForADecision => "a decision",
        Waiting::Mine => "a decision on your request",
        Waiting::ForItsClaim => "its claim",
    };
    let of = |statuses: &[ApprovalStatus]| statuses.iter().map(|status| i32::from(*status)).collect();
    let mut request = ListApprovalsRequest { statuses: of(&[ApprovalStatus::Pending]), ..Default::default() };
    let (found, now) = match waiting {
        Waiting::ForMyDecision => {
            let page_size = (LISTED + 1).try_into().unwrap_or(i32::MAX);
            let request = ListPendingRequest { page_size, decidable_by_me: true, ..ListPendingRequest::default() };
            let answer = client.approvals().list_pending(unary(request)).await?;
            let now = ServerTime::of(&answer).now();
            (answer.into_inner().approvals, now)
        }
        Waiting::ForADecision => list(request, |_, _| true, client).await?,
        Waiting::Mine => {
            request.caller = caller(client).await?;
            list(request, |_, _| true, client).await?
        }
        Waiting::ForItsClaim => {
            request.statuses = of(&[ApprovalStatus::Approved, ApprovalStatus::AutoApproved]);
            // Any response has the server's time, and this one is small.
            let answer = client.access().get_caller(unary(GetCallerRequest {})).await?;
            request.created_from = Some(timestamp(oldest_claimable(ServerTime::of(&answer).now())));
            list(request, describe::can_be_claimed, client).await?
        }
    };
    let found = found.iter().map(|approval| candidate(approval, now)).collect();
    one(found, &format!("approvals that wait for {whose}"), || format!("no approval waits for {whose}"))
}

/// The earliest creation time of an approval that can still be claimed: the maximum timeout plus the maximum claim
/// window ago. Bounds how much history is read.
fn oldest_claimable(now: DateTime<Utc>) -> DateTime<Utc> {
    let longest = TimeDelta::from_std(TIMEOUT_MAX + CLAIM_WINDOW_MAX).unwrap_or(TimeDelta::MAX);
    let oldest = now.checked_sub_signed(longest).and_then(|oldest| oldest.checked_sub_signed(SLACK));
    oldest.unwrap_or(DateTime::UNIX_EPOCH).max(DateTime::UNIX_EPOCH)
}

/// The identity of this client, as `ISSUER/SUBJECT`.
async fn caller(client: &Client) -> Result<String, Failure> {
    let answer = client.access().get_caller(unary(GetCallerRequest {})).await?.into_inner();
    let actor = answer.caller.and_then(|caller| caller.actor).ok_or(Failure::Protocol("no caller"))?;
    Ok(format!("{}/{}", actor.issuer, actor.subject))
}

/// The id of a candidate, and its line in an error.
pub(super) type Candidate = (String, String);

/// The only candidate; an error if there are none or several.
pub(super) fn one(mut found: Vec<Candidate>, what: &str, nothing: impl FnOnce() -> String) -> Result<String, Failure> {
    match found.len() {
        0 => Err(Failure::Stopped(nothing())),
        1 => Ok(found.remove(0).0),
        several => {
            let count = if several > LISTED { format!("more than {LISTED}") } else { several.to_string() };
            found.truncate(LISTED);
            Err(Failure::Ambiguous {
                problem: format!("there are {count} {what}; give the id of one"),
                candidates: found.into_iter().map(|(_, line)| line).collect(),
            })
        }
    }
}

fn candidate(approval: &Approval, now: DateTime<Utc>) -> Candidate {
    let (id, tool_name) = (escape(&approval.id), escape(&approval.tool_name));
    let line = if tool_name.is_empty() {
        format!("{id}  cannot be read")
    } else {
        let age = span(between(approval.create_time.as_ref().and_then(instant), Some(now)));
        let caller = describe::actor(approval.caller.as_ref());
        format!("{id}  {}  {tool_name}, asked by {caller} {age} ago", describe::status(approval.status))
    };
    (approval.id.clone(), line)
}

/// The first digits of an id.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prefix(String);

impl Prefix {
    /// Parses a prefix. `None` for a whole or longer id, which the server checks.
    pub(super) fn parse(given: &str) -> Result<Option<Self>, Failure> {
        let digits: String = given.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        let shown = escape(given);
        if let Some(other) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(Failure::Usage(format!(
                "{shown} is not an id: ids contain only the digits 0-9 and a-f, not {}",
                escape(&other.to_string())
            )));
        }
        if digits.len() >= DIGITS {
            return Ok(None);
        }
        if digits.len() < MINIMUM {
            return Err(Failure::Usage(format!(
                "{shown} is too short: ids begin with the time, and recent ids begin alike; give at least {MINIMUM} characters"
            )));
        }
        Ok(Some(Self(digits)))
    }

    pub(super) fn is_of(&self, id: &str) -> bool {
        let mut digits = id.chars().filter(|c| *c != '-');
        self.0.chars().all(|digit| digits.next() == Some(digit))
    }

    /// The creation times of approvals with such ids: from the first, before the second.
    fn times(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let time = &self.0[..self.0.len().min(TIME_DIGITS)];
        let padded = |digit: &str| {
            let text = format!("{time}{}", digit.repeat(TIME_DIGITS - time.len()));
            let millis = i64::from_str_radix(&text, 16).unwrap_or(i64::MAX);
            DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
        };
        let earliest = DateTime::UNIX_EPOCH;
        let from = padded("0").checked_sub_signed(SLACK).unwrap_or(earliest).max(earliest);
        (from, padded("f").checked_add_signed(SLACK).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn rejected(given: &str) -> String {
        Prefix::parse(given).unwrap_err().to_string()
    }

    #[test]
    fn prefixes() {
        let prefix = Prefix::parse("0198C1D2-3e4f").unwrap().unwrap();
        assert_eq!(prefix, Prefix("0198c1d23e4f".to_owned()));
        assert!(prefix.is_of("0198c1d2-3e4f-7abc-8def-000000000001"));
        assert!(!prefix.is_of("0198c1d2-3e50-7abc-8def-000000000001"));
        assert!(!prefix.is_of("0198c1d2"));
        assert_eq!(Prefix::parse("0198c1d2-3e4f-7abc-8def-000000000001").unwrap(), None);
        assert!(Prefix::parse("0198c1d2").unwrap().is_some());
    }

    #[test]
    fn invalid_prefixes_are_explained() {
        assert!(rejected("0198c1d").starts_with("0198c1d is too short: "), "{}", rejected("0198c1d"));
        assert!(rejected("").contains("too short"));
        assert!(rejected("--").contains("too short"));
        assert_eq!(rejected("send_email"), "send_email is not an id: ids contain only the digits 0-9 and a-f, not s");
        assert!(rejected("0198c1d\u{202e}2").contains("not \\u{202e}"));
    }

    #[test]
    fn a_prefix_bounds_the_time_of_creation() {
        let id = Uuid::parse_str("0198c1d2-3e4f-7abc-8def-000000000001").unwrap();
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        let made = DateTime::from_timestamp(seconds.cast_signed(), nanos).unwrap();
        for length in MINIMUM..DIGITS {
            let (from, before) = Prefix(id.simple().to_string()[..length].to_owned()).times();
            assert!(from < made && made < before, "{length}");
            assert!(before - from <= TimeDelta::seconds(68), "{length}");
        }
        let ends = [Prefix("f".repeat(8)).times(), Prefix("0".repeat(8)).times()];
        assert!(ends.iter().all(|(from, before)| from < before && *from >= DateTime::UNIX_EPOCH), "{ends:?}");
    }
}
