//! Freezes and the status on the in-memory store, with a clock that the tests control.

use std::time::Duration;

use super::*;
use crate::{
    clock::ManualClock,
    control::Control,
    domain::{
        ActorKind, Command, FreezeError, Role,
        freeze_samples::tool,
        samples::{a_request, at, id, quorum},
    },
    identity::AccessDenied,
    store::{ApprovalStore as _, FreezeStore as _, MemoryStore, Submission},
    test_support::{agent, operator, principal, reviewer},
};

struct AdminFixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    admin: Arc<Admin>,
    draining: CancellationToken,
}

impl AdminFixture {
    fn new(settings: Settings) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(at(0))));
        let draining = CancellationToken::new();
        let notification_problems = Box::new(|| vec!["channel hook fails".to_owned()]);
        let process = Process { policy_version: Box::new(|| 7), draining: draining.clone(), notification_problems };
        let (kept, dated) = (Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { admin: Admin::new(Control::new(kept), dated, settings, process), store, clock, draining }
    }

    async fn freeze(&self, scope: FreezeScope) -> Freeze {
        self.admin.freeze(&operator(), scope, "incident".into(), None).await.unwrap()
    }
}

/// A pending request, made `n` seconds after `at(10)`.
fn submission(n: u64) -> Submission {
    let (seconds, (request, arguments)) = (10 + i64::try_from(n).unwrap(), a_request(&format!("r{n}")));
    let (request, verdict) = (Arc::new(request), quorum(1));
    Submission { id: id(seconds, n), request, arguments, verdict, now: at(seconds), pending_limit: 9 }
}

fn another_operator() -> Arc<Principal> {
    principal(&[Role::Operator], ActorKind::Person, "another")
}

#[tokio::test]
async fn a_freeze_names_its_author_and_time() {
    let fixture = AdminFixture::new(Settings::default());
    fixture.clock.advance(Duration::from_secs(5));
    let freeze = fixture.freeze(tool("x*")).await;
    assert_eq!((&freeze.actor, freeze.at), (&operator().actor, at(5)));
    assert_eq!(fixture.store.freezes().await.unwrap(), std::slice::from_ref(&freeze));
    fixture.clock.advance(Duration::from_secs(4));
    let thawed = fixture.admin.thaw(&another_operator(), freeze.id, None).await.unwrap();
    let end = thawed.thawed.clone().unwrap();
    assert_eq!((end.actor, end.at), (another_operator().actor.clone(), at(9)));
    assert_eq!(fixture.admin.freezes(&operator()).await.unwrap(), [], "only active freezes are listed");
    assert_eq!(fixture.admin.thawed(&operator()).await.unwrap(), [thawed]);
    let again = fixture.admin.thaw(&operator(), freeze.id, None).await;
    assert_eq!(again, Err(StoreError::Freeze(FreezeError::NotFound(freeze.id)).into()));
}

#[tokio::test]
async fn repetitions_find_the_first_result() {
    let fixture = AdminFixture::new(Settings::default());
    let key = || Some("k".to_owned());
    let freeze = |by: Arc<Principal>| {
        let admin = Arc::clone(&fixture.admin);
        async move { admin.freeze(&by, FreezeScope::All, "r".into(), key()).await.unwrap() }
    };
    let first = freeze(operator()).await;
    assert_eq!(freeze(operator()).await, first);
    assert_ne!(freeze(another_operator()).await.id, first.id);
    assert_eq!(fixture.admin.freezes(&operator()).await.unwrap().len(), 2);
    let another = another_operator();
    let thaw = || fixture.admin.thaw(&another, first.id, Some("t".to_owned()));
    assert_eq!(thaw().await.unwrap(), thaw().await.unwrap());
}

#[tokio::test]
async fn another_operator_must_thaw_where_that_is_set() {
    let fixture = AdminFixture::new(Settings { thaw_requires_other_operator: true });
    let freeze = fixture.freeze(FreezeScope::All).await;
    // The same operator with other credentials is not another operator.
    let disguised = principal(&[Role::Operator], ActorKind::Service, "operator");
    for own in [operator(), disguised] {
        let frozen_by = operator().actor.clone();
        let refused = fixture.admin.thaw(&own, freeze.id, None).await;
        assert_eq!(refused, Err(Error::OtherOperatorRequired { id: freeze.id, frozen_by }));
    }
    let another = another_operator();
    let thaw = || fixture.admin.thaw(&another, freeze.id, Some("t".to_owned()));
    let thawed = thaw().await.unwrap();
    assert_eq!(thaw().await.unwrap(), thawed);
    let gone = fixture.admin.thaw(&operator(), freeze.id, None).await;
    assert_eq!(gone, Err(StoreError::Freeze(FreezeError::NotFound(freeze.id)).into()));
}

#[tokio::test]
async fn the_status_has_every_field() {
    let fixture = AdminFixture::new(Settings::default());
    fixture.clock.advance(Duration::from_secs(30));
    let status = fixture.admin.status(&operator()).await.unwrap();
    assert_eq!((status.started, status.now, status.policy_version), (at(0), at(30), 7));
    assert_eq!((status.pending, status.oldest_pending, status.draining), (0, None, false));
    for n in [2, 1, 3] {
        fixture.store.submit(submission(n)).await.unwrap();
    }
    let cancel = Command::Cancel { actor: agent().actor.clone(), request_id: None, reason: String::new() };
    fixture.store.transition(id(11, 1), cancel, at(20)).await.unwrap();
    let freezes = [fixture.freeze(tool("x")).await, fixture.freeze(FreezeScope::All).await];
    fixture.draining.cancel();
    let status = fixture.admin.status(&operator()).await.unwrap();
    assert_eq!((status.pending, status.oldest_pending, status.draining), (2, Some(at(12)), true));
    assert_eq!(status.freezes, freezes);
    assert_eq!(status.notification_problems, ["channel hook fails"]);
}

#[tokio::test]
async fn callers_without_the_role_or_with_revoked_tokens_change_nothing() {
    let fixture = AdminFixture::new(Settings::default());
    let freeze = fixture.freeze(FreezeScope::All).await;
    for caller in [agent(), reviewer(1), principal(&[Role::Auditor], ActorKind::Person, "auditor")] {
        let froze = fixture.admin.freeze(&caller, FreezeScope::All, String::new(), None).await;
        let thawed = fixture.admin.thaw(&caller, freeze.id, None).await;
        for denied in [froze, thawed] {
            assert!(matches!(denied, Err(Error::Access(AccessDenied::RoleNotAllowed { .. }))), "{denied:?}");
        }
    }
    let revoked = operator();
    revoked.revocation.revoke();
    assert_eq!(fixture.admin.thaw(&revoked, freeze.id, None).await, Err(AccessDenied::Revoked.into()));
    let froze = fixture.admin.freeze(&revoked, FreezeScope::All, String::new(), None).await;
    assert_eq!(froze, Err(AccessDenied::Revoked.into()));
    assert_eq!(fixture.store.freezes().await.unwrap(), [freeze]);
}
