//! The pending approvals, the most urgent first.

use super::*;

impl World {
    /// Requests approval of a call that times out after this number of seconds.
    async fn ask_within(&self, seconds: u64, asked: Value) -> ApprovalId {
        self.ask_for(NewRequest { timeout: Duration::from_secs(seconds), ..asking(asked) }).await
    }

    async fn waiting_for(&self, caller: &Principal, limit: usize) -> Waiting {
        self.approvals.waiting(caller, limit).await.unwrap()
    }
}

fn rows(waiting: &Waiting) -> Vec<(ApprovalId, bool)> {
    waiting.approvals.iter().map(|row| (row.approval.id, row.decidable)).collect()
}

fn counts(waiting: &Waiting) -> (usize, usize, bool) {
    (waiting.total, waiting.decidable, waiting.more)
}

#[tokio::test]
async fn the_highest_priority_and_then_the_nearest_deadline_is_first() {
    let world = World::new();
    assert_eq!(world.waiting_for(&reviewer(1), 9).await, Waiting::default());
    let late = world.ask_within(300, json!({})).await;
    let raised = world.ask_within(400, json!({"escalate_after": 60})).await;
    let near = world.ask_within(100, json!({})).await;
    let raised_near = world.ask_within(200, json!({"escalate_after": 60})).await;
    let tie = world.ask_within(300, json!({})).await;
    let order = |waiting: &Waiting| waiting.approvals.iter().map(|row| row.approval.id).collect::<Vec<_>>();
    let waiting = world.waiting_for(&reviewer(1), 9).await;
    assert_eq!(order(&waiting), [near, raised_near, late, tie, raised], "of equal ones, the oldest");
    world.clock.advance(Duration::from_secs(61));
    world.approvals.do_due(9).await.unwrap();
    let waiting = world.waiting_for(&reviewer(1), 9).await;
    assert_eq!(order(&waiting), [raised_near, raised, near, late, tie]);
    assert_eq!(counts(&waiting), (5, 5, false));
}

#[tokio::test]
async fn rows_say_who_can_decide_them() {
    let world = World::new();
    let anybody = world.ask_within(100, json!({"quorum": 2})).await;
    let finance = world.ask_within(200, json!({"reviewers": "group:finance"})).await;
    let decided = world.ask(json!({})).await;
    world.vote(9, decided, Choice::Approve).await;
    world.ask(json!({"effect": "approve"})).await;
    let auditor = principal(&[Role::Auditor], ActorKind::Person, "auditor");
    let asker = principal(&[Role::Reviewer], ActorKind::Agent, "agent");
    for (caller, expected) in [
        (reviewer(1), vec![(anybody, true)]),
        (member(1, &["finance"]), vec![(anybody, true), (finance, true)]),
        (auditor, vec![(anybody, false), (finance, false)]),
        (asker, vec![(anybody, false)]),
    ] {
        let waiting = world.waiting_for(&caller, 9).await;
        assert_eq!(rows(&waiting), expected, "{caller:?}");
        let decidable = expected.iter().filter(|(_, decidable)| *decidable).count();
        assert_eq!(counts(&waiting), (expected.len(), decidable, false));
    }
    world.vote(1, anybody, Choice::Approve).await;
    assert_eq!(rows(&world.waiting_for(&reviewer(1), 9).await), [(anybody, false)], "shown, with the own vote");
    let only = |role| principal(&[role], ActorKind::Person, "x");
    for caller in [only(Role::Agent), only(Role::Operator)] {
        assert!(matches!(world.approvals.waiting(&caller, 9).await, Err(Error::Access(_))));
    }
}

