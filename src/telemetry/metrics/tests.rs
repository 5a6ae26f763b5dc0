use std::sync::Arc;

use super::*;
use crate::{
    domain::{Actor, Request, samples::*},
    telemetry::methods::{OTHER, find},
};

/// An approval that reached a status; if terminal, 90 seconds after its request.
fn reached(status: Status, by: Actor) -> Approval {
    let approval = opened(quorum(1));
    let decision = status.is_terminal().then(|| Decision {
        status,
        actor: by,
        via: None,
        comment: String::new(),
        at: at(90),
        seen: 1,
        digest: approval.digest,
        revision: 2,
        provenance: None,
    });
    Approval { status, decision, ..approval }
}

fn of_tool(tool: &str) -> Approval {
    let approval = opened(quorum(1));
    let request = Request { tool_name: tool.to_owned(), ..(*approval.request).clone() };
    Approval { request: Arc::new(request), ..approval }
}

/// Asserts that `text` has the line `expected`.
fn assert_line(text: &str, expected: &str) {
    assert!(text.lines().any(|line| line == expected), "no line {expected:?} in:\n{text}");
}

#[test]
fn nothing_happened_yet() {
    let text = Metrics::new("1.2.3").render(at(0));
    assert_line(&text, r#"signoff_build_info{version="1.2.3"} 1"#);
    assert_line(&text, r#"signoff_approvals_total{status="AUTO_REJECTED"} 0"#);
    assert_line(&text, "signoff_pending_approvals 0");
    assert_line(&text, "# TYPE signoff_requests counter");
    assert!(!text.contains("signoff_requests_total{"), "{text}");
    assert!(!text.contains("\nsignoff_tls_certificate_not_after_seconds"), "{text}");
    assert_line(&text, "signoff_tls_certificate_broken 0");
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn events_are_rendered() {
    let metrics = Metrics::new("1");
    let decide = find("/signoff.v1.ApprovalService/Decide");
    let request = find("/signoff.v1.ApprovalService/RequestApproval");
    metrics.call_ended(decide, Code::Ok, Duration::from_millis(2));
    metrics.call_ended(decide, Code::NotFound, Duration::from_millis(700));
    metrics.call_ended(request, Code::Unauthenticated, Duration::from_secs(1));
    metrics.call_ended(OTHER, Code::Unimplemented, Duration::ZERO);
    for (status, by) in [
        (Status::Pending, agent()),
        (Status::Pending, agent()),
        (Status::TimedOut, Actor::deadline()),
        (Status::AutoRejected, Actor::policy("1")),
    ] {
        metrics.approval_reached(&reached(status, by), false);
    }
    metrics.clone().pending(5, None);
    metrics.pending(3, Some(at(10)));
    metrics.group_committed(3, Duration::from_micros(300));
    metrics.policy(7, true);
    metrics.rules_failed(2);
    metrics.authentication_failed();
    metrics.tls_handshake_failed();
    metrics.tls_certificate("2040-02-29T00:00:00Z".parse().unwrap(), true);
    metrics.clock_jumped(Direction::Backward);
    metrics.clock_jumped(Direction::Backward);
    metrics.clock_jumped(Direction::Forward);
    metrics.clock_ahead(Duration::from_millis(3_600_500));
    let text = metrics.render(at(100));
    for line in [
        r#"signoff_clock_jumps_total{direction="backward"} 2"#,
        r#"signoff_clock_jumps_total{direction="forward"} 1"#,
        "signoff_clock_ahead_seconds 3600.5",
        r#"signoff_requests_total{method="signoff.v1.ApprovalService/Decide",code="OK"} 1"#,
        r#"signoff_requests_total{method="signoff.v1.ApprovalService/Decide",code="NOT_FOUND"} 1"#,
        r#"signoff_requests_total{method="signoff.v1.ApprovalService/RequestApproval",code="UNAUTHENTICATED"} 1"#,
        r#"signoff_requests_total{method="other",code="UNIMPLEMENTED"} 1"#,
        "# UNIT signoff_request_seconds seconds",
        r#"signoff_request_seconds_count{method="signoff.v1.ApprovalService/Decide"} 2"#,
        r#"signoff_request_seconds_bucket{le="0.0025",method="signoff.v1.ApprovalService/Decide"} 1"#,
        r#"signoff_approvals_total{status="PENDING"} 2"#,
        r#"signoff_approvals_total{status="TIMED_OUT"} 1"#,
        r#"signoff_approvals_total{status="AUTO_REJECTED"} 1"#,
        r#"signoff_approvals_total{status="APPROVED"} 0"#,
        r#"signoff_tool_approvals_total{tool="send_email",status="PENDING"} 2"#,
        r#"signoff_tool_approvals_total{tool="send_email",status="TIMED_OUT"} 1"#,
        r#"signoff_rule_approvals_total{rule="rule",status="AUTO_REJECTED"} 1"#,
        "signoff_pending_approvals 3",
        "signoff_oldest_pending_approval_age_seconds 90.0",
        "signoff_policy_version 7",
        "signoff_policy_file_broken 1",
        "signoff_policy_rule_failures_total 2",
        "signoff_authentication_failures_total 1",
        "signoff_tls_handshake_failures_total 1",
        "signoff_tls_certificate_broken 1",
        "signoff_tls_certificate_not_after_seconds 2214086400",
        r#"signoff_decision_seconds_bucket{le="60.0",decided_by="deadline"} 0"#,
        r#"signoff_decision_seconds_bucket{le="120.0",decided_by="deadline"} 1"#,
        r#"signoff_decision_seconds_count{decided_by="policy"} 1"#,
        r#"signoff_decision_seconds_count{decided_by="person"} 0"#,
        r#"signoff_commit_group_size_bucket{le="2.0"} 0"#,
        r#"signoff_commit_group_size_bucket{le="4.0"} 1"#,
        r#"signoff_commit_sync_seconds_bucket{le="0.00025"} 0"#,
        r#"signoff_commit_sync_seconds_bucket{le="0.0005"} 1"#,
    ] {
        assert_line(&text, line);
    }
    assert!(!text.contains(r#"signoff_request_seconds_count{method="signoff.v1.ApprovalService/RequestApproval"}"#));
    assert!(!text.contains(r#"signoff_request_seconds_count{method="other"}"#));
}

#[test]
fn every_status_has_its_own_label() {
    let all = [
        (Status::Pending, "PENDING"),
        (Status::Approved, "APPROVED"),
        (Status::Rejected, "REJECTED"),
        (Status::TimedOut, "TIMED_OUT"),
        (Status::Cancelled, "CANCELLED"),
        (Status::AutoApproved, "AUTO_APPROVED"),
        (Status::AutoRejected, "AUTO_REJECTED"),
    ];
    let metrics = Metrics::new("1");
    for (status, label) in all {
        metrics.approval_reached(&reached(status, reviewer(1)), false);
        assert_line(&metrics.render(at(0)), &format!(r#"signoff_approvals_total{{status="{label}"}} 1"#));
    }
}

#[test]
fn who_decided_is_told_apart() {
    for (status, by, label) in [
        (Status::Approved, reviewer(1), "person"),
        (Status::Rejected, reviewer(1), "person"),
        (Status::Approved, actor(ActorKind::Service, "bot"), "service"),
        (Status::Approved, actor(ActorKind::Agent, "bot"), "agent"),
        (Status::TimedOut, Actor::deadline(), "deadline"),
        (Status::Cancelled, agent(), "requester"),
        (Status::Cancelled, reviewer(1), "requester"),
        (Status::AutoApproved, Actor::policy("1"), "policy"),
        (Status::AutoRejected, Actor::policy("1"), "policy"),
        // A freeze or a remembered rejection, which the server applies by itself.
        (Status::AutoRejected, reviewer(1), "policy"),
    ] {
        let metrics = Metrics::new("1");
        metrics.approval_reached(&reached(status, by), false);
        let text = metrics.render(at(0));
        for decider in DECIDERS {
            let count = u8::from(decider == label);
            assert_line(&text, &format!(r#"signoff_decision_seconds_count{{decided_by="{decider}"}} {count}"#));
        }
    }
}

#[test]
fn names_of_tools_that_anybody_invents_take_bounded_room() {
    let metrics = Metrics::new("1");
    for n in 0..10_000 {
        metrics.approval_reached(&of_tool(&format!("invented_{n}")), true);
    }
    metrics.approval_reached(&of_tool("send_email"), false);
    let text = metrics.render(at(0));
    let tools = text.lines().filter(|line| line.starts_with("signoff_tool_approvals_total{"));
    assert_eq!(tools.count(), UNLISTED_TOOLS_MAX + 2);
    assert_line(&text, r#"signoff_tool_approvals_total{tool="send_email",status="PENDING"} 1"#);
    assert_line(&text, r#"signoff_tool_approvals_total{tool="other",status="PENDING"} 9900"#);
}

#[test]
fn standing_freezes_are_counted_by_the_kind_of_their_scope() {
    use crate::domain::freeze_samples::{new_freeze, new_thaw, tool};
    let (metrics, mut freezes) = (Metrics::new("1"), Freezes::default());
    let line = |scope: &str, count: u8| {
        assert_line(&metrics.render(at(0)), &format!(r#"signoff_freezes{{scope="{scope}"}} {count}"#))
    };
    SCOPES.iter().for_each(|scope| line(scope, 0));
    let scopes =
        [tool("a"), tool("b*"), FreezeScope::All, FreezeScope::Caller("x/y".into()), FreezeScope::Agent("a".into())];
    for (n, scope) in (1..).zip(scopes) {
        freezes.freeze(new_freeze(n, scope)).unwrap();
    }
    metrics.frozen(&freezes);
    for (scope, count) in [("all", 1), ("caller", 1), ("tool", 2), ("agent", 1)] {
        line(scope, count);
    }
    freezes.thaw(new_thaw(1)).unwrap();
    metrics.frozen(&freezes);
    line("tool", 1);
}

#[test]
fn the_oldest_pending_approval_grows_older() {
    let metrics = Metrics::new("1");
    let age = |seconds: i64| {
        let text = metrics.render(at(seconds));
        let line = text.lines().find(|line| line.starts_with("signoff_oldest_pending_approval_age_seconds "));
        line.unwrap().split_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(age(50), "0.0");
    metrics.pending(2, Some(at(10)));
    assert_eq!((age(50), age(3_610), age(0)), ("40.0".to_owned(), "3600.0".to_owned(), "0.0".to_owned()));
    metrics.pending(0, None);
    assert_eq!(age(50), "0.0");
}

#[test]
fn a_stream_is_open_until_its_guard_is_dropped() {
    let metrics = Metrics::new("1");
    let line = |count| format!(r#"signoff_open_streams{{method="signoff.v1.ApprovalService/WatchPending"}} {count}"#);
    let watch = find("/signoff.v1.ApprovalService/WatchPending");
    let guards = [metrics.stream_opened(watch), metrics.stream_opened(watch)];
    assert!(guards.iter().all(Option::is_some));
    assert_line(&metrics.render(at(0)), &line(2));
    drop(guards);
    assert_line(&metrics.render(at(0)), &line(0));
    assert!(metrics.stream_opened(find("/signoff.v1.ApprovalService/Decide")).is_none());
}
