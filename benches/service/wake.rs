//! From Decide to the waiter: a caller waits on its RequestApproval stream while a reviewer, on another connection,
//! decides. Two times, both until the terminal message is read: from sending Decide, which includes the commit, and
//! from reading Decide's reply, which is sent after the commit; a message that arrives before the reply counts as 0.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use signoff::proto::v1 as pb;
use tokio::sync::oneshot;

use crate::{
    Outcome, Sizes,
    load::{Latencies, Load, drive},
    payload,
    requests::first_update,
    scratch::Scratch,
    server::{Client, Role, Server},
    table::{Aim, Figure, Row, Table},
};

/// Concurrent pairs of a waiter and a reviewer: for an idle server, and a busy one.
const PAIRS: [usize; 2] = [1, 64];

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let (scratch, bare) = (Scratch::new()?, Server::bare()?);
    let server = Server::signoff(scratch.path(), &[])?;
    for pairs in PAIRS {
        let (bare_whole, bare_after) = wake_ups_on(&bare, pairs, sizes.seconds).await?;
        let (whole, after) = wake_ups_on(&server, pairs, sizes.seconds).await?;
        let p99 = |load: &Load| Figure::Time(load.p99);
        table.add(
            Row::new(format!("Decide to waiter, {pairs} at once: p99"), p99(&whole))
                .latencies(&whole)
                .against("bare tonic", p99(&bare_whole)),
        );
        table.add(
            Row::new(format!("commit to waiter, {pairs} at once: p99"), p99(&after))
                .latencies(&after)
                .against("bare tonic", p99(&bare_after))
                .aim(Aim::AtMost(Figure::Time(std::time::Duration::from_millis(3)))),
        );
    }
    Ok(())
}

async fn wake_ups_on(server: &Server, pairs: usize, seconds: f64) -> Outcome<(Load, Load)> {
    let waiters = server.connect_for(pairs, Role::Agent).await?;
    let reviewers = server.connect_for(pairs, Role::Reviewer).await?;
    wake_ups(waiters, reviewers, pairs, seconds).await
}

/// Latencies from Decide, and from its reply, to the terminal message. Pair `n` uses client `n % len` of each.
pub(crate) async fn wake_ups(
    waiters: Vec<Client>,
    reviewers: Vec<Client>,
    pairs: usize,
    seconds: f64,
) -> Outcome<(Load, Load)> {
    let times = Arc::new(Mutex::new((Latencies::new()?, Latencies::new()?)));
    let recorded = Arc::clone(&times);
    let load = drive(pairs, seconds, move |pair| {
        let waiter = waiters[pair % waiters.len()].clone();
        let reviewer = reviewers[pair % reviewers.len()].clone();
        let times = Arc::clone(&recorded);
        async move {
            let (sent, replied, woken) = wake_up(waiter, reviewer).await?;
            let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
            times.0.record(woken - sent)?;
            times.1.record(woken.saturating_duration_since(replied))?;
            Ok(true)
        }
    })
    .await?;
    let times = times.lock().unwrap_or_else(PoisonError::into_inner);
    let took = std::time::Duration::from_secs_f64(seconds);
    Ok((times.0.load(took, load.calls), times.1.load(took, load.calls)))
}

/// When Decide was sent, when it was answered, and when the waiter had the decision.
async fn wake_up(mut waiter: Client, mut reviewer: Client) -> Outcome<(Instant, Instant, Instant)> {
    let request = payload::wire_request(payload::uuid().to_string());
    let mut stream = waiter.request_approval(request).await?.into_inner();
    let id = first_update(stream.message().await?)?.id;
    let (tell, told) = oneshot::channel();
    let waiting = tokio::spawn(async move {
        let _ = tell.send(()); // reading from here on
        let approval = first_update(stream.message().await?)?;
        let woken = Instant::now();
        // To its end: to h2, a client that cancels streams which the server is just ending looks like an attacker.
        let ended = stream.message().await?.is_none();
        if ended && approval.status() == pb::ApprovalStatus::Approved {
            Ok(woken)
        } else {
            Outcome::Err("not approved".into())
        }
    });
    told.await?;
    let sent = Instant::now();
    reviewer.decide(payload::wire_decision(id)).await?;
    let replied = Instant::now();
    Ok((sent, replied, waiting.await??))
}
