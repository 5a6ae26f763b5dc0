//! The harness: a server process, and clients for it.

#![expect(clippy::disallowed_methods, reason = "a server in another process is waited for by the machine's clock")]

mod command;
mod process;

pub(crate) use self::{
    command::{serve, share_tokens, signoff},
    process::Process,
};

use std::{
    net::SocketAddr,
    path::Path,
    process::ExitStatus,
    time::{Duration, SystemTime},
};

use rustix::process::Signal;
use signoff::proto::v1::{
    access_service_client::AccessServiceClient, admin_service_client::AdminServiceClient,
    approval_service_client::ApprovalServiceClient, policy_service_client::PolicyServiceClient,
};
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::balancer::Balancer;

/// How long a test waits for an event that must happen. Not a measure of how long it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client with a bearer token.
pub(crate) type Client = ApprovalServiceClient<InterceptedService<Channel, Bearer>>;

/// As [`Client`], for the policy.
pub(crate) type PolicyClient = PolicyServiceClient<InterceptedService<Channel, Bearer>>;

/// As [`Client`], for tokens.
pub(crate) type AccessClient = AccessServiceClient<InterceptedService<Channel, Bearer>>;

/// As [`Client`], for freezes and the status.
pub(crate) type AdminClient = AdminServiceClient<InterceptedService<Channel, Bearer>>;

/// Waits for an event that must happen; panics if it does not.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("did not happen within {PATIENCE:?}: {what}"),
    }
}

/// Sets an old modification time, so that a start need not wait for the file's writer.
pub(crate) fn age(file: &Path) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options().append(true).open(file).expect("the file exists");
    file.set_modified(long_ago).expect("this user owns the file");
}

/// A server that listens, or several behind a balancer. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    tokens: Tokens,
    process: Process,
    _balancer: Option<Balancer>,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) async fn start(data: &Path, settings: &[&str]) -> Self {
        match Process::spawn(data, serve(data, settings)).listening().await {
            Ok(server) => server,
            Err((status, log)) => panic!("the server ended with {status}:\n{log}"),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The tokens that it accepts.
    pub(crate) const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// A new connection, opened on first use.
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).expect("an address").connect_lazy()
    }

    /// The agent's client, on a new connection.
    pub(crate) fn agent(&self) -> Client {
        self.client(&self.tokens.agent)
    }

    /// The reviewer's client, on a new connection.
    pub(crate) fn reviewer(&self) -> Client {
        self.client(&self.tokens.reviewer)
    }

    /// The operator's client, on a new connection.
    pub(crate) fn operator(&self) -> Client {
        self.client(&self.tokens.operator)
    }

    /// A client for tokens, with this token.
    pub(crate) fn access(&self, token: &str) -> AccessClient {
        AccessServiceClient::with_interceptor(self.channel(), Bearer::new(token))
    }

    /// A client for freezes and the status, with this token.
    pub(crate) fn admin(&self, token: &str) -> AdminClient {
        AdminServiceClient::with_interceptor(self.channel(), Bearer::new(token))
    }

    /// A client for the policy, with this token.
    pub(crate) fn policies(&self, token: &str) -> PolicyClient {
        PolicyServiceClient::with_interceptor(self.channel(), Bearer::new(token))
    }

    /// A client with this token, on a new connection.
    pub(crate) fn client(&self, token: &str) -> Client {
        client(self.channel(), token)
    }

    /// Asks it to reload its files: SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.process.signal(Signal::HUP);
    }

    /// Kills it: `kill -9`.
    pub(crate) async fn kill(self) {
        self.process.kill().await;
    }

    /// Asks it to stop: SIGTERM.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits for its end; returns its exit status.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// Stops it with SIGTERM, and waits for its end.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.terminate();
        self.ended().await
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its output so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

/// A client with this token, on this connection.
pub(crate) fn client(channel: Channel, token: &str) -> Client {
    ApprovalServiceClient::with_interceptor(channel, Bearer::new(token))
}

/// A client without a token.
pub(crate) fn without_token(channel: Channel) -> Client {
    ApprovalServiceClient::with_interceptor(channel, Bearer(None))
}

/// The development tokens in a server's data directory. They stay the same over restarts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) agent: String,
    pub(crate) reviewer: String,
    pub(crate) operator: String,
}

impl Tokens {
    pub(crate) fn of(data: &Path) -> Self {
        // Only development mode creates them.
        let Ok(file) = crate::files::read(data.join("dev-tokens.json")) else { return Self::default() };
        let tokens: serde_json::Value = serde_json::from_slice(&file).expect("tokens are JSON");
        let token = |role: &str| tokens[role].as_str().expect("a token").to_owned();
        Self { agent: token("agent"), reviewer: token("reviewer"), operator: token("operator") }
    }
}

/// Adds a bearer token to every call, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(Option<MetadataValue<tonic::metadata::Ascii>>);

impl Bearer {
    fn new(token: &str) -> Self {
        Self(Some(format!("Bearer {token}").parse().expect("a token is ASCII")))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}
