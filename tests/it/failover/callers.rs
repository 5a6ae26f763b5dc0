//! Callers that call any server of a fleet, and repeat what was not answered, with the same request_id, at another one.

#![expect(clippy::disallowed_methods, reason = "servers in other processes are waited for by the machine's clock")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::join_all, stream};
use signoff::proto::v1::{
    Approval, CancelApprovalRequest, ClaimExecutionRequest, ExecutionResult, GetApprovalRequest,
    ReportExecutionRequest, RequestApprovalRequest, VoteChoice, WatchApprovalRequest, WatchPendingRequest,
    watch_pending_response::Change,
};
use tokio::{sync::watch, task::JoinSet};
use tonic::{Code, Status, Streaming};

use super::{fleet::Fleet, pause};
use crate::{
    calls::{MaybeUpdate, arguments, decide, next_update, reason, terminal},
    ledger::{assert_whole, hold_to},
    load::{Call, Load, Random, fresh, request},
    server::soon,
};

/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);

/// Maximum streams that are followed at once.
const STREAMS: usize = 300;

/// Requests in one caller's burst.
const BURST: usize = 24;

/// Old approvals that are checked in each round.
const SAMPLE: usize = 50;

/// Calls at once that end what is pending.
const ENDED_AT_ONCE: usize = 32;

/// The callers of a fleet.
pub(crate) struct Callers {
    fleet: Arc<Fleet>,
    /// Judges the answers, and has the ledger.
    load: Arc<Load>,
    approvals: Mutex<Vec<String>>,
    /// The answers of each server.
    answers: watch::Sender<Vec<usize>>,
    counts: Mutex<Counts>,
    stopped: watch::Sender<bool>,
    streams: Mutex<JoinSet<()>>,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Changes that were acknowledged.
    acknowledged: usize,
    /// Calls without an answer at least once, so that their outcome was unknown. Each was repeated until it had one.
    unknown: usize,
    /// Of these, those that succeeded at last; the others got an error that tells that they had no effect.
    unknown_succeeded: usize,
    /// Attempts that failed, by code.
    failed: BTreeMap<String, usize>,
    /// The longest attempt that failed.
    longest: Duration,
    /// Streams of one approval that reached its end.
    streams: usize,
    /// How often such a stream ended without that, and was resumed.
    resumed: usize,
}

