use std::time::Duration;

use serde_json::json;

use super::{ID, one, refused, span};
use crate::{
    domain::{Choice, ExecutionResult, NewDecision, Seen, Status, Surface, limits::RequestLimits, samples},
    proto::v1::{self, decide_request::Seen as WireSeen},
    store::{Filter, Order, Query},
    wire::{
        decode::{self, Violations, approval_id},
        page_token, structs,
    },
};

fn digest() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

fn decide(change: impl FnOnce(&mut v1::DecideRequest)) -> Result<NewDecision, Violations> {
    let mut message = v1::DecideRequest {
        approval_id: ID.into(),
        choice: v1::VoteChoice::Approve.into(),
        seen: Some(WireSeen::Revision(1)),
        ..Default::default()
    };
    change(&mut message);
    decode::decision(message, &RequestLimits::default())
}

fn list(change: impl FnOnce(&mut v1::ListApprovalsRequest)) -> Result<Query, Violations> {
    let mut message = v1::ListApprovalsRequest::default();
    change(&mut message);
    decode::list_approvals(message, &RequestLimits::default())
}

fn time(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos })
}

#[test]
fn ids_are_uuids() {
    assert_eq!(approval_id(ID).unwrap().to_string(), ID);
    assert!(one(approval_id("")).starts_with("approval_id: is required; expected a UUID such as 0189"));
    for text in ["x", "01890a5d-ac96-774b-bcce-b302099a805", &format!("{ID} "), &ID.repeat(1_000)] {
        assert!(one(approval_id(text)).starts_with("approval_id: is not a UUID"));
    }
}

