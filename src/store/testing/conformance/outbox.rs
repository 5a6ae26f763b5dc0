//! The outbox: lanes of deliveries, leases and settlements.

use super::*;
use NotificationKind as Kind;

/// The channels of the stores under test. One is told everything, one what asks people (after 2 s), and one nothing by
/// default.
pub(in crate::store) fn routes() -> Arc<Routes> {
    let to = |kinds: &[Kind], seconds| {
        let (kinds, after) = (kinds.iter().copied().collect(), Duration::from_secs(seconds));
        crate::domain::Subscription { kinds, after }
    };
    let asks = [Kind::Requested, Kind::Escalated];
    let channels = [(all(), to(&Kind::ALL, 0)), (asking(), to(&asks, 2)), (channel("off"), to(&Kind::ALL, 0))];
    Arc::new(Routes { channels: channels.into(), default: [all(), asking()].into() })
}

pub(super) fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

/// One of the channels.
pub(super) fn numbered(n: u8) -> ChannelName {
    [all(), asking(), channel("off")][usize::from(n)].clone()
}

pub(super) fn all() -> ChannelName {
    channel("all")
}

pub(super) fn asking() -> ChannelName {
    channel("asks")
}

const LEASE: Duration = Duration::from_secs(60);

/// Leases lanes of the channel `all`, and returns the approvals, and what is next.
pub(super) async fn leased(store: &dyn Store, seconds: i64, limit: usize) -> (Vec<ApprovalId>, Option<Time>) {
    let Leased { lanes, next } = store.lease(&all(), at(seconds), LEASE, limit).await.unwrap();
    (lanes.iter().map(|lane| lane.approval).collect(), next)
}

pub(super) async fn settle(store: &dyn Store, approval: ApprovalId, settlement: Settlement) {
    store.settle(vec![(all(), approval, settlement)]).await.unwrap();
}

pub(super) fn sent(up_to: Revision) -> Settlement {
    Settlement::Sent { from: 0, up_to, state: None }
}

pub(super) fn stated(up_to: Revision, state: &str) -> Settlement {
    Settlement::Sent { from: 0, up_to, state: Some(ChannelState(state.into())) }
}

pub(super) fn dead(revision: Revision) -> Settlement {
    Settlement::Dead { revision, error: "410".into() }
}

/// Revisions that wait in the channel `all`, and dead ones.
async fn revisions(store: &dyn Store, approval: ApprovalId) -> (Vec<Revision>, Vec<Revision>) {
    let lane = store.lane(&all(), approval).await.unwrap().unwrap_or_else(|| Lane::new(all(), approval));
    let of = |deliveries: &mut dyn Iterator<Item = &Delivery>| deliveries.map(|one| one.revision).collect();
    (of(&mut lane.waiting.iter()), of(&mut lane.dead.iter()))
}

pub(super) async fn every_lane(store: &dyn Store) -> Vec<Lane> {
    store.export_lanes(None, usize::MAX).await.unwrap()
}

