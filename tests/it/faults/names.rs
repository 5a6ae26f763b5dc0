//! Files of the store that are deleted or replaced while the server has them open.

use std::{fs, path::Path};

use tonic::Code;

use super::SETTINGS;
use crate::{
    calls::{ask, open, reason},
    server::{Process, Server, serve},
};

/// A change of a file, and the server's message.
type Loss = (fn(&Path), &'static str);

const LOSSES: [Loss; 3] = [
    (|file| fs::remove_file(file).unwrap(), "was deleted or renamed"),
    (|file| fs::rename(file, file.with_extension("old")).unwrap(), "was deleted or renamed"),
    (
        |file| {
            let copy = file.with_extension("copy");
            fs::copy(file, &copy).unwrap();
            fs::rename(copy, file).unwrap();
        },
        "was replaced",
    ),
];

#[tokio::test]
async fn a_server_without_its_files_acknowledges_nothing_more() {
    for name in ["sled/db", "LOCK", "WATERMARK"] {
        for (lose, says) in LOSSES {
            let parent = tempfile::tempdir().unwrap();
            let data = parent.path().join("data");
            let mut server = Server::start(&data, &SETTINGS).await;
            open(&mut server.agent(), ask("before")).await.unwrap();
            lose(&data.join(name));
            let refused = open(&mut server.agent(), ask("after")).await.expect_err("nothing more is acknowledged");
            assert_eq!((refused.code(), &*reason(&refused)), (Code::Unavailable, "STORE_UNAVAILABLE"), "{name}");
            assert_eq!(server.ended().await.code(), Some(1), "{name}: {}", server.log());
            let log = server.log();
            assert!(log.contains(says) && log.contains(name), "{name}: {log}");
        }
    }
}

/// Whatever is deleted, a second server on the same directory fails immediately, and the first one loses nothing
/// acknowledged.
#[tokio::test]
async fn two_servers_never_share_a_directory() {
    for deleted in [&["LOCK"][..], &["LOCK", "WATERMARK"], &["LOCK", "WATERMARK", "sled/db"]] {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let _first = Server::start(&data, &SETTINGS).await;
        for name in deleted {
            let _ = fs::remove_file(data.join(name));
        }
        let (status, log) = Process::spawn(&data, serve(&data, &SETTINGS)).listening().await.expect_err("it is in use");
        super::assert_sentence(status.code(), &log, &format!("{deleted:?}"));
        assert!(log.contains("is in use by another process"), "{deleted:?}: {log}");
    }
}
