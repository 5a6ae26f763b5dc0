//! The gate: ask, wait, claim, run, report.
//!
//! The order makes the gate safe. Waiting grants nothing, so a caller may stop there at no cost. The claim is the
//! approval's only permission to run, so it comes last before the function: an edit that does not fit is found before
//! it, and leaves the approval unclaimed. The report comes last. If the process dies before it, the approval shows a
//! claim without an outcome, and no other runner gets the call: it runs at most once.

use std::{
    error::Error,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokio::runtime;
use tonic::Status;

use crate::{
    answers::Answers,
    approved::{Approved, Asked},
    arguments,
    call::Call,
    client::Client,
    digest::digest,
    execution::Claim,
    finished,
    gated::Gated,
    handle::Handle,
    refusal::{Kind, Refusal},
    v1::{Actor, Approval, ApprovalStatus, ExecutionResult},
    wait::{Step, Wait},
};

/// An approved call: the function may run once, with these arguments.
#[non_exhaustive]
pub struct Run {
    /// The approval's id.
    pub approval_id: String,
    /// The approved arguments. Whole numbers within ±(2^53 − 1) are integers.
    pub arguments: Map<String, Value>,
    /// Whether a reviewer changed the arguments.
    pub edited: bool,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments may be secret.
        let run = &mut f.debug_struct("Run");
        run.field("approval_id", &self.approval_id).field("edited", &self.edited).finish_non_exhaustive()
    }
}

/// Why there is no result.
#[derive(Debug)]
pub enum GateError<E> {
    /// The function did not run.
    Refused(Refusal),
    /// The function ran, and failed with its own error.
    Failed(E),
}

impl<E: fmt::Display> fmt::Display for GateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: Error> Error for GateError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(refusal) => refusal.source(),
            Self::Failed(error) => error.source(),
        }
    }
}

/// Makes the refusal's text the result, for frameworks that hide a tool's error from the model or ask it to try again.
/// The function's own error stays an error.
///
/// # Errors
///
/// The function's own.
pub fn refusal_as_text<T: From<String>, E>(result: Result<T, GateError<E>>) -> Result<T, E> {
    match result {
        Ok(value) => Ok(value),
        Err(GateError::Refused(refusal)) => Ok(refusal.to_string().into()),
        Err(GateError::Failed(error)) => Err(error),
    }
}

