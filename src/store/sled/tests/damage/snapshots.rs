//! Empty snapshots of sled: a power loss can keep the name of a snapshot, but not its content.

use super::*;

#[tokio::test]
async fn an_empty_snapshot_is_removed_when_the_log_is_complete() {
    for reopened in [false, true] {
        let whole = Whole::new(reopened).await;
        let snapshots = whole.files().into_iter().filter(|file| file.starts_with("sled/snap."));
        // Also one beside the newest intact one.
        for empty in snapshots.chain(["sled/snap.FFFFFFFFFFFFFFFF".to_owned()]) {
            let copy = whole.copy();
            fs::write(copy.path().join(&empty), b"").unwrap();
            let findings = check(copy.path(), &copy.path().join("scratch")).unwrap();
            assert!(findings.faults.is_empty(), "{empty}: {:?}", findings.faults);
            let note = format!("the snapshot {empty} is empty");
            assert!(findings.notes.contains(&note), "{:?}", findings.notes);
            let store = open(&copy).unwrap();
            assert_eq!(store.export(None, 1_000).await.unwrap(), whole.histories, "{empty}");
            close(store).await;
            assert!(fs::metadata(copy.path().join(&empty)).map_or(1, |file| file.len()) > 0, "{empty} is still empty");
        }
    }
}

/// Without a snapshot, the log must be complete. If it is damaged, the store does not open, and nothing is removed.
#[tokio::test]
async fn an_empty_snapshot_with_a_damaged_log_is_reported() {
    let whole = Whole::new(true).await;
    let snapshot = whole.files().into_iter().filter(|file| file.starts_with("sled/snap.")).max().unwrap();
    let copy = whole.copy();
    fs::write(copy.path().join(&snapshot), b"").unwrap();
    let log = copy.path().join("sled/db");
    let mut content = bounded_file::whole(&log);
    let middle = content.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    content[middle..middle + 4_096].fill(0);
    fs::write(&log, content).unwrap();
    let refused = open(&copy).unwrap_err().to_string();
    assert!(refused.contains(&format!("the snapshot {snapshot} is empty")), "{refused}");
    assert!(refused.contains("Run `signoff store check --data-dir"), "{refused}");
    assert_eq!(fs::metadata(copy.path().join(&snapshot)).unwrap().len(), 0, "it is left unchanged");
}
