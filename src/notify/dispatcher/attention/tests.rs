use proptest::prelude::*;

use super::*;
use crate::domain::{
    after,
    samples::{agent, at, id},
};
use crate::notify::INTERRUPTIONS_WINDOW;

fn asking(n: u64, name: &str) -> Asking {
    Asking { approval: id(0, n), agent: agent_key(&agent(), name), urgent: false }
}

fn alone(n: u64) -> Admitted {
    Admitted::Alone(id(0, n))
}

fn held(n: u64, until: i64) -> Admitted {
    Admitted::Held(id(0, n), at(until))
}

fn together(numbers: &[u64]) -> Admitted {
    Admitted::Together(numbers.iter().map(|n| id(0, *n)).collect())
}

#[test]
fn urgent_requests_never_wait_and_are_not_counted() {
    let mut attention = Attention::new(1);
    assert_eq!(attention.admit(&[asking(1, "a")], at(0)), [alone(1)]);
    assert_eq!(attention.admit(&[asking(2, "a")], at(1)), [held(2, 60)]);
    let urgent = (2..10).map(|n| Asking { urgent: true, ..asking(n, "a") }).collect::<Vec<_>>();
    assert_eq!(attention.admit(&urgent, at(2)), (2..10).map(alone).collect::<Vec<_>>());
    assert_eq!(attention.admit(&[asking(10, "b")], at(3)), [held(10, 900)]);
    assert_eq!(attention.admit(&[asking(11, "a")], at(60)), [held(11, 900)]);
}

#[test]
fn requests_beyond_the_limit_are_sent_in_one_message() {
    let mut attention = Attention::new(2);
    let first = [asking(1, "a"), asking(2, "b"), asking(3, "c"), asking(4, "d")];
    assert_eq!(attention.admit(&first, at(0)), [alone(1), alone(2), held(3, 900), held(4, 900)]);
    assert_eq!(attention.admit(&[asking(5, "e")], at(10)), [held(5, 900)]);
    let late = [asking(3, "c"), asking(4, "d"), asking(5, "e"), asking(6, "f")];
    assert_eq!(attention.admit(&late, at(900)), [together(&[3, 4, 5]), alone(6)]);
}

#[test]
fn one_caller_with_many_agents_does_not_silence_the_others() {
    let mut attention = Attention::new(2);
    let flood: Vec<_> = (1..=9).map(|n| asking(n, &n.to_string())).collect();
    let sent = |admitted: Vec<Admitted>| admitted.into_iter().filter(|one| matches!(one, Admitted::Alone(_))).count();
    assert_eq!(sent(attention.admit(&flood, at(0))), 2);
    let other = Asking { agent: (("i".into(), "other".into()), "1".into()), ..asking(10, "") };
    assert_eq!(attention.admit(&[other], at(1)), [alone(10)]);
}

#[test]
fn a_message_that_failed_is_not_counted_twice() {
    let mut attention = Attention::new(1);
    assert_eq!(attention.admit(&[asking(1, "a")], at(0)), [alone(1)]);
    attention.failed(&[id(0, 1)]);
    assert_eq!(attention.admit(&[asking(1, "a")], at(5)), [alone(1)]);
    assert_eq!(attention.admit(&[asking(2, "b")], at(6)), [held(2, 900)], "but once");
}

#[test]
fn a_bundle_that_failed_is_a_bundle_again() {
    let mut attention = Attention::new(2);
    assert_eq!(attention.admit(&[asking(1, "a"), asking(2, "a"), asking(3, "a")], at(0)).len(), 3);
    assert_eq!(attention.admit(&[asking(2, "a"), asking(3, "a")], at(60)), [together(&[2, 3])]);
    attention.failed(&[id(0, 2), id(0, 3)]);
    assert_eq!(attention.admit(&[asking(2, "a"), asking(3, "a")], at(65)), [together(&[2, 3])]);
}

