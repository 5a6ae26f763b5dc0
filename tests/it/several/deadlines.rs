//! Deadlines over three servers: each fires once, and none early.

use futures_util::{StreamExt as _, stream};
use prost_types::{Duration, Timestamp};
use signoff::proto::v1::{ApprovalStatus, RequestApprovalRequest, WatchApprovalRequest, event::Kind};

use super::{SERVERS, Several, long};
use crate::{
    calls::{ask, next_update, open},
    checks::get,
    server::Server,
};

/// Concurrent requests.
const AT_ONCE: usize = 96;

/// Nanoseconds since 1970.
fn nanos(time: Option<&Timestamp>) -> i128 {
    let time = time.expect("a time");
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

/// With `SIGNOFF_IT_LONG`, 10,000 deadlines.
#[tokio::test(flavor = "multi_thread")]
async fn deadlines_over_three_servers_fire_once_and_none_early() {
    let count = if long() { 10_000 } else { 600 };
    // Most pass after all requests are made, all within the same seconds.
    let from = if long() { 20_000 } else { 2_000 };
    let settings = ["limits.timeout_min=10ms", "limits.pending_per_caller=100000", "limits.calls_per_second=100000"];
    let several = Several::start(&settings).await;
    let agents: Vec<_> = several.servers.iter().map(Server::agent).collect();
    let asking = (0..count).map(|n| {
        let mut agent = agents[n % SERVERS].clone();
        let millis = from + (n as i64 * 37) % 3_000;
        let timeout = Some(Duration { seconds: millis / 1_000, nanos: (millis % 1_000) as i32 * 1_000_000 });
        async move {
            let request = RequestApprovalRequest { timeout, ..ask(&format!("r-{n}")) };
            let (_, approval) = open(&mut agent, request).await.unwrap();
            assert_eq!(approval.status(), ApprovalStatus::Pending);
            approval.id
        }
    });
    let ids: Vec<_> = stream::iter(asking).buffer_unordered(AT_ONCE).collect().await;

    let reading = ids.iter().enumerate().map(|(n, id)| {
        let mut reader = agents[(n + 1) % SERVERS].clone(); // not the one that was asked
        async move {
            let watch = WatchApprovalRequest { approval_id: id.clone(), after_revision: 1 };
            let mut watching = reader.watch_approval(watch).await.unwrap().into_inner();
            let mut told = next_update(&mut watching).await.unwrap().expect("the snapshot").approval.unwrap();
            if told.status() == ApprovalStatus::Pending {
                told = next_update(&mut watching).await.unwrap().expect("the deadline").approval.unwrap();
            }
            assert_eq!(told.status(), ApprovalStatus::TimedOut, "{told:?}");
            told
        }
    });
    let told: Vec<_> = stream::iter(reading).buffer_unordered(AT_ONCE).collect().await;
    // Once all have fired, no second event may have come.
    let checking = told.iter().enumerate().map(|(n, told)| {
        let mut reader = agents[n % SERVERS].clone();
        async move {
            let (approval, events) = get(&mut reader, &told.id).await;
            assert_eq!(approval, *told);
            assert!(matches!(&events[..], [_, event] if matches!(event.kind, Some(Kind::Decided(_)))), "{events:?}");
            nanos(events[1].event_time.as_ref()) - nanos(approval.deadline.as_ref())
        }
    });
    let mut late: Vec<_> = stream::iter(checking).buffer_unordered(AT_ONCE).collect().await;
    late.sort_unstable();
    let at = |percent: usize| late[(late.len() - 1) * percent / 100] / 1_000_000;
    println!(
        "{count} deadlines over {SERVERS} servers: late by {} ms (median), {} ms (p99), {} ms (most)",
        at(50),
        at(99),
        at(100)
    );
    assert!(late[0] >= 0, "a deadline fired {} ns early", -late[0]);
}
