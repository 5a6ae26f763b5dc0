//! Calls that succeed.

use serde::Deserialize;
use serde_json::json;
use signoff::proto::v1::{
    Actor, ActorKind, Agent, ApprovalStatus, Assurance, CancelApprovalRequest, ClaimExecutionRequest, DecideRequest,
    DecisionSurface, ExecutionResult, ListPendingRequest, PolicyEffect, ReportExecutionRequest, RequestApprovalRequest,
    RuleOutcome, VoteChoice, WaitApprovalRequest, decide_request::Seen, event::Kind,
};
use tonic::Code;

use crate::{
    calls::{ask, decide, open},
    checks::{Told, get, object, refused},
    server::Server,
};

/// One approval from the request to the report. All texts are stored and shown.
#[tokio::test]
async fn the_whole_life_of_a_call() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["claim_window=90s"]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let request = RequestApprovalRequest {
        request_id: "life".into(),
        tool_name: "process_payment".into(),
        arguments: Some(object(&json!({"amount": 12.5, "to": {"iban": "DE00"}, "notes": [null, true, "x"]}))),
        agent: Some(Agent { name: "bot".into(), run_id: "run".into(), chain: vec!["planner".into()] }),
        reason: "Invoice 7".into(),
        timeout: Some(prost_types::Duration { seconds: 120, nanos: 0 }),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        arguments_schema: Some(object(&json!({"type": "object", "required": ["amount"]}))),
        ..Default::default()
    };
    let (mut stream, asked) = open(&mut agent, request.clone()).await.unwrap();
    let person =
        |role: &str| Some(Actor { kind: ActorKind::Person.into(), issuer: "dev".into(), subject: role.into() });
    let caller = Some(Actor { kind: ActorKind::Agent.into(), issuer: "dev".into(), subject: "agent".into() });
    assert_eq!((asked.revision, asked.status()), (1, ApprovalStatus::Pending));
    assert_eq!(
        (&asked.request_id, &asked.tool_name, &asked.caller),
        (&request.request_id, &request.tool_name, &caller)
    );
    assert_eq!((&asked.arguments, &asked.arguments_schema), (&request.arguments, &request.arguments_schema));
    assert_eq!((&asked.agent, &asked.labels, &asked.reason), (&request.agent, &request.labels, &request.reason));
    assert_eq!((asked.timeout, asked.claim_window.unwrap().seconds, asked.quorum), (request.timeout, 90, 1));
    let (created, deadline) = (asked.create_time.unwrap(), asked.deadline.unwrap());
    assert_eq!((deadline.seconds - created.seconds, deadline.nanos), (120, created.nanos));
    assert_eq!(uuid::Uuid::parse_str(&asked.id).unwrap().get_version_num(), 7);
    let policy = asked.policy.as_ref().unwrap();
    assert_eq!((policy.effect(), policy.rule.as_str()), (PolicyEffect::RequireApproval, "unlisted_tools"));
    assert!(policy.trace.iter().any(|rule| rule.rule == policy.rule && rule.outcome() == RuleOutcome::Matched));
    assert!(asked.decision.is_none() && asked.claim.is_none() && asked.votes.is_empty());

    let pending = reviewer.list_pending(ListPendingRequest::default()).await.unwrap().into_inner();
    assert_eq!((pending.approvals, pending.next_page_token), (vec![asked.clone()], String::new()));
    assert_eq!(get(&mut agent, &asked.id).await.0, asked);

    let call = DecideRequest { comment: "Fine".into(), ..decide(&asked, "d", VoteChoice::Approve) };
    let decided = reviewer.decide(call.clone()).await.unwrap().into_inner().approval.unwrap();
    let decision = decided.decision.clone().unwrap();
    assert_eq!((decision.status(), &decision.decided_by), (ApprovalStatus::Approved, &person("reviewer")));
    assert_eq!((decision.comment.as_str(), decision.revision_seen, decision.revision), ("Fine", 1, 2));
    assert_eq!((&decision.digest, decision.decide_time), (&asked.digest, decided.update_time));
    assert_eq!((decided.votes.len(), decided.votes[0].choice()), (1, VoteChoice::Approve));
    let arrived = (DecisionSurface::Grpc, Assurance::Token);
    assert_eq!((decision.surface(), decision.assurance()), arrived);
    assert_eq!((decided.votes[0].surface(), decided.votes[0].assurance()), arrived);
    assert_eq!(reviewer.decide(call).await.unwrap().into_inner().approval.unwrap(), decided);

    let wait = WaitApprovalRequest { approval_id: asked.id.clone(), ..Default::default() };
    assert_eq!(agent.wait_approval(wait).await.unwrap().into_inner().approval.unwrap(), decided);
    let mut told = Told { events: vec![get(&mut agent, &asked.id).await.1.remove(0)], approval: None };
    told.read(&mut stream).await.unwrap();
    assert_eq!(told.approval, Some(decided));

    let (approval_id, digest) = (asked.id.clone(), asked.digest.clone());
    let claim = ClaimExecutionRequest { approval_id, request_id: "c".into(), digest };
    let claimed = agent.claim_execution(claim.clone()).await.unwrap().into_inner();
    let permit = claimed.approval.as_ref().unwrap().claim.as_ref().unwrap();
    assert_eq!((&permit.id, &permit.claimed_by, permit.outcome.is_none()), (&claimed.claim_id, &caller, true));
    assert_eq!(uuid::Uuid::parse_str(&permit.id).unwrap().get_version_num(), 7);
    assert_eq!(agent.claim_execution(claim).await.unwrap().into_inner(), claimed);

    let report = ReportExecutionRequest {
        approval_id: asked.id.clone(),
        request_id: "o".into(),
        claim_id: claimed.claim_id.clone(),
        result: ExecutionResult::Failed.into(),
        message: "no funds".into(),
    };
    let reported = agent.report_execution(report.clone()).await.unwrap().into_inner().approval.unwrap();
    let outcome = reported.claim.as_ref().unwrap().outcome.as_ref().unwrap();
    assert_eq!((outcome.result(), outcome.message.as_str()), (ExecutionResult::Failed, "no funds"));
    assert_eq!(agent.report_execution(report).await.unwrap().into_inner().approval.unwrap(), reported);

    let (now, events) = get(&mut reviewer, &asked.id).await;
    assert_eq!(now, reported);
    let kinds: Vec<_> = events.iter().map(|event| (event.kind.as_ref().unwrap(), &event.actor)).collect();
    let [
        (Kind::Requested(requested), by1),
        (Kind::Decided(told), by2),
        (Kind::Claimed(claimed_), by3),
        (Kind::Reported(done), by4),
    ] = kinds.as_slice()
    else {
        panic!("{kinds:?}")
    };
    assert_eq!((&requested.digest, requested.status()), (&asked.digest, ApprovalStatus::Pending));
    assert_eq!((told, &claimed_.claim_id, &claimed_.digest), (&decision, &claimed.claim_id, &asked.digest));
    assert_eq!(done, outcome);
    assert_eq!([by1, by2, by3, by4], [&&caller, &&person("reviewer"), &&caller, &&caller]);
}

