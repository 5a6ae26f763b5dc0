//! Concurrent callers that ask, decide, cancel, claim, report and read at random, until the server is gone.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use prost_types::Duration;
use signoff::proto::v1::{
    self as pb, Approval, CancelApprovalRequest, ClaimExecutionRequest, DecideRequest, ExecutionResult,
    GetApprovalRequest, ReportExecutionRequest, RequestApprovalRequest, VoteChoice, WatchPendingRequest,
    watch_pending_response::Change,
};
use tokio::{sync::watch, task::JoinSet};
use tonic::Status;

use crate::{
    calls::{arguments, ask, decide, next_update, reason, terminal},
    ledger::Ledger,
    schemas::schema,
    server::{Client, Server},
};

/// Requests in one caller's burst.
const BURST: usize = 48;

/// Errors that random concurrent calls can cause.
const REFUSALS: [&str; 8] = [
    "ALREADY_DECIDED",
    "STALE_VIEW",
    "NOT_APPROVED",
    "DIGEST_MISMATCH", // edited between a claim that was cut off and its repetition
    "ALREADY_CLAIMED",
    "ALREADY_REPORTED",
    "NOT_CLAIMED",
    "TOO_MANY_PENDING",
];

/// Pseudo-random numbers: splitmix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// With a seed from the system: the moment of a kill cannot be repeated anyway.
    pub(crate) fn new() -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("random numbers");
        Self(u64::from_le_bytes(seed))
    }

    /// The same numbers for the same seed.
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Other numbers, for another caller.
    pub(crate) fn another(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True in this percentage of calls.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// A call whose outcome a crash may have hidden, to be repeated later.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Request(RequestApprovalRequest),
    Decide(DecideRequest),
    Cancel(CancelApprovalRequest),
    Claim(ClaimExecutionRequest),
    Report(ReportExecutionRequest),
}

/// The calls and answers of the callers, over one server process after the other.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) ledger: Mutex<Ledger>,
    /// Calls since the server started, with their answers: the approval, or nothing.
    calls: Mutex<Vec<(Call, Option<Approval>)>>,
    approvals: Mutex<Vec<String>>,
    answers: watch::Sender<usize>,
    end_expected: AtomicBool,
}

/// Why a caller stops.
#[derive(Debug)]
struct Gone(Status);

impl Load {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            ledger: Mutex::default(),
            calls: Mutex::default(),
            approvals: Mutex::default(),
            answers: watch::Sender::new(0),
            end_expected: AtomicBool::new(false),
        })
    }

    /// Starts the callers of a server. Each task ends, with an error, when the server is gone.
    pub(crate) fn start(self: &Arc<Self>, server: &Server, callers: usize) -> JoinSet<Status> {
        self.answers.send_replace(0);
        self.end_expected.store(false, Ordering::SeqCst);
        self.calls.lock().unwrap().clear();
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let caller = Caller {
                load: Arc::clone(self),
                agent: server.agent(),
                reviewer: server.reviewer(),
                operator: server.operator(),
                random: Random::new(),
            };
            tasks.spawn(caller.run());
        }
        let (load, operator) = (Arc::clone(self), server.operator());
        tasks.spawn(async move { load.watch_queue(operator).await.expect_err("the queue never ends").0 });
        tasks
    }

    /// Allows calls to fail from now on, because the server is gone.
    pub(crate) fn expect_end(&self) {
        self.end_expected.store(true, Ordering::SeqCst);
    }

    /// Waits for this many answers since the start.
    pub(crate) async fn answered(&self, count: usize) {
        self.answers.subscribe().wait_for(|answers| *answers >= count).await.expect("the sender is here");
    }

    /// The calls since the start, with their answers.
    pub(crate) fn calls(&self) -> Vec<(Call, Option<Approval>)> {
        self.calls.lock().unwrap().clone()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Records an answer. An expected error is an answer too.
    fn answered_with(&self, answer: Result<Approval, Status>) -> Result<Option<Approval>, Gone> {
        let seen = match answer {
            Ok(approval) => {
                self.ledger().saw(&approval);
                Some(approval)
            }
            Err(status) if self.refused(&status) => None,
            Err(status) => return Err(self.gone(status)),
        };
        self.answers.send_modify(|answers| *answers += 1);
        Ok(seen)
    }

    /// Records an error; false if it is not an expected one.
    pub(crate) fn refused(&self, status: &Status) -> bool {
        let known = REFUSALS.contains(&reason(status).as_str());
        if known {
            self.ledger().saw_refusal(status);
        }
        known
    }

    fn gone(&self, status: Status) -> Gone {
        let ended = self.end_expected.load(Ordering::SeqCst);
        let of_the_server = ["", "STORE_UNAVAILABLE", "DRAINING"].contains(&reason(&status).as_str());
        assert!(ended && of_the_server, "a call failed while the server should work: {status:?}");
        Gone(status)
    }

    /// Makes a call, and records it and its answer.
    pub(crate) async fn call(&self, mut clients: Clients, call: Call) -> Result<Option<Approval>, Status> {
        let index = {
            let mut calls = self.calls.lock().unwrap();
            calls.push((call.clone(), None));
            calls.len() - 1
        };
        let answer = clients.make(call).await;
        match self.answered_with(answer) {
            Ok(seen) => {
                self.calls.lock().unwrap()[index].1.clone_from(&seen);
                Ok(seen)
            }
            Err(Gone(status)) => Err(status),
        }
    }

    async fn watch_queue(&self, mut operator: Client) -> Result<(), Gone> {
        let stream = operator.watch_pending(WatchPendingRequest::default()).await;
        let mut stream = stream.map_err(|status| self.gone(status))?.into_inner();
        while let Some(message) = stream.message().await.map_err(|status| self.gone(status))? {
            match message.change.expect("a change") {
                Change::Pending(approval) => self.ledger().saw(&approval),
                Change::Removed(_) | Change::SnapshotComplete(_) => {}
            }
        }
        Ok(())
    }
}

