//! Stores of schema version 2, as commit debbbb3 wrote them.

use super::*;
use crate::{bounded_file, domain::token_samples::token, store::MemoryStore};

/// Writes the content of a store in the format of schema version 2.
fn write(directory: &Path, histories: &[History], policies: &[PolicyVersion], tokens: &[Token]) {
    let mut records: Vec<(Vec<u8>, Vec<u8>)> = vec![(keys::SCHEMA.to_vec(), 2_u32.to_be_bytes().to_vec())];
    for history in histories {
        let revision = history.events.len();
        // The migration reads only this field of the old head.
        let head = serde_json::json!({"revision": revision, "status": "pending", "edits": 0});
        cut(&mut records, keys::head(history.id), &head);
        for event in &history.events {
            cut(&mut records, keys::event(history.id, event.revision), event);
        }
        let id = history.id.uuid().as_bytes().to_vec();
        records.push((Field::Status(Status::Pending).key(history.id), b"test\0agent".to_vec()));
        records.push(([b"q", &id[..]].concat(), id));
    }
    for version in policies {
        let PolicyVersion { head, request_id, expected, document } = version;
        let record = OldPolicy { head, request_id: request_id.as_deref(), expected: *expected };
        cut(&mut records, keys::policy(head.version), &record);
        cut(&mut records, keys::policy_document(head.version), document);
    }
    for token in tokens {
        cut(&mut records, keys::token(token.id), token);
    }
    tamper(directory, |db| {
        for (key, value) in records {
            db.insert(key, value).unwrap();
        }
    });
}

/// A version of the policy, without its document.
#[derive(serde::Serialize)]
struct OldPolicy<'a> {
    head: &'a PolicyHead,
    request_id: Option<&'a str>,
    expected: Option<u64>,
}

fn cut(records: &mut Vec<(Vec<u8>, Vec<u8>)>, key: Vec<u8>, value: &impl serde::Serialize) {
    let bytes = rmp_serde::to_vec_named(value).unwrap();
    let (first, rest) = bytes.split_at(bytes.len().min(5_999));
    let pieces = rest.chunks(6_000);
    let count = u8::try_from(pieces.len()).unwrap();
    records.extend((1..=count).zip(pieces).map(|(number, piece)| ([&key[..], &[number]].concat(), piece.to_vec())));
    records.push((key, [&[count], first].concat()));
}

/// A store of version 2 with records of every kind, and a model with the same content.
async fn old() -> (TempDir, MemoryStore) {
    let (directory, model) = (tempfile::tempdir().unwrap(), MemoryStore::default());
    fill(&model).await;
    model.submit(largest(20)).await.unwrap();
    for document in ["a", &"b".repeat(20_000)] {
        model.put_policy(policy(0, document)).await.unwrap();
    }
    model.save_tokens(vec![token(1), token(2)]).await.unwrap();
    let (histories, policies) = (model.export(None, 99).await.unwrap(), model.export_policies(0, 99).await.unwrap());
    write(directory.path(), &histories, &policies, &model.tokens().await.unwrap());
    (directory, model)
}

async fn same(store: &SledStore, model: &MemoryStore) {
    assert_eq!(everything(store).await, everything(model).await);
    assert_eq!(store.export_policies(0, 99).await, model.export_policies(0, 99).await);
    assert_eq!(store.tokens().await, model.tokens().await);
    assert_eq!(store.find(&agent(), "r1", at(0)).await.unwrap(), Some(id(1, 1)));
}

#[tokio::test]
async fn a_store_of_schema_2_opens_with_everything_in_it() {
    let (directory, model) = old().await;
    for own in ["sled.old", "sled.new", "sled.check"] {
        fs::create_dir(directory.path().join(own)).unwrap(); // an operator's
    }
    let store = open(&directory).unwrap();
    same(&store, &model).await;
    store.submit(submission(9, 99)).await.unwrap();
    close(store).await;
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 6, "{left:?}");
    assert_eq!(open(&directory).unwrap().get(id(9, 99)).await.unwrap().revision, 1);
}

