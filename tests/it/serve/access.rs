//! Roles and calls; health, reflection and request ids.

use signoff::{
    domain::Role,
    identity::Method,
    proto::v1::{
        self as pb, CancelApprovalRequest, ClaimExecutionRequest, CreateTokenRequest, FreezeRequest,
        GetApprovalRequest, GetCallerRequest, GetPolicyRequest, GetStatusRequest, ListApprovalsRequest,
        ListFreezesRequest, ListPendingRequest, ListPolicyVersionsRequest, ListTokensRequest, ReportExecutionRequest,
        RevokeApprovalRequest, RevokeTokenRequest, SetPolicyRequest, TestPolicyRequest, ThawRequest, VoteChoice,
        WaitApprovalRequest, WatchApprovalRequest, WatchPendingRequest, approval_service_client::ApprovalServiceClient,
    },
};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    calls::{ask, decide, open, reason},
    server::{AccessClient, AdminClient, Client, PolicyClient, Server, client, soon},
};

/// Makes each call for an approval, valid except for the role.
async fn call(
    (client, policies, access, admin): &mut (Client, PolicyClient, AccessClient, AdminClient),
    method: Method,
    approval: &pb::Approval,
) -> Result<(), Status> {
    let approval_id = approval.id.clone();
    match method {
        Method::RequestApproval => {
            let mut stream = client.request_approval(ask("another")).await?.into_inner();
            stream.message().await.map(drop)
        }
        Method::WatchApproval => {
            let request = WatchApprovalRequest { approval_id, after_revision: 0 };
            client.watch_approval(request).await?.into_inner().message().await.map(drop)
        }
        Method::GetApproval => {
            client.get_approval(GetApprovalRequest { approval_id, include_events: false }).await.map(drop)
        }
        Method::WaitApproval => {
            let request = WaitApprovalRequest { approval_id, after_revision: 0, ..Default::default() };
            client.wait_approval(request).await.map(drop)
        }
        Method::ListPending => client.list_pending(ListPendingRequest::default()).await.map(drop),
        Method::WatchPending => {
            let mut stream = client.watch_pending(WatchPendingRequest::default()).await?.into_inner();
            stream.message().await.map(drop)
        }
        Method::ListApprovals => client.list_approvals(ListApprovalsRequest::default()).await.map(drop),
        Method::Decide => client.decide(decide(approval, "", VoteChoice::Approve)).await.map(drop),
        Method::CancelApproval => {
            client.cancel_approval(CancelApprovalRequest { approval_id, ..Default::default() }).await.map(drop)
        }
        Method::ClaimExecution => {
            let digest = approval.digest.clone();
            client.claim_execution(ClaimExecutionRequest { approval_id, digest, ..Default::default() }).await.map(drop)
        }
        Method::ReportExecution => {
            let request = ReportExecutionRequest {
                approval_id,
                claim_id: approval.id.clone(),
                result: pb::ExecutionResult::Failed.into(),
                ..Default::default()
            };
            client.report_execution(request).await.map(drop)
        }
        Method::GetPolicy => policies.get_policy(GetPolicyRequest::default()).await.map(drop),
        Method::ListPolicyVersions => {
            policies.list_policy_versions(ListPolicyVersionsRequest::default()).await.map(drop)
        }
        Method::SetPolicy => {
            let policy = Some(pb::Policy::default());
            policies.set_policy(SetPolicyRequest { policy, validate_only: true, ..Default::default() }).await.map(drop)
        }
        Method::TestPolicy => {
            let cases = vec![pb::PolicyTestCase { tool_name: "x".into(), ..Default::default() }];
            policies.test_policy(TestPolicyRequest { cases, ..Default::default() }).await.map(drop)
        }
        Method::CreateToken => {
            let request = CreateTokenRequest {
                subject: "somebody".into(),
                kind: pb::ActorKind::Agent.into(),
                roles: vec![pb::Role::Agent.into()],
                ..Default::default()
            };
            access.create_token(request).await.map(drop)
        }
        Method::ListTokens => access.list_tokens(ListTokensRequest::default()).await.map(drop),
        Method::RevokeToken => access.revoke_token(RevokeTokenRequest { token_id: approval_id }).await.map(drop),
        Method::GetCaller => access.get_caller(GetCallerRequest {}).await.map(drop),
        Method::RevokeApproval => {
            client.revoke_approval(RevokeApprovalRequest { approval_id, ..Default::default() }).await.map(drop)
        }
        Method::Freeze => admin.freeze(FreezeRequest::default()).await.map(drop), // without a scope: it stops nothing
        Method::Thaw => admin.thaw(ThawRequest { freeze_id: approval_id, ..Default::default() }).await.map(drop),
        Method::ListFreezes => admin.list_freezes(ListFreezesRequest {}).await.map(drop),
        Method::GetStatus => admin.get_status(GetStatusRequest {}).await.map(drop),
        Method::ListSessions => admin.list_sessions(pb::ListSessionsRequest::default()).await.map(drop),
        // Without a scope, and without a subject: they end no session, and block nobody.
        Method::EndSessions => admin.end_sessions(pb::EndSessionsRequest::default()).await.map(drop),
        Method::BlockSubject => admin.block_subject(pb::BlockSubjectRequest::default()).await.map(drop),
        Method::UnblockSubject => admin.unblock_subject(pb::UnblockSubjectRequest::default()).await.map(drop),
        Method::ListBlockedSubjects => admin.list_blocked_subjects(pb::ListBlockedSubjectsRequest {}).await.map(drop),
        Method::ListChannels => admin.list_channels(pb::ListChannelsRequest {}).await.map(drop),
        Method::ListDeliveries => admin.list_deliveries(pb::ListDeliveriesRequest::default()).await.map(drop),
        // Without a delivery, and without a channel: they send nothing.
        Method::RetryDelivery => admin.retry_delivery(pb::RetryDeliveryRequest::default()).await.map(drop),
        Method::TestChannel => admin.test_channel(pb::TestChannelRequest::default()).await.map(drop),
        Method::Backup => admin.backup(pb::BackupRequest {}).await.map(drop),
    }
}

