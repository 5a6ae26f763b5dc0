//! What a store tells of itself: wake-ups, changes, counts, health.

use futures_util::FutureExt as _;
use tokio::sync::broadcast::error::TryRecvError;

use super::*;

fn change(approval: &Approval) -> Change {
    let Approval { id, revision, status, deadline, .. } = *approval;
    Change { id, revision, status, deadline }
}

pub(super) async fn pending_follows_every_change(mut subject: impl Subject) {
    assert_eq!(subject.store().pending(), 0);
    fill(&**subject.store()).await;
    assert_eq!(subject.store().pending(), 3);
    subject.reopen().await;
    assert_eq!(subject.store().pending(), 3);
    let digest = submission(0, 1).request.digest;
    for (n, command, left) in
        [(1, claim(1, digest), 3), (1, Command::Expire, 3), (1, approve(1), 2), (1, approve(2), 2), (3, cancel(), 1)]
    {
        let _ = subject.store().transition(id(n, n.unsigned_abs()), command, at(30)).await;
        assert_eq!(subject.store().pending(), left);
    }
    subject.store().prune(at(1_000), 100).await.unwrap();
    assert_eq!(subject.store().pending(), 1);
    subject.reopen().await;
    assert_eq!(subject.store().pending(), 1);
}

fn closed<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert_eq!(answer.unwrap_err(), StoreError::Unavailable("closed".into()));
}