pub async fn deliveries_come_with_their_events(mut subject: impl Subject) {
    let store = subject.store();
    let asked = store.submit(submission(0, 1)).await.unwrap().approval;
    assert!(!store.submit(submission(0, 1)).await.unwrap().created);
    let first = Delivery::new(1, Kind::Requested, at(0), at(0));
    let in_all = Lane { waiting: [first.clone()].into(), ..Lane::new(all(), asked.id) };
    let later = Delivery { not_before: at(2), ..first.clone() };
    let in_asks = Lane { waiting: [later].into(), ..Lane::new(asking(), asked.id) };
    assert_eq!(every_lane(&**store).await, [in_all.clone(), in_asks.clone()]);
    // A refused command adds nothing.
    store.transition(asked.id, claim(1, asked.digest), at(1)).await.unwrap_err();
    let decided = store.transition(asked.id, approve(1), at(3)).await.unwrap();
    store.transition(asked.id, approve(2), at(4)).await.unwrap_err();
    // Claims and reports are not told.
    store.transition(asked.id, claim(1, asked.digest), at(5)).await.unwrap();
    let second =
        Delivery { revision: decided.revision, kind: Kind::Decided, created_at: at(3), not_before: at(3), ..first };
    let in_all = Lane { waiting: in_all.waiting.into_iter().chain([second]).collect(), ..Lane::new(all(), asked.id) };
    for _ in 0..2 {
        let store = subject.store();
        assert_eq!(store.lane(&all(), asked.id).await.unwrap(), Some(in_all.clone()));
        assert_eq!(store.lane(&asking(), asked.id).await.unwrap(), Some(in_asks.clone()));
        assert_eq!(store.lane(&channel("off"), asked.id).await.unwrap(), None);
        assert_eq!(store.lane(&all(), id(0, 9)).await.unwrap(), None);
        subject.reopen().await;
    }
    // A command that is refused because the deadline has passed still records that.
    subject.store().submit(submission(10, 2)).await.unwrap();
    subject.store().transition(id(10, 2), approve(1), at(1_000)).await.unwrap_err();
    let lane = subject.store().lane(&all(), id(10, 2)).await.unwrap().unwrap();
    assert_eq!(lane.waiting.iter().map(|one| one.kind).collect::<Vec<_>>(), [Kind::Requested, Kind::TimedOut]);
}

pub async fn the_longest_overdue_lane_is_leased_first(mut subject: impl Subject) {
    for (seconds, n) in [(30, 3), (10, 1), (20, 2), (20, 4), (90, 9)] {
        subject.store().submit(submission(seconds, n)).await.unwrap();
    }
    subject.reopen().await;
    let store = &**subject.store();
    assert_eq!(leased(store, 9, 9).await, (vec![], Some(at(10))));
    assert_eq!(leased(store, 40, 0).await, (vec![], Some(at(10))));
    assert_eq!(leased(store, 40, 2).await, (vec![id(10, 1), id(20, 2)], Some(at(20))));
    assert_eq!(leased(store, 40, 9).await, (vec![id(20, 4), id(30, 3)], Some(at(90))));
    let Leased { lanes, next } = store.lease(&channel("off"), at(99), LEASE, 9).await.unwrap();
    assert_eq!((lanes, next), (vec![], None));
    // What the lane of another channel waits for does not matter.
    let Leased { lanes, .. } = store.lease(&asking(), at(40), LEASE, 9).await.unwrap();
    assert_eq!(lanes.iter().map(|lane| lane.due().unwrap()).collect::<Vec<_>>(), [12, 22, 22, 32].map(at));
}

pub async fn a_lease_is_exclusive_until_it_ends(mut subject: impl Subject) {
    subject.store().submit(submission(0, 1)).await.unwrap();
    let store = &**subject.store();
    assert_eq!(leased(store, 1, 9).await, (vec![id(0, 1)], Some(at(61))));
    assert_eq!(leased(store, 60, 9).await, (vec![], Some(at(61))));
    assert_eq!(leased(store, 61, 9).await, (vec![id(0, 1)], Some(at(121))), "its holder did not settle it");
    // A new event changes neither the lease nor the head.
    store.transition(id(0, 1), reject(1), at(62)).await.unwrap();
    assert_eq!(leased(store, 63, 9).await, (vec![], Some(at(121))));
    settle(store, id(0, 1), sent(1)).await;
    assert_eq!(leased(store, 64, 9).await, (vec![id(0, 1)], Some(at(124))), "the next delivery");
    // A settlement that changes nothing ends the lease, too.
    settle(store, id(0, 1), dead(1)).await;
    assert_eq!(leased(store, 65, 9).await, (vec![id(0, 1)], Some(at(125))));
    settle(store, id(0, 1), sent(2)).await;
    assert_eq!(leased(store, 999, 9).await, (vec![], None));
    subject.reopen().await;
    assert_eq!(leased(&**subject.store(), 999, 9).await, (vec![], None));
    assert_eq!(revisions(&**subject.store(), id(0, 1)).await, (vec![], vec![]));
}

pub async fn callers_at_once_lease_different_lanes(subject: impl Subject) {
    for n in 1..=50 {
        subject.store().submit(submission(0, n)).await.unwrap();
    }
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(subject.store());
            tokio::spawn(async move { leased(&*store, 1, 3).await.0 })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    assert_eq!(all.len(), 50);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 50);
}

