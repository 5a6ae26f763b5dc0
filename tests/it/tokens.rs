//! The server's own tokens: created, listed, revoked; and the limits of what they allow.

mod bridges;
mod commands;

use prost::Message as _;
use signoff::proto::v1::{
    self as pb, ActorKind, ApprovalStatus, CreateTokenRequest, CreateTokenResponse, DecideRequest, DecidesFor,
    GetApprovalRequest, GetCallerRequest, ListPendingRequest, ListTokensRequest, Permission, Person,
    RequestApprovalRequest, RevokeTokenRequest, Role, TokenState, VoteChoice, WaitApprovalRequest, WatchPendingRequest,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use crate::{
    calls::{ask, decide, next_update, open, reason},
    server::{AccessClient, Server, soon},
};

fn owner(subject: &str, kind: ActorKind, roles: &[Role]) -> CreateTokenRequest {
    let roles = roles.iter().map(|role| (*role).into()).collect();
    CreateTokenRequest { subject: subject.into(), kind: kind.into(), roles, ..Default::default() }
}

async fn make(access: &mut AccessClient, request: CreateTokenRequest) -> CreateTokenResponse {
    access.create_token(request).await.unwrap().into_inner()
}

async fn revoke(access: &mut AccessClient, made: &CreateTokenResponse) -> pb::Token {
    let token_id = made.token.clone().unwrap().token_id;
    access.revoke_token(RevokeTokenRequest { token_id }).await.unwrap().into_inner().token.unwrap()
}

/// The fields in an INVALID_ARGUMENT error.
fn violated(status: &Status) -> Vec<String> {
    assert_eq!((status.code(), reason(status).as_str()), (Code::InvalidArgument, "INVALID_REQUEST"), "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

fn unauthenticated(status: &Status, message: &str) {
    let told = (status.code(), reason(status), status.message());
    assert_eq!(told, (Code::Unauthenticated, "UNAUTHENTICATED".to_owned(), message));
}

#[tokio::test]
async fn tokens_ask_and_decide_until_they_are_revoked() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["log.filter=info,signoff=trace"]).await;
    let mut access = server.access(&server.tokens().operator);
    let agent = make(&mut access, owner("mailer", ActorKind::Agent, &[Role::Agent])).await;
    let reviewer = make(&mut access, owner("rita", ActorKind::Person, &[Role::Reviewer])).await;
    let (mut asking, mut deciding) = (server.client(&agent.secret), server.client(&reviewer.secret));

    let (mut stream, first) = open(&mut asking, ask("one")).await.unwrap();
    let decided = deciding.decide(decide(&first, "", VoteChoice::Approve)).await.unwrap().into_inner();
    let decision = decided.approval.unwrap().decision.unwrap();
    let by = decision.decided_by.unwrap();
    assert_eq!((by.issuer.as_str(), by.subject.as_str(), by.kind()), ("local", "rita", ActorKind::Person));
    assert_eq!(next_update(&mut stream).await.unwrap().unwrap().approval.unwrap().status(), ApprovalStatus::Approved);

    // A stream, a queue and a long poll are open when their tokens are revoked.
    let (mut stream, second) = open(&mut asking, ask("two")).await.unwrap();
    let mut queue = deciding.watch_pending(WatchPendingRequest::default()).await.unwrap().into_inner();
    soon("the queue shows", queue.message()).await.unwrap();
    let mut polling = deciding.clone();
    let waiting = WaitApprovalRequest { approval_id: second.id.clone(), ..Default::default() };
    let poll = tokio::spawn(async move { polling.wait_approval(waiting).await });
    let revoked = revoke(&mut access, &agent).await;
    assert_eq!((revoked.state(), revoked.revoker.unwrap().subject.as_str()), (TokenState::Revoked, "operator"));
    revoke(&mut access, &reviewer).await;
    let ended = "the credentials of this call were revoked";
    let status = loop {
        match soon("the stream ends", stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if decided"),
            Err(status) => break status,
        }
    };
    unauthenticated(&status, ended);
    let status = loop {
        match soon("the queue ends", queue.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without a reason"),
            Err(status) => break status,
        }
    };
    unauthenticated(&status, ended);
    // It may have come just before or just after.
    let status = soon("the poll ends", poll).await.unwrap().unwrap_err();
    assert!([ended, "the token was revoked"].contains(&status.message()), "{status:?}");

    unauthenticated(&asking.request_approval(ask("three")).await.unwrap_err(), "the token was revoked");
    let status = deciding.decide(decide(&second, "", VoteChoice::Approve)).await.unwrap_err();
    unauthenticated(&status, "the token was revoked");
    let log = server.log();
    assert!(log.contains("the token was revoked"), "the log has the rejected calls: {log}");
    assert!([&agent, &reviewer].iter().all(|made| !log.contains(&made.secret[8..])), "{log}");
    server.kill().await;

    let server = Server::start(data.path(), &[]).await;
    let status = server.client(&reviewer.secret).decide(decide(&second, "", VoteChoice::Approve)).await.unwrap_err();
    unauthenticated(&status, "the token was revoked");
    let get = GetApprovalRequest { approval_id: second.id, include_events: false };
    let still = server.operator().get_approval(get).await.unwrap().into_inner().approval.unwrap();
    assert_eq!((still.status(), still.revision), (ApprovalStatus::Pending, 1));
}

#[tokio::test]
async fn a_token_and_its_streams_end_when_it_expires() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["heartbeat=50ms"]).await;
    let mut access = server.access(&server.tokens().operator);
    let ttl = Some(prost_types::Duration { seconds: 8, nanos: 0 });
    let short = make(&mut access, CreateTokenRequest { ttl, ..owner("brief", ActorKind::Agent, &[Role::Agent]) }).await;
    let mut client = server.client(&short.secret);
    let (mut stream, approval) = open(&mut client, ask("one")).await.unwrap();
    let status = loop {
        match soon("the stream ends", stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if decided"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&status), "STREAM_AGED");
    let get = || GetApprovalRequest { approval_id: approval.id.clone(), include_events: false };
    unauthenticated(&client.get_approval(get()).await.unwrap_err(), "the token has expired");
    let listed = access.list_tokens(ListTokensRequest::default()).await.unwrap().into_inner().tokens;
    assert_eq!((listed.len(), listed[0].state()), (1, TokenState::Expired));
    assert!(listed[0].last_use_time.is_some() && listed[0].expire_time == short.token.unwrap().expire_time);
}

#[tokio::test]
async fn calls_beyond_a_tokens_permissions_are_rejected() {
    let data = tempfile::tempdir().unwrap();
    let policy = data.path().join("policy.yaml");
    std::fs::write(&policy, "unlisted_tools: { require_approval: { min_assurance: CHAT } }").unwrap();
    let server = Server::start(&data.path().join("store"), &[&format!("policy={}", policy.display())]).await;
    let mut access = server.access(&server.tokens().operator);
    let client = async |access: &mut AccessClient, request| server.client(&make(access, request).await.secret);

    // The requester with another token, and the person whom it asks for.
    let mut agent = client(
        &mut access,
        CreateTokenRequest {
            permissions: vec![Permission::AskForOthers.into()],
            ..owner("rita", ActorKind::Agent, &[Role::Agent])
        },
    )
    .await;
    let mut rita = client(&mut access, owner("rita", ActorKind::Person, &[Role::Reviewer])).await;
    let mut alice = client(&mut access, owner("alice", ActorKind::Person, &[Role::Reviewer])).await;
    let mut bob = client(&mut access, owner("bob", ActorKind::Person, &[Role::Reviewer])).await;
    let person = |subject: &str| Person { subject: subject.into(), ..Default::default() };
    let asking = RequestApprovalRequest { on_behalf_of: Some(person("alice")), ..ask("one") };
    let (_stream, approval) = open(&mut agent, asking.clone()).await.unwrap();
    for asker in [&mut rita, &mut alice] {
        let status = asker.decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "SELF_DECISION"));
    }

    // A token that is bound to a person always asks for that person.
    let bound =
        CreateTokenRequest { on_behalf_of: Some(person("alice")), ..owner("hers", ActorKind::Agent, &[Role::Agent]) };
    let mut hers = client(&mut access, bound.clone()).await;
    let (_stream, asked) = open(&mut hers, ask("silent")).await.unwrap();
    assert_eq!(asked.on_behalf_of.as_ref().unwrap().subject, "alice");
    let status = alice.decide(decide(&asked, "", VoteChoice::Approve)).await.unwrap_err();
    assert_eq!(reason(&status), "SELF_DECISION");
    let naming = |subject| RequestApprovalRequest { on_behalf_of: Some(person(subject)), ..ask(subject) };
    assert_eq!(reason(&open(&mut hers, naming("bob")).await.err().unwrap()), "PERMISSION_REQUIRED");
    open(&mut hers, naming("alice")).await.unwrap();
    // And it cannot decide, because the decision would count as hers.
    let both = CreateTokenRequest { permissions: vec![Permission::AskForOthers.into()], ..bound.clone() };
    let hand = CreateTokenRequest { roles: vec![Role::Reviewer.into()], ..bound };
    for wrong in [both, hand] {
        assert_eq!(violated(&access.create_token(wrong).await.unwrap_err()), ["on_behalf_of"]);
    }
    let server_itself = Person { issuer: "signoff".into(), subject: "deadline".into(), ..Default::default() };
    let wrong =
        CreateTokenRequest { on_behalf_of: Some(server_itself), ..owner("x", ActorKind::Agent, &[Role::Agent]) };
    assert_eq!(violated(&access.create_token(wrong).await.unwrap_err()), ["on_behalf_of.issuer"]);

    // Acting for others requires a permission, and that permission does not let a requester decide.
    let mut plain = client(&mut access, owner("plain", ActorKind::Agent, &[Role::Agent])).await;
    let status = open(&mut plain, RequestApprovalRequest { request_id: "two".into(), ..asking }).await.err().unwrap();
    assert_eq!(reason(&status), "PERMISSION_REQUIRED");
    let for_bob = |approval: &pb::Approval, subject: &str| DecideRequest {
        on_behalf_of: Some(person(subject)),
        ..decide(approval, "", VoteChoice::Approve)
    };
    assert_eq!(reason(&bob.decide(for_bob(&approval, "carol")).await.unwrap_err()), "PERMISSION_REQUIRED");
    let mut bridge = client(
        &mut access,
        CreateTokenRequest {
            permissions: vec![Permission::DecideForOthers.into(), Permission::DecideAlone.into()],
            decides_for: Some(DecidesFor { issuers: vec!["local".into()], groups: Vec::new() }),
            ..owner("chat", ActorKind::Service, &[Role::Reviewer])
        },
    )
    .await;
    assert_eq!(reason(&bridge.decide(for_bob(&approval, "alice")).await.unwrap_err()), "SELF_DECISION");
    let decided = bridge.decide(for_bob(&approval, "bob")).await.unwrap().into_inner().approval.unwrap();
    let decision = decided.decision.unwrap();
    assert_eq!(decision.decided_by.unwrap().subject, "bob");
    assert_eq!(decision.submitted_by.unwrap().subject, "chat");

    // Another tenant's approval is NOT_FOUND.
    let get = GetApprovalRequest { approval_id: approval.id.clone(), include_events: false };
    assert_eq!(reason(&plain.get_approval(get).await.unwrap_err()), "APPROVAL_NOT_FOUND");
    let status = plain.list_pending(ListPendingRequest::default()).await.unwrap_err();
    assert_eq!(reason(&status), "ROLE_NOT_ALLOWED");
}