impl<E> From<Refusal> for GateError<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Client {
    /// Asks for approval of `call`, waits, calls `function` once if it is approved, and reports the outcome.
    ///
    /// Drop the future to stop waiting: a function that has not begun does not run, and the approval stays open, unless
    /// [`Call::cancel_on_abandon`] is set. Tasks of the runtime then still withdraw the request, or report an unused
    /// claim, for up to 5 s.
    ///
    /// # Errors
    ///
    /// [`GateError::Refused`] when `function` was not called, [`GateError::Failed`] with its own error.
    ///
    /// # Panics
    ///
    /// When `function` panics; this is reported as FAILED first.
    pub async fn run<T, E, F, Fut>(&self, call: Call, function: F) -> Result<T, GateError<E>>
    where
        F: FnOnce(Run) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        finished::check::<T>().map_err(|problem| self.refused(&call, Kind::invalid(problem)))?;
        let wait = self.ask(&call)?;
        let permit = self.permit(&call, wait, None).await?;
        permit.execute(function).await
    }

    /// Wraps `function` in the gate: its argument becomes the call's arguments. `call` has everything else.
    ///
    /// ```no_run
    /// # use serde::{Deserialize, Serialize};
    /// # use signoff_client::{Call, Client};
    /// #[derive(Serialize, Deserialize)]
    /// struct Mail { to: String, subject: String }
    /// # async fn send(mail: Mail) -> Result<(), std::io::Error> { Ok(()) }
    /// # async fn agent() -> Result<(), Box<dyn std::error::Error>> {
    ///
    /// let client = Client::from_env()?;
    /// let send_email = client.requires_approval(Call::new("send_email").agent_name("billing-bot"), send);
    /// send_email.call(Mail { to: "alice@company.com".into(), subject: "Hello".into() }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn requires_approval<A, T, E, F, Fut>(&self, call: Call, function: F) -> Gated<A, F>
    where
        A: Serialize + DeserializeOwned,
        F: Fn(A) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        Gated::new(self.clone(), call, function)
    }

    /// Asks for approval of `call`, without the other steps of the gate: see [`Wait::next`].
    ///
    /// # Errors
    ///
    /// For an invalid call: [`Kind::InvalidArguments`], [`Kind::RequestFailed`].
    pub fn ask(&self, call: &Call) -> Result<Wait, Refusal> {
        let request = call.request().map_err(|refusal| Refusal { address: self.address().clone(), ..refusal })?;
        Ok(Wait::new(self.clone(), request, call.patience))
    }

    /// Claims the approval that [`ask`](Self::ask) ended with: takes the only permission to run.
    ///
    /// # Errors
    ///
    /// A refusal of any kind: for the decision, for the claim, and for answers that fail a check
    /// ([`Kind::DigestMismatch`], [`Kind::InvalidAnswer`]).
    pub async fn claim(&self, call: &Call, approval: Approval) -> Result<Permit, Refusal> {
        self.claim_of(call, None, approval).await
    }

    /// Claims the approved call: `call`, or that of a handle, whose arguments the server has.
    async fn claim_of(&self, call: &Call, handle: Option<&Handle>, approval: Approval) -> Result<Permit, Refusal> {
        let (answers, approved) = self.approved(call, handle, approval)?;
        let approval_id = approved.approval_id.clone();
        let refused = |kind| Refusal { approval_id: Some(approval_id.clone()), ..self.refused(call, kind) };
        let run = Run {
            approval_id: approval_id.clone(),
            arguments: arguments::decode(&approved.arguments),
            edited: approved.edited,
        };
        if (run.edited || handle.is_some())
            && let Some(problem) = call.edit_problem(&run.arguments)
        {
            return Err(refused(if run.edited { Kind::invalid_edit(problem) } else { problem.into() }));
        }
        let claim = Claim::take(self, answers, approved, call.patience).await.map_err(refused)?;
        Ok(Permit { claim, run })
    }

    /// The approved call, if it is the asked one.
    pub(crate) fn approved(
        &self,
        call: &Call,
        handle: Option<&Handle>,
        approval: Approval,
    ) -> Result<(Answers, Approved), Refusal> {
        let approval_id = approval.id.clone();
        let refused = |kind| Refusal { approval_id: Some(approval_id.clone()), ..self.refused(call, kind) };
        if let Some(kind) = refusal_of(&approval) {
            return Err(refused(kind));
        }
        let (mut answers, asked) = match handle {
            Some(handle) => (Answers::resumed(handle), Asked::Digest(handle.digest.clone())),
            None => {
                let asked = call.asked()?;
                // Of the encoded arguments, not of the caller's value: serde fills in defaults and skips fields, and
                // reviewers see its result. Without them a changed default would reach the function without a review.
                let digest = digest(&call.tool_name, &asked);
                let answers = Answers::new(approval.request_id.clone(), call.tool_name.clone(), digest);
                (answers, Asked::Arguments(asked))
            }
        };
        answers.approval(&approval).map_err(refused)?;
        let approved = Approved::new(&call.tool_name, asked, approval).map_err(refused)?;
        Ok((answers, approved))
    }

    pub(crate) fn refused(&self, call: &Call, kind: impl Into<Kind>) -> Refusal {
        Refusal { address: self.address().clone(), ..call.refused(kind) }
    }

    /// The steps before the function runs.
    pub(crate) async fn permit(&self, call: &Call, wait: Wait, handle: Option<&Handle>) -> Result<Permit, Refusal> {
        let approval = self.decided(call, wait).await?;
        self.claim_of(call, handle, approval).await
    }

    /// Waits for the decision.
    pub(crate) async fn decided(&self, call: &Call, wait: Wait) -> Result<Approval, Refusal> {
        let runtime = call.cancel_on_abandon.then(runtime::Handle::current);
        let mut waiting = Waiting { wait: Some(wait), runtime };
        loop {
            match waiting.next().await? {
                Step::Progress(progress) => {
                    let listener = call.on_progress.as_deref();
                    let told = catch_unwind(AssertUnwindSafe(|| listener.map(|listener| listener(&progress))));
                    if told.is_err() {
                        tracing::warn!(tool_name = call.tool_name, "the listener of progress panicked");
                    }
                }
                Step::Retrying { cause, delay } => tracing::debug!(%cause, ?delay, "the approval is asked for again"),
                Step::Update(_) => {}
                Step::Decided(approval) => return Ok(*approval),
            }
        }
    }
}