pub async fn each_settlement_changes_the_head_once(mut subject: impl Subject) {
    let one = id(0, 1);
    subject.store().submit(submission(0, 1)).await.unwrap();
    subject.store().transition(one, reject(1), at(1)).await.unwrap();
    let store = &**subject.store();
    let head = async |store: &dyn Store| {
        let Delivery { revision, not_before, attempts, error, .. } =
            store.lane(&all(), one).await.unwrap().unwrap().waiting[0].clone();
        (revision, not_before, attempts, error)
    };
    // Not of the head, or of no lane.
    settle(store, one, Settlement::Postponed { revision: 2, until: at(50) }).await;
    settle(store, one, dead(2)).await;
    settle(store, one, sent(0)).await;
    settle(store, id(0, 9), sent(1)).await;
    assert_eq!(head(store).await, (1, at(0), 0, String::new()));
    settle(store, one, Settlement::Postponed { revision: 1, until: at(50) }).await;
    assert_eq!(head(store).await, (1, at(50), 0, String::new()));
    assert_eq!(leased(store, 49, 9).await, (vec![], Some(at(50))), "the next delivery waits for the head");
    let failed = |error: &str| Settlement::Failed { revision: 1, retry_at: at(60), error: error.into() };
    settle(store, one, failed("500")).await;
    settle(store, one, failed(&"x".repeat(1_000))).await;
    assert_eq!(head(store).await, (1, at(60), 2, "x".repeat(DELIVERY_ERROR_MAX)));
    settle(store, one, dead(1)).await;
    settle(store, one, dead(1)).await;
    for _ in 0..2 {
        assert_eq!(revisions(&**subject.store(), one).await, (vec![2], vec![1]));
        assert_eq!(head(&**subject.store()).await, (2, at(1), 0, String::new()));
        subject.reopen().await;
    }
    // Several lanes in one call.
    let store = &**subject.store();
    store.submit(submission(5, 2)).await.unwrap();
    let asks = (asking(), one, sent(1));
    store.settle(vec![(all(), one, sent(2)), (all(), id(5, 2), sent(1)), asks.clone(), asks]).await.unwrap();
    subject.reopen().await;
    assert_eq!(revisions(&**subject.store(), one).await, (vec![], vec![1]));
    let left: Vec<_> =
        every_lane(&**subject.store()).await.into_iter().map(|lane| (lane.approval, lane.channel)).collect();
    assert_eq!(left, [(one, all()), (id(5, 2), asking())]);
}

/// The channel completes the message at once, with the state that is on record.
pub async fn a_message_that_was_begun_is_leased_again(mut subject: impl Subject) {
    let (one, store) = (id(0, 1), &**subject.store());
    store.submit(submission(0, 1)).await.unwrap();
    assert_eq!(leased(store, 0, 9).await.0, [one]);
    let mut changes = store.outbox_changes();
    changes.mark_unchanged();
    settle(store, one, Settlement::Begun { state: ChannelState("ts".into()) }).await;
    assert!(changes.has_changed().unwrap(), "before its lease would have ended");
    // The first one at once, the second one after a restart and a lease.
    for seconds in [0, 100] {
        let lanes = subject.store().lease(&all(), at(seconds), LEASE, 9).await.unwrap().lanes;
        let [Lane { waiting, state, .. }] = &lanes[..] else { panic!("{lanes:?}") };
        assert_eq!((waiting[0].revision, state), (1, &Some(ChannelState("ts".into()))));
        subject.reopen().await;
    }
}

