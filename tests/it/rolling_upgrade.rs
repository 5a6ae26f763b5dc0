//! A rolling upgrade on PostgreSQL: this version beside a later one. The test stands for the later one: it migrates the
//! store, and writes records that this version does not know.

mod later;

use std::time::Duration;

use signoff::proto::v1::{
    Approval, ApprovalStatus, CancelApprovalRequest, ClaimExecutionRequest, ExecutionResult, GetApprovalRequest,
    ListApprovalsRequest, ListPendingRequest, ReportExecutionRequest, RequestApprovalRequest, RequestApprovalResponse,
    RevokeApprovalRequest, VoteChoice, WaitApprovalRequest, WatchApprovalRequest,
};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use self::later::{Later, with_field, with_status};
use crate::{
    calls::{ask, decide, next_update, open},
    checks::refused,
    databases::Database,
    load::Load,
    postgres::{run, settings},
    server::{Process, Server, serve, signoff, soon},
};

/// Concurrent callers.
const CALLERS: usize = 4;

/// Answers that the load must get beside the later version.
const ANSWERS: usize = 300;

#[track_caller]
fn too_new(id: &str, status: &Status) {
    let told = refused(status, Code::Unavailable, "RECORD_TOO_NEW");
    assert_eq!(told.get("approval_id").map(String::as_str), Some(id), "{status:?}");
    assert!(status.get_details_retry_info().is_some(), "{status:?}");
}

fn claim_of(approval: &Approval) -> ClaimExecutionRequest {
    let (approval_id, digest) = (approval.id.clone(), approval.digest.clone());
    ClaimExecutionRequest { approval_id, digest, request_id: "claim".into() }
}

async fn asked(server: &Server, request_id: &str) -> (Streaming<RequestApprovalResponse>, Approval) {
    open(&mut server.agent(), ask(request_id)).await.expect("a new request")
}

async fn approved(server: &Server, request_id: &str) -> Approval {
    let (_, approval) = asked(server, request_id).await;
    let decided = server.reviewer().decide(decide(&approval, "yes", VoteChoice::Approve)).await.expect("it is pending");
    decided.into_inner().approval.expect("the approval")
}

/// Every call about an approval that the later version wrote fails, and changes nothing.
async fn grants_nothing(server: &Server, later: &Later, approval: &Approval) {
    let (before, id) = (later.record(approval).await, || approval.id.clone());
    let (mut agent, mut reviewer, mut operator) = (server.agent(), server.reviewer(), server.operator());
    let key = || "another".to_owned();
    for include_events in [false, true] {
        let get = GetApprovalRequest { approval_id: id(), include_events };
        too_new(&id(), &operator.get_approval(get).await.unwrap_err());
    }
    for choice in [VoteChoice::Approve, VoteChoice::Reject] {
        too_new(&id(), &reviewer.decide(decide(approval, "vote", choice)).await.unwrap_err());
    }
    let cancel = CancelApprovalRequest { approval_id: id(), request_id: key(), reason: String::new() };
    too_new(&id(), &agent.cancel_approval(cancel).await.unwrap_err());
    too_new(&id(), &agent.claim_execution(claim_of(approval)).await.unwrap_err());
    let revoke = RevokeApprovalRequest { approval_id: id(), request_id: key(), reason: String::new() };
    too_new(&id(), &reviewer.revoke_approval(revoke.clone()).await.unwrap_err());
    too_new(&id(), &operator.revoke_approval(revoke).await.unwrap_err());
    let report = ReportExecutionRequest {
        approval_id: id(),
        request_id: key(),
        claim_id: approval.claim.as_ref().map_or_else(id, |claim| claim.id.clone()),
        result: ExecutionResult::Succeeded.into(),
        message: String::new(),
    };
    too_new(&id(), &agent.report_execution(report).await.unwrap_err());
    let wait = WaitApprovalRequest { approval_id: id(), ..Default::default() };
    too_new(&id(), &operator.wait_approval(wait).await.unwrap_err());
    let watch = WatchApprovalRequest { approval_id: id(), after_revision: 0 };
    let mut stream = operator.watch_approval(watch).await.expect("headers come at once").into_inner();
    too_new(&id(), &next_update(&mut stream).await.unwrap_err());
    // The same request again must not become a second approval.
    let again = RequestApprovalRequest { request_id: approval.request_id.clone(), ..ask("") };
    let status = open(&mut agent, again).await.unwrap_err();
    refused(&status, Code::Unavailable, "RECORD_TOO_NEW");
    assert_eq!(later.record(approval).await, before, "a refused call changed the record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_a_later_version_are_refused_and_all_others_go_on() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let store = database.setting();
    let settings = settings(&store);
    let server = Server::start(data.path(), &settings).await;
    let later = Later::connect(&database).await;
    let (load, mut operator) = (Load::new(), server.operator());
    let mut callers = load.start(&server, CALLERS);
    load.answered(ANSWERS / 2).await;

    let (mut waiting, pending) = asked(&server, "pending").await;
    let (mut parking, parked) = asked(&server, "parked").await;
    let (unclaimed, claimed, twin) =
        (approved(&server, "unclaimed").await, approved(&server, "claimed").await, approved(&server, "twin").await);
    let claimed = server.agent().claim_execution(claim_of(&claimed)).await.unwrap().into_inner().approval.unwrap();

    later.migrate(2, 1).await;
    later.write(&pending, with_field, None).await;
    later.write(&parked, with_status, Some(7)).await;
    later.write(&unclaimed, with_field, None).await;
    later.write(&claimed, with_field, None).await;
    // Streams of them end, although the change is another server's.
    too_new_in(&mut waiting, &pending).await;
    too_new_in(&mut parking, &parked).await;
    for approval in [&pending, &parked, &unclaimed, &claimed] {
        grants_nothing(&server, &later, approval).await;
    }
    // The load has made others before it, more than one page holds.
    let mut listing = ListPendingRequest { page_size: 1_000, ..Default::default() };
    loop {
        let page = operator.list_pending(listing.clone()).await.unwrap().into_inner();
        if page.unreadable_approval_ids.contains(&pending.id) {
            break;
        }
        assert!(!page.next_page_token.is_empty(), "a list hides it");
        listing.page_token = page.next_page_token;
    }
    let filter = ListApprovalsRequest { page_size: 1_000, tool_name: pending.tool_name.clone(), ..Default::default() };
    let mut found = Vec::new();
    let mut next = filter.clone();
    loop {
        let page = operator.list_approvals(next).await.unwrap().into_inner();
        found.extend(page.unreadable_approval_ids);
        if page.next_page_token.is_empty() {
            break;
        }
        next = ListApprovalsRequest { page_token: page.next_page_token, ..filter.clone() };
    }
    found.sort();
    let mut expected = [&pending, &parked, &unclaimed, &claimed].map(|approval| approval.id.clone());
    expected.sort();
    assert_eq!(found, expected);

    // All others go on, and the server starts again.
    let answers = load.calls().len();
    soon("the load goes on", load.answered(answers + ANSWERS)).await;
    load.expect_end();
    server.kill().await;
    while let Some(ended) = soon("the callers notice", callers.join_next()).await {
        ended.unwrap_or_else(|error| panic!("{error}"));
    }
    let server = Server::start(data.path(), &settings).await;
    grants_nothing(&server, &later, &unclaimed).await;
    server.agent().claim_execution(claim_of(&twin)).await.expect("an approval of this version");
    let url = database.url();
    for command in ["status", "migrate"] {
        let printed = run(&["store", command, "--store", &url]).await;
        assert_eq!(printed.trim_end(), "version 2; this build has version 1", "{command}");
    }
}

async fn too_new_in(stream: &mut Streaming<RequestApprovalResponse>, approval: &Approval) {
    let status = next_update(stream).await.expect_err("the stream ends with an error");
    refused(&status, Code::Unavailable, "RECORD_TOO_NEW");
    assert!(matches!(next_update(stream).await, Ok(None) | Err(_)), "a message of {} after the error", approval.id);
}

#[tokio::test]
async fn a_deadline_that_cannot_fire_does_not_keep_others_from_firing() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let store = database.setting();
    let server = Server::start(data.path(), &settings(&store)).await;
    let later = Later::connect(&database).await;
    let short = |request_id: &str, milliseconds: u64| RequestApprovalRequest {
        timeout: Some(Duration::from_millis(milliseconds).try_into().unwrap()),
        ..ask(request_id)
    };
    let (mut stuck, newer) = open(&mut server.agent(), short("newer", 700)).await.unwrap();
    later.write(&newer, with_field, None).await;
    too_new_in(&mut stuck, &newer).await;
    let mut passes = 0;
    for number in 0..20 {
        let (mut stream, _) = open(&mut server.agent(), short(&format!("other-{number}"), 100)).await.unwrap();
        let update = next_update(&mut stream).await.unwrap().expect("the deadline is an event");
        assert_eq!(update.approval.unwrap().status(), ApprovalStatus::TimedOut);
        passes += 1;
    }
    // Each pass for the others tries it again, and nothing else does.
    let attempts = server.log().matches("cannot time out an approval").count();
    assert!((1..=3 * passes).contains(&attempts), "{attempts} attempts in {passes} passes");
    grants_nothing(&server, &later, &newer).await;
}

