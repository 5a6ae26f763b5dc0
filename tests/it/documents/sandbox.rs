//! Where the commands of a page are typed: terminals with a home, a directory and a server of their own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use signoff::proto::v1::{Approval, ListPendingRequest};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{
    server::{Process, Server, age, soon},
    terminal::{begun, terminal, text, typed},
};

/// A shell becomes one of these first. The files are those of development mode.
pub(super) const AGENT: &str = ". ~/.local/state/signoff/dev/agent.env\n";
pub(super) const REVIEWER: &str = ". ~/.local/state/signoff/dev/reviewer.env\n";
pub(super) const OPERATOR: &str = ". ~/.local/state/signoff/dev/operator.env\n";

/// Two things differ from what a page says: servers listen on a free port, by `SIGNOFF_LISTEN`, and the directories
/// `/etc/signoff` and `/var/lib/signoff` are inside a temporary one.
pub(super) struct Sandbox(TempDir);

impl Sandbox {
    pub(super) fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        for name in ["home", "work", "etc", "var"] {
            fs::create_dir(sandbox.path(name)).unwrap();
        }
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        std::os::unix::fs::symlink(examples, sandbox.path("work/examples")).unwrap();
        sandbox
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The text of a page with the directories of this sandbox.
    pub(super) fn here(&self, text: &str) -> String {
        let of = |directory: &str| self.path(directory).join("signoff").display().to_string();
        text.replace("/etc/signoff", &of("etc")).replace("/var/lib/signoff", &of("var"))
    }

    /// Writes a file that was written long ago, so that a server does not wait for its writer.
    pub(super) fn save(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.here(text)).unwrap();
        age(&path);
    }

    /// A new terminal, in which these commands are typed.
    pub(super) fn shell(&self, commands: &str) -> Command {
        let mut shell = terminal(&self.path("home"), &self.here(commands));
        shell.current_dir(self.path("work")).env("SIGNOFF_LISTEN", "127.0.0.1:0");
        shell
    }

    /// Types commands that succeed, and returns what they print.
    pub(super) async fn run(&self, commands: &str) -> String {
        let output = typed(&mut self.shell(commands)).await;
        assert!(output.status.success(), "{commands}\n{}", text(&output));
        text(&output)
    }

    /// Types commands that wait for a reviewer.
    pub(super) fn begin(&self, commands: &str) -> Child {
        begun(&mut self.shell(commands))
    }

    /// Types a command that starts a server.
    pub(super) async fn serve(&self, command: &str) -> Server {
        // In the place of the shell, so that signals reach the server.
        let command = self.shell(&format!("exec {}", command.trim()));
        let data = self.path("home/.local/state/signoff/dev");
        let listening = Process::spawn(&data, command).listening().await;
        listening.unwrap_or_else(|(status, log)| panic!("{status}: {log}"))
    }
}

/// The end of what [`Sandbox::begin`] began.
pub(super) async fn ended(child: Child) -> Output {
    soon("the command ends", child.wait_with_output()).await.unwrap()
}

/// The approval that waits, once one does.
pub(super) async fn waiting(server: &Server) -> Approval {
    soon("something waits", async {
        loop {
            let mut pending = server.reviewer().list_pending(ListPendingRequest::default()).await.unwrap().into_inner();
            if let Some(approval) = pending.approvals.pop() {
                return approval;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// A block that decides, where no terminal can be asked: `-` needs an answer, and so does a decision without `--yes`.
pub(super) fn without_asking(block: &str, approval: &Approval) -> String {
    ["approve", "reject"].iter().fold(block.to_owned(), |block, verb| {
        block.replace(&format!("signoff {verb} -"), &format!("signoff {verb} {} --yes", approval.id))
    })
}