impl Callers {
    /// Starts them.
    pub(crate) fn start(fleet: &Arc<Fleet>, count: usize) -> (Arc<Self>, JoinSet<()>) {
        let callers = Arc::new(Self {
            fleet: Arc::clone(fleet),
            load: Load::new(),
            approvals: Mutex::default(),
            answers: watch::Sender::new(vec![0; fleet.size()]),
            counts: Mutex::default(),
            stopped: watch::Sender::new(false),
            streams: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            tasks.spawn(Arc::clone(&callers).run(Random::new()));
        }
        for number in 0..fleet.size() {
            tasks.spawn(Arc::clone(&callers).watch_queue(number));
        }
        (callers, tasks)
    }

    /// Waits for this many more answers of each server.
    pub(crate) async fn progress(&self, count: usize) {
        let mut answers = self.answers.subscribe();
        let before = answers.borrow_and_update().clone();
        let enough = |now: &Vec<usize>| now.iter().zip(&before).all(|(now, before)| *now >= before + count);
        soon("each server answers", answers.wait_for(enough)).await.expect("the sender is here");
    }

    /// Holds a server to what was acknowledged since the last call, and to some of what was before.
    pub(crate) async fn hold_one(&self, number: usize, random: &mut Random) {
        let ids = {
            let mut ledger = self.load.ledger.lock().unwrap();
            let (mut ids, all) = (ledger.take_touched(), ledger.ids());
            ids.extend((0..SAMPLE.min(all.len())).map(|_| all[random.below(all.len())].clone()));
            ids
        };
        let operator = self.fleet.operator(number).expect("the server runs");
        hold_to(&operator, &self.load.ledger, ids, crate::kills::now()).await;
    }

    /// Stops the callers, decides what is pending, waits until each stream has ended, and holds a server to everything.
    pub(crate) async fn finish(&self, mut tasks: JoinSet<()>) -> Counts {
        self.stopped.send_replace(true);
        while let Some(ended) = soon("the callers stop", tasks.join_next()).await {
            ended.expect("each answer was consistent");
        }
        let ids = self.load.ledger.lock().unwrap().ids();
        println!("the callers stopped; {} approvals, {:?}", ids.len(), self.counts.lock().unwrap());
        let end = |id: String| {
            let request = CancelApprovalRequest { approval_id: id, request_id: fresh("end"), ..Default::default() };
            async move { drop(self.call(Call::Cancel(request), &mut Random::new()).await) }
        };
        stream::iter(ids.clone()).map(end).buffer_unordered(ENDED_AT_ONCE).collect::<()>().await;
        let mut streams = std::mem::take(&mut *self.streams.lock().unwrap());
        while let Some(ended) = soon("each stream ends", streams.join_next()).await {
            ended.expect("the stream was consistent");
        }
        for number in 0..self.fleet.size() {
            let operator = self.fleet.operator(number).expect("the server runs");
            hold_to(&operator, &self.load.ledger, ids.clone(), crate::kills::now()).await;
            assert_whole(&operator, &self.load.ledger).await;
        }
        let counts = self.counts.lock().unwrap().clone();
        println!("{} approvals, {counts:?}", ids.len());
        counts
    }

    async fn run(self: Arc<Self>, mut random: Random) {
        while !*self.stopped.borrow() {
            match random.below(20) {
                0..=5 => self.follow(&mut random).await,
                6 => self.burst(&mut random).await,
                7..=11 => self.decide(&mut random).await,
                12 => self.cancel(&mut random).await,
                13..=15 => self.claim(&mut random).await,
                16..=17 => self.report(&mut random).await,
                _ => self.read(&mut random).await,
            }
        }
    }

    /// Makes a call until a server answers it. `None`: the answer is an error that concurrent calls cause.
    async fn call(&self, call: Call, random: &mut Random) -> Option<Approval> {
        let (mut number, mut unknown) = (random.below(self.fleet.size()), false);
        loop {
            if let Some(mut clients) = self.fleet.clients(number) {
                let (begun, attempt) = (Instant::now(), tokio::time::timeout(HANGS, clients.make(call.clone())));
                let answer = match attempt.await.unwrap_or_else(|_| panic!("server {number} hangs: {call:?}")) {
                    Ok(approval) => {
                        self.load.ledger.lock().unwrap().saw(&approval);
                        Some(Some(approval))
                    }
                    Err(status) if self.load.refused(&status) => Some(None),
                    Err(status) => {
                        self.failed(&status, begun.elapsed());
                        None
                    }
                };
                if let Some(answer) = answer {
                    self.answered(number, unknown, answer.is_some());
                    return answer;
                }
                unknown = true;
            }
            number = (number + 1) % self.fleet.size();
            pause().await;
        }
    }

    fn answered(&self, number: usize, unknown: bool, succeeded: bool) {
        let mut counts = self.counts.lock().unwrap();
        counts.acknowledged += usize::from(succeeded);
        counts.unknown += usize::from(unknown);
        counts.unknown_succeeded += usize::from(unknown && succeeded);
        self.answers.send_modify(|answers| answers[number] += 1);
    }

    /// Counts a failed attempt. Only servers that are gone or cannot reach the primary may fail.
    fn failed(&self, status: &Status, after: Duration) {
        let of_the_server = ["", "STORE_UNAVAILABLE", "DRAINING"].contains(&reason(status).as_str());
        // A killed server ends connections, which its clients see as one of these.
        let codes = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal];
        assert!(of_the_server && codes.contains(&status.code()), "a call failed: {status:?}");
        let mut counts = self.counts.lock().unwrap();
        *counts.failed.entry(format!("{:?} {}", status.code(), reason(status))).or_default() += 1;
        counts.longest = counts.longest.max(after);
    }

    /// Asks, and follows the approval to its end, whatever happens to the stream.
    async fn follow(self: &Arc<Self>, random: &mut Random) {
        let request = request(random);
        let Some(approval) = self.call(Call::Request(request.clone()), random).await else { return };
        self.approvals.lock().unwrap().push(approval.id.clone());
        let (callers, first) = (Arc::clone(self), random.below(self.fleet.size()));
        let mut streams = self.streams.lock().unwrap();
        while let Some(ended) = streams.try_join_next() {
            ended.expect("the stream was consistent");
        }
        if streams.len() < STREAMS {
            streams.spawn(callers.follow_to_the_end(request, first));
        }
    }

    async fn follow_to_the_end(self: Arc<Self>, request: RequestApprovalRequest, mut number: usize) {
        let mut last: Option<Approval> = None;
        loop {
            if let Some(mut clients) = self.fleet.clients(number) {
                let ended = match &last {
                    None => match clients.agent.request_approval(request.clone()).await {
                        Ok(stream) => self.read_stream(stream.into_inner(), &mut last).await,
                        Err(status) => Err(status),
                    },
                    Some(approval) => {
                        let id = approval.id.clone();
                        let watch = WatchApprovalRequest { approval_id: id, after_revision: approval.revision };
                        match clients.agent.watch_approval(watch).await {
                            Ok(stream) => self.read_stream(stream.into_inner(), &mut last).await,
                            Err(status) => Err(status),
                        }
                    }
                };
                match ended {
                    Ok(()) => break,
                    Err(_) if last.as_ref().is_some_and(terminal) => break, // the server died before it said so
                    Err(status) => self.failed(&status, Duration::ZERO),
                }
                self.counts.lock().unwrap().resumed += 1;
            }
            number = (number + 1) % self.fleet.size();
            pause().await;
        }
        self.counts.lock().unwrap().streams += 1;
    }