pub async fn a_channels_state_stays_while_events_can_follow(mut subject: impl Subject) {
    let (one, two) = (id(0, 1), id(0, 2));
    for n in [1, 2] {
        subject.store().submit(submission(0, n)).await.unwrap();
        settle(&**subject.store(), id(0, n), stated(1, "ts")).await;
    }
    subject.reopen().await;
    let state = async |store: &dyn Store, one| store.lane(&all(), one).await.unwrap().map(|lane| lane.state.unwrap().0);
    let store = &**subject.store();
    assert_eq!(state(store, one).await.as_deref(), Some("ts"));
    store.transition(one, reject(1), at(1)).await.unwrap();
    settle(store, one, stated(2, "new")).await;
    assert_eq!(state(store, one).await, None, "nothing can follow");
    // An approved call can be revoked, until it is claimed.
    let digest = store.transition(two, approve(1), at(1)).await.unwrap().approval.digest;
    settle(store, two, sent(2)).await;
    assert_eq!(state(store, two).await.as_deref(), Some("ts"));
    settle(store, two, stated(0, &"x".repeat(CHANNEL_STATE_MAX + 1))).await;
    assert_eq!(state(store, two).await.as_deref(), Some("ts"), "too long");
    store.transition(two, revoke(reviewer(1)), at(2)).await.unwrap();
    settle(store, two, sent(3)).await;
    assert_eq!(state(store, two).await, None);
    let mut three = submission(0, 3);
    three.verdict = verdict(Effect::AutoApprove);
    store.submit(three).await.unwrap();
    store.transition(id(0, 3), claim(1, digest), at(3)).await.unwrap();
    settle(store, id(0, 3), stated(9, "ts")).await;
    assert_eq!(state(store, id(0, 3)).await, None, "it was claimed");
    assert_eq!(store.lanes(LaneQuery { channel: Some(all()), limit: 9, ..LaneQuery::default() }).await, Ok(vec![]));
}

pub async fn a_dead_delivery_is_retried(mut subject: impl Subject) {
    let (one, delivery) = (id(0, 1), |revision| DeliveryId { approval: id(0, 1), revision, channel: all() });
    subject.store().submit(submission(0, 1)).await.unwrap();
    let store = &**subject.store();
    assert_eq!(store.revive(delivery(1), at(1)).await, Err(StoreError::NotFound), "it is not dead");
    let asked = store.lane(&all(), one).await.unwrap().unwrap().waiting[0].created_at;
    settle(store, one, Settlement::Failed { revision: 1, retry_at: at(0), error: "500".into() }).await;
    settle(store, one, dead(1)).await;
    store.transition(one, reject(1), at(1)).await.unwrap();
    let other = DeliveryId { channel: channel("off"), ..delivery(1) };
    for unknown in [delivery(2), delivery(3), other] {
        assert_eq!(store.revive(unknown, at(5)).await, Err(StoreError::NotFound));
    }
    let revived = store.revive(delivery(1), at(5)).await.unwrap();
    assert_eq!(store.lane(&all(), one).await.unwrap(), Some(revived.clone()));
    let Delivery { revision, attempts, created_at, retried_at, not_before, .. } = revived.waiting[0];
    assert_eq!((revision, attempts, not_before, revived.dead), (1, 0, at(5), vec![]));
    assert_eq!((created_at, retried_at), (asked, Some(at(5))), "the event stays as old as it is");
    assert_eq!(leased(store, 4, 9).await, (vec![], Some(at(5))), "it is the head again");
    assert_eq!(store.revive(delivery(1), at(6)).await, Err(StoreError::NotFound));
    subject.reopen().await;
    assert_eq!(revisions(&**subject.store(), one).await, (vec![1, 2], vec![]));
    // It was retried while the next one was in flight, which is then recorded as sent.
    let store = &**subject.store();
    settle(store, one, Settlement::Sent { from: 2, up_to: 2, state: None }).await;
    subject.reopen().await;
    assert_eq!(revisions(&**subject.store(), one).await, (vec![1], vec![]));
}