#[test]
fn a_decision_arrives_whole() {
    let edit = json!({"a": 1});
    let decision = decide(|message| {
        message.request_id = "d1".into();
        message.seen = Some(WireSeen::Digest(digest()));
        message.comment = "fine".into();
        message.edited_arguments = Some(structs::from_object(edit.as_object().unwrap().clone()));
    })
    .unwrap();
    assert_eq!((decision.id.to_string().as_str(), decision.request_id.as_deref()), (ID, Some("d1")));
    assert_eq!((decision.choice, decision.seen), (Choice::Approve, Seen::Digest(digest().parse().unwrap())));
    assert_eq!((decision.comment.as_str(), decision.edit.unwrap().as_json()), ("fine", r#"{"a":1}"#));
    assert_eq!((decision.surface, decision.opened), (Surface::Grpc, vec![]), "never as a request says");
    let rejection = decide(|message| message.set_choice(v1::VoteChoice::Reject)).unwrap();
    assert_eq!((rejection.choice, rejection.seen, rejection.edit), (Choice::Reject, Seen::Revision(1), None));
}

#[test]
fn decisions_are_checked() {
    let allowed = "it must be VOTE_CHOICE_APPROVE or VOTE_CHOICE_REJECT";
    assert_eq!(one(decide(|message| message.choice = 0)), format!("choice: is unspecified; {allowed}"));
    assert_eq!(one(decide(|message| message.choice = 9)), format!("choice: is 9, which is unknown; {allowed}"));
    assert!(one(decide(|message| message.seen = None)).starts_with("seen: is required; set the `revision` or"));
    assert!(one(decide(|message| message.seen = Some(WireSeen::Revision(0)))).starts_with("revision: is 0;"));
    for wrong in [digest().to_uppercase(), digest() + "0", "sha256:".into(), digest().replace("ab", "ag")] {
        let text = one(decide(|message| message.seen = Some(WireSeen::Digest(wrong))));
        assert!(text.starts_with("digest: is malformed: a digest is `sha256:` followed by 64"), "{text}");
    }
    let text = one(decide(|message| {
        message.set_choice(v1::VoteChoice::Reject);
        message.edited_arguments = Some(prost_types::Struct::default());
    }));
    assert_eq!(text, "edited_arguments: is only allowed with VOTE_CHOICE_APPROVE");
    assert!(decide(|message| message.comment = "x".repeat(4_096)).is_ok());
    let text = one(decide(|message| message.comment = "x".repeat(4_097)));
    assert_eq!(text, "comment: has 4097 bytes; at most 4096 are allowed");
    let long = json!({"a": "x".repeat(49_152)});
    let text = one(decide(|message| {
        message.edited_arguments = Some(structs::from_object(long.as_object().unwrap().clone()));
    }));
    assert!(text.starts_with("edited_arguments: has 49160 bytes"), "{text}");
    let lines = refused(decode::decision(v1::DecideRequest::default(), &RequestLimits::default()));
    let fields: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(fields, ["approval_id", "choice", "seen"]);
}

#[test]
fn cancellations_claims_and_reports_are_checked() {
    let limits = RequestLimits::default();
    let cancel = |approval_id: &str, request_id: &str, reason: &str| {
        let (approval_id, request_id, reason) = (approval_id.into(), request_id.into(), reason.into());
        decode::cancellation(v1::CancelApprovalRequest { approval_id, request_id, reason }, &limits)
    };
    let fine = cancel(ID, "", "changed my mind").unwrap();
    assert_eq!((fine.id.to_string().as_str(), fine.request_id, fine.reason.as_str()), (ID, None, "changed my mind"));
    assert_eq!(refused(cancel("x", &"x".repeat(129), "\0")).len(), 3);

    let claim = |approval_id: &str, digest: &str| {
        let request_id = "c".to_owned();
        decode::claim(v1::ClaimExecutionRequest { approval_id: approval_id.into(), request_id, digest: digest.into() })
    };
    assert_eq!(claim(ID, &digest()).unwrap().digest.to_string(), digest());
    let lines = refused(claim("", ""));
    assert!(lines[1].starts_with("digest: is required: a digest is"), "{lines:?}");

    let report = |claim_id: &str, result: i32, message: &str| {
        let (approval_id, request_id) = (ID.to_owned(), String::new());
        let (claim_id, message) = (claim_id.into(), message.into());
        decode::report(v1::ReportExecutionRequest { approval_id, request_id, claim_id, result, message }, &limits)
    };
    let fine = report(ID, 2, "boom").unwrap();
    assert_eq!((fine.claim_id.to_string().as_str(), fine.result), (ID, ExecutionResult::Failed));
    assert_eq!(report(ID, 1, "").unwrap().result, ExecutionResult::Succeeded);
    let lines = refused(report("", 3, "\u{1b}"));
    assert!(lines[0].starts_with("claim_id: is required") && lines[1].starts_with("message: contains U+001B"));
    assert!(
        lines[2].ends_with("is 3, which is unknown; it must be EXECUTION_RESULT_SUCCEEDED or EXECUTION_RESULT_FAILED")
    );
}

#[test]
fn waits_last_at_most_a_minute() {
    let wait = |timeout| decode::wait(&v1::WaitApprovalRequest { approval_id: ID.into(), after_revision: 7, timeout });
    let fine = wait(None).unwrap();
    assert_eq!((fine.after, fine.timeout), (7, Duration::from_secs(60)));
    assert_eq!(wait(span(60, 0)).unwrap().timeout, Duration::from_secs(60));
    assert_eq!(wait(span(0, 0)).unwrap().timeout, Duration::ZERO);
    assert_eq!(one(wait(span(60, 1))), "timeout: is 60.000000001 s; it must be from 0s to 1m");
    assert!(one(wait(span(-1, 0))).contains("is negative"));
}

#[test]
fn page_sizes_are_from_1_to_the_maximum() {
    let size = |page_size| list(|message| message.page_size = page_size).map(|query| query.limit);
    assert_eq!((size(0).unwrap(), size(1).unwrap(), size(1_000).unwrap()), (50, 1, 1_000));
    let text = "it must be from 1 to 1000, or 0 for the default";
    assert_eq!(one(size(1_001)), format!("page_size: is 1001; {text}"));
    assert_eq!(one(size(-1)), format!("page_size: is -1; {text}"));
    let limits = RequestLimits { page_size_max: 10, ..RequestLimits::default() };
    assert_eq!(decode::list_pending(v1::ListPendingRequest::default(), &limits).unwrap().limit, 10);
}

#[test]
fn filters_arrive_whole() {
    let query = list(|message| {
        message.statuses = vec![3, 2, 3];
        message.tool_name = "send_email".into();
        message.agent_name = "bot".into();
        message.caller = "dev/agent".into();
        message.labels = [("team".to_owned(), "billing".to_owned())].into();
        message.created_from = time(1_800_000_000, 1);
        message.created_before = time(1_800_000_000, 999_999_001);
    })
    .unwrap();
    let micros = |micros| samples::at(0) + Duration::from_micros(micros);
    let expected = Filter {
        statuses: vec![Status::Approved, Status::Rejected],
        tool_name: Some("send_email".into()),
        agent_name: Some("bot".into()),
        caller: Some("dev/agent".into()),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        created_from: Some(micros(1)),
        created_before: Some(micros(1_000_000)),
    };
    assert_eq!((query.filter, query.order, query.after), (expected, Order::NewestFirst, None));

    let query = decode::list_pending(v1::ListPendingRequest::default(), &RequestLimits::default()).unwrap();
    assert_eq!((query.filter, query.order), (Filter::pending(), Order::OldestFirst));
    let message = v1::WatchPendingRequest { tool_name: "t".into(), ..Default::default() };
    let filter = decode::watch_pending(message, &RequestLimits::default()).unwrap();
    assert_eq!(filter, Filter { tool_name: Some("t".into()), ..Filter::pending() });
}

#[test]
fn filters_are_checked() {
    let lines = refused(list(|message| {
        message.statuses = vec![1, 0, 99];
        message.tool_name = "a b".into();
        message.agent_name = "\u{200b}".into();
        message.caller = "nobody".into();
        message.labels = [("a b".to_owned(), String::new())].into();
        message.created_from = time(0, -1);
        message.created_before = time(253_402_300_800, 0);
        message.page_size = -1;
        message.page_token = "x".into();
    }));
    let fields: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let expected = "agent_name caller created_before created_from labels[\"a b\"] page_size page_token statuses[1] \
                    statuses[2] tool_name";
    assert_eq!(fields.join(" "), expected);
    for caller in ["/", "a/", "/b"] {
        assert!(one(list(|message| message.caller = caller.into())).contains("must be `issuer/subject`"));
    }
    let message = v1::WatchPendingRequest { tool_name: "a b".into(), agent_name: "\0".into(), ..Default::default() };
    assert_eq!(refused(decode::watch_pending(message, &RequestLimits::default())).len(), 2);
}

#[test]
fn a_time_range_is_not_empty_and_in_range() {
    let range = |from, before| list(|message| (message.created_from, message.created_before) = (from, before));
    assert!(range(time(5, 0), time(5, 1)).is_ok());
    for before in [5, 4] {
        assert_eq!(one(range(time(5, 0), time(before, 0))), "created_before: must be later than created_from");
    }
    assert!(range(time(-62_135_596_800, 0), time(253_402_300_799, 999_999_999)).is_ok());
    for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, 1_000_000_000), (-62_135_596_801, 0)] {
        assert!(one(range(time(seconds, nanos), None)).starts_with("created_from: is malformed"));
    }
}

