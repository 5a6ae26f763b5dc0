//! Permissions of the server's files, and its limit of open files.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use tokio::process::Command;

use super::run;
use crate::{
    calls::{ask, open},
    server::{Process, Server, signoff},
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// All files in a directory that other users can open.
fn open_to_others(directory: &Path) -> Vec<String> {
    let (mut found, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(path) = left.pop() {
        if mode(&path) & 0o077 != 0 {
            found.push(format!("{} {:o}", path.display(), mode(&path)));
        }
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// `signoff serve --dev` after shell commands.
fn serve_after(commands: &str, data: &Path) -> Command {
    let script = format!("{commands} && exec \"$0\" serve --dev --listen 127.0.0.1:0 --data-dir \"$1\"");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_signoff")]).arg(data).env_clear();
    command
}

async fn start_after(commands: &str, data: &Path) -> Server {
    match Process::spawn(data, serve_after(commands, data)).listening().await {
        Ok(server) => server,
        Err((status, log)) => panic!("the server ended with {status}:\n{log}"),
    }
}

#[tokio::test]
async fn files_are_private_with_any_umask() {
    let data = tempfile::tempdir().unwrap();
    let store = data.path().join("store");
    let server = start_after("umask 000", &store).await;
    open(&mut server.agent(), ask("one")).await.unwrap();
    assert_eq!(open_to_others(&store), [""; 0]);
    assert!(!server.log().contains("other users could open"), "{}", server.log());
    assert!(server.stop().await.success());

    let export = data.path().join("export.jsonl");
    let written = run(&["export", "--data-dir", store.to_str().unwrap(), "--output", export.to_str().unwrap()]).await;
    assert!(written.status.success(), "{written:?}");
    assert_eq!(mode(&export), 0o600);
}

#[tokio::test]
async fn a_directory_that_others_can_open_is_repaired_with_a_warning() {
    let data = tempfile::tempdir().unwrap();
    let (store, link) = (data.path().join("store"), data.path().join("link"));
    assert!(Server::start(&store, &[]).await.stop().await.success());
    for path in ["", "sled", "sled/db", "dev-tokens.json", "LOCK"] {
        let path = store.join(path);
        fs::set_permissions(&path, Permissions::from_mode(mode(&path) | 0o055)).unwrap();
    }
    symlink(&store, &link).unwrap();
    let server = Server::start(&link, &[]).await;
    assert_eq!(open_to_others(&store), [""; 0]);
    let log = server.log();
    assert!(log.contains("(mode 0755); made it private") && log.contains("other users could open 4 files"), "{log}");
    server.kill().await;

    fs::remove_dir_all(&store).unwrap();
    let refused = run(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", link.to_str().unwrap()]).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && told.contains("which does not exist; create that directory"), "{told}");
}

#[tokio::test]
async fn damaged_development_tokens_are_reported() {
    let data = tempfile::tempdir().unwrap();
    assert!(Server::start(data.path(), &[]).await.stop().await.success());
    let path = data.path().join("dev-tokens.json");
    fs::write(&path, r#"{"agent":"","reviewer":"","operator":""}"#).unwrap();
    let arguments = ["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", data.path().to_str().unwrap()];
    let refused = signoff(&arguments).output().await.unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && told.contains("remove the file to create new tokens"), "{told}");
    fs::remove_file(&path).unwrap();
    open(&mut Server::start(data.path(), &[]).await.agent(), ask("one")).await.unwrap();
}

#[tokio::test]
async fn the_limit_of_open_files_is_raised_with_a_warning_when_it_is_low() {
    let data = tempfile::tempdir().unwrap();
    let server = start_after("ulimit -Sn 200 && ulimit -Hn 700", data.path()).await;
    let limits = crate::files::text(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("700"), "the soft limit: {files}");
    let log = server.log();
    assert!(log.contains("the limit of open files is 700, but limits.connections = "), "{log}");
}
