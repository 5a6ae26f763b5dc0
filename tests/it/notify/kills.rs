//! `kill -9` between a decision and its message: every message arrives, in order, under a stable id.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use signoff::proto::v1::{ApprovalStatus, Event, GetApprovalRequest, event::Kind};
use tonic::Status;

use super::{
    accepted, configure,
    receiver::{Answer, Arrived, Receiver},
    start,
};
use crate::{
    ledger::list,
    load::{Load, Random},
    server::{Server, soon},
};

/// Kills in CI. `SIGNOFF_NOTIFY_KILLS=50 cargo test --test it notify::kills` makes more.
const KILLS: usize = 8;

const CALLERS: usize = 3;

const SETTINGS: [&str; 4] =
    ["limits.timeout_min=10ms", "heartbeat=200ms", "limits.pending_per_caller=1000000", "log.filter=warn"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_no_message() {
    let kills = std::env::var("SIGNOFF_NOTIFY_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let data = tempfile::tempdir().unwrap();
    let mut random = Random::new();
    let receiver = Receiver::start(|_| Answer::Ok);
    configure(data.path(), &[("hook", &receiver)]);
    let (load, mut pauses) = (Load::new(), Random::new());
    for round in 0..kills {
        // A receiver that is sometimes rude. Its answers also move the moments at which things are settled.
        let (mut random_answer, rude) = (Random::new(), round % 2 == 1);
        receiver.answer(move |_| match random_answer.below(100) {
            0 if rude => Answer::Status("500 Internal Server Error", ""),
            1 if rude => Answer::Close,
            2 if rude => Answer::Cut,
            _ => Answer::Ok,
        });
        let server = start(data.path(), &SETTINGS).await;
        let mut callers = load.start(&server, CALLERS);
        let (enough, moment) = (10 + random.below(200), Duration::from_millis(20 + pauses.below(500) as u64));
        #[expect(clippy::disallowed_methods, reason = "any moment is good for a kill")]
        let _ = tokio::time::timeout(moment, load.answered(enough)).await;
        load.expect_end();
        server.kill().await;
        while let Some(ended) = soon("the callers notice", callers.join_next()).await {
            ended.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
    receiver.answer(|_| Answer::Ok);
    let server = start(data.path(), &SETTINGS).await;
    let (expected, arrived) = loop {
        let known = expected(&server).await;
        let has_all = |arrived: &[Arrived]| {
            let accepted = accepted(arrived);
            let has = |(approval, kinds): (&String, &Vec<String>)| {
                accepted.get(approval).is_some_and(|accepted| accepted.len() >= kinds.len())
            };
            known.iter().all(has)
        };
        let arrived = receiver.until("every message arrives", has_all).await;
        // Deadlines pass meanwhile, and add events.
        if expected(&server).await == known {
            break (known, arrived);
        }
    };
    let accepted = accepted(&arrived);
    for (approval, kinds) in &expected {
        assert_eq!(accepted.get(approval), Some(kinds), "{approval}");
    }
    assert_eq!(accepted.len(), expected.len(), "a message about an approval that does not exist");
    let (messages, repeated) = (distinct(&arrived), arrived.len() - distinct(&arrived));
    println!("{kills} kills: {messages} messages of {} approvals, {repeated} repeated", expected.len());
    assert!(messages > 10 * kills, "too few messages to be a load");
}

/// Number of different messages that were accepted.
fn distinct(arrived: &[Arrived]) -> usize {
    let accepted = arrived.iter().filter(|message| matches!(message.answer, Answer::Ok | Answer::Cut));
    accepted.map(|message| &message.id).collect::<BTreeSet<_>>().len()
}

/// The messages that must arrive, by what is on record: their kinds, by approval.
async fn expected(server: &Server) -> BTreeMap<String, Vec<String>> {
    let client = server.operator();
    let histories = stream::iter(list(&client, &[]).await).map(|approval| {
        let mut client = client.clone();
        async move {
            let request = GetApprovalRequest { approval_id: approval.id.clone(), include_events: true };
            let events = client.get_approval(request).await?.into_inner().events;
            Ok::<_, Status>((approval.id, events.iter().filter_map(kind).collect()))
        }
    });
    histories.buffer_unordered(32).try_collect().await.expect("every approval is readable")
}

/// The type of an event's webhook.
fn kind(event: &Event) -> Option<String> {
    let kind = match event.kind.as_ref().expect("an event has a kind") {
        Kind::Requested(_) => "requested",
        Kind::Voted(_) => "voted",
        Kind::Edited(_) => "edited",
        Kind::Escalated(_) => "escalated",
        Kind::Decided(decided) => match decided.status() {
            ApprovalStatus::TimedOut => "timed_out",
            ApprovalStatus::Cancelled => "cancelled",
            _ => "decided",
        },
        Kind::Revoked(_) => "revoked",
        _ => return None,
    };
    Some(format!("approval.{kind}"))
}
