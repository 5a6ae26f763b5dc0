//! Tokens of a real OpenID provider: tests/oidc-provider, a program of its own.

use std::{process::Stdio, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use signoff::{
    clock::SystemClock,
    domain::ActorKind,
    identity::oidc::{Oidc, OidcConfig, Rejection},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::server::soon;

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
            .expect("Node.js is installed: `cargo xtask test` says what is missing");
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

    /// A token that the client `deployer` gets for itself.
    async fn token(&self, audience: &str) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id=deployer&client_secret=deployer-secret&resource=urn:{audience}"
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
    let oidc = Oidc::new(OidcConfig::new(&provider.issuer, "signoff"), Arc::new(SystemClock)).expect("a verifier");

    let old = provider.token("signoff").await;
    let verified = soon("keys are fetched", oidc.authenticate(&old)).await.expect("accepted");
    assert_eq!(verified.issuer, provider.issuer);
    assert_eq!(verified.subject, "deployer");
    assert_eq!(verified.kind, ActorKind::Service);
    assert!(verified.groups.iter().eq(["deployers", "on-call"]), "{:?}", verified.groups);
    assert!(verified.authenticated_at < verified.expires_at);

    let elsewhere = provider.token("elsewhere").await;
    assert_eq!(soon("it is judged", oidc.authenticate(&elsewhere)).await, Err(Rejection::Audience));

    provider.rotate().await;
    let new = provider.token("signoff").await;
    let verified = soon("the new key is fetched", oidc.authenticate(&new)).await.expect("accepted");
    assert_eq!(verified.subject, "deployer");
    assert_eq!(soon("it is judged", oidc.authenticate(&old)).await, Err(Rejection::UnknownKey));
}
