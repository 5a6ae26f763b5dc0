//! A policy file that is being written while the server polls it.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
};

use signoff::proto::v1::{ApprovalStatus, RequestApprovalRequest};

use super::{live, operator, replace};
use crate::{
    calls::{ask, open},
    server::{Client, PolicyClient, Process, Server, age, serve, soon},
};

/// A policy of two rules. Without the last one `bad` is approved.
fn text(name: &str) -> String {
    format!("{}- {{name: bad-{name}, tools: [bad], auto_reject: {{message: never}}}}\n", half(name))
}

/// The beginning of [`text`], which is a policy too.
fn half(name: &str) -> String {
    format!(
        "unlisted_tools: {{auto_approve: {{}}}}\nrules:\n- {{name: pay-{name}, tools: [pay], auto_approve: {{}}}}\n"
    )
}

async fn start(data: &Path, file: &Path) -> Server {
    Server::start(&data.join("store"), &[&format!("policy={}", file.display())]).await
}

/// Waits until the whole policy of this name is live.
async fn until_whole(client: &mut PolicyClient, name: &str) {
    let taken = async {
        loop {
            let policy = live(client).await.version.unwrap().policy.unwrap();
            if policy.rules[0].name == format!("pay-{name}") {
                assert_eq!(policy.rules.len(), 2, "half a policy is live");
                break;
            }
        }
    };
    soon(name, taken).await;
}

async fn until_logged(server: &Server, client: &mut PolicyClient, line: &str) {
    let logged = async {
        while !server.log().contains(line) {
            live(client).await;
        }
    };
    soon(line, logged).await;
}

async fn is_rejected(agent: &mut Client, request_id: &str) {
    let request = RequestApprovalRequest { tool_name: "bad".into(), ..ask(request_id) };
    let (_, approval) = open(agent, request).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::AutoRejected);
}

#[tokio::test]
async fn a_half_written_file_is_not_loaded_even_on_a_signal() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    fs::write(&file, text("one")).unwrap();
    age(&file);
    let server = start(data.path(), &file).await;
    let (mut client, mut agent) = (operator(&server), server.agent());

    let mut writer = File::create(&file).unwrap();
    writer.write_all(half("two").as_bytes()).unwrap();
    server.hang_up();
    until_logged(&server, &mut client, "SIGHUP: the file is being written; it is read once the writer closes it").await;
    is_rejected(&mut agent, "while it is written").await;
    assert_eq!(live(&mut client).await.version.unwrap().version, 1);
    writer.write_all(&text("two").as_bytes()[half("two").len()..]).unwrap();
    drop(writer);
    until_whole(&mut client, "two").await;
    is_rejected(&mut agent, "afterwards").await;
    assert_eq!(live(&mut client).await.version.unwrap().version, 2, "no other version was live in between");
}

#[tokio::test]
async fn files_are_loaded_however_tools_write_them() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    fs::write(&file, text("one")).unwrap();
    age(&file);
    let server = start(data.path(), &file).await;
    let mut client = operator(&server);

    replace(&file, &text("renamed"));
    until_whole(&mut client, "renamed").await;
    fs::write(&file, text("truncated-and-written")).unwrap();
    until_whole(&mut client, "truncated-and-written").await;
    fs::rename(&file, data.path().join("policy.yaml~")).unwrap();
    fs::write(&file, text("after-a-backup")).unwrap();
    until_whole(&mut client, "after-a-backup").await;

    fs::remove_file(&file).unwrap();
    until_logged(&server, &mut client, "cannot use the policy file; the live policy stays unchanged").await;
    assert!(live(&mut client).await.file.unwrap().error.contains("No such file"));
    fs::write(&file, text("made-anew")).unwrap();
    until_whole(&mut client, "made-anew").await;
    until_logged(&server, &mut client, "the policy file is valid again, and live version=5").await;
}

#[tokio::test]
async fn a_config_map_is_loaded_when_its_link_is_swapped() {
    let data = tempfile::tempdir().unwrap();
    let mount = data.path().join("mount");
    let version = |name: &str| {
        fs::create_dir_all(mount.join(name)).unwrap();
        let file = mount.join(name).join("policy.yaml");
        fs::write(&file, text(name.trim_start_matches('.'))).unwrap();
        age(&file);
    };
    version("..v1");
    symlink("..v1", mount.join("..data")).unwrap();
    let file = mount.join("policy.yaml");
    symlink("..data/policy.yaml", &file).unwrap();
    let server = start(data.path(), &file).await;
    let mut client = operator(&server);
    for (name, before) in [("..v2", "..v1"), ("..v3", "..v2")] {
        version(name);
        symlink(name, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
        fs::remove_dir_all(mount.join(before)).unwrap();
        until_whole(&mut client, name.trim_start_matches('.')).await;
    }
}

#[tokio::test]
async fn a_start_waits_for_the_whole_file() {
    let data = tempfile::tempdir().unwrap();
    let (file, store) = (data.path().join("policy.yaml"), data.path().join("store"));
    let mut writer = File::create(&file).unwrap();
    writer.write_all(half("one").as_bytes()).unwrap();
    let process = Process::spawn(&store, serve(&store, &[&format!("policy={}", file.display())]));
    let waits = async {
        while !process.log().contains("waiting until its writer has finished") {
            tokio::task::yield_now().await;
        }
    };
    soon("it waits", waits).await;
    writer.write_all(&text("one").as_bytes()[half("one").len()..]).unwrap();
    drop(writer);
    let server = process.listening().await.unwrap();
    let mut client = operator(&server);
    until_whole(&mut client, "one").await;
    assert_eq!(live(&mut client).await.version.unwrap().version, 1, "nothing was live before");
}

#[tokio::test]
async fn a_start_that_waits_can_be_stopped() {
    let data = tempfile::tempdir().unwrap();
    let (file, store) = (data.path().join("policy.yaml"), data.path().join("store"));
    fs::write(&file, text("one")).unwrap();
    let mut process = Process::spawn(&store, serve(&store, &[&format!("policy={}", file.display())]));
    let waits = async {
        while !process.log().contains("waiting until its writer has finished") {
            // Like a writer that never closes the file.
            fs::write(&file, text("one")).unwrap();
            tokio::task::yield_now().await;
        }
    };
    soon("it waits", waits).await;
    process.terminate();
    assert!(process.ended().await.success());
    assert!(!store.exists(), "no store was created");
}