#[tokio::test]
async fn a_damaged_store_of_schema_2_is_not_migrated() {
    let (directory, _) = old().await;
    tamper(directory.path(), |db| drop(db.remove(keys::event(id(2, 2), 2)).unwrap()));
    let refused = open(&directory).unwrap_err().to_string();
    assert!(refused.contains("has 1 events; its head says 2"), "{refused}");
    assert!(!directory.path().join("WATERMARK").exists());
    tamper(directory.path(), |db| assert_eq!(*db.get(keys::SCHEMA).unwrap().unwrap(), 2_u32.to_be_bytes()));
}

/// Files that sled would treat as an empty store, or as the end of its log, are not replaced.
#[tokio::test]
async fn damaged_files_of_schema_2_are_left_unchanged() {
    let (directory, _) = old().await;
    tamper(directory.path(), |_| {}); // a snapshot
    let sled = directory.path().join("sled");
    let names: Vec<_> = fs::read_dir(&sled).unwrap().map(|entry| entry.unwrap().path()).collect();
    let snapshot = names.iter().find(|path| path.to_string_lossy().contains("snap.")).expect("a snapshot");
    let (log, snap) = (bounded_file::whole(sled.join("db")), bounded_file::whole(snapshot));
    let mut header = log.clone();
    header[6] ^= 1;
    for (damaged, snapshotted) in [(&log[..0], true), (&header, true), (&header, false), (&vec![0; log.len()], true)] {
        fs::write(sled.join("db"), damaged).unwrap();
        match snapshotted {
            true => fs::write(snapshot, &snap).unwrap(),
            false => fs::remove_file(snapshot).unwrap(),
        }
        let refused = open(&directory).unwrap_err();
        assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
        assert_eq!(bounded_file::whole(sled.join("db")), damaged);
        assert!(!directory.path().join("WATERMARK").exists());
    }
}

#[tokio::test]
async fn a_store_that_an_older_build_had_not_finished_is_created() {
    let directory = tempfile::tempdir().unwrap();
    tamper(directory.path(), |_| {});
    open(&directory).unwrap();
}

#[tokio::test]
async fn schema_2_is_neither_checked_nor_salvaged() {
    let (directory, _) = old().await;
    let scratch = tempfile::tempdir().unwrap();
    let check = check(directory.path(), scratch.path()).unwrap_err().to_string();
    let salvage = salvage(directory.path(), at(0)).unwrap_err().to_string();
    assert!(check.ends_with("schema version 2: start the server once to migrate it"), "{check}");
    assert_eq!(check, salvage);
}

/// Stops a migration where a crash could, and starts again.
#[tokio::test]
async fn an_interrupted_migration_is_completed() {
    let migrated = |directory: &TempDir| {
        let directory = Directory::open(directory.path()).unwrap();
        let db = open::open_sled(&directory, &directory.sled()).unwrap();
        migrate::migrate(&directory, &TreeReader::new(sled::Tree::clone(&db))).unwrap();
    };
    for step in 0..6 {
        let (directory, model) = old().await;
        let path = |name: &str| directory.path().join(name);
        match step {
            0 => fs::create_dir(path("sled.being-migrated")).unwrap(), // begun, and not far
            1 => {
                migrated(&directory); // durable, but its mark is not
                fs::remove_file(path("WATERMARK")).unwrap();
            }
            2 => migrated(&directory),
            3 => {
                migrated(&directory);
                fs::rename(path("sled"), path("sled.before-migration")).unwrap();
            }
            4 => {
                migrated(&directory);
                fs::rename(path("sled"), path("sled.before-migration")).unwrap();
                fs::rename(path("sled.being-migrated"), path("sled")).unwrap();
            }
            _ => {
                close(open(&directory).unwrap()).await;
                fs::create_dir(path("sled.before-migration")).unwrap(); // opened, but the old files are there
            }
        }
        let store = open(&directory).unwrap();
        same(&store, &model).await;
        close(store).await;
        assert!(!path("sled.before-migration").exists() && !path("sled.being-migrated").exists(), "{step}");
    }
}
