//! Tokens of a real OpenID provider, the program tests/oidc-provider, and sign-in with it.

mod sign_in;

use std::{path::Path, process::Stdio, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use signoff::{
    clock::ServerClock,
    domain::ActorKind,
    identity::oidc::{Oidc, OidcConfig, Rejection},
    proto::v1::{ApprovalStatus, ListPendingRequest, RequestApprovalRequest, VoteChoice},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tonic::Code;

use crate::{
    calls::{ask, decide, next_update, open, terminal},
    checks::refused,
    server::{Process, signoff, soon},
};

/// The provider's process. Killed when dropped.
struct Provider {
    issuer: String,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Provider {
    async fn start() -> Self {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc-provider");
        let mut process = Command::new("node")
            .args(["--no-warnings", "provider.mjs"])
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js runs: `cargo xtask test` installs it");
        let stdin = process.stdin.take().expect("stdin is piped");
        let lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let mut provider = Self { issuer: String::new(), stdin, lines, _process: process };
        provider.issuer = provider.line().await;
        provider
    }

    async fn line(&mut self) -> String {
        let line = soon("the provider prints a line", self.lines.next_line()).await.expect("it can be read");
        line.expect("it runs: `npm ci --prefix tests/oidc-provider`, or `cargo xtask test`, installs it")
    }

    /// Replaces its key by another.
    async fn rotate(&mut self) {
        self.stdin.write_all(b"rotate\n").await.expect("it runs");
        assert_eq!(self.line().await, "rotated");
    }

    /// A token that a client gets for itself.
    async fn token(&self, client: &str, audience: &str) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={client}-secret&resource=urn:{audience}"
        );
        let request = http::Request::post(format!("{}/token", self.issuer))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::<Bytes>::from(form))
            .expect("a request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = soon("the provider answers", client.request(request)).await.expect("an answer");
        let body = soon("the answer ends", answer.into_body().collect()).await.expect("a body").to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {body}")).to_owned()
    }
}

#[tokio::test]
async fn a_providers_token_is_accepted_until_its_key_is_dropped() {
    let mut provider = Provider::start().await;
    let oidc = Oidc::new(
        OidcConfig::new(&provider.issuer, "signoff"),
        Arc::new(ServerClock::start(None, |_| ()).expect("a clock")),
    )
    .expect("a verifier");

    let old = provider.token("deployer", "signoff").await;
    let verified = soon("keys are fetched", oidc.authenticate(&old)).await.expect("accepted");
    assert_eq!(verified.issuer, provider.issuer);
    assert_eq!(verified.subject, "deployer");
    assert_eq!(verified.kind, ActorKind::Service);
    assert!(verified.groups.iter().eq(["deployers", "on-call"]), "{:?}", verified.groups);
    assert!(verified.authenticated_at < verified.expires_at);

    let elsewhere = provider.token("deployer", "elsewhere").await;
    assert_eq!(soon("it is judged", oidc.authenticate(&elsewhere)).await, Err(Rejection::Audience));

    provider.rotate().await;
    let new = provider.token("deployer", "signoff").await;
    let verified = soon("the new key is fetched", oidc.authenticate(&new)).await.expect("accepted");
    assert_eq!(verified.subject, "deployer");
    assert_eq!(soon("it is judged", oidc.authenticate(&old)).await, Err(Rejection::UnknownKey));
}

const POLICY: &str = "
rules:
  - name: payments
    tools: [pay]
    require_approval: { reviewers: [\"group:finance\"], quorum: 2 }
";

/// `signoff serve` without development mode, that takes the provider's tokens.
fn serve(data: &Path, issuer: &str) -> Command {
    let policy = data.join("policy.yaml");
    std::fs::write(&policy, POLICY).unwrap();
    let mut command = signoff(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data.join("store")).arg("--policy").arg(policy);
    let issuer = format!("oidc.issuer={issuer}");
    for setting in [&issuer, "roles.agent=deployers", "roles.reviewer=finance", "roles.auditor=auditors"] {
        command.args(["--set", setting]);
    }
    command
}

#[tokio::test]
async fn people_of_a_provider_ask_and_decide_across_a_key_rotation() {
    let mut provider = Provider::start().await;
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn(&data.path().join("store"), serve(data.path(), &provider.issuer));
    let server = process.listening().await.expect("it starts without development mode");
    let client = async |provider: &Provider, name| server.client(&provider.token(name, "signoff").await);
    let (mut deployer, mut alice) = (client(&provider, "deployer").await, client(&provider, "alice").await);
    let asking = RequestApprovalRequest { tool_name: "pay".into(), ..ask("one") };
    let (mut stream, approval) = open(&mut deployer, asking).await.unwrap();
    let caller = approval.caller.as_ref().unwrap();
    assert_eq!((&caller.issuer, caller.subject.as_str()), (&provider.issuer, "deployer"));
    let voted = alice.decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap().into_inner().approval.unwrap();
    assert_eq!((voted.status(), voted.panels[0].approvals), (ApprovalStatus::Pending, 1));

    // Roles and groups limit what a caller sees; without a role it sees nothing.
    refused(
        &deployer.decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap_err(),
        Code::PermissionDenied,
        "ROLE_NOT_ALLOWED",
    );
    let mut eve = client(&provider, "eve").await;
    let status = eve.list_pending(ListPendingRequest::default()).await.unwrap_err();
    assert_eq!(refused(&status, Code::PermissionDenied, "ROLE_NOT_ALLOWED")["role"], "none");
    let elsewhere = provider.token("alice", "elsewhere").await;
    let status = server.client(&elsewhere).list_pending(ListPendingRequest::default()).await.unwrap_err();
    refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(status.message(), "the token is for another audience");
    let forged = provider.token("alice", "signoff").await;
    let (signed, signature) = forged.rsplit_once('.').unwrap();
    let swapped: String = signature.chars().rev().collect();
    let status = server.client(&format!("{signed}.{swapped}")).list_pending(ListPendingRequest::default()).await;
    refused(&status.unwrap_err(), Code::Unauthenticated, "UNAUTHENTICATED");
    assert!(!server.log().contains(&forged[..40]), "no token is logged");

    provider.rotate().await;
    let mut bob = client(&provider, "bob").await;
    let decided = bob.decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap().into_inner().approval.unwrap();
    assert_eq!((decided.status(), decided.votes.len()), (ApprovalStatus::Approved, 2));
    assert_eq!(decided.decision.unwrap().decided_by.unwrap().subject, "bob");
    let last = next_update(&mut stream).await.unwrap().unwrap();
    let last = if last.approval.as_ref().is_some_and(terminal) {
        last
    } else {
        next_update(&mut stream).await.unwrap().unwrap()
    };
    assert_eq!(last.approval.unwrap().status(), ApprovalStatus::Approved, "the requester's stream continues");
    let status = alice.list_pending(ListPendingRequest::default()).await.unwrap_err();
    refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
}