/// A client for each side.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) agent: Client,
    pub(crate) reviewer: Client,
}

impl Clients {
    /// Makes a call with the client of its side.
    pub(crate) async fn make(&mut self, call: Call) -> Result<Approval, Status> {
        let approval = match call {
            Call::Request(request) => {
                let mut stream = self.agent.request_approval(request).await?.into_inner();
                next_update(&mut stream).await?.expect("the current state comes first").approval
            }
            Call::Decide(request) => self.reviewer.decide(request).await?.into_inner().approval,
            Call::Cancel(request) => self.agent.cancel_approval(request).await?.into_inner().approval,
            Call::Claim(request) => {
                let reply = self.agent.claim_execution(request).await?.into_inner();
                let claim = reply.approval.as_ref().and_then(|approval| approval.claim.as_ref());
                assert_eq!(claim.map(|claim| &claim.id), Some(&reply.claim_id), "a reply with two claims");
                reply.approval
            }
            Call::Report(request) => self.agent.report_execution(request).await?.into_inner().approval,
        };
        Ok(approval.expect("an answer has the approval"))
    }
}

/// One of the callers.
struct Caller {
    load: Arc<Load>,
    agent: Client,
    reviewer: Client,
    operator: Client,
    random: Random,
}

impl Caller {
    async fn run(mut self) -> Status {
        let mut streams = JoinSet::new();
        let Gone(status) = loop {
            let done = match self.random.below(20) {
                0..=5 => self.follow(&mut streams).await,
                6 => self.burst().await,
                7..=11 => self.decide().await,
                12 => self.cancel().await,
                13..=15 => self.claim().await,
                16..=17 => self.report().await,
                _ => self.read().await,
            };
            if let Err(gone) = done {
                break gone;
            }
        };
        while let Some(ended) = streams.join_next().await {
            ended.expect("the stream was consistent");
        }
        status
    }

    fn clients(&self) -> Clients {
        Clients { agent: self.agent.clone(), reviewer: self.reviewer.clone() }
    }

    async fn call(&self, call: Call) -> Result<Option<Approval>, Gone> {
        self.load.call(self.clients(), call).await.map_err(Gone)
    }

    /// Asks, and follows the stream while other calls are made.
    async fn follow(&mut self, streams: &mut JoinSet<()>) -> Result<(), Gone> {
        let (request, mut agent, load) = (request(&mut self.random), self.agent.clone(), Arc::clone(&self.load));
        load.calls.lock().unwrap().push((Call::Request(request.clone()), None));
        let stream = agent.request_approval(request).await.map_err(|status| load.gone(status))?;
        let mut stream = stream.into_inner();
        let first = next_update(&mut stream).await.map_err(|status| load.gone(status))?.expect("a first message");
        load.ledger().saw_update(&first);
        load.answers.send_modify(|answers| *answers += 1);
        let approval = first.approval.expect("an approval");
        load.approvals.lock().unwrap().push(approval.id.clone());
        streams.spawn(async move {
            let mut last = approval;
            loop {
                match next_update(&mut stream).await {
                    Ok(Some(update)) => {
                        assert_eq!(
                            update.events[0].revision,
                            last.revision + 1,
                            "a stream skipped or repeated a revision"
                        );
                        load.ledger().saw_update(&update);
                        last = update.approval.expect("an approval");
                    }
                    Ok(None) => break assert!(terminal(&last), "a stream ended OK without a decision: {last:?}"),
                    Err(status) => {
                        load.gone(status);
                        break;
                    }
                }
            }
        });
        Ok(())
    }

