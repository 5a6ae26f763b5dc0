//! A server whose network to PostgreSQL falls silent, and a host of PostgreSQL that is silent from the start.

#![expect(clippy::disallowed_methods, reason = "the test prints how long calls take")]

use std::time::{Duration, Instant};

use signoff::proto::v1::{
    Approval, ApprovalStatus, CancelApprovalRequest, ClaimExecutionRequest, DecideRequest, GetApprovalRequest,
    VoteChoice,
};
use tokio::net::TcpListener;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{fleet::Fleet, pause, proxy::Proxy};
use crate::{
    calls::{ask, decide, next_update, open, terminal},
    databases::{Database, cluster},
    load::{Call, Clients},
    server::soon,
};

/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);

/// The URL of the database of `database`, at another host.
fn at(host: &str, database: &Database) -> String {
    format!("store=postgres://signoff@{host}/{}", database.name)
}

fn approve(approval: &Approval, request_id: &str) -> DecideRequest {
    decide(approval, request_id, VoteChoice::Approve)
}

fn claim(approval: &Approval, request_id: &str) -> Call {
    Call::Claim(ClaimExecutionRequest {
        approval_id: approval.id.clone(),
        request_id: request_id.into(),
        digest: approval.digest.clone(),
    })
}

/// How a call ends that must not hang, and after what time.
async fn ends<T>(call: impl Future<Output = Result<T, Status>>) -> (Duration, Result<T, Status>) {
    let begun = Instant::now();
    let answer = tokio::time::timeout(HANGS, call).await;
    (begun.elapsed(), answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("it hangs"))))
}

/// Repeats a call until it succeeds.
async fn at_last(clients: &Clients, call: Call) -> Approval {
    soon("the call succeeds", async {
        loop {
            match clients.clone().make(call.clone()).await {
                Ok(approval) => return approval,
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
            pause().await;
        }
    })
    .await
}

async fn is_serving(fleet: &Fleet, number: usize) -> bool {
    let check = HealthCheckRequest::default();
    let answer = HealthClient::new(fleet.channel(number)).check(check).await.expect("health is known");
    answer.into_inner().status() == ServingStatus::Serving
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off_grants_nothing_and_recovers_alone() {
    let database = Database::create().await;
    let proxy = Proxy::start(cluster::directory().join(".s.PGSQL.5432")).await;
    let fleet =
        Fleet::start(&[at(&proxy.address().to_string(), &database), database.setting(), database.setting()]).await;
    let clients = |number| fleet.clients(number).expect("the server runs");
    let (cut, other) = (clients(0), clients(1));
    let (mut voted_stream, voted) = open(&mut cut.agent.clone(), ask("voted")).await.unwrap();
    let (mut later_stream, later) = open(&mut cut.agent.clone(), ask("later")).await.unwrap();
    let (_, approved) = open(&mut cut.agent.clone(), ask("approved")).await.unwrap();
    cut.reviewer.clone().decide(approve(&approved, "k")).await.unwrap();
    assert!(is_serving(&fleet, 0).await);

    proxy.silence(true);
    let cancel = CancelApprovalRequest { approval_id: voted.id.clone(), request_id: "c".into(), ..Default::default() };
    let (get, mut reader) =
        (GetApprovalRequest { approval_id: voted.id.clone(), ..Default::default() }, cut.agent.clone());
    let (decided, cancelled, claimed, asked, read) = tokio::join!(
        ends(async { cut.clone().make(Call::Decide(approve(&voted, "cut"))).await }),
        ends(async { cut.clone().make(Call::Cancel(cancel)).await }),
        ends(async { cut.clone().make(claim(&approved, "cut")).await }),
        ends(async { cut.clone().make(Call::Request(ask("new"))).await }),
        ends(async { Ok(reader.get_approval(get).await?.into_inner().approval.expect("an approval")) }),
    );
    for (name, (time, answer)) in
        [("decide", decided), ("cancel", cancelled), ("claim", claimed), ("ask", asked), ("read", read)]
    {
        println!(
            "{name} of the server that is cut off: {:?} after {time:?}",
            answer.as_ref().map(|_| ()).map_err(Status::code)
        );
        assert_eq!(answer.expect_err("it cannot know").code(), Code::Unavailable, "{name}");
    }
    // It granted nothing. The others do, also what its transactions had locked.
    let approval = at_last(&other, Call::Decide(approve(&voted, "other"))).await;
    assert_eq!(approval.status(), ApprovalStatus::Approved);
    let claimed = at_last(&clients(2), claim(&approved, "other")).await;
    let (time, answer) = ends(async { cut.clone().make(claim(&approved, "cut again")).await }).await;
    assert_eq!(answer.expect_err("it cannot know").code(), Code::Unavailable, "after {time:?}");
    println!("serving while it is cut off: {}", is_serving(&fleet, 0).await);

    proxy.silence(false);
    let asked = at_last(&cut, Call::Request(ask("new"))).await;
    assert_eq!(at_last(&other, Call::Request(ask("new"))).await.id, asked.id);
    at_last(&cut, Call::Decide(approve(&later, "k"))).await;
    for stream in [&mut voted_stream, &mut later_stream] {
        let end = next_update(stream).await.unwrap().expect("the decision").approval.expect("an approval");
        assert!(terminal(&end));
        assert!(next_update(stream).await.unwrap().is_none(), "the stream ends");
    }
    let again = cut.clone().make(claim(&approved, "cut")).await.expect_err("it was claimed");
    assert_eq!(crate::calls::reason(&again), "ALREADY_CLAIMED", "{claimed:?}");
    soon("it is healthy", async {
        while !is_serving(&fleet, 0).await {
            pause().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_silent_does_not_hide_the_primary() {
    let database = Database::create().await;
    // It accepts connections, as the kernel does for it, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let directory = cluster::directory().to_str().unwrap().replace('/', "%2F");
    let hosts = format!("{},{directory}:5432", silent.local_addr().unwrap());
    let fleet = soon("the server starts", Fleet::start(&[at(&hosts, &database)])).await;
    let asked = at_last(&fleet.clients(0).unwrap(), Call::Request(ask("a"))).await;
    assert_eq!(asked.status(), ApprovalStatus::Pending);
}
