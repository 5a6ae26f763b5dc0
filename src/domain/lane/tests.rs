use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    super::samples::{at, id},
    *,
};

fn delivery(revision: Revision, kind: NotificationKind) -> Delivery {
    let now = at(revision.cast_signed());
    Delivery::new(revision, kind, now, now)
}

fn lane() -> Lane {
    Lane::new("a".parse().unwrap(), id(0, 1))
}

fn revisions<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> Vec<Revision> {
    deliveries.into_iter().map(|delivery| delivery.revision).collect()
}

#[derive(Clone, Debug)]
enum Op {
    Push(bool),
    /// Settles the delivery this far behind the head: only 0 is right, except for `Sent`.
    Settle(u8, usize),
    Revive(prop::sample::Index),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => any::<bool>().prop_map(Op::Push),
        4 => (0..4u8, 0..3usize).prop_map(|(what, behind)| Op::Settle(what, behind)),
        1 => any::<prop::sample::Index>().prop_map(Op::Revive),
    ]
}

proptest! {
    /// Deliveries stay in order, and disappear only when they are sent. Only the head is settled.
    #[test]
    fn deliveries_stay_in_order_until_they_are_sent(ops in prop::collection::vec(op(), 1..80)) {
        let (mut lane, mut newest, mut expected) = (lane(), 0, BTreeSet::new());
        for op in ops {
            let before = lane.clone();
            match op {
                Op::Push(vote) => {
                    newest += 1;
                    let kind = if vote { NotificationKind::Voted } else { NotificationKind::Edited };
                    lane.push(delivery(newest, kind));
                    expected.insert(newest);
                }
                Op::Settle(what, behind) => {
                    let revision = lane.waiting.get(behind).map_or(newest + 1, |delivery| delivery.revision);
                    let error = "x".to_owned();
                    let changed = lane.settle(match what {
                        0 => Settlement::Sent { from: 0, up_to: revision, state: None },
                        1 => Settlement::Postponed { revision, until: at(500) },
                        2 => Settlement::Failed { revision, retry_at: at(600), error },
                        _ => Settlement::Dead { revision, error },
                    });
                    prop_assert_eq!(changed, lane != before);
                    if what == 0 {
                        before.waiting.iter().filter(|one| one.revision <= revision).for_each(|one| {
                            expected.remove(&one.revision);
                        });
                    } else if behind > 0 {
                        prop_assert_eq!(&lane, &before, "only the head is settled");
                    }
                }
                Op::Revive(which) => {
                    let revision = if lane.dead.is_empty() { 1 } else { which.get(&lane.dead).revision };
                    let dead = before.dead.iter().any(|one| one.revision == revision);
                    prop_assert_eq!(lane.revive(revision, at(700)), dead);
                }
            }
            prop_assert_eq!(lane.fault(), None);
            let kept: BTreeSet<_> = lane.waiting.iter().chain(&lane.dead).map(|one| one.revision).collect();
            prop_assert_eq!(&kept, &expected);
        }
    }
}

#[test]
fn a_full_lane_drops_votes_only() {
    let mut lane = lane();
    let kind = |n: u64| if n.is_multiple_of(3) { NotificationKind::Edited } else { NotificationKind::Voted };
    (1..=10).for_each(|n| lane.push(delivery(n, NotificationKind::Voted)));
    (1..=2).for_each(|revision| assert!(lane.settle(Settlement::Dead { revision, error: String::new() })));
    (11..=LANE_DELIVERIES_MAX as u64).for_each(|n| lane.push(delivery(n, kind(n))));
    assert_eq!(lane.waiting.len() + lane.dead.len(), LANE_DELIVERIES_MAX);
    lane.push(delivery(257, NotificationKind::Decided));
    assert_eq!(revisions(&lane.waiting)[..3], [3, 5, 6], "the head is being sent, perhaps");
    (258..=600).for_each(|n| lane.push(delivery(n, kind(n))));
    assert_eq!(lane.waiting.len() + lane.dead.len(), LANE_DELIVERIES_MAX);
    assert_eq!(lane.fault(), None);
    let edits =
        |waiting: &VecDeque<Delivery>| waiting.iter().filter(|one| one.kind == NotificationKind::Edited).count();
    assert_eq!(edits(&lane.waiting), (11..=600).filter(|n| n % 3 == 0 && *n != 257).count());
}

#[test]
fn a_full_lane_without_votes_drops_escalations() {
    let mut lane = lane();
    let kind = |n: u64| if n.is_multiple_of(2) { NotificationKind::Edited } else { NotificationKind::Escalated };
    (1..=300).for_each(|n| lane.push(delivery(n, kind(n))));
    lane.push(delivery(301, NotificationKind::TimedOut));
    assert_eq!((lane.waiting.len(), lane.fault()), (LANE_DELIVERIES_MAX, None));
    let (first, last) = (lane.waiting.front().unwrap(), lane.waiting.back().unwrap());
    assert_eq!((first.revision, last.kind), (1, NotificationKind::TimedOut), "the head is being sent, perhaps");
    let edits = lane.waiting.iter().filter(|one| one.kind == NotificationKind::Edited).count();
    assert_eq!(edits, 150);
}

