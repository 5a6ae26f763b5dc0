//! Revoking and freezing: an approved call that is stopped never runs.

use futures_util::future::join_all;
use signoff::proto::v1::{
    self as pb, ActorKind, Approval, ApprovalStatus, ClaimExecutionRequest, CreateTokenRequest, Freeze, FreezeRequest,
    FreezeScope, GetStatusRequest, ListFreezesRequest, RevokeApprovalRequest, Role, ThawRequest, VoteChoice,
    WatchApprovalRequest, event::Kind, freeze_scope::Scope,
};
use tonic::{Code, Status};

use crate::{
    calls::{ask, decide, next_update, open, reason},
    checks::{get, refused},
    server::{AdminClient, Client, Server, soon},
};

async fn approved(server: &Server, request_id: &str) -> Approval {
    let (mut stream, asked) = open(&mut server.agent(), ask(request_id)).await.unwrap();
    server.reviewer().decide(decide(&asked, "", VoteChoice::Approve)).await.unwrap();
    next_update(&mut stream).await.unwrap().unwrap().approval.unwrap()
}

fn claiming(approval: &Approval, request_id: &str) -> ClaimExecutionRequest {
    let (approval_id, digest) = (approval.id.clone(), approval.digest.clone());
    ClaimExecutionRequest { approval_id, request_id: request_id.into(), digest }
}

fn revoking(approval: &Approval, request_id: &str) -> RevokeApprovalRequest {
    let (approval_id, reason) = (approval.id.clone(), "wrong customer".to_owned());
    RevokeApprovalRequest { approval_id, request_id: request_id.into(), reason }
}

async fn claim(client: &mut Client, approval: &Approval) -> Result<Approval, Status> {
    let answer = soon("the claim is answered", client.claim_execution(claiming(approval, ""))).await?;
    Ok(answer.into_inner().approval.unwrap())
}

fn freezing(scope: Scope, request_id: &str) -> FreezeRequest {
    let (request_id, scope) = (request_id.to_owned(), Some(FreezeScope { scope: Some(scope) }));
    FreezeRequest { request_id, scope, reason: "incident 12".into() }
}

async fn freeze(admin: &mut AdminClient, scope: Scope) -> Freeze {
    let answer = soon("the freeze is answered", admin.freeze(freezing(scope, ""))).await.unwrap();
    answer.into_inner().freeze.unwrap()
}

async fn thaw(admin: &mut AdminClient, freeze: &Freeze) -> Result<Freeze, Status> {
    let request = ThawRequest { request_id: String::new(), freeze_id: freeze.id.clone() };
    Ok(admin.thaw(request).await?.into_inner().freeze.unwrap())
}

fn operator(server: &Server) -> AdminClient {
    server.admin(&server.tokens().operator)
}

#[tokio::test]
async fn a_revoked_approval_is_never_claimed_and_shows_who_stopped_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let approval = approved(&server, "one").await;
    let revoked = server.reviewer().revoke_approval(revoking(&approval, "k")).await.unwrap().into_inner();
    let revoked = revoked.approval.unwrap();
    let revocation = revoked.revocation.clone().unwrap();
    assert_eq!((revoked.status(), revoked.revision), (ApprovalStatus::Approved, approval.revision + 1));
    assert_eq!(
        (revocation.reason.as_str(), revocation.revoked_by.unwrap().subject.as_str()),
        ("wrong customer", "reviewer")
    );

    let status = claim(&mut server.agent(), &approval).await.unwrap_err();
    let metadata = refused(&status, Code::FailedPrecondition, "APPROVAL_REVOKED");
    assert_eq!((metadata["revoked_by"].as_str(), metadata["reason"].as_str()), ("dev/reviewer", "wrong customer"));
    assert_eq!(metadata["approval_id"], approval.id);
    assert!(metadata.contains_key("revoke_time"));
    // A repetition gets the first result; another revocation gets an error that names it.
    let again = server.reviewer().revoke_approval(revoking(&approval, "k")).await.unwrap().into_inner();
    assert_eq!(again.approval.as_ref(), Some(&revoked));
    let status = server.agent().revoke_approval(revoking(&approval, "")).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "APPROVAL_REVOKED");
    // A pending call is cancelled, not revoked.
    let (_stream, pending) = open(&mut server.agent(), ask("two")).await.unwrap();
    let status = server.agent().revoke_approval(revoking(&pending, "")).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "NOT_APPROVED")["status"], "PENDING");

    let watch = WatchApprovalRequest { approval_id: approval.id.clone(), after_revision: approval.revision };
    let mut watching = server.agent().watch_approval(watch).await.unwrap().into_inner();
    let update = next_update(&mut watching).await.unwrap().unwrap();
    assert_eq!(update.approval.as_ref(), Some(&revoked));
    assert!(matches!(&update.events[..], [event] if matches!(event.kind, Some(Kind::Revoked(_)))), "{update:?}");
    assert_eq!(next_update(&mut watching).await.unwrap(), None);

    drop(server);
    let server = Server::start(data.path(), &[]).await;
    assert_eq!(get(&mut server.agent(), &approval.id).await.0, revoked);
    assert_eq!(reason(&claim(&mut server.agent(), &approval).await.unwrap_err()), "APPROVAL_REVOKED");
}

