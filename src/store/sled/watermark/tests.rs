//! The file, its slots, and the thread that syncs it.

use super::*;

fn tip(counter: u64) -> Tip {
    Tip { counter, hash: Digest::of_bytes(&counter.to_le_bytes()), newest: None }
}

fn made(directory: &tempfile::TempDir) -> (std::path::PathBuf, Watermark) {
    let path = directory.path().join("WATERMARK");
    let mark = Mark::new(Uuid::from_u128(7), 3, State::Creating);
    let watermark = Watermark::create(&path, mark).unwrap();
    (path, watermark)
}

#[test]
fn a_failure_is_recorded_without_the_owner_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("WATERMARK");
    note_failure(&path);
    assert!(!path.exists(), "a missing mark is not created");
    let mut mark = Watermark::create(&path, Mark::new(Uuid::from_u128(1), 3, State::Creating)).unwrap();
    note_failure(&path);
    assert_eq!(Mark::read(&path).unwrap().unwrap().state, State::Creating);
    mark.settle(State::Open).unwrap();
    mark.advance(&tip(4)).unwrap();
    let before = bounded_file::whole(&path);
    note_failure(&path);
    let noted = Mark::read(&path).unwrap().unwrap();
    assert_eq!((noted.state, noted.counter), (State::Failed, 4));
    // A torn note must not damage the newest mark.
    let newest = usize::try_from(mark.mark().slot_offset()).unwrap();
    let after = bounded_file::whole(&path);
    assert_eq!(before[newest..newest + SECTOR], after[newest..newest + SECTOR]);
    // A write that hung, and returned too late.
    mark.advance(&tip(5)).unwrap();
    mark.failed();
    let noted = Mark::read(&path).unwrap().unwrap();
    assert_eq!((noted.state, noted.counter), (State::Failed, 5));
}

#[test]
fn a_failed_write_leaves_the_other_slot_intact() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("WATERMARK");
    let mark = Watermark::create(&path, Mark::new(Uuid::from_u128(1), 3, State::Open)).unwrap();
    let file = Arc::new(File::open(&path).unwrap()); // which cannot be written
    let mut refused = Watermark { syncer: Arc::new(Syncer::new(Arc::clone(&file))), file, mark: *mark.mark() };
    refused.advance(&tip(4)).unwrap_err();
    refused.failed();
    assert_eq!(refused.mark().sequence, mark.mark().sequence);
}

#[test]
fn what_is_written_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut watermark) = made(&directory);
    let read = || Mark::read(&path).unwrap().unwrap();
    assert_eq!(read(), *watermark.mark());
    for (counter, (state, _)) in (1..).zip(STATES) {
        watermark.advance(&tip(counter)).unwrap();
        assert_eq!(read(), *watermark.mark());
        watermark.settle(state).unwrap();
        assert_eq!((read().counter, read().state, read().store), (counter, state, Uuid::from_u128(7)));
    }
    assert!(Mark::read(&directory.path().join("none")).unwrap().is_none());
}

#[test]
fn the_codes_are_pinned() {
    let codes = STATES.map(|(state, code)| (format!("{state:?}"), code));
    let pinned = [("Creating", 1), ("Swapping", 2), ("Open", 3), ("Closed", 4), ("Failed", 5)];
    assert_eq!(codes, pinned.map(|(state, code)| (state.to_owned(), code)));
    let mark = Mark { sequence: 5, ..Mark::new(Uuid::from_u128(1), 3, State::Open).at(&tip(2)) };
    let (header, slot) = (mark.header(), mark.sector());
    assert_eq!(header[..24], *b"signoff-watermrk\x01\0\0\0\x03\0\0\0");
    assert_eq!(slot[..16], [5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(slot[48], 3);
}

/// With a flipped bit, the mark is unchanged, or one group behind, or rejected. It is never ahead.
#[test]
fn every_flip_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut watermark) = made(&directory);
    watermark.settle(State::Open).unwrap();
    watermark.advance(&tip(1)).unwrap();
    watermark.advance(&tip(2)).unwrap();
    let bytes = bounded_file::whole(&path);
    assert_eq!(bytes.len(), 3 * SECTOR);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        match Mark::decode(&flipped) {
            Ok(mark) => assert!((1..=2).contains(&mark.counter) && at >= SECTOR, "{at}"),
            Err(_) => assert!(at < SECTOR, "{at}"),
        }
    }
    for length in 0..SECTOR * 2 {
        assert!(Mark::decode(&bytes[..length]).is_err(), "{length}");
    }
    // Once settled, damage to one slot changes nothing.
    watermark.settle(State::Closed).unwrap();
    let bytes = bounded_file::whole(&path);
    for at in SECTOR..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let mark = Mark::decode(&flipped).unwrap();
        assert_eq!((mark.counter, mark.state), (2, State::Closed), "{at}");
    }
}

#[test]
fn endless_files_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    for endless in bounded_file::samples::endless(directory.path()) {
        let error = Mark::read(&endless).unwrap_err().to_string();
        assert_eq!(error, "is not a regular file", "{}", endless.display());
    }
    assert!(Mark::read(&directory.path().join("none")).unwrap().is_none());
}

#[test]
fn a_sync_that_hangs_fails_later_moves() {
    let directory = tempfile::tempdir().unwrap();
    for (hangs, begun) in [(false, false), (true, false), (true, true)] {
        let (_, mut watermark) = made(&directory);
        let limit = if hangs { Duration::ZERO } else { Duration::from_secs(3_600) };
        watermark.syncer.moves().limit = Some(limit); // as with a thread that does nothing
        watermark.advance(&tip(1)).unwrap();
        if begun {
            let mut moves = watermark.syncer.moves();
            moves.syncing = moves.waiting.take();
        }
        let next = watermark.advance(&tip(2)).map_err(|error| error.kind());
        assert_eq!(next, if hangs { Err(io::ErrorKind::TimedOut) } else { Ok(()) });
    }
}

#[test]
fn moves_are_synced_by_the_thread() {
    let directory = tempfile::tempdir().unwrap();
    let (_, mut watermark) = made(&directory);
    watermark.keep_synced(Duration::from_secs(30), |error| panic!("{error}")).unwrap();
    watermark.advance(&tip(1)).unwrap();
    let synced = |moves: &mut Moves| moves.waiting.is_some() || moves.syncing.is_some();
    let syncer = Arc::clone(&watermark.syncer);
    while synced(&mut syncer.moves.lock().unwrap()) {
        std::thread::yield_now();
    }
    drop(watermark);
    while Arc::strong_count(&syncer) > 1 {
        std::thread::yield_now(); // the thread has ended
    }
}

/// Watermarks of existing stores: they must not change without a new layout.
#[test]
fn the_layout_is_pinned() {
    let codes = [(State::Creating, 1), (State::Swapping, 2), (State::Open, 3), (State::Closed, 4), (State::Failed, 5)];
    assert_eq!(STATES, codes);
    let mut mark = Mark::new(Uuid::from_u128(7), 3, State::Closed).at(&tip(9));
    mark.sequence = 4;
    let shown = [mark.header(), mark.sector()].map(|sector| Digest::of_bytes(&sector).to_string()[7..23].to_owned());
    assert_eq!(shown, ["b0af32726096340e", "5989c9aaaa352149"]);
}