#[tokio::test]
async fn edited_arguments_are_returned_and_only_they_may_run() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let schema = json!({"type": "object", "properties": {"amount": {"type": "number", "maximum": 100}}});
    let request = RequestApprovalRequest {
        arguments: Some(object(&json!({"amount": 90}))),
        arguments_schema: Some(object(&schema)),
        ..ask("r")
    };
    let (mut stream, asked) = open(&mut agent, request).await.unwrap();
    let edit =
        |value| DecideRequest { edited_arguments: Some(object(&value)), ..decide(&asked, "d", VoteChoice::Approve) };
    let status = reviewer.decide(edit(json!({"amount": 101}))).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");

    let edited = object(&json!({"amount": 9, "memo": "less"}));
    let decided =
        reviewer.decide(edit(json!({"memo": "less", "amount": 9}))).await.unwrap().into_inner().approval.unwrap();
    assert_eq!((decided.status(), decided.revision), (ApprovalStatus::Approved, 3));
    assert_eq!(decided.arguments.as_ref(), Some(&edited));
    assert_ne!(decided.digest, asked.digest);
    let mut told = Told { events: vec![Default::default()], approval: None };
    told.read(&mut stream).await.unwrap();
    let Some(Kind::Edited(edit)) = &told.events[1].kind else { panic!("{told:?}") };
    assert_eq!((edit.arguments.as_ref(), &edit.digest), (Some(&edited), &decided.digest));
    assert_eq!(told.approval.as_ref(), Some(&decided));

    let claim = |digest: &str| ClaimExecutionRequest {
        approval_id: asked.id.clone(),
        request_id: String::new(),
        digest: digest.into(),
    };
    let status = agent.claim_execution(claim(&asked.digest)).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "DIGEST_MISMATCH")["digest"], decided.digest);
    let claimed = agent.claim_execution(claim(&decided.digest)).await.unwrap().into_inner();
    assert_eq!(claimed.approval.unwrap().arguments.as_ref(), Some(&edited));
}

