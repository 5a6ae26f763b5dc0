//! Damaged files and records. Whatever is damaged, the store answers as before for everything acknowledged, or
//! does not open, or answers for the damaged approval with an error.

mod records;
mod snapshots;

use std::path::PathBuf;

use super::*;
use crate::{
    bounded_file,
    domain::{Effect, Refusal, Request},
    store::{
        Order,
        conformance::{claim, oldest_first, reject, with},
    },
};

/// A directory with a store that has claimed and unclaimed approvals, and its expected content.
struct Whole {
    directory: TempDir,
    histories: Vec<History>,
}

impl Whole {
    /// `reopened`: with a snapshot of sled, so that only a part of the data is in the tail of its log.
    async fn new(reopened: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).unwrap();
        let old = Submission { verdict: verdict(Effect::AutoReject), ..submission(-9, 90) };
        store.submit(old).await.unwrap();
        assert_eq!(store.prune(at(-8), at(-8), 9).await.unwrap(), 1, "it leaves its request_id");
        fill(&store).await;
        store.put_policy(policy(0, "a")).await.unwrap();
        if reopened {
            close(store).await;
            let store = open(&directory).unwrap();
            for n in 11..=14 {
                let schema = |request: &mut Request| request.schema = Some(r#"{"type":"object"}"#.into());
                store.submit(with(submission(n, n.unsigned_abs()), schema)).await.unwrap();
            }
            let digest = store.get(id(2, 2)).await.unwrap().digest;
            store.transition(id(2, 2), claim(2, digest), at(21)).await.unwrap();
            store.transition(id(12, 12), reject(1), at(21)).await.unwrap();
            return Self::of(directory, store).await;
        }
        Self::of(directory, store).await
    }

    async fn of(directory: TempDir, store: SledStore) -> Self {
        let histories = store.export(None, 1_000).await.unwrap();
        close(store).await;
        Self { directory, histories }
    }

    /// The pending approvals.
    fn pending(&self) -> Vec<ApprovalId> {
        let approvals = self.histories.iter().map(|history| Approval::replay(history.id, &history.events).unwrap());
        approvals.filter(|approval| approval.status == Status::Pending).map(|approval| approval.id).collect()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// All files, relative to the data directory.
    fn files(&self) -> Vec<String> {
        let mut files = vec!["WATERMARK".to_owned()];
        for entry in fs::read_dir(self.path("sled")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                files.push(format!("sled/{}", entry.file_name().into_string().unwrap()));
            }
        }
        files
    }

    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("sled")).unwrap();
        for file in self.files() {
            fs::copy(self.path(&file), copy.path().join(file)).unwrap();
        }
        copy
    }

    /// Opens a damaged copy. Returns whether it opened.
    async fn bears(&self, damaged: &TempDir, what: &str) -> bool {
        let store = match open(damaged) {
            Ok(store) => store,
            Err(OpenError::Corrupt { reason, .. }) => {
                assert!(!reason.is_empty(), "{what}");
                return false;
            }
            Err(OpenError::Schema { .. } | OpenError::Io { .. }) => return false,
            Err(other) => panic!("{what}: {other}"),
        };
        for history in &self.histories {
            match store.events(history.id, 0, Revision::MAX).await {
                Ok(events) => assert_eq!(events, history.events, "{what}"),
                Err(StoreError::Corrupt(_) | StoreError::Newer(_) | StoreError::Unavailable(_)) => {}
                Err(other) => panic!("{what}: {other}"),
            }
            let approval = Approval::replay(history.id, &history.events).unwrap();
            match store.get(history.id).await {
                Ok(found) => assert_eq!(*found, approval, "{what}"),
                Err(StoreError::Corrupt(_) | StoreError::Newer(_) | StoreError::Unavailable(_)) => {}
                Err(other) => panic!("{what}: {other}"),
            }
            if approval.claim.is_some() {
                let again = store.transition(history.id, claim(99, approval.digest), at(22)).await;
                assert!(
                    matches!(
                        again,
                        Err(StoreError::Refused(Refusal::AlreadyClaimed(_) | Refusal::AlreadyReported(_))
                            | StoreError::Corrupt(_)
                            | StoreError::Newer(_))
                    ),
                    "{what}: {again:?}"
                );
            }
        }
        close(store).await;
        true
    }
}

