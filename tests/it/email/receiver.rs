//! The SMTP server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{server::soon, tls::authority::Authority};

/// How a receiver is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    StartTls,
    Implicit,
    None,
}

impl Security {
    /// As in the configuration.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
            Self::None => "none",
        }
    }
}

/// The server's process. Killed when dropped.
pub(super) struct Receiver {
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: bool,
    directory: TempDir,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// A message as other code than ours reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Mail {
    pub(super) encrypted: bool,
    pub(super) user: Option<String>,
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) defects: Vec<String>,
    pub(super) types: Vec<String>,
    pub(super) plain: String,
    pub(super) html: String,
    pub(super) tags: Vec<String>,
    pub(super) attributes: Vec<String>,
    pub(super) links: Vec<String>,
    pub(super) text: String,
}

impl Mail {
    /// The value of a header that is there once.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(one, _)| one.eq_ignore_ascii_case(name));
        let value = &values.next().unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).1;
        assert!(values.next().is_none(), "{name} twice");
        value
    }
}

impl Receiver {
    pub(super) async fn start(security: Security, login: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let authority = Authority::new("mail servers");
        let leaf = authority.server();
        for (name, content) in [
            ("ca.crt", authority.pem()),
            ("tls.crt", leaf.certificate.as_str()),
            ("tls.key", leaf.key.as_str()),
            ("password", "s3cret\n"),
        ] {
            fs::write(path(name), content).unwrap();
        }
        let settings = json!({
            "tls": security.name(),
            "login": login,
            "certificate": path("tls.crt"),
            "key": path("tls.key"),
        });
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new("python3")
            .arg(root.join("tests/smtp/receiver.py"))
            .arg(settings.to_string())
            .env("PYTHONPATH", root.join("target/tools/wheels"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python runs: `cargo xtask setup` installs it");
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let port = soon("the receiver prints its port", lines.next_line()).await.expect("it can be read");
        let port = port.expect("it runs: `cargo xtask setup` installs aiosmtpd").parse().expect("a port");
        Self { port, security, login, directory, lines, _process: process }
    }

    /// One of its files.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The next message that it takes.
    pub(super) async fn mail(&mut self) -> Mail {
        let line = soon("a message arrives", self.lines.next_line()).await.expect("it can be read");
        serde_json::from_str(&line.expect("the receiver runs")).expect("a message")
    }

    /// Fails if it has taken another message: it prints a message before it answers, so nothing can be on its way.
    pub(super) async fn has_no_more(&mut self) {
        tokio::select! {
            biased;
            line = self.lines.next_line() => panic!("{line:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
}
