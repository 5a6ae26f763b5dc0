use super::*;
use crate::telemetry::methods::{OTHER, find};

/// Asserts that `text` has the line `expected`.
fn assert_line(text: &str, expected: &str) {
    assert!(text.lines().any(|line| line == expected), "no line {expected:?} in:\n{text}");
}

#[test]
fn nothing_happened_yet() {
    let text = Metrics::new("1.2.3").render();
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
    metrics.approval_reached(Status::Pending);
    metrics.approval_reached(Status::Pending);
    metrics.approval_reached(Status::TimedOut);
    metrics.approval_reached(Status::AutoRejected);
    metrics.clone().pending(5);
    metrics.pending(3);
    metrics.decided_after(Duration::from_secs(90));
    metrics.decided_after(Duration::from_secs(8 * 86_400));
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
    let text = metrics.render();
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
        "signoff_pending_approvals 3",
        "signoff_policy_version 7",
        "signoff_policy_file_broken 1",
        "signoff_policy_rule_failures_total 2",
        "signoff_authentication_failures_total 1",
        "signoff_tls_handshake_failures_total 1",
        "signoff_tls_certificate_broken 1",
        "signoff_tls_certificate_not_after_seconds 2214086400",
        r#"signoff_decision_seconds_bucket{le="60.0"} 0"#,
        r#"signoff_decision_seconds_bucket{le="120.0"} 1"#,
        r#"signoff_decision_seconds_bucket{le="604800.0"} 1"#,
        r#"signoff_decision_seconds_bucket{le="+Inf"} 2"#,
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
        metrics.approval_reached(status);
        assert_line(&metrics.render(), &format!(r#"signoff_approvals_total{{status="{label}"}} 1"#));
    }
}

#[test]
fn a_stream_is_open_until_its_guard_is_dropped() {
    let metrics = Metrics::new("1");
    let line = |count| format!(r#"signoff_open_streams{{method="signoff.v1.ApprovalService/WatchPending"}} {count}"#);
    let watch = find("/signoff.v1.ApprovalService/WatchPending");
    let guards = [metrics.stream_opened(watch), metrics.stream_opened(watch)];
    assert!(guards.iter().all(Option::is_some));
    assert_line(&metrics.render(), &line(2));
    drop(guards);
    assert_line(&metrics.render(), &line(0));
    assert!(metrics.stream_opened(find("/signoff.v1.ApprovalService/Decide")).is_none());
}
