//! Waits that are cut at random moments and resumed: every revision comes once, in order.

#![expect(clippy::disallowed_methods, reason = "a server in another process is waited for by the machine's clock")]

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use signoff::proto::v1::{
    ApprovalStatus, CancelApprovalRequest, ClaimExecutionRequest, DecideRequest, RequestApprovalRequest, VoteChoice,
    WatchApprovalRequest,
};
use tokio::{sync::watch, task::JoinSet};
use tonic::{Code, Status};

use crate::{
    calls::{arguments, ask, decide},
    checks::Told,
    load::Random,
    server::{Client, Server, soon},
};

const WAITS: usize = 1_000;
const WAITS_OVER_RESTARTS: usize = 400;
const CONNECTIONS: usize = 8;

/// Clients of the current server.
struct Generation {
    number: usize,
    agents: Vec<Client>,
    reviewers: Vec<Client>,
    /// Connections for one stream each: cut together with it.
    alone: Mutex<Vec<Client>>,
}

impl Generation {
    fn of(server: &Server, number: usize) -> Arc<Self> {
        let many = |count, client: &dyn Fn() -> Client| (0..count).map(|_| client()).collect();
        Arc::new(Self {
            number,
            agents: many(CONNECTIONS, &|| server.agent()),
            reviewers: many(CONNECTIONS, &|| server.reviewer()),
            alone: Mutex::new(many(WAITS / 10, &|| server.agent())),
        })
    }
}

type Generations = watch::Receiver<Arc<Generation>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_waits_that_are_cut_and_resumed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (generations, current) = watch::channel(Generation::of(&server, 0));
    drop(generations); // there will be no other
    let mut waits = start(WAITS, &current);
    let mut agent = server.agent();
    while let Some(wait) = soon("every wait ends", waits.join_next()).await {
        wait.expect("a wait gets everything once").agrees(&mut agent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_over_restarts_of_the_server() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]).await;
    let (generations, current) = watch::channel(Generation::of(&server, 0));
    let mut waits = start(WAITS_OVER_RESTARTS, &current);
    let mut finished = Vec::new();
    while let Some(wait) = soon("every wait ends", waits.join_next()).await {
        finished.push(wait.expect("a wait gets everything once"));
        if let Some(number) = [20, 120, 220, 320].iter().position(|at| *at == finished.len()) {
            server = restart(server, data.path(), number).await;
            generations.send_replace(Generation::of(&server, number + 1));
        }
    }
    let mut agent = server.agent();
    for told in finished {
        told.agrees(&mut agent).await;
    }
}

async fn restart(server: Server, data: &Path, number: usize) -> Server {
    if number.is_multiple_of(2) {
        server.kill().await;
    } else {
        assert!(server.stop().await.success());
    }
    Server::start(data, &[]).await
}

/// Starts the waits, each with a reviewer who decides at a random moment.
fn start(count: usize, generations: &Generations) -> JoinSet<Told> {
    let mut waits = JoinSet::new();
    for n in 0..count {
        let generations = generations.clone();
        waits.spawn(async move {
            let mut random = Random::new();
            let cuts = random.below(7);
            let decides_at = random.below(cuts + 1);
            let (attempts, attempted) = watch::channel((0, None));
            let waiting = wait(n, cuts, random, generations.clone(), attempts);
            let (told, ()) = tokio::join!(waiting, decide_after(n, decides_at, generations.clone(), attempted));
            check(n, &told);
            told
        });
    }
    waits
}

/// The expected events of each wait. Only the moments are random.
fn check(n: usize, told: &Told) {
    let approval = told.approval.as_ref().unwrap();
    let (status, decided_at) = [
        (ApprovalStatus::Approved, 2),
        (ApprovalStatus::Rejected, 2),
        (ApprovalStatus::Approved, 3), // edited first
        (ApprovalStatus::Cancelled, 2),
    ][n % 4];
    assert_eq!(approval.status(), status);
    assert_eq!(approval.decision.as_ref().unwrap().revision, decided_at);
    assert_eq!(approval.request_id, format!("wait-{n}"));
    // A stream that was resumed late may also have the claim.
    assert!(told.revision() == decided_at || told.revision() == decided_at + 1);
}

type Attempts = (usize, Option<String>);

/// Waits for one approval: cuts the stream this many times, then reads to the end.
async fn wait(
    n: usize,
    cuts: usize,
    mut random: Random,
    mut generations: Generations,
    attempts: watch::Sender<Attempts>,
) -> Told {
    let mut told = Told::default();
    let mut cut = 0;
    loop {
        let now = generations.borrow_and_update().clone();
        attempts.send_modify(|(count, _)| *count = cut + 1);
        let moment = Duration::from_micros(random.below(30_000) as u64);
        let reading = attach(n, &now, &mut told, &mut random, &attempts);
        let ended = if cut < cuts { tokio::time::timeout(moment, reading).await } else { Ok(reading.await) };
        match ended {
            Ok(Ok(())) => return told,
            Ok(Err(status)) => next_generation(&status, &now, &mut generations).await,
            Err(_) => cut += 1,
        }
    }
}

/// After an error: waits for the next server.
async fn next_generation(status: &Status, last: &Generation, generations: &mut Generations) {
    let lost = [Code::Unavailable, Code::Unknown, Code::Internal, Code::Cancelled];
    assert!(lost.contains(&status.code()), "{status:?}");
    let next = soon("the server comes back", generations.wait_for(|next| next.number > last.number)).await;
    assert!(next.is_ok(), "a stream failed, but no server was stopped: {status:?}");
}