/// A call is authenticated by its headers; its caller must still be allowed to act when the whole message has arrived.
#[tokio::test]
async fn a_delayed_call_is_rejected_after_its_token_is_revoked() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut access = server.access(&server.tokens().operator);
    let mallory = make(&mut access, owner("mallory", ActorKind::Person, &[Role::Operator])).await;
    let message = owner("backdoor", ActorKind::Person, &[Role::Operator]).encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0][..], &length, &message].concat();
    let head = format!(
        "POST /signoff.v1.AccessService/CreateToken HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web+proto\r\n\
         authorization: Bearer {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        mallory.secret,
        body.len()
    );
    let mut held = TcpStream::connect(server.address()).await.unwrap();
    held.write_all(head.as_bytes()).await.unwrap();
    // Once the token's use is recorded, the headers were authenticated.
    soon("the token is used", async {
        loop {
            let tokens = access.list_tokens(ListTokensRequest::default()).await.unwrap().into_inner().tokens;
            if tokens[0].last_use_time.is_some() {
                break;
            }
        }
    })
    .await;
    revoke(&mut access, &mallory).await;
    held.write_all(&body).await.unwrap();
    let mut answer = Vec::new();
    soon("an answer", held.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(answer.contains("grpc-status: 16") || answer.contains("grpc-status:16"), "{answer}");
    assert_eq!(access.list_tokens(ListTokensRequest::default()).await.unwrap().into_inner().tokens.len(), 1);
}