#[test]
fn what_is_retried_while_a_later_one_is_in_flight_still_waits() {
    let mut lane = lane();
    (2..=6).for_each(|n| lane.push(delivery(n, NotificationKind::Voted)));
    lane.settle(Settlement::Dead { revision: 2, error: String::new() });
    lane.settle(Settlement::Sent { from: 3, up_to: 4, state: None });
    assert!(lane.revive(2, at(9)));
    lane.settle(Settlement::Sent { from: 5, up_to: 5, state: None });
    assert_eq!(revisions(&lane.waiting), [2, 6]);
}

#[test]
fn nothing_is_postponed_beyond_an_escalation() {
    let mut lane = lane();
    lane.push(delivery(1, NotificationKind::Requested));
    lane.settle(Settlement::Postponed { revision: 1, until: at(60) });
    assert_eq!(lane.due(), Some(at(60)));
    // It was judged before the escalation was recorded.
    lane.push(delivery(5, NotificationKind::Escalated));
    lane.settle(Settlement::Postponed { revision: 1, until: at(900) });
    assert_eq!(lane.due(), Some(at(5)));
    lane.settle(Settlement::Postponed { revision: 1, until: at(4) });
    assert_eq!(lane.due(), Some(at(4)));
}

#[test]
fn errors_and_states_are_bounded() {
    let mut lane = lane();
    lane.push(delivery(1, NotificationKind::Requested));
    let error = format!("{}é", "x".repeat(DELIVERY_ERROR_MAX - 1));
    lane.settle(Settlement::Failed { revision: 1, retry_at: at(9), error });
    assert_eq!(lane.waiting[0].error, "x".repeat(DELIVERY_ERROR_MAX - 1), "at the boundary of a character");
    let state = |length| Some(ChannelState("x".repeat(length)));
    lane.settle(Settlement::Sent { from: 0, up_to: 0, state: state(CHANNEL_STATE_MAX) });
    lane.settle(Settlement::Sent { from: 1, up_to: 1, state: state(CHANNEL_STATE_MAX + 1) });
    assert_eq!((&lane.state, lane.waiting.len()), (&state(CHANNEL_STATE_MAX), 0));
    lane.settle(Settlement::Begun { state: ChannelState("x".repeat(CHANNEL_STATE_MAX + 1)) });
    assert_eq!(lane.state, state(CHANNEL_STATE_MAX));
    assert_eq!(lane.fault(), None);
}

#[test]
fn a_message_that_was_begun_still_waits() {
    let mut lane = lane();
    lane.push(delivery(1, NotificationKind::Requested));
    let waiting = lane.waiting.clone();
    let state = ChannelState("ts".to_owned());
    assert!(lane.settle(Settlement::Begun { state: state.clone() }));
    assert_eq!((&lane.state, &lane.waiting), (&Some(state.clone()), &waiting));
    assert!(!lane.settle(Settlement::Begun { state }), "nothing changes");
}

#[test]
fn faults_are_named() {
    let of = |waiting: &[Revision], dead: &[Revision]| {
        let made = |revision: &Revision| delivery(*revision, NotificationKind::Edited);
        Lane { waiting: waiting.iter().map(made).collect(), dead: dead.iter().map(made).collect(), ..lane() }
    };
    let order = Some("its deliveries are not in order of revision");
    assert_eq!(of(&[1, 3], &[2, 4]).fault(), None);
    assert_eq!([of(&[2, 1], &[]).fault(), of(&[1, 1], &[]).fault(), of(&[], &[4, 2]).fault()], [order; 3]);
    assert_eq!(of(&[1, 2], &[2]).fault(), Some("a delivery both waits and is dead"));
    let many: Vec<_> = (1..=LANE_DELIVERIES_MAX as u64 + 1).collect();
    assert_eq!(of(&many, &[]).fault(), Some("it has more than 256 deliveries"));
    let mut long = of(&[1], &[]);
    long.waiting[0].error = "x".repeat(DELIVERY_ERROR_MAX + 1);
    assert_eq!(long.fault(), Some("an error is longer than 256 bytes"));
    let state = Some(ChannelState("x".repeat(CHANNEL_STATE_MAX + 1)));
    assert_eq!(Lane { state, ..lane() }.fault(), Some("the channel's state is longer than 1024 bytes"));
}

#[test]
fn a_lane_is_done_when_nothing_in_it_is_needed() {
    let mut with_state = Lane { state: Some(ChannelState("ts".into())), ..lane() };
    assert!(lane().is_done(true) && lane().is_done(false));
    assert!(!with_state.is_done(true) && with_state.is_done(false));
    with_state.push(delivery(1, NotificationKind::Requested));
    assert!(!with_state.is_done(false));
    with_state.settle(Settlement::Dead { revision: 1, error: String::new() });
    assert!(!with_state.is_done(false), "an operator can retry it");
}