#[test]
fn page_tokens_continue_their_own_list_only() {
    let limits = RequestLimits::default();
    let filter = Filter { tool_name: Some("t".into()), ..Filter::pending() };
    let token = page_token::encode(&filter, Order::OldestFirst, samples::id(3, 4));
    let next = |tool_name: &str, page_token: &str| {
        let (tool_name, page_token) = (tool_name.into(), page_token.into());
        decode::list_pending(v1::ListPendingRequest { tool_name, page_token, ..Default::default() }, &limits)
    };
    assert_eq!(next("t", &token).unwrap().after, Some(samples::id(3, 4)));
    for result in [next("u", &token), next("t", "garbage"), next("t", &token[1..])] {
        let text = one(result);
        assert!(
            text.starts_with("page_token: must be the `next_page_token` of a page with the same filters"),
            "{text}"
        );
    }
}

#[test]
fn a_tokens_life_is_bounded() {
    let token = |seconds, nanos| {
        let message = v1::CreateTokenRequest {
            subject: "bot".into(),
            kind: v1::ActorKind::Agent.into(),
            roles: vec![v1::Role::Agent.into()],
            ttl: span(seconds, nanos),
            ..Default::default()
        };
        decode::new_token(message, &RequestLimits::default())
    };
    const LONGEST: i64 = 3_653 * 86_400;
    assert_eq!(token(LONGEST, 0).unwrap().ttl, Some(Duration::from_secs(LONGEST.unsigned_abs())));
    assert_eq!(one(token(LONGEST + 1, 0)), "ttl: is 315619201 s; it must be from 1s to 3653d");
    assert_eq!(one(token(0, 0)), "ttl: is 0 s; it must be from 1s to 3653d");
}
