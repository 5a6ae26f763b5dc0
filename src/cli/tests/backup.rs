//! `backup`, against servers that send less, or something else, than they say.

use sha2::{Digest as _, Sha256};

use super::{fake::Server, *};
use crate::proto::v1::{BackupComplete, BackupResponse, backup_response::Part};

fn part(part: Part) -> Result<BackupResponse, Status> {
    Ok(BackupResponse { part: Some(part) })
}

fn data(bytes: &[u8]) -> Result<BackupResponse, Status> {
    part(Part::Data(bytes.to_vec()))
}

/// What a server says about these bytes.
fn complete(bytes: &[u8]) -> BackupComplete {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    BackupComplete { size_bytes: bytes.len() as u64, sha256: format!("sha256:{hex}"), ..BackupComplete::default() }
}

#[tokio::test]
async fn a_file_appears_only_if_it_is_what_the_server_says() {
    let (server, directory) = (Server::start().await, tempfile::tempdir().unwrap());
    let file = directory.path().join("b.jsonl");
    let (differs, cut) = ("differs from the server's size or SHA-256", "ended before it was complete");
    let longer = BackupComplete { size_bytes: 4, ..complete(b"abc") };
    for (parts, complaint) in [
        (vec![data(b"ab"), data(b"c"), part(Part::Complete(complete(b"abd")))], differs),
        (vec![data(b"abc"), part(Part::Complete(longer))], differs),
        (vec![data(b"abc"), part(Part::Complete(BackupComplete::default()))], differs),
        (vec![data(b"abc")], cut),
        (vec![data(b"abc"), Ok(BackupResponse::default()), part(Part::Complete(complete(b"abc")))], cut),
        (vec![data(b"abc"), Err(refusal(Code::Aborted, "BACKUP_ABORTED", &[]))], "reason: BACKUP_ABORTED"),
        (vec![], cut),
    ] {
        server.fake.backup.answers(parts);
        let ran = signoff(&server.address, &["backup", file.to_str().unwrap()]).await;
        assert!((ran.code, ran.out.as_str()) == (1, "") && ran.err.contains(complaint), "{ran:?}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{complaint}");
    }
    server.fake.backup.answers(vec![data(b"ab"), data(b"c"), part(Part::Complete(complete(b"abc")))]);
    let ran = signoff(&server.address, &["backup", file.to_str().unwrap()]).await;
    let told = format!("backed up 0 approvals, 0 policy versions and 0 tokens, 3 bytes to {}\n", file.display());
    assert_eq!((ran.code, ran.out, ran.err.as_str()), (0, told, ""));
    assert_eq!(crate::bounded_file::whole(&file), b"abc");
}

#[tokio::test]
async fn an_existing_file_stops_the_command_before_the_call() {
    let (server, directory) = (Server::start().await, tempfile::tempdir().unwrap());
    let file = directory.path().join("b.jsonl");
    std::fs::write(&file, "old").unwrap();
    let ran = signoff(&server.address, &["backup", file.to_str().unwrap()]).await;
    assert!(ran.code == 1 && ran.err.contains("b.jsonl: exists; name another file"), "{ran:?}");
    assert!(server.fake.backup.asked().is_empty());
}
