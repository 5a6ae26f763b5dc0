//! Certificates that are replaced, by valid and invalid ones, while the server runs.

use std::{fs, io::Write as _, sync::Arc};

use signoff::proto::v1::{ApprovalStatus, Event, VoteChoice};
use tokio::{sync::mpsc, task::JoinSet};

use super::{Authority, Files, call, channel, replace};
use crate::{
    calls::{ask, decide, open},
    checks::Told,
    server::{Server, client, soon},
};

const STREAMS: usize = 1_000;
const CONNECTIONS: usize = 10;

async fn until_seen(files: &Files, server: &Server, der: &[u8]) {
    let seen = async { while files.seen(server).await != der {} };
    soon("new connections see the new certificate", seen).await;
}

async fn until_broken(files: &Files, server: &Server, broken: i64) {
    let told = async { while files.metric(server, "signoff_tls_certificate_broken").await != broken {} };
    soon("the metric tells", told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_survive_a_new_certificate() {
    let files = Files::new();
    let before = files.authority.server();
    files.replace(&before);
    let server = files.start(&["log.filter=warn"]).await;
    assert_eq!(files.seen(&server).await, before.der);
    let connect = || channel(&server, files.trusting(None));
    let channels: Vec<_> = (0..CONNECTIONS).map(|_| connect()).collect();
    let (opened, mut approvals) = mpsc::channel(STREAMS);
    let mut streams = JoinSet::new();
    for n in 0..STREAMS {
        let mut agent = client(channels[n % CONNECTIONS].clone(), &server.tokens().agent);
        let opened = opened.clone();
        streams.spawn(async move {
            let (mut stream, approval) = open(&mut agent, ask(&format!("r-{n}"))).await.unwrap();
            opened.send(approval).await.unwrap();
            let mut told = Told::default();
            told.events.push(Event::default()); // the first one came with `open`
            told.read(&mut stream).await.unwrap();
            told.approval.unwrap()
        });
    }
    let mut waiting = Vec::new();
    while waiting.len() < STREAMS {
        waiting.push(soon("every stream opens", approvals.recv()).await.unwrap());
    }

    let after = files.authority.server();
    files.replace(&after);
    server.hang_up();
    until_seen(&files, &server, &after.der).await;

    // Over a connection from before the change, and one from after it.
    let reviewers = [channels[0].clone(), connect()].map(|channel| client(channel, &server.tokens().reviewer));
    let mut deciding = JoinSet::new();
    let rooms = Arc::new(tokio::sync::Semaphore::new(64));
    for (n, approval) in waiting.into_iter().enumerate() {
        let (mut reviewer, rooms) = (reviewers[n % 2].clone(), Arc::clone(&rooms));
        deciding.spawn(async move {
            let _room = rooms.acquire().await.unwrap();
            reviewer.decide(decide(&approval, &format!("d-{n}"), VoteChoice::Approve)).await.unwrap();
        });
    }
    while let Some(decided) = soon("every decision is answered", deciding.join_next()).await {
        decided.unwrap();
    }
    while let Some(ended) = soon("every stream ends", streams.join_next()).await {
        assert_eq!(ended.unwrap().status(), ApprovalStatus::Approved);
    }
}

#[tokio::test]
async fn invalid_files_leave_the_last_valid_certificate() {
    let files = Files::new();
    let good = files.authority.server();
    files.replace(&good);
    let server = files.start(&[]).await;
    let not_after = files.metric(&server, "signoff_tls_certificate_not_after_seconds").await;
    assert!(not_after > 0);
    let (other, stranger) = (files.authority.server(), Authority::new("clients"));
    let broken = [
        ("tls.crt", "nonsense"),
        ("tls.crt", &good.certificate[..good.certificate.len() / 2]),
        ("tls.crt", other.certificate.as_str()), // of another key
        ("tls.key", other.key.as_str()),
        ("tls.key", stranger.pem()),
    ];
    for (name, content) in broken {
        replace(&files.path(name), content);
        server.hang_up();
        until_broken(&files, &server, 1).await;
        assert_eq!(files.seen(&server).await, good.der, "{name}: {content}");
        assert_eq!(files.metric(&server, "signoff_tls_certificate_not_after_seconds").await, not_after);
        files.replace(&good);
        server.hang_up();
        until_broken(&files, &server, 0).await;
    }
    fs::remove_file(files.path("tls.key")).unwrap();
    server.hang_up();
    until_broken(&files, &server, 1).await;
    call(&server, "still served", files.trusting(None)).await.unwrap();
    assert!(server.log().contains("new connections use the last valid certificate"), "{}", server.log());
    assert!(server.log().contains("does not match the certificate in"), "{}", server.log());
}

#[tokio::test]
async fn a_key_that_is_being_written_is_not_loaded() {
    let files = Files::new();
    let good = files.authority.server();
    files.replace(&good);
    let server = files.start(&[]).await;
    let new = files.authority.server();
    let mut writer = fs::File::create(files.path("tls.key")).unwrap();
    writer.write_all(&new.key.as_bytes()[..new.key.len() / 2]).unwrap();
    replace(&files.path("tls.crt"), &new.certificate);
    server.hang_up();
    let waits = async {
        while !server.log().contains("SIGHUP: the file is being written; it is read once the writer closes it") {
            assert_eq!(files.seen(&server).await, good.der);
        }
    };
    soon("it waits for the writer", waits).await;
    writer.write_all(&new.key.as_bytes()[new.key.len() / 2..]).unwrap();
    drop(writer);
    until_seen(&files, &server, &new.der).await;
    assert!(!server.log().contains("last valid certificate"), "{}", server.log());
}

#[tokio::test]
async fn a_new_certificate_is_loaded_without_a_signal() {
    let files = Files::new();
    let server = files.start(&[]).await;
    let new = files.authority.server();
    files.replace(&new);
    until_seen(&files, &server, &new.der).await;
}
