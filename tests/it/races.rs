//! Races: many concurrent callers change the same approval.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use signoff::proto::v1::{
    Approval, ApprovalStatus, CancelApprovalRequest, ClaimExecutionRequest, DecideRequest, ExecutionResult,
    ReportExecutionRequest, RequestApprovalRequest, VoteChoice, WatchApprovalRequest,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::{Code, Status};

use crate::{
    calls::{arguments, ask, decide, open},
    checks::{Told, refused},
    deployment::in_directory,
    load::Random,
    server::{Client, Server, soon},
};

const APPROVALS: usize = 1_000;
const DECIDERS: usize = 8;
const CONNECTIONS: usize = 10;
/// Concurrent races: more would only queue.
const AT_ONCE: usize = 125;

struct Clients {
    agents: Vec<Client>,
    reviewers: Vec<Client>,
}

impl Clients {
    fn of(server: &Server) -> Arc<Self> {
        let agents = (0..CONNECTIONS).map(|_| server.agent()).collect();
        Arc::new(Self { agents, reviewers: (0..CONNECTIONS).map(|_| server.reviewer()).collect() })
    }

    fn agent(&self, n: usize) -> Client {
        self.agents[n % CONNECTIONS].clone()
    }

    fn reviewer(&self, n: usize) -> Client {
        self.reviewers[n % CONNECTIONS].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_deciders_a_canceller_and_a_deadline_wins() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (clients, room) = (Clients::of(&server), Arc::new(Semaphore::new(AT_ONCE)));
    let mut races = JoinSet::new();
    for n in 0..APPROVALS {
        let (clients, room) = (Arc::clone(&clients), Arc::clone(&room));
        races.spawn(async move {
            let _room = room.acquire().await.unwrap();
            race(n, &clients).await
        });
    }
    let mut won = BTreeMap::new();
    while let Some(status) = soon("every race ends", races.join_next()).await {
        *won.entry(status.unwrap().as_str_name()).or_insert(0) += 1;
    }
    println!("{won:?}");
    // Races before the deadline have a winner; races after it have none.
    assert!(won.len() >= 2 && won["APPROVAL_STATUS_TIMED_OUT"] >= APPROVALS / 10, "{won:?}");
}

/// When the racing calls start.
async fn start_of_race(n: usize, approval: &Approval, random: &mut Random) {
    let deadline = approval.deadline.as_ref().map(|time| Duration::new(time.seconds as u64, time.nanos as u32));
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let left = deadline.unwrap().saturating_sub(now);
    let wait = match n % 10 {
        0 | 1 => Duration::ZERO,
        2 => left + Duration::from_millis(20),
        _ => (left + Duration::from_millis(random.below(20) as u64)).saturating_sub(Duration::from_millis(30)),
    };
    #[expect(clippy::disallowed_methods, reason = "aims at the deadline, and waits for nothing")]
    tokio::time::sleep(wait).await;
}

async fn race(n: usize, clients: &Clients) -> ApprovalStatus {
    // With three servers on two cores, a second would end most races before they begin.
    let seconds = if in_directory() { 1 } else { 4 };
    let timeout = Some(prost_types::Duration { seconds, nanos: 0 });
    let request = RequestApprovalRequest { timeout, ..ask(&format!("r-{n}")) };
    let (mut stream, approval) = open(&mut clients.agent(n), request).await.unwrap();
    let watch = WatchApprovalRequest { approval_id: approval.id.clone(), after_revision: 0 };
    let mut watching = clients.reviewer(n).watch_approval(watch).await.unwrap().into_inner();

    start_of_race(n, &approval, &mut Random::new()).await;
    let contestants = (0..=DECIDERS).map(|who| compete(n, who, &approval, clients));
    let outcomes = soon("everybody is answered", join_all(contestants)).await;

    let (mut asked, mut watched) = (Told::default(), Told::default());
    asked.events.push(crate::checks::get(&mut clients.agent(n), &approval.id).await.1.remove(0));
    asked.read(&mut stream).await.unwrap();
    watched.read(&mut watching).await.unwrap();
    let truth = asked.agrees(&mut clients.agent(n)).await;
    assert_eq!(watched.agrees(&mut clients.reviewer(n)).await, truth);

    let decision = truth.decision.as_ref().unwrap();
    let winners: Vec<_> = outcomes.iter().filter_map(|(who, outcome)| outcome.as_ref().ok().map(|_| *who)).collect();
    if truth.status() == ApprovalStatus::TimedOut {
        assert_eq!(winners, [0; 0]);
        assert!(decision.decide_time.as_ref().unwrap().seconds >= truth.deadline.as_ref().unwrap().seconds);
    } else {
        assert_eq!(winners.len(), 1, "{decision:?}");
        assert_eq!(decision.comment, comment(winners[0]));
    }
    for (_, outcome) in &outcomes {
        match outcome {
            Ok(answered) => assert_eq!(*answered, truth),
            Err(status) => told_who_won(status, &truth),
        }
    }
    truth.status()
}

fn comment(who: usize) -> String {
    format!("contestant {who}")
}

async fn compete(n: usize, who: usize, approval: &Approval, clients: &Clients) -> (usize, Result<Approval, Status>) {
    let request_id = format!("d-{n}-{who}");
    let outcome = if who == DECIDERS {
        let cancel = CancelApprovalRequest { approval_id: approval.id.clone(), request_id, reason: comment(who) };
        clients.agent(n + who).cancel_approval(cancel).await.map(|answer| answer.into_inner().approval)
    } else {
        let choice = if who.is_multiple_of(2) { VoteChoice::Approve } else { VoteChoice::Reject };
        let edited_arguments = (who % 4 == 2).then(|| arguments(&[("to", &comment(who))]));
        let call = decide(approval, &request_id, choice);
        let call = DecideRequest { comment: comment(who), edited_arguments, ..call };
        clients.reviewer(n + who).decide(call).await.map(|answer| answer.into_inner().approval)
    };
    (who, outcome.map(|approval| approval.expect("the approval")))
}

/// Checks that a late call gets the winning decision.
fn told_who_won(status: &Status, truth: &Approval) {
    let told = refused(status, Code::FailedPrecondition, "ALREADY_DECIDED");
    let decision = truth.decision.as_ref().unwrap();
    let by = decision.decided_by.as_ref().unwrap();
    let expected = [
        ("approval_id", truth.id.clone()),
        ("status", truth.status().as_str_name().trim_start_matches("APPROVAL_STATUS_").to_owned()),
        ("decided_by", format!("{}/{}", by.issuer, by.subject)),
        ("revision", decision.revision.to_string()),
        ("comment", decision.comment.clone()),
    ];
    for (key, value) in expected {
        assert_eq!(told.get(key), Some(&value), "{key}");
    }
    let time: prost_types::Timestamp = told["decide_time"].parse().expect("a time");
    assert_eq!(Some(time), decision.decide_time);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_claimants_wins_and_one_report_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let clients = Clients::of(&server);
    let mut races = JoinSet::new();
    for n in 0..200 {
        let clients = Arc::clone(&clients);
        races.spawn(async move { claim_and_report(n, &clients).await });
    }
    while let Some(raced) = soon("every race ends", races.join_next()).await {
        raced.unwrap();
    }
}

async fn claim_and_report(n: usize, clients: &Clients) {
    let (_, approval) = open(&mut clients.agent(n), ask(&format!("r-{n}"))).await.unwrap();
    clients.reviewer(n).decide(decide(&approval, &format!("d-{n}"), VoteChoice::Approve)).await.unwrap();

    // Each claims twice with its own request_id, as after a lost reply.
    let claims = (0..16).map(async |m| {
        let who = m / 2;
        let request_id = format!("c-{n}-{who}");
        let digest = approval.digest.clone();
        let claim = ClaimExecutionRequest { approval_id: approval.id.clone(), request_id, digest };
        (who, clients.agent(n + m).claim_execution(claim).await.map(tonic::Response::into_inner))
    });
    let outcomes = soon("every claim is answered", join_all(claims)).await;
    let mut won: Vec<_> = outcomes.iter().filter_map(|(who, outcome)| Some((who, outcome.as_ref().ok()?))).collect();
    let (winner, claim) = won.pop().expect("somebody wins");
    assert_eq!(won, [(winner, claim)], "the winner's repetition gets the same claim, and no other call wins");
    for (_, outcome) in &outcomes {
        let Err(status) = outcome else { continue };
        let metadata = refused(status, Code::FailedPrecondition, "ALREADY_CLAIMED");
        assert_eq!((&metadata["approval_id"], metadata["claimed_by"].as_str()), (&approval.id, "dev/agent"));
        let time: prost_types::Timestamp = metadata["claim_time"].parse().expect("a time");
        let recorded = claim.approval.as_ref().unwrap().claim.as_ref().unwrap();
        assert_eq!((Some(time), &recorded.id), (recorded.claim_time, &claim.claim_id));
    }

    let reports = (0..16).map(async |m| {
        let who = m / 2;
        let result = if who % 2 == 0 { ExecutionResult::Succeeded } else { ExecutionResult::Failed };
        let report = ReportExecutionRequest {
            approval_id: approval.id.clone(),
            request_id: format!("o-{n}-{who}"),
            claim_id: claim.claim_id.clone(),
            result: result.into(),
            message: comment(who),
        };
        (who, clients.agent(n + m).report_execution(report).await.map(tonic::Response::into_inner))
    });
    let outcomes = soon("every report is answered", join_all(reports)).await;
    let mut kept: Vec<_> = outcomes.iter().filter_map(|(who, outcome)| Some((who, outcome.as_ref().ok()?))).collect();
    let (reporter, report) = kept.pop().expect("somebody reports");
    assert_eq!(kept, [(reporter, report)]);
    for (_, outcome) in &outcomes {
        let Err(status) = outcome else { continue };
        let metadata = refused(status, Code::FailedPrecondition, "ALREADY_REPORTED");
        let expected = if reporter % 2 == 0 { "SUCCEEDED" } else { "FAILED" };
        assert_eq!((&metadata["approval_id"], metadata["result"].as_str()), (&approval.id, expected));
    }
    let (now, events) = crate::checks::get(&mut clients.agent(n), &approval.id).await;
    assert_eq!((Some(&now), events.len()), (report.approval.as_ref(), 4));
    assert_eq!(now.claim.unwrap().outcome.unwrap().message, comment(*reporter));
}
