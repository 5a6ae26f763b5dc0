//! The harness: a server process, and clients for it.

#![expect(clippy::disallowed_methods, reason = "a server in another process is waited for by the machine's clock")]

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustix::process::{Pid, Signal};
use signoff::proto::v1::{
    access_service_client::AccessServiceClient, admin_service_client::AdminServiceClient,
    approval_service_client::ApprovalServiceClient, policy_service_client::PolicyServiceClient,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
};
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

/// How long a test waits for an event that must happen. Not a measure of how long it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Maximum number of log lines that are kept.
const LOG_LINES: usize = 2_000;

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

/// `signoff serve --dev` on a free port of loopback, with a data directory and `key=value` settings.
pub(crate) fn serve(data: &Path, settings: &[&str]) -> Command {
    let mut command = signoff(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
}

/// The program with arguments, and without the environment of the test.
pub(crate) fn signoff(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signoff"));
    command.args(arguments).env_clear().env("RUST_BACKTRACE", "1");
    command
}

/// Sets an old modification time, so that a start need not wait for the file's writer.
pub(crate) fn age(file: &Path) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options().append(true).open(file).expect("the file exists");
    file.set_modified(long_ago).expect("this user owns the file");
}

/// A server process that may not listen yet. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    data: PathBuf,
    child: Child,
    pid: Pid,
    log: Arc<Log>,
    first_line: Option<oneshot::Receiver<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// The output of a process, for failure messages.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES {
            lines.drain(..LOG_LINES / 2);
        }
        lines.push(line);
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

impl Process {
    /// Spawns a command that becomes a server on this data directory: see [`serve`].
    pub(crate) fn spawn(data: &Path, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).expect("it has a pid");
        let log = Arc::new(Log::default());
        let (tell, first_line) = oneshot::channel();
        let stdout = read_lines(child.stdout.take().expect("stdout is piped"), Arc::clone(&log), Some(tell));
        let stderr = read_lines(child.stderr.take().expect("stderr is piped"), Arc::clone(&log), None);
        let data = data.to_owned();
        Self { data, child, pid, log, first_line: Some(first_line), readers: vec![stdout, stderr] }
    }

    /// Waits until it listens; returns its exit status if it ended instead.
    pub(crate) async fn listening(mut self) -> Result<Server, (ExitStatus, String)> {
        let first_line = self.first_line.take().expect("asked once");
        let Ok(line) = soon("the server listens", first_line).await else {
            let status = self.ended().await;
            return Err((status, self.log()));
        };
        let (_, address) = line.split_once(" is listening on ").unwrap_or_else(|| panic!("first line: {line}"));
        Ok(Server {
            address: address.trim().parse().expect("an address"),
            tokens: Tokens::of(&self.data),
            process: self,
        })
    }

    /// Whether it listens before `moment` has passed.
    pub(crate) async fn started(&mut self, moment: Duration) -> bool {
        let first_line = self.first_line.as_mut().expect("asked before it listens");
        tokio::time::timeout(moment, first_line).await.is_ok_and(|line| line.is_ok())
    }

    /// Kills it: `kill -9`.
    pub(crate) async fn kill(mut self) {
        let _ = rustix::process::kill_process(self.pid, Signal::KILL); // it may have ended by itself
        self.ended().await;
    }

    /// Asks it to stop: SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid, signal).expect("the process is there");
    }

    /// Its exit status, once it and its output have ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = soon("the process ends", self.child.wait()).await.expect("it can be waited for");
        for reader in self.readers.drain(..) {
            soon("its output ends", reader).await.expect("it can be read");
        }
        status
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_pid().cast_unsigned()
    }

    /// Its output so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server wrote:\n{}\n---", self.log());
        }
    }
}

fn read_lines(
    output: impl AsyncRead + Send + Unpin + 'static,
    log: Arc<Log>,
    mut first: Option<oneshot::Sender<String>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(first) = first.take() {
                let _ = first.send(line.clone());
            }
            log.push(line);
        }
    })
}

/// A server that listens. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    tokens: Tokens,
    process: Process,
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