/// Pages of other origins can make a browser send such requests, with its certificate, without a preflight request.
#[tokio::test]
async fn only_grpc_calls_are_processed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let bearer = format!("Bearer {}", server.tokens().operator);
    for (kind, expected) in [
        (Some("text/plain;charset=UTF-8"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/form-data"), 415),
        (None, 415),
        (Some("application/grpc"), 200),
        (Some("Application/gRPC+proto"), 200),
    ] {
        let mut request = http::Request::post("http://x/signoff.v1.AccessService/GetCaller");
        request = request.header("authorization", &bearer);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let body = tonic::body::Body::new(http_body_util::Full::new(vec![0, 0, 0, 0, 0].into()));
        let reply = soon("an answer", server.channel().oneshot(request.body(body).unwrap())).await.unwrap();
        assert_eq!(reply.status().as_u16(), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn all_problems_of_a_new_token_are_reported_together() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut access = server.access(&server.tokens().operator);
    let wrong = CreateTokenRequest {
        decides_for: None,
        request_id: "r".repeat(129),
        subject: "a\u{200b}".into(),
        kind: ActorKind::Server.into(),
        roles: vec![0, 9, Role::Agent.into()],
        groups: vec![String::new(), "g".repeat(129)],
        permissions: vec![7],
        ttl: Some(prost_types::Duration { seconds: 0, nanos: 1 }),
        comment: "c".repeat(4_097),
        on_behalf_of: Some(Person { groups: vec!["g".into()], ..Default::default() }),
    };
    let status = access.create_token(wrong).await.unwrap_err();
    let fields = violated(&status);
    let expected = [
        "request_id",
        "subject",
        "kind",
        "roles[0]",
        "roles[1]",
        "groups[0]",
        "groups[1]",
        "on_behalf_of.groups",
        "on_behalf_of.subject",
        "permissions[0]",
        "ttl",
        "comment",
    ];
    assert_eq!(fields, expected);
    let status = access.create_token(CreateTokenRequest::default()).await.unwrap_err();
    assert_eq!(violated(&status), ["subject", "kind", "roles"]);
    let status = access.revoke_token(RevokeTokenRequest { token_id: "signoff_x".into() }).await.unwrap_err();
    assert_eq!(violated(&status), ["token_id"]);
    let unknown = RevokeTokenRequest { token_id: "01890a5d-ac96-774b-bcce-b302099a8057".into() };
    assert_eq!(reason(&access.revoke_token(unknown).await.unwrap_err()), "TOKEN_NOT_FOUND");

    let once = CreateTokenRequest { request_id: "r".into(), ..owner("a", ActorKind::Agent, &[Role::Agent]) };
    let made = make(&mut access, once.clone()).await;
    let status = access.create_token(once).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "TOKEN_ALREADY_CREATED"));
    let caller =
        server.access(&made.secret).get_caller(GetCallerRequest {}).await.unwrap().into_inner().caller.unwrap();
    assert_eq!(caller.method(), pb::AuthenticationMethod::Token);
    assert_eq!(caller.authenticate_time, made.token.unwrap().create_time);
}