/// Resumes the wait, with either call, and reads to the end.
async fn attach(
    n: usize,
    now: &Generation,
    told: &mut Told,
    random: &mut Random,
    attempts: &watch::Sender<Attempts>,
) -> Result<(), Status> {
    let alone = if random.percent(5) { now.alone.lock().unwrap().pop() } else { None };
    let mut client = alone.unwrap_or_else(|| now.agents[n % CONNECTIONS].clone());
    let after_revision = told.revision();
    if let Some(approval) = told.approval.as_ref().filter(|_| random.percent(50)) {
        let request = WatchApprovalRequest { approval_id: approval.id.clone(), after_revision };
        let mut stream = client.watch_approval(request).await?.into_inner();
        return told.read(&mut stream).await;
    }
    let request = RequestApprovalRequest { after_revision, ..ask(&format!("wait-{n}")) };
    let mut stream = client.request_approval(request).await?.into_inner();
    if told.approval.is_none() {
        let Some(update) = crate::calls::next_update(&mut stream).await? else { panic!("an empty stream") };
        told.take(update);
        let id = told.approval.as_ref().map(|approval| approval.id.clone());
        attempts.send_modify(|(_, known)| *known = id);
        if told.approval.as_ref().is_some_and(crate::calls::terminal) {
            return Ok(());
        }
    }
    told.read(&mut stream).await
}

/// Decides after the wait was resumed this many times; repeats the call until it is answered.
async fn decide_after(n: usize, at: usize, mut generations: Generations, mut attempts: watch::Receiver<Attempts>) {
    let known = |(count, id): &Attempts| *count > at && id.is_some();
    let id = soon("the approval is known", attempts.wait_for(known)).await.unwrap().1.clone().unwrap();
    let digest = loop {
        let now = generations.borrow_and_update().clone();
        match decision(n, &id, &now).await {
            Ok(digest) => break digest,
            Err(status) => next_generation(&status, &now, &mut generations).await,
        }
    };
    if n.is_multiple_of(2) {
        let claim = ClaimExecutionRequest { approval_id: id, request_id: format!("claim-{n}"), digest };
        loop {
            let now = generations.borrow_and_update().clone();
            match now.agents[n % CONNECTIONS].clone().claim_execution(claim.clone()).await {
                Ok(_) => break,
                Err(status) => next_generation(&status, &now, &mut generations).await,
            }
        }
    }
}

/// Makes the decision for the n-th wait; returns the resulting digest.
async fn decision(n: usize, id: &str, now: &Generation) -> Result<String, Status> {
    let request_id = format!("decide-{n}");
    let mut reviewer = now.reviewers[n % CONNECTIONS].clone();
    if n % 4 == 3 {
        let cancel = CancelApprovalRequest { approval_id: id.into(), request_id, reason: "no need".into() };
        let answer = now.agents[n % CONNECTIONS].clone().cancel_approval(cancel).await?;
        return Ok(answer.into_inner().approval.unwrap().digest);
    }
    let request = signoff::proto::v1::GetApprovalRequest { approval_id: id.into(), include_events: false };
    let approval = reviewer.get_approval(request).await?.into_inner().approval.unwrap();
    let seen = signoff::proto::v1::Approval { digest: String::new(), ..approval };
    let choice = if n % 4 == 1 { VoteChoice::Reject } else { VoteChoice::Approve };
    let call = DecideRequest {
        seen: Some(signoff::proto::v1::decide_request::Seen::Revision(1)),
        edited_arguments: (n % 4 == 2).then(|| arguments(&[("to", "bob@company.com")])),
        ..decide(&seen, &request_id, choice)
    };
    Ok(reviewer.decide(call).await?.into_inner().approval.unwrap().digest)
}

/// The same request, made concurrently by many callers, is one approval.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_repetitions_of_a_request_are_one_approval() {
    let data = tempfile::tempdir().unwrap();
    // Eight hundred simultaneous connections, on a machine that may be busy.
    let server = Server::start(data.path(), &["limits.handshake_timeout=1m"]).await;
    let mut asking = JoinSet::new();
    for n in 0..800 {
        let mut client = server.agent();
        asking.spawn(async move {
            let (_stream, approval) = crate::calls::open(&mut client, ask(&format!("r-{}", n % 100))).await.unwrap();
            (approval.request_id, approval.id)
        });
    }
    let mut ids = HashMap::new();
    while let Some(opened) = soon("every stream opens", asking.join_next()).await {
        let (request_id, id) = opened.unwrap();
        assert_eq!(*ids.entry(request_id).or_insert_with(|| id.clone()), id);
    }
    assert_eq!(ids.len(), 100);
}

#[tokio::test]
async fn a_wait_that_was_cut_right_before_its_end_is_resumed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut agent = server.agent();
    let (_stream, approval) = crate::calls::open(&mut agent, ask("one")).await.unwrap();
    server.reviewer().decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap();
    let mut told = Told::default();
    let mut whole = agent.request_approval(ask("one")).await.unwrap().into_inner();
    told.read(&mut whole).await.unwrap();
    // Only the end of the stream is unknown: the state comes again, without new events.
    let request = WatchApprovalRequest { approval_id: approval.id, after_revision: told.revision() };
    let mut again = agent.watch_approval(request).await.unwrap().into_inner();
    told.read(&mut again).await.unwrap();
    assert_eq!(told.revision(), 2);
}