/// The worker may be late.
#[tokio::test]
async fn what_has_timed_out_cannot_be_decided_even_if_nobody_noticed() {
    let world = World::new();
    let id = world.ask_within(100, json!({})).await;
    let listed = async || {
        let query = Query { filter: Filter::pending(), order: Order::OldestFirst, after: None, limit: 10 };
        let page = world.approvals.list(&reviewer(1), Method::ListPending, query, true).await.unwrap();
        page.approvals.iter().map(|approval| approval.id).collect::<Vec<_>>()
    };
    world.clock.advance(Duration::from_secs(99));
    assert_eq!((rows(&world.waiting_for(&reviewer(1), 9).await), listed().await), (vec![(id, true)], vec![id]));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!((rows(&world.waiting_for(&reviewer(1), 9).await), listed().await), (vec![(id, false)], vec![]));
}

#[tokio::test]
async fn both_kinds_of_rows_are_complete_up_to_the_limit() {
    let world = World::new();
    let mut mine = Vec::new();
    let mut others = Vec::new();
    for n in (1..=4).rev() {
        others.push(world.ask_within(n * 100, json!({"reviewers": "group:finance"})).await);
        mine.push(world.ask_within(n * 100 + 500, json!({"reviewers": "group:legal"})).await);
    }
    let caller =
        Principal { roles: [Role::Reviewer, Role::Auditor].into(), ..Principal::clone(&member(1, &["legal"])) };
    let waiting = world.waiting_for(&caller, 2).await;
    let expected = [(others[3], false), (others[2], false), (mine[3], true), (mine[2], true)];
    assert_eq!((rows(&waiting), counts(&waiting)), (expected.to_vec(), (8, 4, false)));
    let none = world.waiting_for(&caller, 0).await;
    assert_eq!((rows(&none), counts(&none)), (vec![], (8, 4, false)));
}

#[tokio::test]
async fn a_list_continues_behind_a_place_and_counts_all() {
    let world = World::new();
    let mut ids = Vec::new();
    for n in 1..=9 {
        // Every third one waits for others.
        let reviewers = if n % 3 == 0 { json!({"reviewers": "group:finance"}) } else { json!({}) };
        ids.push(world.ask_within(n * 100, reviewers).await);
    }
    let caller = Principal { roles: [Role::Reviewer, Role::Auditor].into(), ..Principal::clone(&reviewer(1)) };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let waiting = world.approvals.waiting_after(&caller, after, 2).await.unwrap();
        assert_eq!(counts(&waiting), (9, 6, false));
        // Complete up to the limit, and not behind it.
        let Some(last) = waiting.approvals.iter().take(2).next_back() else { break };
        all.extend(rows(&waiting).into_iter().take(2).map(|(id, _)| id));
        after = Some(Urgency::of(&last.approval));
    }
    assert_eq!(all, ids);
}

#[tokio::test]
async fn a_limited_number_is_read_and_each_once() {
    let world = World::new();
    let mut ids = Vec::new();
    for n in 0..600 {
        ids.push(world.ask_within(1_000 - n, json!({})).await);
    }
    let read = || world.store.read.swap(0, std::sync::atomic::Ordering::Relaxed);
    read();
    let all = world.waiting_for(&reviewer(1), 1_000).await;
    assert_eq!((read(), counts(&all)), (600, (600, 600, false)));
    ids.reverse();
    assert_eq!(rows(&all), ids.iter().map(|id| (*id, true)).collect::<Vec<_>>());
    for (max, counted) in [(300, (300, 300, true)), (599, (599, 599, true)), (600, (600, 600, false))] {
        let some = world.approvals.waiting_among(&reviewer(1), None, 10, max).await.unwrap();
        assert_eq!((read(), counts(&some), some.approvals.len()), (max, counted, 10));
    }
    assert_eq!(WAITING_MAX, 5_000);
}

#[tokio::test]
async fn a_damaged_record_hides_no_others() {
    let world = World::new();
    let (damaged, whole) = (world.ask(json!({})).await, world.ask(json!({})).await);
    world.store.damage(damaged);
    let waiting = world.waiting_for(&reviewer(1), 9).await;
    assert_eq!((rows(&waiting), waiting.unreadable), (vec![(whole, true)], vec![damaged]));
}