fn flip(path: &Path, at: usize, bit: u8) {
    let mut bytes = bounded_file::whole(path);
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

/// Offsets of data in a file: some bytes apart, and every byte of the last ones.
fn places(path: &Path, apart: usize) -> Vec<usize> {
    let bytes = bounded_file::whole(path);
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let last = end.saturating_sub(80);
    (0..last).step_by(apart).chain(last..end).collect()
}

async fn flips(reopened: bool, apart: usize) {
    let whole = Whole::new(reopened).await;
    let (mut opened, mut refused) = (0, 0);
    for file in whole.files() {
        for place in places(&whole.path(&file), apart) {
            let copy = whole.copy();
            flip(&copy.path().join(&file), place, u8::try_from(place % 8).unwrap());
            match whole.bears(&copy, &format!("{file}, byte {place}")).await {
                true => opened += 1,
                false => refused += 1,
            }
        }
    }
    assert!(opened > 0 && refused > 100, "{opened} opened, {refused} were refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bits_in_the_log_are_detected() {
    flips(false, 311).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bits_in_a_log_with_a_snapshot_are_detected() {
    flips(true, 311).await;
}

/// A store of several segments.
async fn long() -> Whole {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..=150 {
        store.submit(submission(0, n)).await.unwrap();
        if n % 50 == 0 {
            store.put_policy(policy(0, &(n / 50).to_string().repeat(DOCUMENT_MAX / 2))).await.unwrap();
        }
    }
    for n in 1..=150 {
        store.transition(id(0, n), reject(1), at(1)).await.unwrap();
    }
    let digest = store.get(id(0, 1)).await.unwrap().digest;
    for n in 151..=160 {
        store.submit(Submission { verdict: verdict(Effect::AutoApprove), ..submission(0, n) }).await.unwrap();
        store.transition(id(0, n), claim(n, digest), at(1)).await.unwrap();
        store.put_policy(policy(0, &(n % 10).to_string().repeat(DOCUMENT_MAX / 8))).await.unwrap();
    }
    Whole::of(directory, store).await
}

/// sled skips an empty segment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_of_zeros_are_detected() {
    let whole = long().await;
    let length = usize::try_from(fs::metadata(whole.path("sled/db")).unwrap().len()).unwrap();
    let mut refused = 0;
    for at in (0..length).step_by(log::SEGMENT) {
        let copy = whole.copy();
        let mut bytes = bounded_file::whole(copy.path().join("sled/db"));
        let end = bytes.len().min(at + log::SEGMENT);
        let lost = bytes[at..end].iter().any(|byte| *byte != 0);
        bytes[at..end].fill(0);
        fs::write(copy.path().join("sled/db"), bytes).unwrap();
        if lost {
            let mark = watermark::Mark::read(&copy.path().join("WATERMARK")).unwrap().unwrap();
            let doubts = preflight::doubts(&copy.path().join("sled"), &mark);
            let missing = !whole.bears(&copy, &format!("segment at {at}")).await;
            assert!(missing || doubts.is_ok_and(|doubts| !doubts.is_empty()), "the segment at {at} was not detected");
            refused += usize::from(missing);
        }
    }
    assert!(refused > 2, "{refused} were refused");
}

/// After a segment that it cannot read to its end, sled continues in the next one, with older pages of the lost data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bits_in_the_middle_of_a_long_log_are_detected() {
    let whole = long().await;
    let (length, mut refused) = (fs::metadata(whole.path("sled/db")).unwrap().len(), 0);
    assert!(length > 4 * log::SEGMENT as u64, "{length}");
    for place in (1_000..usize::try_from(length).unwrap()).step_by(69_991) {
        let copy = whole.copy();
        flip(&copy.path().join("sled/db"), place, 6);
        refused += usize::from(!whole.bears(&copy, &format!("byte {place}")).await);
    }
    assert!(refused > 4, "{refused} were refused");
}

#[tokio::test]
async fn a_store_with_a_mark_never_opens_empty() {
    let whole = Whole::new(true).await;
    for file in whole.files().into_iter().filter(|file| file != "sled/conf") {
        let copy = whole.copy();
        fs::remove_file(copy.path().join(&file)).unwrap();
        if file.starts_with("sled/snap.") {
            // Everything is still in the log.
            assert!(whole.bears(&copy, &file).await);
            continue;
        }
        assert!(!whole.bears(&copy, &file).await, "{file} is missing");
        let copy = whole.copy();
        fs::write(copy.path().join(&file), b"").unwrap();
        assert!(!whole.bears(&copy, &file).await, "{file} is empty");
    }
    let copy = whole.copy();
    fs::remove_dir_all(copy.path().join("sled")).unwrap();
    assert!(!whole.bears(&copy, "no directory").await);
    let log = bounded_file::whole(whole.path("sled/db"));
    let end = log.iter().rposition(|byte| *byte != 0).unwrap();
    for length in [1, 20, 100, end / 2, end - 200, end] {
        let copy = whole.copy();
        fs::write(copy.path().join("sled/db"), &log[..length]).unwrap();
        // The last bytes can belong to a page that sled rewrote, and that is elsewhere too.
        let opened = whole.bears(&copy, &format!("{length} bytes")).await;
        assert!(!opened || length > end / 2, "{length} of {end} bytes");
    }
}

#[tokio::test]
async fn swapped_blocks_are_detected() {
    let whole = Whole::new(true).await;
    let log = bounded_file::whole(whole.path("sled/db"));
    let end = log.iter().rposition(|byte| *byte != 0).unwrap();
    for block in [512, 4_096] {
        for at in (0..end.saturating_sub(2 * block)).step_by(block) {
            let (mut swapped, copy) = (log.clone(), whole.copy());
            let (left, right) = swapped.split_at_mut(at + block);
            left[at..].swap_with_slice(&mut right[..block]);
            fs::write(copy.path().join("sled/db"), swapped).unwrap();
            whole.bears(&copy, &format!("blocks of {block} at {at}")).await;
        }
    }
}

/// A start verifies the whole store only when there are doubts.
#[tokio::test]
async fn an_intact_store_raises_no_doubts() {
    let directory = tempfile::tempdir().unwrap();
    let doubts = || {
        let mark = watermark::Mark::read(&directory.path().join("WATERMARK")).unwrap().unwrap();
        preflight::doubts(&directory.path().join("sled"), &mark).unwrap()
    };
    for round in 0..6 {
        let store = open(&directory).unwrap();
        // Several segments in each round, some of them reused.
        for n in 0..round {
            store.put_policy(policy(0, &((5 * round + n) % 10).to_string().repeat(DOCUMENT_MAX))).await.unwrap();
        }
        for n in 1..=20 {
            store.submit(submission(round, n)).await.unwrap();
            assert_eq!(doubts(), [] as [String; 0], "while it is open, as after a kill");
        }
        close(store).await;
        assert_eq!(doubts(), [] as [String; 0], "closed");
    }
}

#[tokio::test]
async fn an_older_state_of_the_files_is_detected() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.submit(submission(0, 1)).await.unwrap();
    close(store).await;
    let older = Whole { histories: Vec::new(), directory };
    let copy = older.copy();
    let store = open(&older.directory).unwrap();
    store.transition(id(0, 1), reject(1), at(1)).await.unwrap();
    close(store).await;
    fs::copy(older.path("WATERMARK"), copy.path().join("WATERMARK")).unwrap();
    let refused = open(&copy).unwrap_err().to_string();
    assert!(refused.contains("commit group 2 was acknowledged, but the newest is 1"), "{refused}");
    // The watermark of another store is rejected too.
    let other = tempfile::tempdir().unwrap();
    close(open(&other).unwrap()).await;
    fs::copy(other.path().join("WATERMARK"), copy.path().join("WATERMARK")).unwrap();
    let refused = open(&copy).unwrap_err().to_string();
    assert!(refused.contains("belong to different stores"), "{refused}");
    fs::remove_file(copy.path().join("WATERMARK")).unwrap();
    let refused = open(&copy).unwrap_err().to_string();
    assert!(refused.contains("WATERMARK is missing") && refused.contains("signoff store check"), "{refused}");
}

