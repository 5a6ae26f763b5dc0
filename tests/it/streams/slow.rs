//! Readers that stop reading. Their HTTP/2 windows fill up; they delay no other client, and lose nothing.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use signoff::proto::v1::{
    DecideRequest, RequestApprovalRequest, VoteChoice, WatchPendingRequest,
    approval_service_client::ApprovalServiceClient, watch_pending_response::Change,
};
use tokio::task::JoinSet;
use tonic::{Request, Status, metadata::MetadataValue, transport::Endpoint};

use crate::{
    calls::{arguments, ask, decide, open},
    checks::Told,
    queue::{Reader, list},
    server::{Server, Tokens, soon},
};

/// The minimum HTTP/2 window, for a stream and for a connection.
const WINDOW: u32 = 65_535;
/// Unread streams, each with messages larger than a window.
const STALLED: usize = 20;
/// More than half of the changes that a reader of the queue may lag behind; each call makes two.
const OTHERS: usize = 2_100;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_delays_no_client_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["heartbeat=50ms"]).await;
    let tokens = Tokens::of(data.path());
    let narrow = |token: &str| {
        let bearer: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
        let endpoint = endpoint.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
        ApprovalServiceClient::with_interceptor(endpoint.connect_lazy(), move |mut request: Request<()>| {
            request.metadata_mut().insert("authorization", bearer.clone());
            Ok::<_, Status>(request)
        })
    };

    // Headers arrive; then nothing is read.
    let mut queue = narrow(&tokens.reviewer).watch_pending(WatchPendingRequest::default()).await.unwrap().into_inner();
    let (mut asking, mut stalled) = (narrow(&tokens.agent), Vec::new());
    for n in 0..STALLED {
        let large = arguments(&[("text", &"x".repeat(45_000))]);
        let request = RequestApprovalRequest { arguments: Some(large), ..ask(&format!("stalled-{n}")) };
        stalled.push(asking.request_approval(request).await.unwrap().into_inner());
    }

    // Other clients see them, decide them with large edits, and do their own work.
    let mut watching = server.operator().watch_pending(WatchPendingRequest::default()).await.unwrap().into_inner();
    let mut large = BTreeMap::new();
    while large.len() < STALLED {
        let message = soon("the queue tells", watching.message()).await.unwrap().unwrap();
        if let Some(Change::Pending(approval)) = message.change {
            large.insert(approval.request_id.clone(), approval);
        }
    }
    let (agents, reviewers): (Vec<_>, Vec<_>) = (0..8).map(|_| (server.agent(), server.reviewer())).unzip();
    let mut working = JoinSet::new();
    for worker in 0..32 {
        let (mut agent, mut reviewer) = (agents[worker % 8].clone(), reviewers[worker % 8].clone());
        working.spawn(async move {
            for n in (worker..OTHERS).step_by(32) {
                let (mut stream, approval) = open(&mut agent, ask(&format!("other-{n}"))).await.unwrap();
                if n % 100 == 0 {
                    continue; // stays in the queue
                }
                let call = decide(&approval, &format!("other-{n}"), VoteChoice::Reject);
                soon("a decision is answered", reviewer.decide(call)).await.unwrap();
                let mut told = Told { events: vec![Default::default()], approval: None };
                told.read(&mut stream).await.unwrap();
            }
        });
    }
    for (request_id, approval) in &large {
        let edited = arguments(&[("text", &"y".repeat(45_000))]);
        let call =
            DecideRequest { edited_arguments: Some(edited), ..decide(approval, request_id, VoteChoice::Approve) };
        soon("a decision is answered", reviewers[0].clone().decide(call)).await.unwrap();
    }
    while let Some(worked) = soon("others go on", working.join_next()).await {
        worked.unwrap();
    }

    // The readers resume.
    let mut operator = server.operator();
    let streams = join_all(stalled.iter_mut().map(async |stream| {
        let mut told = Told::default();
        told.read(stream).await.unwrap();
        told
    }));
    for told in streams.await {
        assert_eq!(told.revision(), 3);
        told.agrees(&mut operator).await;
    }
    let last = open(&mut server.agent(), ask("last")).await.unwrap().1;
    let mut reader = Reader::default();
    soon("the queue catches up", reader.read_until(&mut queue, |reader| reader.knows("last"))).await;
    let cancel = decide(&last, "last", VoteChoice::Reject);
    operator = server.reviewer();
    operator.decide(cancel).await.unwrap();
    soon("the queue goes on", reader.read_until(&mut queue, |reader| !reader.knows("last"))).await;
    assert_eq!(reader.pending, list(&mut operator, &WatchPendingRequest::default()).await);
    assert_eq!(reader.pending.len(), OTHERS / 100);
}