    /// Makes many concurrent requests, so that a kill hits groups that are being written.
    async fn burst(&mut self) -> Result<(), Gone> {
        let requests: Vec<_> = (0..BURST).map(|_| Call::Request(request(&mut self.random))).collect();
        for answer in join_all(requests.into_iter().map(|request| self.call(request))).await {
            self.load.approvals.lock().unwrap().extend(answer?.map(|approval| approval.id));
        }
        Ok(())
    }

    /// One of the newest approvals, so that callers race for it.
    fn pick(&mut self) -> Option<Approval> {
        let approvals = self.load.approvals.lock().unwrap();
        let index = approvals.len().checked_sub(1 + self.random.below(150))?;
        Some(self.load.ledger().newest(&approvals[index]).clone())
    }

    async fn decide(&mut self) -> Result<(), Gone> {
        let Some(approval) = self.pick() else { return Ok(()) };
        let choice = if self.random.percent(80) { VoteChoice::Approve } else { VoteChoice::Reject };
        let mut request = decide(&approval, &fresh("decide"), choice);
        request.comment = "as you wish".into();
        if choice == VoteChoice::Approve && self.random.percent(20) {
            request.edited_arguments = Some(arguments(&[("to", "bob@company.com"), ("text", &"y".repeat(500))]));
        }
        self.call(Call::Decide(request)).await.map(drop)
    }

    async fn cancel(&mut self) -> Result<(), Gone> {
        let Some(approval) = self.pick() else { return Ok(()) };
        let reason = "changed my mind".into();
        let request = CancelApprovalRequest { approval_id: approval.id, request_id: fresh("cancel"), reason };
        self.call(Call::Cancel(request)).await.map(drop)
    }

    /// Makes two concurrent claims, of which at most one may win.
    async fn claim(&mut self) -> Result<(), Gone> {
        let Some(approval) = self.pick() else { return Ok(()) };
        let claim = || {
            let (approval_id, digest) = (approval.id.clone(), approval.digest.clone());
            Call::Claim(ClaimExecutionRequest { approval_id, request_id: fresh("claim"), digest })
        };
        let (first, second) = tokio::join!(self.call(claim()), self.call(claim()));
        assert!(first?.is_none() || second?.is_none(), "{} was claimed twice", approval.id);
        Ok(())
    }

    async fn report(&mut self) -> Result<(), Gone> {
        let Some(approval) = self.pick() else { return Ok(()) };
        let Some(claim) = approval.claim else { return Ok(()) };
        let request = ReportExecutionRequest {
            approval_id: approval.id,
            request_id: fresh("report"),
            claim_id: claim.id,
            result: ExecutionResult::Succeeded.into(),
            message: "sent".into(),
        };
        self.call(Call::Report(request)).await.map(drop)
    }

    /// Reads. They count as acknowledgements too: data that was shown once must stay.
    async fn read(&mut self) -> Result<(), Gone> {
        let Some(approval) = self.pick() else { return Ok(()) };
        let request = GetApprovalRequest { approval_id: approval.id, include_events: self.random.percent(50) };
        let reply = self.operator.get_approval(request).await.map_err(|status| self.load.gone(status))?.into_inner();
        let events = reply.events;
        let update = pb::ApprovalUpdate { approval: reply.approval, events };
        self.load.ledger().saw_update(&update);
        self.load.answers.send_modify(|answers| *answers += 1);
        Ok(())
    }
}

/// A request that varies in everything that matters to the store.
pub(crate) fn request(random: &mut Random) -> RequestApprovalRequest {
    let text = "x".repeat(random.below(2_000));
    let mut request = ask(&fresh("ask"));
    request.arguments = Some(arguments(&[("to", "alice@company.com"), ("text", &text)]));
    request.reason = format!("because {}", random.below(1_000));
    request.labels.insert("team".into(), ["red", "blue"][random.below(2)].into());
    if random.percent(20) {
        // Some deadlines pass while the server runs, and some while it is down.
        let milliseconds = 200 + random.below(1_500);
        let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
        request.timeout = Some(Duration { seconds: seconds as i64, nanos: rest as i32 * 1_000_000 });
    }
    request.cancel_on_disconnect = random.percent(5);
    if random.percent(50) {
        request.arguments_schema = Some(schema(random.below(40)));
    }
    request
}

/// A new idempotency key.
pub(crate) fn fresh(what: &str) -> String {
    use std::sync::atomic::AtomicU64;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
