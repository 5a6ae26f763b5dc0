//! Processes of the program that become servers.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use rustix::process::{Pid, Signal};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
};

use super::{Server, Tokens, command, soon};
use crate::balancer::Balancer;

/// Maximum number of log lines that are kept.
const LOG_LINES: usize = 2_000;

/// What becomes a server: one process, or several that share a store. It may not listen yet. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    data: PathBuf,
    /// Where a balancer is to listen, if there are several.
    balanced: Option<SocketAddr>,
    members: Vec<Member>,
}

/// One process.
#[derive(Debug)]
struct Member {
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
    /// Spawns a command that becomes a server on this data directory: see [`serve`](super::serve). With PostgreSQL, its store
    /// is in the database of the directory, and it may become several servers.
    pub(crate) fn spawn(data: &Path, command: Command) -> Self {
        let (commands, balanced) = command::deployed(data, command);
        Self { data: data.to_owned(), balanced, members: commands.into_iter().map(Member::spawn).collect() }
    }

    /// Waits until it listens; returns its exit status if it ended instead.
    pub(crate) async fn listening(mut self) -> Result<Server, (ExitStatus, String)> {
        let mut addresses = Vec::new();
        for number in 0..self.members.len() {
            let member = &mut self.members[number];
            let Some(address) = member.listening().await else {
                let status = member.ended().await;
                return Err((status, member.log.text()));
            };
            addresses.push(address);
        }
        let (address, balancer) = match self.balanced {
            None => (addresses[0], None),
            Some(listen) => {
                let balancer = Balancer::start(listen, addresses).await.expect("the balancer listens");
                (balancer.address(), Some(balancer))
            }
        };
        Ok(Server { address, tokens: Tokens::of(&self.data), process: self, _balancer: balancer })
    }

    /// Whether it listens before `moment` has passed.
    pub(crate) async fn started(&mut self, moment: Duration) -> bool {
        let lines = self.members.iter_mut().map(|member| member.first_line.as_mut().expect("asked before it listens"));
        tokio::time::timeout(moment, join_all(lines)).await.is_ok_and(|lines| lines.iter().all(Result::is_ok))
    }

    /// Kills it: `kill -9`.
    pub(crate) async fn kill(mut self) {
        for member in &self.members {
            let _ = rustix::process::kill_process(member.pid, Signal::KILL); // it may have ended by itself
        }
        self.ended().await;
    }

    /// Asks it to stop: SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(super) fn signal(&self, signal: Signal) {
        for member in &self.members {
            rustix::process::kill_process(member.pid, signal).expect("the process is there");
        }
    }

    /// Its exit status, once it and its output have ended. Of several, the first that is not a success.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let all = join_all(self.members.iter_mut().map(Member::ended)).await;
        *all.iter().find(|status| !status.success()).unwrap_or(&all[0])
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        let [member] = self.members.as_slice() else {
            panic!("this test is about one process: list it in xtask/src/stores.rs")
        };
        member.pid.as_raw_pid().cast_unsigned()
    }

    /// Its output so far.
    pub(crate) fn log(&self) -> String {
        let logs: Vec<_> = self.members.iter().map(|member| member.log.text()).collect();
        logs.join("\n--- the next server:\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server wrote:\n{}\n---", self.log());
        }
    }
}

impl Member {
    fn spawn(mut command: Command) -> Self {
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
        Self { child, pid, log, first_line: Some(first_line), readers: vec![stdout, stderr] }
    }

    /// Its address once it listens; `None` if it ended instead.
    async fn listening(&mut self) -> Option<SocketAddr> {
        let first_line = self.first_line.take().expect("asked once");
        let line = soon("the server listens", first_line).await.ok()?;
        let (_, address) = line.split_once(" is listening on ").unwrap_or_else(|| panic!("first line: {line}"));
        Some(address.trim().parse().expect("an address"))
    }

    async fn ended(&mut self) -> ExitStatus {
        let status = soon("the process ends", self.child.wait()).await.expect("it can be waited for");
        for reader in self.readers.drain(..) {
            soon("its output ends", reader).await.expect("it can be read");
        }
        status
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
