//! Ids as people give them: whole, by their first characters, or `-` for the only one that waits. The one place where
//! such a text becomes an id. It never guesses: what fits several is an error that lists them.

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

/// The help of an argument that is an approval's id.
pub(super) const HELP: &str = "The approval's id, its first 8 or more characters, or - for the only one that waits";

/// How a command names the only approval that waits.
const ONLY: &str = "-";
/// Hexadecimal digits of a UUID.
const DIGITS: usize = 32;
/// Fewest digits that are looked for. An id begins with the time in milliseconds, as 12 digits: these are the approvals
/// of about a minute.
const FEWEST: usize = 8;
/// Digits of the time.
const TIME_DIGITS: usize = 12;
/// How far the time in an id may be from the approval's own, and more.
const SLACK: TimeDelta = TimeDelta::seconds(1);
/// Candidates that an error lists.
const LISTED: usize = 10;

/// What [`ONLY`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// For the caller's decision.
    ForMyDecision,
    /// For anybody's decision, of what the caller may see.
    ForADecision,
    /// For anybody's decision, of what the caller itself asked for.
    Mine,
    /// For its claim, being approved; of what the caller may see.
    ForItsClaim,
}

/// The id that is meant.
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
    one(found, &what, || format!("no approval that you may see has an id that begins with {given}"))
}

/// The approvals that are wanted, as far as an error lists them and one more, and the server's time.
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

/// Whether a text stands for whatever waits, and so for nothing that was looked at before.
pub(super) fn is_only(given: &str) -> bool {
    given == ONLY
}

async fn only(waiting: Waiting, client: &Client) -> Result<String, Failure> {
    let whose = match waiting {
        Waiting::ForMyDecision => "your decision",
        Waiting::ForADecision => "a decision",
        Waiting::Mine => "a decision on what you asked for",
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
            // Any answer tells the server's time, and this one is small.
            let answer = client.access().get_caller(unary(GetCallerRequest {})).await?;
            request.created_from = Some(timestamp(oldest_claimable(ServerTime::of(&answer).now())));
            list(request, describe::can_be_claimed, client).await?
        }
    };
    let found = found.iter().map(|approval| candidate(approval, now)).collect();
    one(found, &format!("approvals that wait for {whose}"), || format!("nothing waits for {whose}"))
}

/// No approval that was asked for before this can still be claimed: it waited for its decision, and then for its claim.
/// History is not read beyond that.
fn oldest_claimable(now: DateTime<Utc>) -> DateTime<Utc> {
    let longest = TimeDelta::from_std(TIMEOUT_MAX + CLAIM_WINDOW_MAX).unwrap_or(TimeDelta::MAX);
    let oldest = now.checked_sub_signed(longest).and_then(|oldest| oldest.checked_sub_signed(SLACK));
    oldest.unwrap_or(DateTime::UNIX_EPOCH).max(DateTime::UNIX_EPOCH)
}

/// Who the server takes this client for, as `ISSUER/SUBJECT`.
async fn caller(client: &Client) -> Result<String, Failure> {
    let answer = client.access().get_caller(unary(GetCallerRequest {})).await?.into_inner();
    let actor = answer.caller.and_then(|caller| caller.actor).ok_or(Failure::Protocol("no caller"))?;
    Ok(format!("{}/{}", actor.issuer, actor.subject))
}

/// What an id may stand for, and the line about it in an error.
pub(super) type Candidate = (String, String);

/// The only one of those found.
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
    /// `None` when it is a whole id, or longer than one: the server says what is wrong with it.
    pub(super) fn parse(given: &str) -> Result<Option<Self>, Failure> {
        let digits: String = given.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        let shown = escape(given);
        if let Some(other) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(Failure::Usage(format!(
                "{shown} is not an id: ids have the digits 0-9 and a-f, not {}",
                escape(&other.to_string())
            )));
        }
        if digits.len() >= DIGITS {
            return Ok(None);
        }
        if digits.len() < FEWEST {
            return Err(Failure::Usage(format!(
                "{shown} is too short: ids begin with the time, so those of one hour share their first characters; give {FEWEST} or more"
            )));
        }
        Ok(Some(Self(digits)))
    }

    pub(super) fn is_of(&self, id: &str) -> bool {
        let mut digits = id.chars().filter(|c| *c != '-');
        self.0.chars().all(|digit| digits.next() == Some(digit))
    }

    /// When approvals with such ids were made: from the first to before the second.
    fn times(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let time = &self.0[..self.0.len().min(TIME_DIGITS)];
        let padded = |digit: &str| {
            let text = format!("{time}{}", digit.repeat(TIME_DIGITS - time.len()));
            let millis = i64::from_str_radix(&text, 16).unwrap_or(i64::MAX);
            DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
        };
        let least = DateTime::UNIX_EPOCH;
        let from = padded("0").checked_sub_signed(SLACK).unwrap_or(least).max(least);
        (from, padded("f").checked_add_signed(SLACK).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn refused(given: &str) -> String {
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
    fn what_is_too_short_or_no_id_is_said_to_be() {
        assert!(refused("0198c1d").starts_with("0198c1d is too short: "), "{}", refused("0198c1d"));
        assert!(refused("").contains("too short"));
        assert!(refused("--").contains("too short"));
        assert_eq!(refused("send_email"), "send_email is not an id: ids have the digits 0-9 and a-f, not s");
        assert!(refused("0198c1d\u{202e}2").contains("not \\u{202e}"));
    }

    #[test]
    fn a_prefix_bounds_the_time_of_creation() {
        let id = Uuid::parse_str("0198c1d2-3e4f-7abc-8def-000000000001").unwrap();
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        let made = DateTime::from_timestamp(seconds.cast_signed(), nanos).unwrap();
        for length in FEWEST..DIGITS {
            let (from, before) = Prefix(id.simple().to_string()[..length].to_owned()).times();
            assert!(from < made && made < before, "{length}");
            assert!(before - from <= TimeDelta::seconds(68), "{length}");
        }
        let ends = [Prefix("f".repeat(8)).times(), Prefix("0".repeat(8)).times()];
        assert!(ends.iter().all(|(from, before)| from < before && *from >= DateTime::UNIX_EPOCH), "{ends:?}");
    }
}
