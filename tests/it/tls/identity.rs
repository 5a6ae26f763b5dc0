//! Callers that authenticate with certificates.

use std::{fs, path::Path};

use signoff::proto::v1::{Actor, ActorKind, ApprovalStatus, VoteChoice};
use tonic::{Code, transport::ClientTlsConfig};

use super::{Authority, Files, Leaf, channel};
use crate::{
    calls::{ask, decide, next_update, open},
    checks::refused,
    server::{Client, Process, Server, client, signoff, soon, without_token},
};

const ROLES: [&str; 2] = [
    "certificates.agent=URI:spiffe://example.org/agents/*,URI:spiffe://example.org/both",
    "certificates.reviewer=URI:spiffe://example.org/desk/*,URI:spiffe://example.org/both",
];

const POLICY: &str = "
rules:
  - name: mail
    tools: [send_email]
    require_approval:
      reviewers: [\"user:certificate/URI:spiffe://example.org/desk/ann\", \"user:certificate/URI:spiffe://example.org/both\"]
";

/// A server that authenticates callers only by their certificates.
async fn start(files: &Files, clients: &Authority) -> Server {
    let policy = files.path("policy.yaml");
    fs::write(&policy, POLICY).unwrap();
    crate::server::age(&policy);
    let setting = |key: &str, path: &Path| format!("{key}={}", path.display());
    let mut command = signoff(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(files.path("store")).arg("--policy").arg(policy);
    for setting in [
        setting("tls.certificate", &files.path("tls.crt")),
        setting("tls.key", &files.path("tls.key")),
        files.client_ca(clients),
    ] {
        command.args(["--set", &setting]);
    }
    for setting in ROLES {
        command.args(["--set", setting]);
    }
    Process::spawn(&files.path("store"), command).listening().await.expect("it needs no development mode")
}

/// A client with this certificate, and without a token.
fn showing(server: &Server, files: &Files, leaf: &Leaf) -> Client {
    without_token(channel(server, files.trusting(Some(leaf))))
}

/// The caller's identity, as the server sees it.
fn is(actor: Option<&Actor>, kind: ActorKind, subject: &str) {
    let expected = Actor { kind: kind.into(), issuer: "certificate".to_owned(), subject: subject.to_owned() };
    assert_eq!(actor, Some(&expected));
}

#[tokio::test]
async fn callers_with_certificates_ask_and_decide() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let server = start(&files, &clients).await;
    let client = |uri: &str| showing(&server, &files, &clients.client_of(uri));
    let (mut agent, mut ann) = (client("spiffe://example.org/agents/mail"), client("spiffe://example.org/desk/ann"));
    let (mut stream, approval) = open(&mut agent, ask("one")).await.unwrap();
    is(approval.caller.as_ref(), ActorKind::Agent, "URI:spiffe://example.org/agents/mail");

    // Roles and eligibility apply as for other callers.
    let vote = decide(&approval, "", VoteChoice::Approve);
    refused(&agent.decide(vote.clone()).await.unwrap_err(), Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    let bob = client("spiffe://example.org/desk/bob").decide(vote.clone()).await.unwrap_err();
    refused(&bob, Code::NotFound, "APPROVAL_NOT_FOUND");
    ann.decide(vote).await.unwrap();
    let decided = next_update(&mut stream).await.unwrap().unwrap().approval.unwrap();
    assert_eq!(decided.status(), ApprovalStatus::Approved);
    is(decided.decision.unwrap().decided_by.as_ref(), ActorKind::Service, "URI:spiffe://example.org/desk/ann");
}

#[tokio::test]
async fn another_certificate_with_the_same_name_is_the_same_person() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let server = start(&files, &clients).await;
    let both = || showing(&server, &files, &clients.client_of("spiffe://example.org/both"));
    let (_stream, approval) = open(&mut both(), ask("one")).await.unwrap();
    is(approval.caller.as_ref(), ActorKind::Service, "URI:spiffe://example.org/both");
    let own = both().decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap_err();
    refused(&own, Code::PermissionDenied, "SELF_DECISION");
}

#[tokio::test]
async fn a_certificate_without_a_role_does_not_authenticate() {
    let (files, clients, others) = (Files::new(), Authority::new("clients"), Authority::new("others"));
    let server = start(&files, &clients).await;
    let asking = async |tls: ClientTlsConfig| {
        let mut client = without_token(channel(&server, tls));
        soon("the call ends", open(&mut client, ask("one"))).await.unwrap_err()
    };
    for uri in ["spiffe://example.org/agents/a/b", "spiffe://example.org.evil/agents/a", "spiffe://example.org/agent"] {
        let status = asking(files.trusting(Some(&clients.client_of(uri)))).await;
        refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
        assert!(status.message().contains("certificate") && !status.message().contains("spiffe"), "{status:?}");
    }
    refused(&asking(files.trusting(None)).await, Code::Unauthenticated, "UNAUTHENTICATED");
    // A name with a role, from another authority: the connection fails.
    let status = asking(files.trusting(Some(&others.client_of("spiffe://example.org/agents/a")))).await;
    assert_ne!(status.code(), Code::Unauthenticated, "{status:?}");
    assert!(files.metric(&server, "signoff_tls_handshake_failures_total").await >= 1);
}

#[tokio::test]
async fn a_token_takes_precedence_over_a_certificate() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let server = files.start(&[&files.client_ca(&clients), ROLES[0], ROLES[1]]).await;
    let tls = || files.trusting(Some(&clients.client_of("spiffe://example.org/agents/a")));
    let (_stream, approval) =
        open(&mut client(channel(&server, tls()), &server.tokens().agent), ask("one")).await.unwrap();
    let caller = approval.caller.unwrap();
    assert_eq!((caller.issuer.as_str(), caller.subject.as_str()), ("dev", "agent"));
    let mut wrong = client(channel(&server, tls()), "wrong");
    refused(&open(&mut wrong, ask("two")).await.unwrap_err(), Code::Unauthenticated, "UNAUTHENTICATED");
    let (_stream, approval) = open(&mut without_token(channel(&server, tls())), ask("one")).await.unwrap();
    is(approval.caller.as_ref(), ActorKind::Agent, "URI:spiffe://example.org/agents/a");
}