/// The rule that rejects what an operator has frozen.
const FREEZE_RULE: &str = "_freeze";

/// An actor, as `ISSUER/SUBJECT`.
fn name(actor: Option<Actor>) -> String {
    let Actor { issuer, subject, .. } = actor.unwrap_or_default();
    format!("{issuer}/{subject}")
}

/// Why a decided approval must not run; `None` if it is approved and not revoked.
fn refusal_of(approval: &Approval) -> Option<Kind> {
    let decision = approval.decision.clone().unwrap_or_default();
    Some(match ApprovalStatus::try_from(approval.status) {
        Ok(ApprovalStatus::Approved | ApprovalStatus::AutoApproved) => {
            return approval.revocation.clone().map(|revocation| Kind::Revoked { reason: revocation.reason });
        }
        Ok(ApprovalStatus::Rejected) => {
            Kind::Rejected { comment: decision.comment, decided_by: name(decision.decided_by) }
        }
        Ok(ApprovalStatus::AutoRejected) => {
            let policy = approval.policy.clone().unwrap_or_default();
            match decision.remembered_rejection {
                Some(earlier) => Kind::Rejected { comment: earlier.comment, decided_by: name(earlier.decided_by) },
                None if policy.rule == FREEZE_RULE => Kind::Frozen { reason: decision.comment },
                None => Kind::AutoRejected { rule: policy.rule, message: policy.message },
            }
        }
        Ok(ApprovalStatus::TimedOut) => Kind::TimedOut,
        Ok(ApprovalStatus::Cancelled) => Kind::Cancelled,
        Ok(ApprovalStatus::Pending | ApprovalStatus::Unspecified) | Err(_) => {
            Kind::UnknownStatus { status: approval.status }
        }
    })
}

/// The permission to run once. If it is dropped unused, a task of the runtime reports FAILED.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    claim: Claim,
    run: Run,
}

impl Permit {
    /// The call to run.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Calls `function`, and reports the outcome.
    ///
    /// # Errors
    ///
    /// [`GateError::Failed`], with the function's own error.
    pub async fn execute<T, E, F, Fut>(mut self, function: F) -> Result<T, GateError<E>>
    where
        F: FnOnce(Run) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        self.claim.start();
        let result = function(self.run).await;
        let outcome = result.as_ref().map(|_| ()).map_err(ToString::to_string);
        // The function has run, and its effects stay. If an error of the report (which was logged) replaced its result,
        // the agent would take the call for failed, and might make it again: a second mail, a second payment.
        let _ = report(self.claim, outcome).await;
        result.map_err(GateError::Failed)
    }

    /// Marks the call as started, if you run it without [`execute`](Self::execute): when it is then dropped without a
    /// [`report`](Self::report), the automatic report says that it had started.
    pub fn start(&mut self) {
        self.claim.start();
    }

    /// Reports the outcome: success, or the text of the error, cut to 4,096 bytes. Retries for the call's patience, and
    /// continues when the future is dropped.
    ///
    /// # Errors
    ///
    /// The last failure; the outcome stays unreported.
    pub async fn report(self, outcome: Result<(), String>) -> Result<(), Status> {
        report(self.claim, outcome).await
    }
}

async fn report(claim: Claim, outcome: Result<(), String>) -> Result<(), Status> {
    match outcome {
        Ok(()) => claim.report(ExecutionResult::Succeeded, String::new()).await,
        Err(message) => claim.report(ExecutionResult::Failed, message).await,
    }
}

/// A wait that withdraws its request when it is dropped early, if it has a runtime.
struct Waiting {
    wait: Option<Wait>,
    runtime: Option<runtime::Handle>,
}

impl Waiting {
    async fn next(&mut self) -> Result<Step, Refusal> {
        let wait = self.wait.as_mut().expect("not asked after its end");
        let step = wait.next().await;
        if matches!(step, Ok(Step::Decided(_)) | Err(_)) {
            self.wait = None;
        }
        step
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let (Some(wait), Some(runtime)) = (self.wait.take(), &self.runtime) {
            wait.withdraw_soon(runtime);
        }
    }
}
