//! Backups on the in-memory store, with a clock that the tests control.

use super::*;
use crate::{
    admin::{Process, Settings},
    clock::ManualClock,
    control::Control,
    domain::{Role, samples::at, token_samples::token},
    export_file::{Counts, Line, Lines},
    store::{MemoryStore, NewPolicy, PolicyStore as _, Store, TokenStore as _},
    test_support::{agent, operator, principal, reviewer},
};
use tokio_util::sync::CancellationToken;

struct BackupFixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    admin: Arc<Admin>,
    draining: CancellationToken,
}

impl BackupFixture {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(at(0))));
        let draining = CancellationToken::new();
        let (policy_version, notification_problems) = (Box::new(|| 0), Box::new(Vec::new));
        let process = Process { policy_version, draining: draining.clone(), notification_problems };
        let (kept, dated) = (Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { admin: Admin::new(Control::new(kept), dated, Settings::default(), process), store, clock, draining }
    }

    /// Large enough for several chunks.
    async fn filled() -> Self {
        let fixture = Self::new();
        let document = format!("{{\"x\":\"{}\"}}", "x".repeat(5 * CHUNK_BYTES)).into();
        let (author, comment, now) = (operator().actor.clone(), String::new(), at(0));
        let policy = NewPolicy { document, author, comment, request_id: None, expected: None, now };
        fixture.store.put_policy(policy).await.unwrap();
        fixture.store.save_tokens(vec![token(1)]).await.unwrap();
        fixture
    }

    /// Begins a backup whose next chunk is ready.
    async fn begun(&self) -> Backup {
        let mut backup = self.admin.backup(operator()).await.unwrap();
        assert!(matches!(backup.next().await, Ok(Some(BackupPart::Data(_)))));
        backup
    }
}

/// Lets the backup's task run until it waits for its reader: it needs no other thread.
async fn until_it_waits() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// The error that ends a backup.
async fn end(mut backup: Backup) -> Error {
    loop {
        match backup.next().await {
            Ok(Some(BackupPart::Data(_))) => {}
            Ok(part) => panic!("it was not ended: {part:?}"),
            Err(error) => {
                assert_eq!(backup.next().await, Ok(None), "nothing follows an error");
                return error;
            }
        }
    }
}

#[tokio::test]
async fn a_backup_is_a_file_in_chunks() {
    let fixture = BackupFixture::filled().await;
    let mut backup = fixture.admin.backup(operator()).await.unwrap();
    let (mut file, mut sizes) = (Vec::new(), Vec::new());
    let summary = loop {
        match backup.next().await.unwrap().unwrap() {
            BackupPart::Data(data) => {
                sizes.push(data.len());
                file.extend(data);
            }
            BackupPart::Complete(summary) => break summary,
        }
    };
    assert_eq!(backup.next().await, Ok(None));
    assert!(sizes.iter().all(|size| (1..=CHUNK_BYTES).contains(size)) && sizes.contains(&CHUNK_BYTES), "{sizes:?}");
    let counts = Counts { policies: 1, tokens: 1, ..Counts::default() };
    assert_eq!((summary.bytes, summary.counts), (file.len() as u64, counts));
    let mut lines = Lines::begin(&file[..]).unwrap();
    assert!(matches!(lines.entry(), Ok(Line::Policy { .. })));
    assert!(matches!(lines.entry(), Ok(Line::Token { .. })));
    assert!(matches!(lines.entry(), Ok(Line::End(_))));
}

#[tokio::test]
async fn only_operators_back_up() {
    let fixture = BackupFixture::new();
    for caller in [agent(), reviewer(1), principal(&[Role::Auditor], crate::domain::ActorKind::Person, "auditor")] {
        assert!(matches!(fixture.admin.backup(caller).await, Err(Error::Access(_))));
    }
    let revoked = operator();
    revoked.revocation.revoke();
    assert_eq!(fixture.admin.backup(revoked).await.unwrap_err(), AccessDenied::Revoked.into());
}

#[tokio::test]
async fn one_backup_runs_at_a_time() {
    let fixture = BackupFixture::filled().await;
    let first = fixture.begun().await;
    assert_eq!(fixture.admin.backup(operator()).await.unwrap_err(), Error::BackupRunning);
    drop(first);
    // Its task notices that its reader has left.
    let permit = Arc::clone(&fixture.admin.backups).acquire_owned().await.unwrap();
    drop(permit);
    fixture.begun().await;
}

#[tokio::test]
async fn a_reader_that_stops_reading_ends_the_backup() {
    let fixture = BackupFixture::filled().await;
    let backup = fixture.begun().await;
    until_it_waits().await;
    fixture.clock.advance(CHUNK_TIME);
    drop(Arc::clone(&fixture.admin.backups).acquire_owned().await.unwrap()); // ended although nothing was read
    assert_eq!(end(backup).await, Error::BackupReaderSlow { limit: CHUNK_TIME });
}

#[tokio::test]
async fn a_backup_that_takes_too_long_ends() {
    let fixture = BackupFixture::filled().await;
    let backup = fixture.begun().await;
    until_it_waits().await;
    fixture.clock.advance(BACKUP_TIME);
    assert_eq!(end(backup).await, Error::BackupTooLong { limit: BACKUP_TIME });
}

#[tokio::test]
async fn a_drain_and_a_revocation_end_a_backup() {
    let fixture = BackupFixture::filled().await;
    let revoked = operator();
    let backup = fixture.admin.backup(Arc::clone(&revoked)).await.unwrap();
    revoked.revocation.revoke();
    assert_eq!(end(backup).await, AccessDenied::Revoked.into());
    let backup = fixture.begun().await;
    fixture.draining.cancel();
    assert_eq!(end(backup).await, Error::Draining);
    assert_eq!(fixture.admin.backup(operator()).await.unwrap_err(), Error::Draining);
}