#[tokio::test]
async fn an_operator_that_may_not_read_gets_the_revocation_only() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let approval = approved(&server, "one").await;
    let (subject, kind, roles) = ("oscar".to_owned(), ActorKind::Person.into(), vec![Role::Operator.into()]);
    let request = CreateTokenRequest { subject, kind, roles, ..Default::default() };
    let made = server.access(&server.tokens().operator).create_token(request).await.unwrap().into_inner();
    let mut only_operator = server.client(&made.secret);
    let request = pb::GetApprovalRequest { approval_id: approval.id.clone(), include_events: false };
    assert_eq!(reason(&only_operator.get_approval(request).await.unwrap_err()), "ROLE_NOT_ALLOWED");
    let shown = only_operator.revoke_approval(revoking(&approval, "")).await.unwrap().into_inner().approval.unwrap();
    let stored = get(&mut server.operator(), &approval.id).await.0;
    let expected = Approval {
        id: approval.id.clone(),
        status: ApprovalStatus::Approved.into(),
        revocation: stored.revocation,
        ..Default::default()
    };
    assert_eq!(shown, expected);

    // An error does not say who claimed it, or when, either.
    let claimed = approved(&server, "two").await;
    claim(&mut server.agent(), &claimed).await.unwrap();
    let status = only_operator.revoke_approval(revoking(&claimed, "")).await.unwrap_err();
    let metadata = refused(&status, Code::FailedPrecondition, "ALREADY_CLAIMED");
    assert_eq!(metadata, [("approval_id".to_owned(), claimed.id.clone())].into());
    assert_eq!(status.message(), "cannot revoke: already claimed");
    let status = server.operator().revoke_approval(revoking(&claimed, "")).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "ALREADY_CLAIMED")["claimed_by"], "dev/agent");
}

#[tokio::test(flavor = "multi_thread")]
async fn either_the_claim_or_the_revocation_wins() {
    const RACES: usize = 100;
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.calls_per_second=100000"]).await;
    let mut wins = [0, 0];
    for n in 0..RACES {
        let approval = approved(&server, &format!("r{n}")).await;
        let claims = (0..3).map(|n| {
            let (mut client, request) = (server.agent(), claiming(&approval, &format!("c{n}")));
            async move { (n, client.claim_execution(request).await.map(drop)) }
        });
        let claims: Vec<_> = claims.collect();
        let revocations = (0..3).map(|n| {
            let (mut client, request) = (server.reviewer(), revoking(&approval, &format!("k{n}")));
            async move { (n, client.revoke_approval(request).await.map(drop)) }
        });
        let revocations: Vec<_> = revocations.collect();
        let (claims, revocations) =
            soon("all are answered", async { tokio::join!(join_all(claims), join_all(revocations)) }).await;
        let (claimed, revoked) = (
            claims.iter().filter(|(_, answer)| answer.is_ok()).count(),
            revocations.iter().filter(|(_, answer)| answer.is_ok()).count(),
        );
        assert_eq!(claimed + revoked, 1);
        let stored = get(&mut server.agent(), &approval.id).await.0;
        assert_eq!((stored.claim.is_some(), stored.revocation.is_some()), (claimed == 1, revoked == 1));
        let lost = if claimed == 1 { "ALREADY_CLAIMED" } else { "APPROVAL_REVOKED" };
        for status in claims.into_iter().chain(revocations).filter_map(|(_, answer)| answer.err()) {
            refused(&status, Code::FailedPrecondition, lost);
        }
        wins[claimed] += 1;
    }
    println!("{wins:?} (revoked, claimed)");
}