#[tokio::test]
async fn a_server_that_is_too_old_for_the_store_stops() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let store = database.setting();
    let settings = settings(&store);
    let mut server = Server::start(data.path(), &settings).await;
    let later = Later::connect(&database).await;
    let approval = approved(&server, "one").await;
    let before = later.record(&approval).await;
    later.migrate(2, 2).await;
    // At once: the claim's own transaction reads it.
    let status = server.agent().claim_execution(claim_of(&approval)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(later.record(&approval).await, before, "it granted a claim");
    let status = server.ended().await;
    assert_eq!(status.code(), Some(1), "{}", server.log());
    let told = "schema version 2, and this build knows 1: use a newer signoff";
    assert!(server.log().contains(told), "{}", server.log());

    let (status, log) = Process::spawn(data.path(), serve(data.path(), &settings)).listening().await.unwrap_err();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(told), "{log}");
    let url = database.url();
    let printed = run(&["store", "status", "--store", &url]).await;
    assert_eq!(printed.trim_end(), "version 2; this build has version 1, and cannot serve it: use a newer signoff");
    let migrate = signoff(&["store", "migrate", "--store", &url]).output().await.unwrap();
    assert!(!migrate.status.success());
    assert!(String::from_utf8_lossy(&migrate.stderr).contains(told), "{migrate:?}");
}

#[tokio::test]
async fn servers_that_start_at_once_migrate_an_empty_database_once() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let store = database.setting();
    let starts = (0..4).map(|number| {
        let (directory, store) = (data.path().join(number.to_string()), store.clone());
        tokio::spawn(async move { Server::start(&directory, &[&store]).await })
    });
    let mut servers = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        servers.push(start.await.expect("the server starts"));
    }
    assert_eq!(Later::connect(&database).await.migrations().await, [1]);
    let approval = approved(&servers[0], "one").await;
    servers[3].agent().claim_execution(claim_of(&approval)).await.expect("all serve one store");
    for server in &servers[1..] {
        let claim = ClaimExecutionRequest { request_id: "second".into(), ..claim_of(&approval) };
        let status = server.agent().claim_execution(claim).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "ALREADY_CLAIMED");
    }
}
