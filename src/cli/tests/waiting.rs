//! `request`: whatever happens to the connection, the outcome is the approval's.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{
    fake::{Server, Step::*},
    *,
};
use crate::proto::v1::{Progress, RequestApprovalRequest};

const REQUEST: &[&str] = &["request", "send_email", "--arg", "to=x@example.com", "--arg", "n=5"];

fn draining() -> Status {
    let mut details = ErrorDetails::with_retry_info(Some(Duration::ZERO));
    details.set_error_info("DRAINING", "signoff.v1", std::collections::HashMap::<String, String>::new());
    Status::with_error_details(Code::Unavailable, "the server is shutting down", details)
}

fn same_request(asked: &[RequestApprovalRequest]) -> Vec<u64> {
    assert!(!asked[0].request_id.is_empty());
    for again in asked {
        let expected = RequestApprovalRequest { after_revision: again.after_revision, ..asked[0].clone() };
        assert_eq!(*again, expected);
    }
    asked.iter().map(|request| request.after_revision).collect()
}

#[tokio::test]
async fn a_drained_stream_is_taken_up_where_it_ended() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Send(update(1, ApprovalStatus::Pending)), Fail(draining())]);
    server.fake.request.answers(vec![Fail(draining())]);
    let again = update(1, ApprovalStatus::Pending);
    server.fake.request.answers(vec![Send(again), Send(update(2, ApprovalStatus::Approved))]);
    let ran = signoff(&server.address, REQUEST).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let asked = server.fake.request.asked();
    assert_eq!(same_request(&asked), [0, 1, 1]);
    let arguments = asked[0].arguments.as_ref().unwrap();
    let lines: Vec<_> = ran.out.lines().collect();
    let expected = [
        format!("approval {ID}, deadline -"),
        format!("-  #1 PENDING requested by dev/alice, {}", signoff_client::digest("send_email", arguments)),
        "-  #2 APPROVED by dev/alice: because".to_owned(),
    ];
    assert_eq!(lines, expected);
    assert_eq!(ran.err.matches("Lost the connection").count(), 1, "{}", ran.err);
    assert_eq!(arguments::to_json(arguments).to_string(), r#"{"n":5,"to":"x@example.com"}"#);
}

#[tokio::test]
async fn a_cut_connection_is_replaced() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Send(update(1, ApprovalStatus::Pending)), Cut]);
    server.fake.request.answers(vec![Send(update(2, ApprovalStatus::AutoApproved))]);
    let ran = signoff(&server.address, REQUEST).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    same_request(&server.fake.request.asked());
}

#[tokio::test]
async fn a_stream_that_ends_while_pending_is_not_an_answer() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Send(update(1, ApprovalStatus::Pending))]);
    server.fake.request.answers(vec![Send(update(2, ApprovalStatus::TimedOut))]);
    let ran = signoff(&server.address, REQUEST).await;
    assert_eq!(ran.code, 11, "{ran:?}");
}