/// The store and its watermark are lost, and only the file with the server's time remains.
#[tokio::test]
async fn a_directory_that_a_server_has_used_never_opens_empty() {
    let directory = tempfile::tempdir().unwrap();
    close(open(&directory).unwrap()).await;
    fs::write(directory.path().join("CLOCK"), "").unwrap();
    close(open(&directory).unwrap()).await;
    fs::remove_dir_all(directory.path().join("sled")).unwrap();
    fs::remove_file(directory.path().join("WATERMARK")).unwrap();
    for _ in 0..2 {
        let refused = open(&directory).unwrap_err().to_string();
        assert!(refused.contains("To start with an empty store, delete CLOCK"), "{refused}");
    }
    fs::remove_file(directory.path().join("CLOCK")).unwrap();
    close(open(&directory).unwrap()).await;
}

#[tokio::test]
async fn an_interrupted_creation_is_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let mark = watermark::Mark::new(uuid::Uuid::from_u128(1), SCHEMA, watermark::State::Creating);
    drop(watermark::Watermark::create(&directory.path().join("WATERMARK"), mark).unwrap());
    tamper(directory.path(), |db| {
        db.insert(b"half", b"made").unwrap();
    });
    // sled's first write failed, and a later one succeeded.
    let mut log = fs::File::options().write(true).open(directory.path().join("sled/db")).unwrap();
    std::io::Write::write_all(&mut log, &[0; 20]).unwrap();
    // But a store that has records is never created again.
    let other = Whole::new(false).await;
    fs::copy(directory.path().join("WATERMARK"), other.path("WATERMARK")).unwrap();
    let before = bounded_file::whole(other.path("sled/db"));
    let refused = open(&other.directory).unwrap_err().to_string();
    assert!(refused.contains("WATERMARK says that the store is new, but it has records"), "{refused}");
    assert_eq!(bounded_file::whole(other.path("sled/db")), before);
    let store = open(&directory).unwrap();
    assert!(store.export(None, 1).await.unwrap().is_empty() && store.pages.get(b"half").unwrap().is_none());
    store.submit(submission(0, 1)).await.unwrap();
    close(store).await;
    assert_eq!(open(&directory).unwrap().get(id(0, 1)).await.unwrap().revision, 1);
}

#[tokio::test]
async fn the_log_of_a_failed_store_is_rewritten() {
    let whole = Whole::new(false).await;
    let path = whole.path("WATERMARK");
    let mark = watermark::Mark::read(&path).unwrap().unwrap();
    watermark::Watermark::open(&path, mark).unwrap().failed();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&whole.path("sled/db"));
    assert!(whole.bears(&whole.directory, "after a failure").await);
    assert_ne!(inode(&whole.path("sled/db")), before);
    let after = inode(&whole.path("sled/db"));
    assert!(whole.bears(&whole.directory, "after a close").await);
    assert_eq!(inode(&whole.path("sled/db")), after);
}