#[tokio::test]
async fn each_role_makes_its_calls_and_no_other() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    // Decided already, so that WaitApproval answers immediately; late calls fail only for that reason.
    let (_stream, approval) = open(&mut server.agent(), ask("one")).await.unwrap();
    server.reviewer().decide(decide(&approval, "", VoteChoice::Reject)).await.unwrap();
    let tokens = server.tokens();
    let callers: [(&str, &[Role]); 3] = [
        (&tokens.agent, &[Role::Agent]),
        (&tokens.reviewer, &[Role::Reviewer]),
        (&tokens.operator, &[Role::Auditor, Role::Operator]),
    ];
    for (token, roles) in callers {
        let names = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let may = |method: Method| roles.iter().any(|role| method.reach(*role).is_some());
        let mut client = (server.client(token), server.policies(token), server.access(token), server.admin(token));
        for method in Method::ALL {
            let answer = soon("an answer", call(&mut client, method, &approval)).await;
            let told = answer.as_ref().err().map(reason).unwrap_or_default();
            assert_eq!(told == "ROLE_NOT_ALLOWED", !may(method), "{names} {method:?}: {answer:?}");
            if let (Err(status), false) = (answer, may(method)) {
                assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
                let metadata = status.get_details_error_info().unwrap().metadata;
                assert_eq!(metadata.get("role").map(String::as_str), Some(names.as_str()));
                assert_eq!(metadata.get("method").map(String::as_str), Some(method.name()));
            }
        }
    }
}

/// The role is checked before the message: only a permitted caller learns what is wrong with it.
#[tokio::test]
async fn a_wrong_role_is_reported_before_an_invalid_message() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let tokens = server.tokens();
    let callers: [(&str, &[Role]); 3] = [
        (&tokens.agent, &[Role::Agent]),
        (&tokens.reviewer, &[Role::Reviewer]),
        (&tokens.operator, &[Role::Auditor, Role::Operator]),
    ];
    let unreadable: [&[u8]; 3] = [&[0, 0, 0, 0, 2, 0xff, 0xff], &[0, 0x7f, 0, 0, 0], &[9]];
    for (token, roles) in callers {
        for method in Method::ALL {
            let may = roles.iter().any(|role| method.reach(*role).is_some());
            let path = format!("/signoff.v1.{}/{}", method.service(), method.name());
            for body in unreadable {
                let status = super::messages::call(&server, token, &path, &[], body).await.unwrap_err();
                let told = (status.code(), reason(&status));
                let forbidden = (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned());
                assert_eq!(told == forbidden, !may, "{roles:?} {method:?} {body:?}: {status:?}");
            }
        }
    }
}

