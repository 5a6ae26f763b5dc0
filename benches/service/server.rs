//! The two servers, each a separate process: `signoff serve` and the bare service.

use std::{
    io::{BufRead as _, BufReader, Read as _, Seek as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use signoff::proto::v1::approval_service_client::ApprovalServiceClient;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{
    Outcome, cpu,
    load::{CALLERS_PER_CONNECTION, Load},
};

pub(crate) type Client = ApprovalServiceClient<InterceptedService<Channel, Headers>>;

/// Settings that raise the limits per caller: the load has only one caller.
const UNLIMITED: [&str; 4] = [
    "--set=limits.pending_per_caller=1000000",
    "--set=limits.streams_per_caller=1000000",
    "--set=limits.calls_per_second=1000000",
    "--set=max_stream_age=24h",
];

/// A server, until dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// Kept open: the server may still print.
    _stdout: BufReader<ChildStdout>,
    address: String,
    tokens: Tokens,
    /// Time from the start of the process to its first line, which means that it accepts calls.
    pub(crate) started_in: Duration,
}

#[derive(Debug, Default, Deserialize)]
struct Tokens {
    agent: String,
    reviewer: String,
    operator: String,
}

/// The role of a caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Agent,
    Reviewer,
    Operator,
}

impl Server {
    /// The real one, on a data directory.
    pub(crate) fn signoff(data: &Path, settings: &[String]) -> Outcome<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signoff"));
        command.args(["serve", "--dev", "--listen=127.0.0.1:0", "--data-dir"]).arg(data).args(UNLIMITED).args(settings);
        let mut server = Self::spawn(&mut command)?;
        #[expect(clippy::disallowed_methods, reason = "the server that is measured has written it")]
        let tokens = std::fs::read(data.join("dev-tokens.json"))?;
        server.tokens = serde_json::from_slice(&tokens)?;
        Ok(server)
    }

    /// The baseline: this program again.
    pub(crate) fn bare() -> Outcome<Self> {
        Self::spawn(Command::new(std::env::current_exe()?).arg("--bare-service"))
    }

    fn spawn(command: &mut Command) -> Outcome<Self> {
        // A file, because the reader of a pipe would take processor time from the load.
        let mut log = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR"))?;
        let start = Instant::now();
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.try_clone()?).spawn()?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let started_in = start.elapsed();
        let Some((_, address)) = line.trim().rsplit_once(' ') else {
            let _ = process.kill(); // it may have ended
            process.wait()?;
            let mut reason = String::new();
            log.rewind()?;
            log.read_to_string(&mut reason)?;
            return Err(format!("the server did not start: {reason}").into());
        };
        let address = format!("http://{address}");
        Ok(Self { process, _stdout: stdout, address, tokens: Tokens::default(), started_in })
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// One client per connection.
    pub(crate) async fn connect(&self, connections: usize, role: Role) -> Outcome<Vec<Client>> {
        self.connect_with(connections, Headers::bearer(self.token(role))?).await
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Development mode's token of a role; empty for the bare service.
    pub(crate) fn token(&self, role: Role) -> &str {
        match role {
            Role::Agent => &self.tokens.agent,
            Role::Reviewer => &self.tokens.reviewer,
            Role::Operator => &self.tokens.operator,
        }
    }

    /// A connection.
    pub(crate) async fn channel(&self) -> Outcome<Channel> {
        Ok(Endpoint::from_shared(self.address.clone())?.tcp_nodelay(true).connect().await?)
    }

    async fn connect_with(&self, connections: usize, headers: Headers) -> Outcome<Vec<Client>> {
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            let channel = self.channel().await?;
            clients.push(ApprovalServiceClient::with_interceptor(channel, headers.clone()));
        }
        Ok(clients)
    }

    /// Connections for this many callers: caller `n` uses client `n % len`.
    pub(crate) async fn connect_for(&self, callers: usize, role: Role) -> Outcome<Vec<Client>> {
        self.connect(callers.div_ceil(CALLERS_PER_CONNECTION), role).await
    }

    /// As above, with other headers.
    pub(crate) async fn connect_for_with(&self, callers: usize, headers: Headers) -> Outcome<Vec<Client>> {
        self.connect_with(callers.div_ceil(CALLERS_PER_CONNECTION), headers).await
    }

    /// Runs a load, and returns it with the processor time that the server spent on each call.
    pub(crate) async fn under(&self, load: impl Future<Output = Outcome<Load>>) -> Outcome<(Load, Duration)> {
        cpu_per_call(&[self.process.id()], load).await
    }

    /// Resident memory of the process, in bytes.
    pub(crate) fn resident(&self) -> Outcome<f64> {
        #[expect(clippy::disallowed_methods, reason = "a page of the kernel's")]
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024.0)
    }
}

/// Runs a load, and returns it with the processor time that these processes together spent on each call.
pub(crate) async fn cpu_per_call(
    processes: &[u32],
    load: impl Future<Output = Outcome<Load>>,
) -> Outcome<(Load, Duration)> {
    let used = || processes.iter().map(|process| cpu::used_by(*process)).sum::<Outcome<Duration>>();
    let before = used()?;
    let load = load.await?;
    let used = used()?.saturating_sub(before);
    Ok((load, used / u32::try_from(load.calls)?.max(1)))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// The headers of every call.
#[derive(Clone, Debug)]
pub(crate) struct Headers {
    authorization: MetadataValue<Ascii>,
    cookie: Option<MetadataValue<Ascii>>,
}

impl Headers {
    /// A token.
    pub(crate) fn bearer(token: &str) -> Outcome<Self> {
        Ok(Self { authorization: format!("Bearer {token}").parse()?, cookie: None })
    }

    /// And a header that no server reads. Like a token, it is sent with every call: most other headers would be
    /// sent once and then referred to.
    pub(crate) fn and_cookie(self, cookie: &str) -> Outcome<Self> {
        Ok(Self { cookie: Some(cookie.parse()?), ..self })
    }
}

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.authorization.clone());
        if let Some(cookie) = &self.cookie {
            request.metadata_mut().insert("cookie", cookie.clone());
        }
        Ok(request)
    }
}
