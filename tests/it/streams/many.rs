//! Ten thousand open streams, then all decided.

use std::sync::Arc;

use signoff::proto::v1::{ApprovalStatus, CancelApprovalRequest, VoteChoice};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use crate::{
    calls::{ask, decide, open},
    checks::Told,
    server::{Server, soon},
};

const STREAMS: usize = 10_000;
const CONNECTIONS: usize = 10;
const DECIDERS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_streams_end_with_their_decision() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let agents: Vec<_> = (0..CONNECTIONS).map(|_| server.agent()).collect();
    let reviewers: Vec<_> = (0..CONNECTIONS).map(|_| server.reviewer()).collect();

    let mut streams = JoinSet::new();
    let (opened, mut approvals) = mpsc::channel(STREAMS);
    for n in 0..STREAMS {
        let (mut agent, opened) = (agents[n % CONNECTIONS].clone(), opened.clone());
        streams.spawn(async move {
            let (mut stream, approval) = open(&mut agent, ask(&format!("r-{n}"))).await.unwrap();
            opened.send((n, approval.clone())).await.unwrap();
            let mut told = Told::default();
            told.events.push(signoff::proto::v1::Event::default()); // the first one came with `open`
            told.read(&mut stream).await.unwrap();
            (n, approval.id, told)
        });
    }
    let mut waiting = Vec::with_capacity(STREAMS);
    while waiting.len() < STREAMS {
        waiting.push(soon("every stream opens", approvals.recv()).await.unwrap());
    }

    let (mut deciding, limit) = (JoinSet::new(), Arc::new(Semaphore::new(DECIDERS)));
    for (n, approval) in waiting {
        let (mut reviewer, mut agent) = (reviewers[n % CONNECTIONS].clone(), agents[n % CONNECTIONS].clone());
        let limit = Arc::clone(&limit);
        deciding.spawn(async move {
            let _permit = limit.acquire().await.unwrap();
            let request_id = format!("d-{n}");
            match expected(n) {
                ApprovalStatus::Cancelled => {
                    let (approval_id, reason) = (approval.id, String::new());
                    let cancel = CancelApprovalRequest { approval_id, request_id, reason };
                    drop(agent.cancel_approval(cancel).await.unwrap());
                }
                status => {
                    let approve = status == ApprovalStatus::Approved;
                    let choice = if approve { VoteChoice::Approve } else { VoteChoice::Reject };
                    drop(reviewer.decide(decide(&approval, &request_id, choice)).await.unwrap());
                }
            }
        });
    }
    while let Some(decided) = soon("every decision is answered", deciding.join_next()).await {
        decided.unwrap();
    }
    while let Some(ended) = soon("every stream ends", streams.join_next()).await {
        let (n, id, told) = ended.unwrap();
        let approval = told.approval.unwrap();
        assert_eq!((approval.status(), approval.revision, approval.id), (expected(n), 2, id));
    }
}

fn expected(n: usize) -> ApprovalStatus {
    [ApprovalStatus::Approved, ApprovalStatus::Rejected, ApprovalStatus::Cancelled][n % 3]
}