#[test]
fn a_request_that_ended_leaves_nothing_behind() {
    let mut attention = Attention::new(1);
    attention.admit(&[asking(1, "a"), asking(2, "a"), asking(3, "b")], at(0));
    [asking(2, "a"), asking(3, "b")].iter().for_each(|asking| attention.forget(asking));
    assert!(attention.crowd.is_empty());
    assert_eq!(attention.admit(&[asking(4, "a"), asking(5, "a")], at(900)), [alone(4), held(5, 960)]);
}

#[test]
fn a_request_that_was_given_up_leaves_nothing_behind() {
    let mut attention = Attention::new(1);
    attention.admit(&[asking(1, "a"), asking(2, "b")], at(0));
    attention.failed(&[id(0, 1)]);
    assert_eq!((attention.counted.len(), attention.crowd.len()), (1, 1));
    (1..=2).for_each(|n| attention.given_up(id(0, n)));
    assert_eq!((attention.counted.len(), attention.crowd.len()), (0, 0));
}

proptest! {
    /// Every request is sent, once, and people are interrupted no more often than the limit says.
    #[test]
    fn every_request_is_sent_within_the_limit(
        limit in 1u32..4,
        arrivals in prop::collection::vec((0i64..240, 0u8..3, prop::bool::weighted(0.1), prop::bool::weighted(0.2)), 1..60),
    ) {
        let mut attention = Attention::new(limit);
        let mut due: Vec<(Time, Asking)> = Vec::new();
        let (mut now, mut arrivals, mut number) = (at(0), arrivals.into_iter().peekable(), 0);
        let (mut sent, mut interruptions, mut fails) = (BTreeSet::new(), Vec::new(), Vec::new());
        let mut failed = false;
        let mut arrival = arrivals.peek().map(|(gap, ..)| now + chrono::TimeDelta::seconds(*gap));
        while let Some(next) = due.iter().map(|(at, _)| *at).chain(arrival).min() {
            now = now.max(next);
            if arrival.is_some_and(|at| at <= now) {
                let (_, name, urgent, fail) = arrivals.next().unwrap();
                due.push((now, Asking { urgent, ..asking(number, &name.to_string()) }));
                number += 1;
                fails.push(fail);
                arrival = arrivals.peek().map(|(gap, ..)| now + chrono::TimeDelta::seconds(*gap));
                continue;
            }
            let (ready, waiting): (Vec<_>, Vec<_>) = due.into_iter().partition(|(at, _)| *at <= now);
            due = waiting;
            let ready: Vec<_> = ready.into_iter().map(|(_, asking)| asking).collect();
            let find = |id: &ApprovalId| ready.iter().find(|asking| asking.approval == *id).unwrap().clone();
            let admitted = attention.admit(&ready, now);
            let mut seen = 0;
            for outcome in admitted {
                let requests = match outcome {
                    Admitted::Held(id, until) => {
                        prop_assert!(until > now && !find(&id).urgent);
                        due.push((until, find(&id)));
                        seen += 1;
                        continue;
                    }
                    Admitted::Alone(id) => vec![id],
                    Admitted::Together(ids) => ids,
                };
                seen += requests.len();
                // The first attempt of some fails.
                if fails.pop().unwrap_or(false) {
                    attention.failed(&requests);
                    failed = true;
                    due.extend(requests.iter().map(|id| (now + chrono::TimeDelta::seconds(5), find(id))));
                    continue;
                }
                if !requests.iter().all(|id| find(id).urgent) {
                    interruptions.push(now);
                }
                for id in requests {
                    prop_assert!(sent.insert(id), "sent twice");
                }
            }
            prop_assert_eq!(seen, ready.len(), "each request has one fate");
        }
        prop_assert_eq!(sent.len() as u64, number);
        // A message that failed counts when it was tried, and arrives later.
        for start in interruptions.iter().filter(|_| !failed) {
            let end = after(*start, INTERRUPTIONS_WINDOW);
            prop_assert!(interruptions.iter().filter(|at| (*start..end).contains(at)).count() <= limit as usize);
        }
    }
}