pub async fn pruning_forgets_lanes(mut subject: impl Subject) {
    let store = &**subject.store();
    for n in 1..=4 {
        store.submit(submission(0, n)).await.unwrap();
    }
    settle(store, id(0, 1), dead(1)).await;
    settle(store, id(0, 2), stated(1, "ts")).await;
    for n in 1..=3 {
        store.transition(id(0, n), reject(1), at(n.cast_signed())).await.unwrap();
    }
    settle(store, id(0, 2), sent(9)).await;
    let (held, _) = leased(store, 5, 9).await;
    assert_eq!(held, [id(0, 3), id(0, 4), id(0, 1)]);
    assert_eq!(store.prune(at(3), at(10), 9).await, Ok(2));
    let left = [(id(0, 3), all()), (id(0, 3), asking()), (id(0, 4), all()), (id(0, 4), asking())];
    for round in 0..2 {
        let store = &**subject.store();
        let lanes = every_lane(store).await;
        assert_eq!(lanes.iter().map(|lane| (lane.approval, lane.channel.clone())).collect::<Vec<_>>(), left);
        let counts: Vec<_> = store.backlog().into_iter().map(|one| (one.channel, one.waiting, one.dead)).collect();
        assert_eq!(counts, [(all(), 2, 0), (asking(), 2, 0)]);
        // Those who hold a lease settle it in vain.
        settle(store, id(0, 1), Settlement::Failed { revision: 2, retry_at: at(0), error: "500".into() }).await;
        assert_eq!(store.lane(&all(), id(0, 1)).await, Ok(None), "{round}");
        subject.reopen().await;
    }
}

pub async fn the_backlog_counts_what_waits_and_what_is_dead(mut subject: impl Subject) {
    assert_eq!(subject.store().backlog(), []);
    for n in 1..=3 {
        subject.store().submit(submission(n, n.unsigned_abs())).await.unwrap();
    }
    let backlog =
        |channel, waiting, dead, due: Option<i64>| Backlog { channel, waiting, dead, oldest_since: due.map(at) };
    assert_eq!(subject.store().backlog(), [backlog(all(), 3, 0, Some(1)), backlog(asking(), 3, 0, Some(3))]);
    leased(&**subject.store(), 9, 1).await;
    assert_eq!(subject.store().backlog()[0], backlog(all(), 3, 0, Some(1)), "a leased lane waits");
    settle(&**subject.store(), id(1, 1), dead(1)).await;
    settle(&**subject.store(), id(2, 2), Settlement::Postponed { revision: 1, until: at(50) }).await;
    let gone = (1..=3).map(|n| (asking(), id(n, n.unsigned_abs()), sent(1))).collect();
    subject.store().settle(gone).await.unwrap();
    // A failed attempt makes nothing younger. The delay of the channel does not count.
    let failed = Settlement::Failed { revision: 1, retry_at: at(90), error: "500".into() };
    settle(&**subject.store(), id(3, 3), failed.clone()).await;
    subject.store().submit(submission(4, 4)).await.unwrap();
    subject.store().settle(vec![(all(), id(4, 4), sent(1)), (asking(), id(4, 4), failed)]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(subject.store().backlog(), [backlog(all(), 2, 1, Some(3)), backlog(asking(), 1, 0, Some(6))]);
        subject.reopen().await;
    }
    leased(&**subject.store(), 95, 9).await;
    assert_eq!(subject.store().backlog()[0], backlog(all(), 2, 1, Some(3)), "while it is leased, too");
    subject.store().settle(vec![(asking(), id(4, 4), sent(1))]).await.unwrap();
    settle(&**subject.store(), id(2, 2), sent(1)).await;
    settle(&**subject.store(), id(3, 3), stated(1, "ts")).await;
    assert_eq!(subject.store().backlog(), [backlog(all(), 0, 1, None)]);
}

pub async fn what_can_be_leased_earlier_wakes(subject: impl Subject) {
    let store = &**subject.store();
    let mut changes = store.outbox_changes();
    let mut woke = move || {
        let woke = changes.has_changed().unwrap();
        changes.mark_unchanged();
        woke
    };
    assert!(!woke());
    store.submit(submission(0, 1)).await.unwrap();
    assert!(woke(), "a lane was added");
    store.submit(submission(5, 2)).await.unwrap();
    assert!(woke());
    leased(store, 1, 9).await;
    settle(store, id(0, 1), Settlement::Failed { revision: 1, retry_at: at(30), error: String::new() }).await;
    assert!(woke(), "before its lease would have ended");
    settle(store, id(0, 1), dead(1)).await;
    woke();
    store.revive(DeliveryId { approval: id(0, 1), revision: 1, channel: all() }, at(9)).await.unwrap();
    assert!(woke(), "it waits again");
}