#[tokio::test]
async fn a_freeze_stops_claims_and_new_requests_until_the_thaw() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut admin = operator(&server);
    let (before, other) = (approved(&server, "one").await, approved(&server, "two").await);
    let elsewhere = freeze(&mut admin, Scope::Tool("sql.*".into())).await;
    claim(&mut server.agent(), &other).await.unwrap();
    let frozen = freeze(&mut admin, Scope::Agent("mail-bot".into())).await;
    assert_eq!(
        (frozen.reason.as_str(), frozen.frozen_by.as_ref().unwrap().subject.as_str()),
        ("incident 12", "operator")
    );

    let status = claim(&mut server.agent(), &before).await.unwrap_err();
    let metadata = refused(&status, Code::FailedPrecondition, "FROZEN");
    assert_eq!((&metadata["approval_id"], &metadata["freeze_id"]), (&before.id, &frozen.id));
    assert_eq!((metadata["frozen_by"].as_str(), metadata["reason"].as_str()), ("dev/operator", "incident 12"));
    assert!(metadata.contains_key("freeze_time"));

    let (mut stream, rejected) = open(&mut server.agent(), ask("three")).await.unwrap();
    let (decision, policy) = (rejected.decision.clone().unwrap(), rejected.policy.clone().unwrap());
    assert_eq!((rejected.status(), policy.rule.as_str()), (ApprovalStatus::AutoRejected, "_freeze"));
    assert_eq!((decision.decided_by, decision.comment.as_str()), (frozen.frozen_by.clone(), "incident 12"));
    assert!(policy.message.contains("another request_id"), "{policy:?}");
    assert_eq!(next_update(&mut stream).await.unwrap(), None);

    let listed = admin.list_freezes(ListFreezesRequest {}).await.unwrap().into_inner().freezes;
    assert_eq!(listed, [elsewhere.clone(), frozen.clone()]);
    let status = admin.get_status(GetStatusRequest {}).await.unwrap().into_inner().status.unwrap();
    assert_eq!((&status.freezes, status.pending_count, status.draining), (&listed, 0, false));
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    assert!(status.server_time.as_ref().unwrap().seconds >= status.start_time.as_ref().unwrap().seconds);

    let metrics = crate::serve::metrics(&server).await;
    for (scope, count) in [("all", 0), ("caller", 0), ("tool", 1), ("agent", 1)] {
        let line = format!("signoff_freezes{{scope=\"{scope}\"}} {count}");
        assert!(metrics.lines().any(|found| found == line), "{line} is missing:\n{metrics}");
    }

    assert_eq!(thaw(&mut admin, &frozen).await.unwrap(), frozen);
    let status = thaw(&mut admin, &frozen).await.unwrap_err();
    assert_eq!(refused(&status, Code::NotFound, "FREEZE_NOT_FOUND")["freeze_id"], frozen.id);
    claim(&mut server.agent(), &before).await.unwrap();
    let (_, again) = open(&mut server.agent(), ask("three")).await.unwrap();
    assert_eq!(again, rejected, "final for its request_id");
    let (_stream, anew) = open(&mut server.agent(), ask("four")).await.unwrap();
    assert_eq!(anew.status(), ApprovalStatus::Pending);
    for line in ["froze calls", "thawed calls"] {
        assert!(server.log().contains(line), "{line}");
    }
}

