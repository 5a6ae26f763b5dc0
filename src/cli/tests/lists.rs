//! `pending`, `history`, `health`.

use super::{
    fake::{Server, Step::*},
    *,
};
use crate::proto::v1::{
    Freeze, FreezeScope, GetApprovalResponse, ListApprovalsResponse, ListFreezesResponse, ListPendingResponse,
    WatchPendingResponse,
    freeze_scope::Scope,
    watch_pending_response::{Change, SnapshotComplete},
};

fn named(id: &str) -> Approval {
    Approval { id: id.to_owned(), ..approval(1, ApprovalStatus::Pending) }
}

#[tokio::test]
async fn pages_are_followed_up_to_the_limit() {
    let server = Server::start().await;
    for (ids, token) in [(vec!["p1", "p2"], "t1"), (vec!["p3"], "t2"), (vec!["p4", "p5"], "t3")] {
        let approvals = ids.into_iter().map(named).collect();
        server.fake.list_pending.answers(Ok(ListPendingResponse {
            approvals,
            next_page_token: token.to_owned(),
            ..Default::default()
        }));
    }
    let line = ["pending", "--limit", "4", "--tool", "send_email", "--agent", "bot", "--label", "env=prod"];
    let ran = signoff(&server.address, &line).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ids: Vec<_> = ran.out.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(ids, ["ID", "p1", "p2", "p3", "p4"]);
    assert_eq!(ran.err, "there are more; raise --limit\n");
    let asked = server.fake.list_pending.asked();
    let pages: Vec<_> = asked.iter().map(|request| (request.page_size, request.page_token.as_str())).collect();
    assert_eq!(pages, [(4, ""), (2, "t1"), (1, "t2")]);
    for request in &asked {
        assert_eq!((request.tool_name.as_str(), request.agent_name.as_str()), ("send_email", "bot"));
        assert_eq!(request.labels["env"], "prod");
    }
}

#[tokio::test]
async fn an_empty_queue_is_said_to_people_and_silent_for_programs() {
    let server = Server::start().await;
    for (line, err) in [(&["pending"][..], "nothing is pending\n"), (&["pending", "--json"][..], "")] {
        server.fake.list_pending.answers(Ok(ListPendingResponse::default()));
        let ran = signoff(&server.address, line).await;
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", err));
    }
}

#[tokio::test]
async fn what_is_frozen_is_said_to_those_who_may_know() {
    let server = Server::start().await;
    let by = |scope| Freeze {
        scope: Some(FreezeScope { scope: Some(scope) }),
        reason: "Incident\n12".to_owned(),
        frozen_by: alice(),
        ..Freeze::default()
    };
    let freezes = vec![by(Scope::All(true)), by(Scope::Tool("sql.*".to_owned()))];
    server.fake.freezes.answers(Ok(ListFreezesResponse { freezes }));
    server.fake.list_pending.answers(Ok(ListPendingResponse::default()));
    let ran = signoff(&server.address, &["pending"]).await;
    let expected = "FROZEN: all calls, by dev/alice since -: Incident\\n12\n\
                    FROZEN: calls of the tool sql.*, by dev/alice since -: Incident\\n12\nnothing is pending\n";
    assert_eq!((ran.code, ran.err.as_str()), (0, expected));

    server.fake.freezes.answers(Err(refusal(Code::PermissionDenied, "ROLE_NOT_ALLOWED", &[])));
    server.fake.list_pending.answers(Ok(ListPendingResponse::default()));
    assert_eq!(signoff(&server.address, &["pending"]).await.err, "nothing is pending\n");
}

#[tokio::test]
async fn unreadable_approvals_are_named() {
    let server = Server::start().await;
    let ids = || vec!["x1".to_owned(), "x\u{1b}2".to_owned()];
    for (line, approvals) in [(&["pending"][..], vec![]), (&["pending", "--json"][..], vec![named("p1")])] {
        let page = ListPendingResponse { approvals, unreadable_approval_ids: ids(), ..Default::default() };
        server.fake.list_pending.answers(Ok(page));
        let ran = signoff(&server.address, line).await;
        let warning = r"warning: the server cannot read x1, x\u{1b}2: damaged, or from a newer version";
        assert!(ran.code == 0 && ran.err.starts_with(warning) && !ran.err.contains("nothing"), "{ran:?}");
    }
    let page = ListApprovalsResponse { unreadable_approval_ids: ids(), ..Default::default() };
    server.fake.list_approvals.answers(Ok(page));
    assert!(signoff(&server.address, &["history"]).await.err.contains("cannot read x1"));
}