    async fn read_stream<T: MaybeUpdate>(
        &self,
        mut stream: Streaming<T>,
        last: &mut Option<Approval>,
    ) -> Result<(), Status> {
        while let Some(update) = next_update(&mut stream).await? {
            let revision = last.as_ref().map_or(0, |approval| approval.revision);
            match update.events.first() {
                Some(event) => assert_eq!(event.revision, revision + 1, "a stream skipped or repeated a revision"),
                None => assert_eq!(update.approval.as_ref().map(|approval| approval.revision), Some(revision)),
            }
            self.load.ledger.lock().unwrap().saw_update(&update);
            *last = update.approval;
        }
        assert!(last.as_ref().is_some_and(terminal), "a stream ended OK without a decision: {last:?}");
        Ok(())
    }

    /// Reads the queue of a server until the callers stop.
    async fn watch_queue(self: Arc<Self>, number: usize) {
        let mut stopped = self.stopped.subscribe();
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = self.read_queue(number) => {}
        }
    }

    async fn read_queue(&self, number: usize) {
        loop {
            pause().await;
            let Some(mut operator) = self.fleet.operator(number) else { continue };
            let read = async {
                let mut stream = operator.watch_pending(WatchPendingRequest::default()).await?.into_inner();
                while let Some(message) = stream.message().await? {
                    if let Some(Change::Pending(approval)) = message.change {
                        self.load.ledger.lock().unwrap().saw(&approval);
                    }
                }
                Ok::<_, Status>(())
            };
            if let Err(status) = read.await {
                self.failed(&status, Duration::ZERO);
            }
        }
    }

    /// Makes many concurrent requests, so that a failure hits groups that are being written.
    async fn burst(&self, random: &mut Random) {
        let requests: Vec<_> = (0..BURST).map(|_| (Call::Request(request(random)), random.another())).collect();
        let calls = requests.into_iter().map(|(call, mut random)| async move { self.call(call, &mut random).await });
        let answers = join_all(calls).await;
        self.approvals.lock().unwrap().extend(answers.into_iter().flatten().map(|approval| approval.id));
    }

    /// One of the newest approvals, so that callers race for it.
    fn pick(&self, random: &mut Random) -> Option<Approval> {
        let approvals = self.approvals.lock().unwrap();
        let index = approvals.len().checked_sub(1 + random.below(150))?;
        Some(self.load.ledger.lock().unwrap().newest(&approvals[index]).clone())
    }

    async fn decide(&self, random: &mut Random) {
        let Some(approval) = self.pick(random) else { return pause().await };
        let choice = if random.percent(80) { VoteChoice::Approve } else { VoteChoice::Reject };
        let mut request = decide(&approval, &fresh("decide"), choice);
        if choice == VoteChoice::Approve && random.percent(20) {
            request.edited_arguments = Some(arguments(&[("to", "bob@company.com"), ("text", &"y".repeat(500))]));
        }
        self.call(Call::Decide(request), random).await;
    }

    async fn cancel(&self, random: &mut Random) {
        let Some(approval) = self.pick(random) else { return pause().await };
        let request =
            CancelApprovalRequest { approval_id: approval.id, request_id: fresh("cancel"), ..Default::default() };
        self.call(Call::Cancel(request), random).await;
    }

    /// Two claims at once, with different keys: at most one may succeed, whatever each had to repeat.
    async fn claim(&self, random: &mut Random) {
        let Some(approval) = self.pick(random) else { return pause().await };
        let claim = || {
            Call::Claim(ClaimExecutionRequest {
                approval_id: approval.id.clone(),
                request_id: fresh("claim"),
                digest: approval.digest.clone(),
            })
        };
        let (mut one, mut other) = (random.another(), random.another());
        let (first, second) = tokio::join!(self.call(claim(), &mut one), self.call(claim(), &mut other));
        assert!(first.is_none() || second.is_none(), "{} was claimed twice", approval.id);
    }

    async fn report(&self, random: &mut Random) {
        let Some(Approval { id, claim: Some(claim), .. }) = self.pick(random) else { return pause().await };
        let request = ReportExecutionRequest {
            approval_id: id,
            request_id: fresh("report"),
            claim_id: claim.id,
            result: ExecutionResult::Succeeded.into(),
            message: "sent".into(),
        };
        self.call(Call::Report(request), random).await;
    }

    /// Reads from any server. What one has shown must stay.
    async fn read(&self, random: &mut Random) {
        let Some(approval) = self.pick(random) else { return pause().await };
        let number = random.below(self.fleet.size());
        let Some(mut operator) = self.fleet.operator(number) else { return pause().await };
        let (request, begun) = (GetApprovalRequest { approval_id: approval.id, include_events: true }, Instant::now());
        match tokio::time::timeout(HANGS, operator.get_approval(request)).await.expect("a read hangs") {
            Ok(reply) => {
                let reply = reply.into_inner();
                let seen = reply.approval.expect("an approval");
                assert!(seen.revision >= approval.revision, "server {number} shows an older state of {}", seen.id);
                self.load.ledger.lock().unwrap().saw(&seen);
            }
            Err(status) => {
                self.failed(&status, begun.elapsed());
                pause().await;
            }
        }
    }
}
