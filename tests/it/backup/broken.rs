//! Backups that fail: nothing that looks like a backup is left behind.

use std::{net::SocketAddr, process::Stdio};

use signoff::proto::v1::{BackupRequest, BackupResponse, backup_response::Part};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tonic::{Code, Status, Streaming};

use super::*;
use crate::{calls::reason, checks::refused};

/// Begins a backup, and reads its first part only.
async fn begin(server: &Server) -> Result<Streaming<BackupResponse>, Status> {
    let mut admin = server.admin(&server.tokens().operator);
    let mut parts = soon("a backup begins", admin.backup(BackupRequest {})).await?.into_inner();
    let first = soon("the first part", parts.message()).await?.and_then(|message| message.part);
    assert!(matches!(first, Some(Part::Data(_))));
    Ok(parts)
}

/// Reads a backup to its error.
async fn failure(mut parts: Streaming<BackupResponse>) -> Status {
    loop {
        match soon("a part", parts.message()).await {
            Ok(Some(BackupResponse { part: Some(Part::Data(data)) })) => assert!((1..=64 << 10).contains(&data.len())),
            Ok(part) => panic!("it did not fail: {part:?}"),
            Err(status) => return status,
        }
    }
}

#[tokio::test]
async fn one_backup_at_a_time_and_a_drain_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = filled(&directory.path().join("data")).await;
    let parts = begin(&server).await.unwrap();
    refused(&begin(&server).await.unwrap_err(), Code::ResourceExhausted, "BACKUP_RUNNING");
    server.terminate();
    let status = failure(parts).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DRAINING"), "{status:?}");
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
}

#[tokio::test]
async fn a_reader_that_leaves_makes_room_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let server = filled(&directory.path().join("data")).await;
    drop(begin(&server).await.unwrap());
    // The server notices it a moment later.
    let next = async {
        loop {
            match begin(&server).await {
                Ok(parts) => return parts,
                Err(status) => assert_eq!(reason(&status), "BACKUP_RUNNING"),
            }
        }
    };
    drop(soon("the next backup", next).await);
}

/// Forwards one connection to a server, but only so many bytes of the answers. Then it stalls.
async fn stalling(server: SocketAddr, bytes: u64) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let forwarding = tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
        let requests = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut first = from_server.take(bytes);
        tokio::io::copy(&mut first, &mut to_client).await.unwrap();
        // The rest is dropped, until the server ends the connection.
        let _ = tokio::io::copy(&mut first.into_inner(), &mut tokio::io::sink()).await;
        let _ = to_client.shutdown().await;
        requests.abort();
    });
    (address, forwarding)
}

#[tokio::test]
async fn a_server_that_is_killed_leaves_no_file_behind() {
    let directory = tempfile::tempdir().unwrap();
    let server = filled(&directory.path().join("data")).await;
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let (address, forwarding) = stalling(server.address(), 500_000).await;
    let mut command = signoff(&["backup", "--address", &format!("http://{address}")]);
    command.arg(out.join("b.jsonl")).env("SIGNOFF_TOKEN", &server.tokens().operator).kill_on_drop(true);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let part = async {
        loop {
            let size = |name: &String| std::fs::metadata(out.join(name)).map_or(0, |found| found.len());
            match names(&out).first() {
                Some(name) if size(name) > 100_000 => return name.clone(),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let part = soon("half a backup", part).await;
    assert!(part.starts_with("b.jsonl.") && part.ends_with(".part"), "{part}");
    server.kill().await;
    let output = soon("the program ends", child.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!output.stderr.is_empty());
    assert_eq!(names(&out), [""; 0]);
    forwarding.await.unwrap();
}

#[tokio::test]
async fn an_interrupted_command_leaves_no_file_behind() {
    let directory = tempfile::tempdir().unwrap();
    let server = filled(&directory.path().join("data")).await;
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let (address, forwarding) = stalling(server.address(), 500_000).await;
        let mut command = signoff(&["backup", "--address", &format!("http://{address}")]);
        command.arg(out.join("b.jsonl")).env("SIGNOFF_TOKEN", &server.tokens().operator).kill_on_drop(true);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = async {
            while names(&out).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        soon("the backup begins", begun).await;
        let pid = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        let output = soon("the program ends", child.wait_with_output()).await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), told.as_ref()), (Some(1), "error: interrupted; no backup was written\n"));
        assert_eq!(names(&out), [""; 0]);
        forwarding.abort();
    }
}

#[tokio::test]
async fn a_full_disk_and_a_closed_pipe_fail_the_command() {
    let directory = tempfile::tempdir().unwrap();
    let server = filled(&directory.path().join("data")).await;
    let (token, out) = (server.tokens().operator.clone(), directory.path().join("out"));
    std::fs::create_dir(&out).unwrap();
    let file = out.join("b.jsonl");
    // A limit of the size of files stands for a full disk: writing fails in the middle.
    let limited = "trap '' XFSZ; ulimit -f 200; exec \"$0\" backup \"$1\" --address \"$2\"";
    let mut command = tokio::process::Command::new("/bin/sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_signoff")]).arg(&file);
    command.arg(format!("http://{}", server.address())).env("SIGNOFF_TOKEN", &token).kill_on_drop(true);
    let (code, _, failed) = ended(command).await;
    assert_eq!(code, Some(1), "{failed}");
    assert!(failed.starts_with(&format!("error: cannot use the file\n{}: File too large", file.display())), "{failed}");
    assert_eq!(names(&out), [""; 0]);

    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let child = backup(&server, &token, &["-"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = soon("the program ends", child.wait_with_output()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains("No space left on device"), "{told}");

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = backup(&server, &token, &["-"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = soon("the program ends", child.wait_with_output()).await.unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
    // Neither keeps the next one out.
    let (code, _, failed) = ended(backup(&server, &token, &[file.to_str().unwrap()])).await;
    assert_eq!(code, Some(0), "{failed}");
}

#[tokio::test]
async fn half_a_backup_is_not_imported() {
    let directory = tempfile::tempdir().unwrap();
    let server = filled(&directory.path().join("data")).await;
    let (token, file) = (server.tokens().operator.clone(), directory.path().join("b.jsonl"));
    let (code, _, failed) = ended(backup(&server, &token, &[file.to_str().unwrap()])).await;
    assert_eq!(code, Some(0), "{failed}");
    let whole = crate::files::text(&file).unwrap();
    let end = whole.trim_end().rfind('\n').unwrap() + 1;
    for (text, complaint) in [
        (whole[..end].to_owned(), "the file is truncated: its last line, with the counts, is missing"),
        (whole[..end - 100].to_owned(), "line "),
        (whole.replacen("r7\"", "r8\"", 1), "the file is damaged: its lines have sha256:"),
    ] {
        let (broken, copy) = (directory.path().join("broken"), tempfile::tempdir().unwrap());
        std::fs::write(&broken, text).unwrap();
        let imported = run(&["import", "--data-dir", copy.path().to_str().unwrap(), broken.to_str().unwrap()]).await;
        let told = String::from_utf8_lossy(&imported.stderr);
        assert!(imported.status.code() == Some(1) && told.contains(complaint), "{told}");
    }
}