#[tokio::test]
async fn history_asks_for_what_the_flags_say() {
    let server = Server::start().await;
    let approvals = vec![approval(2, ApprovalStatus::Rejected)];
    server.fake.list_approvals.answers(Ok(ListApprovalsResponse { approvals, ..Default::default() }));
    let line =
        ["history", "--status", "rejected,timed-out", "--caller", "dev/agent", "--since", "2026-01-01T00:00:00Z"];
    let ran = signoff(&server.address, &[&line[..], &["--until", "1h"]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in ["REJECTED", "dev/alice", "because", r#"{"to":"x\u{202e}y@example.com"}"#] {
        assert!(ran.out.contains(part), "{part} in {}", ran.out);
    }
    let request = server.fake.list_approvals.asked().remove(0);
    assert_eq!(request.statuses, [i32::from(ApprovalStatus::Rejected), i32::from(ApprovalStatus::TimedOut)]);
    assert_eq!(request.caller, "dev/agent");
    assert_eq!(request.created_from.unwrap().seconds, 1_767_225_600);
    assert!(request.created_before.is_some());
    assert_eq!(request.page_size, 50);
}

#[tokio::test]
async fn a_watch_tells_one_story_over_two_connections() {
    let server = Server::start().await;
    let pending = |id| Send(WatchPendingResponse { change: Some(Change::Pending(named(id))) });
    let complete = || {
        let change = Change::SnapshotComplete(SnapshotComplete { count: 2 });
        Send(WatchPendingResponse { change: Some(change) })
    };
    for line in [&["pending", "--watch"][..], &["pending", "--watch", "--json"][..]] {
        server.fake.watch_pending.answers(vec![
            pending("a"),
            pending("b"),
            complete(),
            Fail(Status::unavailable("gone")),
        ]);
        let denied = refusal(Code::PermissionDenied, "ROLE_NOT_ALLOWED", &[("role", "agent")]);
        server.fake.watch_pending.answers(vec![pending("b"), pending("c"), complete(), Fail(denied)]);
        let gone = Approval { id: "a".to_owned(), ..approval(2, ApprovalStatus::Approved) };
        server.fake.get.answers(Ok(GetApprovalResponse { approval: Some(gone), events: Vec::new() }));
        let ran = signoff(&server.address, line).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("connection lost (gone)") && ran.err.contains("ROLE_NOT_ALLOWED"), "{ran:?}");
        let lines: Vec<_> = ran.out.lines().collect();
        if line.contains(&"--json") {
            assert_eq!(lines.len(), 5, "{}", ran.out);
            assert_eq!(lines[2], r#"{"snapshot_complete":{"count":"2"}}"#);
            assert_eq!(lines[4], r#"{"removed":{"approval_id":"a","status":"APPROVAL_STATUS_APPROVED"}}"#);
        } else {
            let heads: Vec<_> = lines.iter().map(|line| line.get(..3).unwrap()).collect();
            assert_eq!(heads, ["+ a", "+ b", "+ c", "- a"]);
            assert_eq!(lines[3], "- a send_email APPROVED by dev/alice: because");
        }
    }
}

#[tokio::test]
async fn health_is_an_exit_code() {
    let server = Server::start().await;
    let service = "signoff.v1.ApprovalService";
    let cases = [
        (vec!["health"], 0, "SERVING\n"),
        (vec!["health", "--service", service], 1, "NOT_SERVING\n"),
        (vec!["health", "--json"], 0, "{\"status\":\"SERVING\"}\n"),
        (vec!["health", "--service", "nobody"], 1, ""),
    ];
    for (line, code, out) in cases {
        let ran = signoff(&server.address, &line).await;
        assert_eq!((ran.code, ran.out.as_str()), (code, out), "{line:?}");
    }
}
