//! The claim of an approved call, and the report of its outcome.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use prost_types::Struct;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout_at},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    client::Client,
    digest::digest,
    passing::{Backoff, is_passing, reason},
    refusal::Kind,
    v1::{Approval, ClaimExecutionRequest, ClaimExecutionResponse, ExecutionResult, ReportExecutionRequest},
    wait::{GIVEN_UP, LONGEST},
};

/// What a report's message may have.
const MESSAGE_BYTES: usize = 4096;

/// The one permission to run, and with what.
#[derive(Debug)]
pub(crate) struct Claim {
    client: Client,
    approval_id: String,
    claim_id: String,
    patience: Duration,
}

/// What is approved: whether a reviewer edited it, and its digest, which is that of the approval.
pub(crate) struct Approved {
    approval_id: String,
    tool_name: String,
    pub(crate) arguments: Struct,
    pub(crate) edited: bool,
    digest: String,
}

impl Approved {
    /// Compares what was asked for with what was approved. Digests are calculated here, not believed.
    pub(crate) fn new(tool_name: &str, asked: Struct, approval: Approval) -> Result<Self, Kind> {
        let unedited = digest(tool_name, &asked) == approval.digest;
        let arguments = if unedited { asked } else { approval.arguments.unwrap_or_default() };
        let digest = digest(tool_name, &arguments);
        if digest != approval.digest {
            return Err(Kind::DigestMismatch);
        }
        Ok(Self { approval_id: approval.id, tool_name: tool_name.to_owned(), arguments, edited: !unedited, digest })
    }
}

impl Claim {
    /// Claims in a task of its own, so that a caller who gives up meanwhile does not lose a claim that was granted: it
    /// is then reported as FAILED.
    pub(crate) async fn take(client: &Client, approved: &Approved, patience: Duration) -> Result<Self, Kind> {
        let request = ClaimExecutionRequest {
            approval_id: approved.approval_id.clone(),
            request_id: Uuid::new_v4().to_string(),
            digest: approved.digest.clone(),
        };
        let (mut tell, claimed) = oneshot::channel();
        let (client, tool_name) = (client.clone(), approved.tool_name.clone());
        tokio::spawn(async move {
            let waiting = AtomicBool::new(true);
            let claim = tokio::select! {
                claim = claim(&client, &tool_name, request, patience, &waiting) => claim,
                () = async {
                    tell.closed().await;
                    waiting.store(false, Ordering::Relaxed);
                    sleep(GIVEN_UP).await;
                } => return,
            };
            if let Err(Ok(claim)) = tell.send(claim) {
                claim.report_within(GIVEN_UP, ExecutionResult::Failed, "not run: the caller gave up").await;
            }
        });
        claimed.await.unwrap_or_else(|_| Err(Kind::Unavailable(Box::new(Status::cancelled("the claim was cut off")))))
    }

    /// Reports the outcome, in a task of its own so that it does not depend on the caller's patience.
    pub(crate) async fn report(self, result: ExecutionResult, message: String) {
        let patience = self.patience;
        // A failure of the task is a panic in it, and was told by the panic's own message.
        let _ = tokio::spawn(async move { self.report_within(patience, result, &message).await }).await;
    }

    /// As [`report`](Self::report), for a caller who does not wait.
    pub(crate) fn report_failed_soon(self, message: &'static str) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { self.report_within(GIVEN_UP, ExecutionResult::Failed, message).await });
        }
    }

    async fn report_within(&self, patience: Duration, result: ExecutionResult, message: &str) {
        let request = ReportExecutionRequest {
            approval_id: self.approval_id.clone(),
            request_id: Uuid::new_v4().to_string(),
            claim_id: self.claim_id.clone(),
            result: result.into(),
            message: message[..message.floor_char_boundary(MESSAGE_BYTES)].to_owned(),
        };
        let call = async || self.client.approvals().report_execution(self.client.unary(request.clone())).await;
        if let Err(status) = repeat(patience, || true, call).await {
            tracing::warn!(approval_id = self.approval_id, %status, "the outcome of a call stays unreported");
        }
    }
}

async fn claim(
    client: &Client,
    tool_name: &str,
    request: ClaimExecutionRequest,
    patience: Duration,
    waiting: &AtomicBool,
) -> Result<Claim, Kind> {
    let call = async || client.approvals().claim_execution(client.unary(request.clone())).await;
    // Nobody waits any more: a call under way may still be granted, but another would only use the approval up.
    let again = || waiting.load(Ordering::Relaxed);
    let ClaimExecutionResponse { approval, claim_id } =
        repeat(patience, again, call).await.map_err(refused)?.into_inner();
    let claim = Claim { client: client.clone(), approval_id: request.approval_id, claim_id, patience };
    let mut approval = approval.unwrap_or_default();
    let arguments = approval.arguments.take().unwrap_or_default();
    if claim.claim_id.is_empty() {
        return Err(Kind::DigestMismatch);
    }
    if approval.id != claim.approval_id || digest(tool_name, &arguments) != request.digest {
        claim.report_within(GIVEN_UP, ExecutionResult::Failed, "not run: the claim is not what was asked for").await;
        return Err(Kind::DigestMismatch);
    }
    Ok(claim)
}

fn refused(status: Status) -> Kind {
    match reason(&status).as_deref() {
        Some("ALREADY_CLAIMED") => Kind::AlreadyClaimed,
        Some("CLAIM_WINDOW_CLOSED") => Kind::ClaimWindowClosed,
        Some("DIGEST_MISMATCH") => Kind::DigestMismatch,
        _ if is_passing(&status) => Kind::Unavailable(Box::new(status)),
        _ => Kind::failed(status),
    }
}

/// Makes a call that is idempotent by its request_id, again while it fails for passing reasons and `again` says so, for
/// as long as `patience`, and once more. No try ends later than 5 s after it.
async fn repeat<T, Answer>(patience: Duration, again: impl Fn() -> bool, call: impl Fn() -> Answer) -> Result<T, Status>
where
    Answer: Future<Output = Result<T, Status>>,
{
    let until = Instant::now() + patience.min(LONGEST);
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
