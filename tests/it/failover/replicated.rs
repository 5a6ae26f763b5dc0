//! Three instances of PostgreSQL: a primary that waits for one of its two standbys.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::{Arc, Mutex},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::{Client, NoTls};

use super::pause;
use crate::{databases::cluster, server::soon};

/// One of the instances, by its number.
pub(crate) type Instance = usize;

/// All instances.
pub(crate) const INSTANCES: [Instance; 3] = [1, 2, 3];

/// Three instances, which are gone when the process has ended.
pub(crate) struct Replicated {
    guard: Arc<Mutex<Guard>>,
    directory: PathBuf,
    pub(crate) primary: Instance,
}

/// The shell that runs them.
struct Guard {
    _process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A process of an instance that stands still. It continues when this is dropped.
pub(crate) struct Paused(Pid);

impl Drop for Paused {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT); // it may have ended
    }
}

impl Replicated {
    /// Starts them. They have the database `signoff`.
    pub(crate) async fn start() -> Self {
        let (guard, directory) = tokio::task::spawn_blocking(Guard::start).await.expect("PostgreSQL starts");
        let instances = Self { guard: Arc::new(Mutex::new(guard)), directory, primary: 1 };
        instances.until_standbys(2).await;
        let control = instances.connect(1, "postgres").await;
        control.batch_execute("CREATE DATABASE signoff").await.expect("a new database");
        instances
    }

    /// The setting of a server: a URL of all instances.
    pub(crate) fn setting(&self) -> String {
        let directory = self.directory.to_str().expect("a name in UTF-8").replace('/', "%2F");
        let hosts = INSTANCES.map(|instance| format!("{directory}:543{instance}")).join(",");
        format!("store=postgres://signoff@{hosts}/signoff?target_session_attrs=read-write")
    }

    /// The instances that are not the primary.
    pub(crate) fn standbys(&self) -> [Instance; 2] {
        match self.primary {
            1 => [2, 3],
            2 => [1, 3],
            _ => [1, 2],
        }
    }

    /// Kills all processes of the primary: `kill -9`.
    pub(crate) async fn kill_primary(&self) {
        self.obey(format!("kill {}", self.primary)).await;
    }

    /// Promotes the standby that has the most, after the primary was killed. It has all that was acknowledged, as the
    /// primary waited for either. The other one follows it. Returns the old primary.
    pub(crate) async fn fail_over(&mut self) -> Instance {
        let [first, second] = self.standbys();
        let (new, other) = match (self.received(first).await, self.received(second).await) {
            (most, least) if most >= least => (first, second),
            _ => (second, first),
        };
        self.obey(format!("promote {new}")).await;
        self.obey(format!("follow {other} {new}")).await;
        std::mem::replace(&mut self.primary, new)
    }

    /// Makes an ended instance a standby again, and waits until both stream.
    pub(crate) async fn rebuild(&self, ended: Instance) {
        self.obey(format!("rebuild {ended} {}", self.primary)).await;
        self.until_standbys(2).await;
    }

    /// Ends an instance.
    pub(crate) async fn stop(&self, instance: Instance) {
        self.obey(format!("stop {instance}")).await;
    }

    /// Starts a stopped instance again.
    pub(crate) async fn start_again(&self, instance: Instance) {
        self.obey(format!("start {instance}")).await;
    }

    /// Stops a standby from receiving, so that it falls behind.
    pub(crate) async fn pause_receiver(&self, standby: Instance) -> Option<Paused> {
        let sql = "SELECT pid FROM pg_stat_wal_receiver";
        let row = self.connect(standby, "postgres").await.query_opt(sql, &[]).await.expect("it answers")?;
        let pid = Pid::from_raw(row.get::<_, Option<i32>>(0)?)?;
        kill_process(pid, Signal::STOP).ok()?;
        Some(Paused(pid))
    }

    /// A connection to an instance.
    pub(crate) async fn connect(&self, instance: Instance, database: &str) -> Client {
        let mut settings = tokio_postgres::Config::new();
        settings.host_path(&self.directory).port(5430 + u16::try_from(instance).expect("a digit"));
        settings.user("signoff").dbname(database);
        let (client, connection) = settings.connect(NoTls).await.expect("the instance runs");
        tokio::spawn(connection);
        client
    }

    /// Waits until this many standbys stream from the primary.
    pub(crate) async fn until_standbys(&self, count: i64) {
        let control = self.connect(self.primary, "postgres").await;
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'";
        soon("the standbys stream", async {
            while control.query_one(sql, &[]).await.expect("the primary answers").get::<_, i64>(0) < count {
                pause().await;
            }
        })
        .await;
    }

    /// How much a standby has received, once it has received all that the killed primary had sent.
    async fn received(&self, standby: Instance) -> u64 {
        let client = self.connect(standby, "postgres").await;
        soon("the standby notices the end of its primary", async {
            let sql = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'";
            while client.query_one(sql, &[]).await.expect("the standby answers").get::<_, i64>(0) > 0 {
                pause().await;
            }
        })
        .await;
        // The receiver's is lost if it has started again.
        let sql = "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn";
        let sql = format!("SELECT ({sql})::text");
        let text: String = client.query_one(&sql, &[]).await.expect("the standby answers").get(0);
        text.parse().expect("a number of bytes")
    }

    async fn obey(&self, command: String) {
        let guard = Arc::clone(&self.guard);
        let answer = tokio::task::spawn_blocking({
            let command = command.clone();
            move || guard.lock().expect("no command panicked").obey(&command)
        });
        let answer = soon("the instances obey", answer).await.expect("it does not panic");
        if answer != "ok" {
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            panic!("cannot {command}: {answer:?}; the log ends with:\n{}", last_lines(&log));
        }
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

impl Guard {
    fn start() -> (Self, PathBuf) {
        let mut command = cluster::shell(include_str!("replicated.sh"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut directory = String::new();
        answers.read_line(&mut directory).unwrap();
        if directory.is_empty() {
            let mut reason = String::new();
            process.stderr.take().unwrap().take(64 * 1024).read_to_string(&mut reason).unwrap();
            panic!("cannot start PostgreSQL: {reason}");
        }
        let commands = process.stdin.take().unwrap();
        (Self { _process: process, commands, answers }, directory.trim_end().into())
    }

    fn obey(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").expect("the guard reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the guard answers");
        answer.trim_end().to_owned()
    }
}
