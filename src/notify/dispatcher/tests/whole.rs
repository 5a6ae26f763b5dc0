//! Random events, receivers and restarts: every delivery is sent, dead or superseded in the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    receiver::{Answer, Received},
    *,
};
use crate::store::LaneQuery;

#[derive(Clone, Debug)]
enum Action {
    Ask(u8),
    Vote(usize, usize),
    Cancel(usize),
    Pass(u64),
    Answer(Vec<Answer>),
    Hang(bool),
    Restart,
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => Just(Answer::Accept),
        3 => Just(Answer::Keep),
        2 => Just(Answer::Begin),
        4 => Just(Answer::Fail),
        1 => (1u64..100).prop_map(Answer::FailFor),
        1 => Just(Answer::Reject),
    ]
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        4 => (0u8..3).prop_map(Action::Ask),
        4 => (0usize..20, 1usize..4).prop_map(|(index, n)| Action::Vote(index, n)),
        1 => (0usize..20).prop_map(Action::Cancel),
        3 => (0u64..40).prop_map(Action::Pass),
        2 => prop::collection::vec(answers(), 1..8).prop_map(Action::Answer),
        1 => any::<bool>().prop_map(Action::Hang),
        1 => Just(Action::Restart),
    ];
    prop::collection::vec(action, 1..40)
}

const HABITS: [(&str, Habits); 3] = [("chat", CHAT), ("hook", PROGRAM), ("mail", MAIL)];

async fn run(actions: Vec<Action>) {
    let mut world = World::new(&HABITS).await;
    let mut asked = Vec::new();
    for action in actions {
        match action {
            Action::Ask(agent) => asked.push(world.ask_as(&agent.to_string()).await),
            Action::Vote(index, n) => {
                if let Some(id) = asked.get(index) {
                    world.vote(*id, n).await;
                }
            }
            Action::Cancel(index) => {
                if let Some(id) = asked.get(index) {
                    world.cancel(*id).await;
                }
            }
            Action::Pass(seconds) => world.pass(seconds).await,
            Action::Answer(answers) => world.receivers.values().for_each(|one| one.answer(answers.clone())),
            Action::Hang(hangs) => world.receivers.values().for_each(|one| one.hang(hangs)),
            Action::Restart => world.restart().await,
        }
    }
    world.receivers.values().for_each(|one| one.hang(false));
    for _ in 0..150 {
        world.clock.advance(Duration::from_secs(60));
        settle().await;
    }
    for (channel, habits) in HABITS {
        let query = LaneQuery { channel: Some(name(channel)), limit: 1_000, ..LaneQuery::default() };
        let lanes = world.store.lanes(query).await.unwrap();
        assert!(lanes.iter().all(|lane| lane.waiting.is_empty()), "{channel} still waits: {lanes:?}");
        let dead: BTreeMap<_, BTreeSet<_>> =
            lanes.iter().map(|lane| (lane.approval, lane.dead.iter().map(|dead| dead.revision).collect())).collect();
        let dead = |id| dead.get(&id).cloned().unwrap_or_default();
        let mut told: BTreeMap<ApprovalId, Vec<u64>> = BTreeMap::new();
        let mut bundled = BTreeSet::new();
        for received in world.receiver(channel).take() {
            match received {
                Received::Event { approval, revision, .. } => told.entry(approval).or_default().push(revision),
                Received::Bundle { approvals, .. } => bundled.extend(approvals),
                Received::Test => {}
            }
        }
        for id in &asked {
            let (approval, told) = (world.approval(*id).await, told.remove(id).unwrap_or_default());
            let ordered = told.windows(2).all(|pair| pair[0] <= pair[1]);
            assert!(ordered, "{channel} was told out of order: {told:?}");
            if !habits.for_people {
                let all: BTreeSet<_> = told.into_iter().chain(dead(*id)).collect();
                assert_eq!(all, (1..=approval.revision).collect(), "{channel} misses events of {approval:?}");
            } else if approval.status.is_terminal() {
                // People who were told of it have the last word, too.
                let last = told.last().is_none_or(|last| *last == approval.revision);
                assert!(last || !dead(*id).is_empty() || bundled.contains(id), "{channel}: {told:?} of {approval:?}");
            } else {
                let known = !told.is_empty() || bundled.contains(id) || !dead(*id).is_empty();
                assert!(known, "{channel} was not told of {approval:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_delivery_is_settled_in_order(actions in actions()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(actions));
    }
}