#[tokio::test]
async fn the_exit_code_tells_the_outcome() {
    let outcomes = [
        (ApprovalStatus::Rejected, 10),
        (ApprovalStatus::AutoRejected, 10),
        (ApprovalStatus::Cancelled, 12),
        (ApprovalStatus::Unspecified, 13),
    ];
    for (status, code) in outcomes {
        let server = Server::start().await;
        server.fake.request.answers(vec![Send(update(1, ApprovalStatus::Pending)), Send(update(2, status))]);
        let ran = signoff(&server.address, REQUEST).await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.out.ends_with("by dev/alice: because\n"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_status_of_the_future_is_no_approval() {
    let server = Server::start().await;
    let mut strange = update(1, ApprovalStatus::Pending);
    if let Some(Message::Update(update)) = &mut strange.message {
        update.approval.as_mut().unwrap().status = 99;
        if let Some(event::Kind::Requested(requested)) = &mut update.events[0].kind {
            requested.status = 99;
        }
    }
    server.fake.request.answers(vec![Send(strange)]);
    assert_eq!(signoff(&server.address, REQUEST).await.code, 13);
}

#[tokio::test]
async fn json_is_one_message_a_line_and_nothing_twice() {
    let server = Server::start().await;
    let progress = Progress { revision: 1, message: "waiting".to_owned(), ..Progress::default() };
    let progress = || Send(RequestApprovalResponse { message: Some(Message::Progress(progress.clone())) });
    let first = || Send(update(1, ApprovalStatus::Pending));
    server.fake.request.answers(vec![first(), progress(), Fail(draining())]);
    server.fake.request.answers(vec![first(), Send(update(2, ApprovalStatus::Approved))]);
    let ran = signoff(&server.address, &[REQUEST, &["--json", "--progress"]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{}", ran.out);
    assert_eq!(lines[0]["update"]["approval"]["tool_name"], "send_email");
    assert_eq!(lines[1]["progress"]["message"], "waiting");
    assert_eq!(lines[2]["update"]["approval"]["status"], "APPROVAL_STATUS_APPROVED");
}

#[tokio::test]
async fn progress_is_a_live_line_on_a_terminal_and_lines_elsewhere_if_wanted() {
    let progress = |message: &str| {
        let progress = Progress { message: message.to_owned(), ..Progress::default() };
        Send(RequestApprovalResponse { message: Some(Message::Progress(progress)) })
    };
    let script = || {
        let (first, last) = (update(1, ApprovalStatus::Pending), update(2, ApprovalStatus::Approved));
        vec![Send(first), progress("4 min\u{1b}"), progress("3 min"), Send(last)]
    };
    let cases = [
        (None, vec![], ""),
        (None, vec!["--progress"], "4 min\\u{1b}\n3 min\n"),
        (Some(""), vec![], "4 min\\u{1b}\r           \r3 min\r     \r"),
    ];
    for (terminal, flags, expected) in cases {
        let server = Server::start().await;
        server.fake.request.answers(script());
        let ran = run(&server.address, &[REQUEST, &flags].concat(), terminal, |_| std::future::pending()).await;
        assert_eq!((ran.code, ran.err.as_str()), (0, expected));
    }
}

#[tokio::test]
async fn refusals_end_it() {
    let server = Server::start().await;
    let refused = || {
        let mut details = ErrorDetails::with_bad_request_violation("tool_name", "holds invisible characters");
        details.set_error_info("INVALID_REQUEST", "signoff.v1", std::collections::HashMap::<String, String>::new());
        let message = "invalid request: tool_name: holds invisible characters";
        vec![Fail(Status::with_error_details(Code::InvalidArgument, message, details))]
    };
    server.fake.request.answers(refused());
    let ran = run(&server.address, REQUEST, Some(""), |_| std::future::pending()).await;
    let expected = "error: invalid request\n  tool_name: holds invisible characters\n  reason: INVALID_REQUEST\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, expected));
    assert_eq!(server.fake.request.asked().len(), 1);

    server.fake.request.answers(refused());
    let ran = signoff(&server.address, REQUEST).await;
    let expected = "error: NOT RUN. The call to send_email could not be approved: invalid request: tool_name: \
                    holds invisible characters.\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, expected));
}

/// What is not read on a terminal may be read by a model: nothing there says how the command is set up.
#[tokio::test]
async fn a_model_is_not_told_what_to_configure() {
    let server = Server::start().await;
    let denied = || vec![Fail(refusal(Code::Unauthenticated, "UNAUTHENTICATED", &[]))];
    server.fake.request.answers(denied());
    let ran = signoff(&server.address, REQUEST).await;
    let expected =
        "error: NOT RUN. The approvals server rejected the request to call send_email. Do not work around it.\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, expected));

    server.fake.request.answers(denied());
    let ran = run(&server.address, REQUEST, Some(""), |_| std::future::pending()).await;
    assert!(ran.err.contains("UNAUTHENTICATED"), "{ran:?}");
    server.fake.request.answers(denied());
    let ran = signoff(&server.address, &[REQUEST, &["--json"]].concat()).await;
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["reason"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn waiting_stops_when_the_deadline_has_passed() {
    let server = Server::start().await;
    let progress = Progress { remaining: Some(prost_types::Duration::default()), ..Progress::default() };
    let progress = RequestApprovalResponse { message: Some(Message::Progress(progress)) };
    server.fake.request.answers(vec![
        Send(update(1, ApprovalStatus::Pending)),
        Send(progress),
        Fail(Status::unavailable("gone")),
    ]);
    // The try after the deadline, in vain too.
    server.fake.request.answers(vec![Fail(Status::unavailable("gone"))]);
    let ran = run(&server.address, REQUEST, Some(""), |_| std::future::pending()).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let lost =
        format!("approvals server at {}: gone; the approval stays open: see `signoff show {ID}`", server.address);
    assert!(ran.err.contains(&lost), "{ran:?}");
    assert_eq!(server.fake.request.asked().len(), 2);
}

#[tokio::test]
async fn an_interrupted_wait_tells_how_to_go_on() {
    for (flags, expected) in [
        (vec![], format!("stays open: see `signoff show {ID}`")),
        (vec!["--cancel-on-disconnect"], "the server cancels approval".to_owned()),
    ] {
        let server = Server::start().await;
        let hanging = Hang(Arc::new(Notify::new()));
        server.fake.request.answers(vec![Send(update(1, ApprovalStatus::Pending)), hanging]);
        let line = [REQUEST, &["--request-id", "r1"], &flags].concat();
        let ran = run(&server.address, &line, None, async |out| out.contains("#1 PENDING").await).await;
        assert_eq!(ran.code, 130);
        assert!(ran.err.contains(&expected), "{ran:?}");
        assert!(server.fake.cancel.asked().is_empty());
    }
}

#[tokio::test]
async fn an_interrupt_before_any_answer_names_the_request_id() {
    let server = Server::start().await;
    let reached = Arc::new(Notify::new());
    server.fake.request.answers(vec![Hang(Arc::clone(&reached))]);
    let line = [REQUEST, &["--request-id", "r1"]].concat();
    let ran = run(&server.address, &line, None, |_| reached.notified()).await;
    assert_eq!(ran.code, 130);
    assert!(ran.err.contains("--request-id r1"), "{ran:?}");
}

#[tokio::test]
async fn an_absent_server_is_a_failure_at_once_and_nonsense_is_usage() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = signoff(&address, REQUEST).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with(&format!("error: cannot reach {address}: ")), "{ran:?}");
    assert!(ran.err.contains("signoff serve --dev"), "{ran:?}");
    let ran = signoff(&address, &["request", "x", "--arg", "n=9007199254740993"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("9007199254740993 does not fit a double"), "{ran:?}");
    let ran = signoff(&address, &["--json", "request", "x"]).await;
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert!(error["error"]["message"].as_str().unwrap().starts_with("cannot reach"), "{ran:?}");
}