#[tokio::test]
async fn a_decision_may_name_the_seen_revision_or_digest() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    for (n, by_revision) in [true, false].into_iter().enumerate() {
        let (_, approval) = open(&mut server.agent(), ask(&format!("r-{n}"))).await.unwrap();
        let seen = if by_revision { Seen::Revision(1) } else { Seen::Digest(approval.digest.clone()) };
        let call = DecideRequest { seen: Some(seen), ..decide(&approval, "", VoteChoice::Reject) };
        let decided = server.reviewer().decide(call).await.unwrap().into_inner().approval.unwrap();
        assert_eq!((decided.status(), decided.decision.unwrap().revision_seen), (ApprovalStatus::Rejected, 1));
    }
}

#[tokio::test]
async fn cancelled_and_timed_out_approvals_report_their_status() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut agent = server.agent();
    let second = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let (mut late, _) = open(&mut agent, RequestApprovalRequest { timeout: second, ..ask("late") }).await.unwrap();
    let (_, approval) = open(&mut agent, ask("r")).await.unwrap();
    let cancel =
        CancelApprovalRequest { approval_id: approval.id, request_id: "c".into(), reason: "changed my mind".into() };
    let cancelled = agent.cancel_approval(cancel.clone()).await.unwrap().into_inner().approval.unwrap();
    let decision = cancelled.decision.as_ref().unwrap();
    assert_eq!((decision.status(), decision.comment.as_str()), (ApprovalStatus::Cancelled, "changed my mind"));
    assert_eq!(agent.cancel_approval(cancel).await.unwrap().into_inner().approval.unwrap(), cancelled);

    let mut told = Told { events: vec![Default::default()], approval: None };
    told.read(&mut late).await.unwrap();
    let approval = told.approval.unwrap();
    let decision = approval.decision.as_ref().unwrap();
    assert_eq!(
        (approval.status(), decision.decided_by.as_ref().unwrap().kind()),
        (ApprovalStatus::TimedOut, ActorKind::Server)
    );
    let nanos = |time: &Option<prost_types::Timestamp>| time.map(|time| (time.seconds, time.nanos));
    assert!(nanos(&decision.decide_time) >= nanos(&approval.deadline));
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    tool_name: String,
    arguments: serde_json::Value,
    digest: String,
}

/// The test vectors that every client computes too.
#[tokio::test]
async fn digests_match_the_test_vectors() {
    let file: serde_json::Value = serde_json::from_str(include_str!("../../conformance/digests.json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_value(file["digests"].clone()).unwrap();
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut agent = server.agent();
    assert!(vectors.len() >= 10);
    for (n, Vector { name, tool_name, arguments, digest }) in vectors.into_iter().enumerate() {
        let arguments = Some(object(&arguments));
        let request = RequestApprovalRequest { tool_name, arguments: arguments.clone(), ..ask(&format!("v-{n}")) };
        let (_, approval) = open(&mut agent, request).await.unwrap_or_else(|status| panic!("{name}: {status:?}"));
        assert_eq!((approval.digest, approval.arguments), (digest, arguments), "{name}");
    }
}
