//! The claim of an approved call, and the report of its outcome.

use std::{
    fmt,
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{Instant, sleep, timeout_at},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    answers::{self, Answers},
    approved::Approved,
    client::Client,
    passing::{Backoff, is_passing, reason},
    refusal::Kind,
    v1::{ClaimExecutionRequest, ExecutionResult, ReportExecutionRequest},
    wait::GIVEN_UP,
};

/// The maximum of a report's message.
const MESSAGE_BYTES: usize = 4096;

/// The only permission to run. Its outcome must be reported, even when the function does not finish: if the claim is
/// dropped, it is reported as FAILED.
pub(crate) struct Claim(Option<Granted>);

struct Granted {
    client: Client,
    approval_id: String,
    claim_id: String,
    patience: Duration,
    runtime: Handle,
    started: bool,
}

impl Claim {
    /// Claims in a task of its own, so that a granted claim is not lost when the caller stops waiting.
    ///
    /// # Panics
    ///
    /// Only by a defect of this crate.
    pub(crate) async fn take(
        client: &Client,
        answers: Answers,
        approved: Approved,
        patience: Duration,
    ) -> Result<Self, Kind> {
        let (mut tell, claimed) = oneshot::channel();
        let client = client.clone();
        let task = tokio::spawn(async move {
            let waiting = AtomicBool::new(true);
            let claim = tokio::select! {
                claim = claim(&client, answers, &approved, patience, &waiting) => claim,
                () = async {
                    tell.closed().await;
                    waiting.store(false, Ordering::Relaxed);
                    sleep(GIVEN_UP).await;
                } => return,
            };
            // A claim without a receiver is dropped here, or in the channel.
            drop(tell.send(claim));
        });
        match (claimed.await, task.await) {
            (Ok(claim), _) => claim,
            (Err(_), Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            (Err(_), _) => Err(Kind::unavailable(Status::cancelled("the runtime shuts down"), true)),
        }
    }

    /// Marks the function as started.
    pub(crate) fn start(&mut self) {
        if let Some(granted) = &mut self.0 {
            granted.started = true;
        }
    }

    /// Reports the outcome in a task of its own, which continues when the caller stops waiting.
    pub(crate) async fn report(mut self, result: ExecutionResult, message: String) -> Result<(), Status> {
        let Some(granted) = self.0.take() else { return Ok(()) };
        let patience = granted.patience;
        let task = tokio::spawn(async move { granted.report(patience, result, &message).await });
        task.await.unwrap_or_else(|_| Err(Status::cancelled("the runtime shuts down")))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(granted) = self.0.take() else { return };
        let message = match (granted.started, std::thread::panicking()) {
            (true, true) => "it panicked",
            (true, false) => "the caller stopped waiting while it ran",
            (false, _) => "not run: the caller stopped waiting",
        };
        let runtime = granted.runtime.clone();
        runtime.spawn(async move { granted.report(GIVEN_UP, ExecutionResult::Failed, message).await });
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(…)")
    }
}

impl Granted {
    async fn report(&self, patience: Duration, result: ExecutionResult, message: &str) -> Result<(), Status> {
        let request = ReportExecutionRequest {
            approval_id: self.approval_id.clone(),
            request_id: Uuid::new_v4().to_string(),
            claim_id: self.claim_id.clone(),
            result: result.into(),
            message: message[..message.floor_char_boundary(MESSAGE_BYTES)].to_owned(),
        };
        let call = async || self.client.approvals().report_execution(self.client.unary(request.clone())).await;
        let answer = repeat(patience, || true, call).await;
        let reported = answer
            .and_then(|answer| answers::check_report(answer.get_ref(), &self.approval_id, &self.claim_id, result));
        if let Err(status) = &reported {
            tracing::warn!(approval_id = self.approval_id, %status, "Cannot report the outcome of the call");
        }
        reported
    }
}

async fn claim(
    client: &Client,
    mut answers: Answers,
    approved: &Approved,
    patience: Duration,
    waiting: &AtomicBool,
) -> Result<Claim, Kind> {
    let request = ClaimExecutionRequest {
        approval_id: approved.approval_id.clone(),
        // Random for each runner, so that only one of two runners gets the claim. The same for each try of this one:
        // after a lost reply the client cannot know whether the server granted the claim. The same id asks for the same
        // claim, and the server answers as the first time, while the claim window is open and no outcome is on record.
        // A new id would get ALREADY_CLAIMED for this runner's own claim, and the call would never run.
        request_id: Uuid::new_v4().to_string(),
        digest: approved.digest.clone(),
    };
    let call = async || client.approvals().claim_execution(client.unary(request.clone())).await;
    // After the caller stopped waiting, a try under way may still be granted, but a new one would waste the approval.
    let again = || waiting.load(Ordering::Relaxed);
    let answer = repeat(patience, again, call).await.map_err(refused)?.into_inner();
    let checked = answers.claim(&answer, approved);
    if answer.claim_id.is_empty() {
        return checked.map(|()| Claim(None));
    }
    let granted = Granted {
        client: client.clone(),
        approval_id: request.approval_id,
        claim_id: answer.claim_id,
        patience,
        runtime: Handle::current(),
        started: false,
    };
    if let Err(kind) = checked {
        let message = "not run: the claim does not match the request";
        // The refusal says enough; a failure of the report is logged.
        let _ = granted.report(GIVEN_UP, ExecutionResult::Failed, message).await;
        return Err(kind);
    }
    Ok(Claim(Some(granted)))
}

fn refused(status: Status) -> Kind {
    match reason(&status).as_deref() {
        Some("ALREADY_CLAIMED") => Kind::already_claimed(&status),
        Some("APPROVAL_REVOKED") => Kind::revoked(&status),
        Some("FROZEN") => Kind::frozen(&status),
        Some("CLAIM_WINDOW_CLOSED") => Kind::ClaimWindowClosed,
        Some("DIGEST_MISMATCH") => Kind::DigestMismatch,
        _ if is_passing(&status) => Kind::unavailable(status, true),
        _ => Kind::failed(status),
    }
}

/// Makes a call that is idempotent by its request_id. Retries passing failures for `patience` while `again` returns
/// true, plus one last try. Every try ends 5 s after `patience` at the latest.
async fn repeat<T, Answer>(patience: Duration, again: impl Fn() -> bool, call: impl Fn() -> Answer) -> Result<T, Status>
where
    Answer: Future<Output = Result<T, Status>>,
{
    let until = Instant::now() + patience;
    let mut backoff = Backoff::new();
    loop {
        let began = Instant::now();
        let answer = timeout_at(until + GIVEN_UP, call()).await;
        match answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))) {
            Err(status) if is_passing(&status) && began < until => {
                sleep(backoff.delay(&status).min(until.saturating_duration_since(Instant::now()))).await;
                if !again() {
                    return Err(status);
                }
            }
            done => return done,
        }
    }
}