#[tokio::test]
async fn callers_without_a_valid_token_get_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (_stream, approval) = open(&mut server.agent(), ask("one")).await.unwrap();
    let token = "dev_agent_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mut stranger = (server.client(token), server.policies(token), server.access(token), server.admin(token));
    for method in Method::ALL {
        let status = soon("an answer", call(&mut stranger, method, &approval)).await.unwrap_err();
        let told = (status.code(), reason(&status));
        assert_eq!(told, (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()), "{method:?}");
    }
    let mut nobody = ApprovalServiceClient::new(server.channel());
    let status = nobody.get_approval(GetApprovalRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
}

/// Invalid tokens are answered with a delay. Neither other connections nor callers on the same connection, as behind a
/// proxy, are disturbed.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_invalid_tokens_does_not_disturb_others() {
    const FLOOD: usize = 3_000;
    const WAVES: usize = 5;
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let shared = server.channel();
    let mut neighbour = client(shared.clone(), &server.tokens().operator);
    neighbour.list_pending(ListPendingRequest::default()).await.unwrap(); // so that it is no stranger's connection
    let stranger = client(shared, "dev_agent_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let flood = tokio::spawn(async move {
        for _ in 0..WAVES {
            let wave = (0..FLOOD).map(|_| {
                let mut stranger = stranger.clone();
                async move { stranger.list_approvals(ListApprovalsRequest::default()).await.unwrap_err() }
            });
            for status in soon("every bad call is answered", futures_util::future::join_all(wave)).await {
                let told = (status.code(), reason(&status));
                assert_eq!(told, (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()), "{status:?}");
            }
        }
    });
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    for n in 0..50 {
        let (_stream, approval) = soon("an answer", open(&mut agent, ask(&format!("r{n}")))).await.unwrap();
        soon("a decision", reviewer.decide(decide(&approval, "", VoteChoice::Approve))).await.unwrap();
        if n % 10 == 0 {
            soon("an answer", neighbour.list_pending(ListPendingRequest::default())).await.unwrap();
        }
    }
    flood.await.unwrap();
    let metrics = super::http::metrics(&server).await;
    let counted = format!("signoff_authentication_failures_total {}\n", FLOOD * WAVES);
    assert!(metrics.contains(&counted), "{metrics}");
}

#[tokio::test]
async fn answers_carry_the_callers_request_id() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut operator = server.operator();
    let mut request = Request::new(ListPendingRequest::default());
    request.metadata_mut().insert("x-request-id", "checkout-17".parse().unwrap());
    let reply = operator.list_pending(request).await.unwrap();
    assert_eq!(reply.metadata().get("x-request-id").unwrap(), "checkout-17");

    let mut request = Request::new(GetApprovalRequest::default());
    request.metadata_mut().insert("x-request-id", "checkout-18".parse().unwrap());
    let status = operator.get_approval(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "checkout-18");

    let reply = operator.list_pending(ListPendingRequest::default()).await.unwrap();
    assert_eq!(reply.metadata().get("x-request-id").unwrap().len(), 36, "the server generates one");
}

#[tokio::test]
async fn health_is_reported_overall_and_per_service() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut health = HealthClient::new(server.channel());
    for service in ["", "AccessService", "AdminService", "ApprovalService", "PolicyService"] {
        let service = if service.is_empty() { String::new() } else { format!("signoff.v1.{service}") };
        let reply = health.check(HealthCheckRequest { service: service.clone() }).await.unwrap().into_inner();
        assert_eq!(reply.status(), ServingStatus::Serving, "{service:?}");
    }
    let status = health.check(HealthCheckRequest { service: "signoff.v2".into() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

/// The two versions of reflection differ only in their package.
macro_rules! reflection_lists {
    ($version:ident, $server:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let request = ServerReflectionRequest {
            message_request: Some(MessageRequest::ListServices(String::new())),
            ..Default::default()
        };
        let mut client = ServerReflectionClient::new($server.channel());
        let replies = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        let replies: Vec<_> = replies.collect::<Result<_, _>>().await.unwrap();
        let [reply] = replies.as_slice() else { panic!("{replies:?}") };
        let Some(MessageResponse::ListServicesResponse(list)) = &reply.message_response else { panic!("{reply:?}") };
        list.service.iter().map(|service| service.name.clone()).collect::<Vec<_>>()
    }};
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    for services in [reflection_lists!(v1, server), reflection_lists!(v1alpha, server)] {
        for wanted in [
            "signoff.v1.AccessService",
            "signoff.v1.AdminService",
            "signoff.v1.ApprovalService",
            "signoff.v1.PolicyService",
            "grpc.health.v1.Health",
        ] {
            assert!(services.iter().any(|service| service == wanted), "{services:?}");
        }
    }
}