#[tokio::test]
async fn freezes_and_thaws_are_idempotent_and_reject_invalid_calls() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["thaw_requires_other_operator=true"]).await;
    let mut admin = operator(&server);
    let first = admin.freeze(freezing(Scope::All(true), "k")).await.unwrap().into_inner();
    assert_eq!(admin.freeze(freezing(Scope::All(true), "k")).await.unwrap().into_inner(), first);
    let frozen = first.freeze.unwrap();
    let status = admin.freeze(freezing(Scope::Tool("x".into()), "k")).await.unwrap_err();
    assert_eq!(refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED")["freeze_id"], frozen.id);

    let status = thaw(&mut admin, &frozen).await.unwrap_err();
    let metadata = refused(&status, Code::PermissionDenied, "OTHER_OPERATOR_REQUIRED");
    assert_eq!((&metadata["freeze_id"], metadata["frozen_by"].as_str()), (&frozen.id, "dev/operator"));
    let (subject, kind, roles) = ("oscar".to_owned(), ActorKind::Person.into(), vec![Role::Operator.into()]);
    let request = CreateTokenRequest { subject, kind, roles, ..Default::default() };
    let made = server.access(&server.tokens().operator).create_token(request).await.unwrap().into_inner();
    assert_eq!(thaw(&mut server.admin(&made.secret), &frozen).await.unwrap(), frozen);

    for (scope, field) in [
        (None, "scope"),
        (Some(Scope::All(false)), "scope.all"),
        (Some(Scope::Caller("nobody".into())), "scope.caller"),
        (Some(Scope::Tool("[".into())), "scope.tool"),
        (Some(Scope::Tool("x".repeat(129))), "scope.tool"),
        (Some(Scope::Agent(String::new())), "scope.agent"),
    ] {
        let request =
            FreezeRequest { request_id: String::new(), scope: Some(FreezeScope { scope }), reason: "x".repeat(1_025) };
        let status = admin.freeze(request).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
        let violations = tonic_types::StatusExt::get_details_bad_request(&status).unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, [field, "reason"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_freeze_is_answered_no_concurrent_claim_succeeds() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.calls_per_second=100000"]).await;
    let mut admin = operator(&server);
    for round in 0..5 {
        let mut waiting = Vec::new();
        for n in 0..40 {
            waiting.push(approved(&server, &format!("{round}-{n}")).await);
        }
        let later = waiting.split_off(20);
        let claims = waiting.iter().map(|approval| {
            let (mut client, approval) = (server.agent(), approval.clone());
            async move { (claim(&mut client, &approval).await, approval) }
        });
        let after = async {
            let frozen = freeze(&mut admin, Scope::Caller("dev/agent".into())).await;
            let mut agent = server.agent();
            for approval in &later {
                assert_eq!(reason(&claim(&mut agent, approval).await.unwrap_err()), "FROZEN");
            }
            frozen
        };
        let (claims, frozen) = tokio::join!(join_all(claims), after);
        for (answer, approval) in claims {
            let stored = get(&mut server.agent(), &approval.id).await.0;
            assert_eq!(answer.is_ok(), stored.claim.is_some());
            assert!(answer.as_ref().err().is_none_or(|status| reason(status) == "FROZEN"), "{answer:?}");
        }
        thaw(&mut admin, &frozen).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_that_was_answered_holds_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]).await;
    let approval = approved(&server, "one").await;
    let mut standing = Vec::new();
    for n in 0..5 {
        standing.push(freeze(&mut operator(&server), Scope::Tool(format!("send_*{}", "*".repeat(n)))).await);
        server.kill().await;
        server = Server::start(data.path(), &[]).await;
        let listed = operator(&server).list_freezes(ListFreezesRequest {}).await.unwrap().into_inner().freezes;
        assert_eq!(listed, standing);
        assert_eq!(reason(&claim(&mut server.agent(), &approval).await.unwrap_err()), "FROZEN");
        let (_, rejected) = open(&mut server.agent(), ask(&format!("r{n}"))).await.unwrap();
        assert_eq!(rejected.policy.unwrap().rule, "_freeze");
    }
    for freeze in &standing {
        thaw(&mut operator(&server), freeze).await.unwrap();
        server.kill().await;
        server = Server::start(data.path(), &[]).await;
    }
    claim(&mut server.agent(), &approval).await.unwrap();
}
