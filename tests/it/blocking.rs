//! Blocked subjects and sessions, through the API: who is blocked is kept out at once, and over restarts.

use signoff::proto::v1::{
    self as pb, BlockSubjectRequest, BlockedSubject, EndSessionsRequest, GetCallerRequest, ListBlockedSubjectsRequest,
    ListSessionsRequest, Subject, UnblockSubjectRequest, VoteChoice, WatchPendingRequest, end_sessions_request::Scope,
};
use tonic::{Code, Status};

use crate::{
    calls::{ask, decide, open, reason},
    checks::refused,
    server::{AdminClient, Server, soon},
};

fn operator(server: &Server) -> AdminClient {
    server.admin(&server.tokens().operator)
}

fn named(subject: &str) -> Option<Subject> {
    Some(Subject { issuer: "dev".into(), subject: subject.into() })
}

fn blocking(subject: &str, request_id: &str) -> BlockSubjectRequest {
    BlockSubjectRequest { request_id: request_id.into(), subject: named(subject), reason: "left".into() }
}

async fn block(server: &Server, subject: &str) -> BlockedSubject {
    operator(server).block_subject(blocking(subject, "")).await.unwrap().into_inner().block.unwrap()
}

async fn blocked(server: &Server) -> Vec<BlockedSubject> {
    let answer = operator(server).list_blocked_subjects(ListBlockedSubjectsRequest {}).await;
    answer.unwrap().into_inner().blocks
}

async fn unblock(server: &Server, subject: &str) -> Result<BlockedSubject, Status> {
    let request = UnblockSubjectRequest { request_id: String::new(), subject: named(subject) };
    Ok(operator(server).unblock_subject(request).await?.into_inner().block.unwrap())
}

fn kept_out(status: &Status) {
    let told = (status.code(), reason(status), status.message());
    assert_eq!(told, (Code::Unauthenticated, "UNAUTHENTICATED".to_owned(), "the caller is blocked; ask an operator"));
}

#[tokio::test]
async fn a_blocked_reviewer_decides_nothing_any_more() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (_asking, approval) = open(&mut server.agent(), ask("one")).await.unwrap();
    let mut queue = server.reviewer().watch_pending(WatchPendingRequest::default()).await.unwrap().into_inner();
    soon("the queue shows", queue.message()).await.unwrap();

    let made = block(&server, "reviewer").await;
    assert_eq!((&made.subject, made.reason.as_str()), (&named("reviewer"), "left"));
    assert_eq!(made.blocked_by.as_ref().unwrap().subject, "operator");
    // The open stream ends, and every new call is rejected.
    let status = loop {
        match soon("the queue ends", queue.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without an error"),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    kept_out(&server.reviewer().decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap_err());
    let token = &server.tokens().reviewer;
    kept_out(&server.access(token).get_caller(GetCallerRequest {}).await.unwrap_err());
    // Others go on.
    open(&mut server.agent(), ask("two")).await.unwrap();

    // A second block is the first one, and a restart changes nothing.
    assert_eq!(block(&server, "reviewer").await, made);
    drop(server);
    let server = Server::start(data.path(), &[]).await;
    assert_eq!(blocked(&server).await, std::slice::from_ref(&made));
    kept_out(&server.reviewer().decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap_err());

    assert_eq!(unblock(&server, "reviewer").await.unwrap(), made);
    assert_eq!(blocked(&server).await, []);
    server.reviewer().decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap();
    let status = unblock(&server, "reviewer").await.unwrap_err();
    let metadata = refused(&status, Code::NotFound, "SUBJECT_NOT_BLOCKED");
    assert_eq!((metadata["issuer"].as_str(), metadata["subject"].as_str()), ("dev", "reviewer"));
}

#[tokio::test]
async fn operators_cannot_lock_themselves_out_and_calls_are_repeated_safely() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let status = operator(&server).block_subject(blocking("operator", "")).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "OWN_SUBJECT");
    let first = operator(&server).block_subject(blocking("reviewer", "k")).await.unwrap().into_inner();
    let again = operator(&server).block_subject(blocking("reviewer", "k")).await.unwrap().into_inner();
    assert_eq!(first, again);
    let status = operator(&server).block_subject(blocking("agent", "k")).await.unwrap_err();
    let metadata = refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!(metadata["block_id"], first.block.unwrap().block_id);
    let status = operator(&server).block_subject(BlockSubjectRequest::default()).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
}

/// Nobody can sign in by gRPC, so there are no sessions: see `src/sessions/tests.rs`.
#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut admin = operator(&server);
    let page = admin.list_sessions(ListSessionsRequest::default()).await.unwrap().into_inner();
    assert_eq!(page, pb::ListSessionsResponse::default());
    for (scope, ended) in [(Scope::All(true), 0), (Scope::Person(named("reviewer").unwrap()), 0)] {
        let request = EndSessionsRequest { request_id: String::new(), scope: Some(scope) };
        assert_eq!(admin.end_sessions(request).await.unwrap().into_inner().ended_count, ended);
    }
    let unknown = "0198c1d2-3e4f-7abc-8def-000000000001";
    let scope = Some(Scope::SessionId(unknown.into()));
    let status = admin.end_sessions(EndSessionsRequest { request_id: String::new(), scope }).await.unwrap_err();
    let metadata = refused(&status, Code::NotFound, "SESSION_NOT_FOUND");
    assert_eq!(metadata["session_id"], unknown);
}
