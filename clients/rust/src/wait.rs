//! Waiting for a decision, over as many connections as it takes.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use tokio::{
    runtime,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    answers::{Answers, NO_APPROVAL},
    asking::{Asking, Messages},
    client::Client,
    digest::digest,
    handle::Handle,
    options::LONGEST,
    passing::{Backoff, is_passing, reason},
    refusal::{Kind, Refusal},
    unreachable,
    v1::{
        Approval, ApprovalStatus, ApprovalUpdate, CancelApprovalRequest, Progress, RequestApprovalRequest,
        request_approval_response::Message,
    },
};

/// The maximum time for cleaning up after the caller stopped waiting.
pub(crate) const GIVEN_UP: Duration = Duration::from_secs(5);
/// The maximum time of the last try.
const LAST_TRY: Duration = Duration::from_secs(5);

/// A step of a [`Wait`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// New events, and the approval after them.
    Update(Box<ApprovalUpdate>),
    /// Progress, with a sentence to show to a user.
    Progress(Box<Progress>),
    /// The stream broke, which changes nothing; the wait asks again after `delay`.
    Retrying {
        /// Why it broke.
        cause: Status,
        /// The delay before the next step.
        delay: Duration,
    },
    /// The end: a terminal status that this client knows.
    Decided(Box<Approval>),
}

/// The wait for an approval, step by step, through restarts, drains and broken connections.
///
/// Dropping it withdraws nothing: the same request_id finds the same approval later.
pub struct Wait {
    client: Client,
    asking: Asking,
    /// The newest seen revision.
    seen: u64,
    answers: Answers,
    approval_id: Option<String>,
    stream: Stream,
    status: Standing,
    backoff: Backoff,
    /// The start of this stream, the newest revision then, and whether it has sent a message.
    began: Instant,
    began_at: u64,
    answered: bool,
    resume_at: Option<Instant>,
    /// The end of retries: the end of the patience, then the approval's deadline. By this machine's monotonic clock,
    /// because wall clocks differ.
    bound: Instant,
    patience: Duration,
    /// Whether the first failure was logged: later ones are not.
    warned: bool,
}

/// The stream of one try. It is kept between steps, so that a step that is dropped and called again neither asks twice
/// nor gets more time.
enum Stream {
    None,
    Opening(Pin<Box<dyn Future<Output = Result<Messages, Status>> + Send>>),
    Open(Box<Messages>),
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments may be secret.
        f.debug_struct("Wait")
            .field("tool_name", &self.answers.tool_name())
            .field("request_id", &self.request_id())
            .field("approval_id", &self.approval_id)
            .field("revision", &self.seen)
            .finish_non_exhaustive()
    }
}

/// The meaning of the newest status.
enum Standing {
    Pending,
    /// Unknown: final only if the stream ends.
    Unknown(i32),
    Decided(Box<Approval>),
}

impl Wait {
    /// Sends nothing yet. `patience` bounds the retries until the server's first answer.
    pub(crate) fn new(client: Client, request: RequestApprovalRequest, patience: Duration) -> Self {
        let asked = request.arguments.clone().unwrap_or_default();
        let digest = digest(&request.tool_name, &asked);
        let answers = Answers::new(request.request_id.clone(), request.tool_name.clone(), digest);
        Self::of(client, Asking::Request(Box::new(request)), answers, patience)
    }

    /// As [`new`](Self::new), for a call that was asked before.
    pub(crate) fn resumed(client: Client, handle: &Handle, patience: Duration) -> Self {
        Self::of(client, Asking::Watch(handle.approval_id.clone()), Answers::resumed(handle), patience)
    }

    fn of(client: Client, asking: Asking, answers: Answers, patience: Duration) -> Self {
        let now = Instant::now();
        Self {
            client,
            asking,
            seen: 0,
            answers,
            began_at: 0,
            approval_id: None,
            stream: Stream::None,
            status: Standing::Pending,
            backoff: Backoff::new(),
            began: now,
            answered: false,
            resume_at: None,
            bound: now + patience,
            patience,
            warned: false,
        }
    }

    /// The approval's id, after the server's first answer.
    #[must_use]
    pub fn approval_id(&self) -> Option<&str> {
        self.approval_id.as_deref()
    }

    /// The request's idempotency key.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.answers.request_id()
    }

    /// Waits until the server has recorded the request, and returns the handle of the call: another process can
    /// [`resume`](Client::resume) it.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn handle(&mut self) -> Result<Handle, Refusal> {
        loop {
            match self.answers.handle() {
                Some(handle) => return Ok(handle),
                None => _ = self.next().await?,
            }
        }
    }

    /// Waits for the next step. It may be dropped and called again at any time, which gives no more time or tries.
    /// After [`Step::Decided`] it returns the same step again.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestFailed`], [`Kind::Unavailable`], [`Kind::UnknownStatus`] and [`Kind::InvalidAnswer`]; the wait
    /// has then ended.
    pub async fn next(&mut self) -> Result<Step, Refusal> {
        loop {
            if let Standing::Decided(approval) = &self.status {
                return Ok(Step::Decided(approval.clone()));
            }
            if let Some(at) = self.resume_at {
                sleep_until(at).await;
                self.resume_at = None;
            }
            match self.read().await {
                Ok(Some(message)) => {
                    if let Some(step) = self.take(message)? {
                        return Ok(step);
                    }
                }
                Ok(None) => match self.status {
                    Standing::Unknown(status) => return Err(self.refused(Kind::UnknownStatus { status })),
                    _ => return self.broken(Status::unavailable("the stream ended without a decision")),
                },
                Err(status) => {
                    self.stream = Stream::None;
                    if self.approval_id.is_none()
                        && let Some(problem) = unreachable::lasting(&status, self.client.address()).await
                    {
                        return Err(self.refused(Kind::Unavailable {
                            problem,
                            cause: Box::new(status),
                            approved: false,
                        }));
                    }
                    return self.broken(status);
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Option<Option<Message>>, Status> {
        if matches!(self.stream, Stream::None) {
            (self.began, self.began_at, self.answered) = (Instant::now(), self.seen, false);
            self.stream = Stream::Opening(Box::pin(self.asking.clone().open(self.client.clone(), self.seen)));
        }
        let cut = self.cut();
        let read = async {
            if let Stream::Opening(opening) = &mut self.stream {
                self.stream = Stream::Open(Box::new(opening.await?));
            }
            match &mut self.stream {
                Stream::Open(messages) => messages.next().await,
                Stream::None | Stream::Opening(_) => Ok(None),
            }
        };
        timeout_at(cut, read)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("the server sent nothing in time")))
    }

    /// When a silent stream is cut.
    fn cut(&self) -> Instant {
        match (&self.approval_id, self.answered) {
            (None, _) => self.bound.max(self.began + last_try(self.patience)),
            (Some(_), false) => self.began + self.client.deadline(),
            (Some(_), true) => self.bound + self.client.deadline(),
        }
    }

    fn take(&mut self, message: Option<Message>) -> Result<Option<Step>, Refusal> {
        self.answered = true;
        match message {
            Some(Message::Update(ApprovalUpdate { approval: Some(approval), events })) => {
                self.answers.update(&approval, &events).map_err(|kind| self.refused(kind))?;
                Ok(self.update(approval, events))
            }
            Some(Message::Update(_)) => Err(self.refused(Kind::invalid_answer(NO_APPROVAL))),
            Some(Message::Progress(progress)) => {
                if let Some(left) = progress.remaining.and_then(|left| Duration::try_from(left).ok()) {
                    self.narrow(left, false);
                }
                Ok(Some(Step::Progress(Box::new(progress))))
            }
            None => Ok(None),
        }
    }

    fn update(&mut self, approval: Approval, mut events: Vec<crate::v1::Event>) -> Option<Step> {
        let first = self.approval_id.is_none();
        if first {
            self.approval_id = Some(approval.id.clone());
        }
        // What was left at the newest event is at least what is left now.
        if let (Some(newest), Some(deadline)) = (approval.update_time, approval.deadline) {
            self.narrow(between(newest, deadline), first);
        }
        self.status = match ApprovalStatus::try_from(approval.status) {
            Ok(ApprovalStatus::Pending) => Standing::Pending,
            Ok(ApprovalStatus::Unspecified) | Err(_) => Standing::Unknown(approval.status),
            Ok(
                ApprovalStatus::Approved
                | ApprovalStatus::Rejected
                | ApprovalStatus::TimedOut
                | ApprovalStatus::Cancelled
                | ApprovalStatus::AutoApproved
                | ApprovalStatus::AutoRejected,
            ) => Standing::Decided(Box::new(approval.clone())),
        };
        let seen = self.seen;
        self.seen = seen.max(approval.revision);
        events.retain(|event| event.revision > seen);
        (first || approval.revision > seen)
            .then(|| Step::Update(Box::new(ApprovalUpdate { approval: Some(approval), events })))
    }

    /// Takes the time left from the server. Before its first answer the bound was the patience.
    fn narrow(&mut self, left: Duration, first: bool) {
        let deadline = Instant::now() + left.min(LONGEST);
        self.bound = if first { deadline } else { self.bound.min(deadline) };
    }

    fn broken(&mut self, cause: Status) -> Result<Step, Refusal> {
        self.stream = Stream::None;
        if !is_passing(&cause) {
            return Err(self.refused(Kind::failed(cause)));
        }
        // One try after the bound: the server may be back, and then it knows the end.
        if self.began >= self.bound {
            return Err(self.refused(Kind::unavailable(cause, false)));
        }
        self.warn(&cause);
        if self.seen > self.began_at {
            self.backoff = Backoff::new();
        }
        let now = Instant::now();
        let delay = self.backoff.delay(&cause).min(self.bound.saturating_duration_since(now));
        self.resume_at = Some(now + delay);
        Ok(Step::Retrying { cause, delay })
    }

    /// Logs the first try without an answer. The server's own failures, such as its drain, are normal and not logged.
    fn warn(&mut self, cause: &Status) {
        if self.warned || self.answered || reason(cause).is_some() {
            return;
        }
        self.warned = true;
        let (address, problem) = (self.client.address(), unreachable::problem(cause));
        let bound = match self.approval_id {
            None => format!("for {} s", self.patience.as_secs()),
            Some(_) => "until the approval's deadline".to_owned(),
        };
        tracing::warn!(
            tool_name = self.answers.tool_name(),
            "Cannot reach the approvals server at {address}: {problem}. Trying {bound}."
        );
    }

    /// The refusal for a caller that stops waiting, with the text for the model.
    #[must_use]
    pub fn still_waiting(&self) -> Refusal {
        let approved = matches!(&self.status, Standing::Decided(approval) if is_approved(approval));
        self.refused(Kind::StillWaiting { approved })
    }

    /// The approval's id, from the server or the handle.
    fn known_id(&self) -> Option<String> {
        match (&self.approval_id, &self.asking) {
            (Some(id), _) | (None, Asking::Watch(id)) => Some(id.clone()),
            (None, Asking::Request(_)) => None,
        }
    }

    fn refused(&self, kind: Kind) -> Refusal {
        Refusal {
            tool_name: self.answers.tool_name().to_owned(),
            approval_id: self.known_id(),
            kind,
            address: self.client.address().clone(),
        }
    }

    /// Withdraws the approval, within 5 s. Before the server's first answer it asks once more to find the id.
    ///
    /// # Errors
    ///
    /// The failure; the approval then stays open until its deadline. A decision in the meantime is not an error.
    pub async fn withdraw(mut self) -> Result<(), Refusal> {
        let late = self.refused(Kind::unavailable(Status::deadline_exceeded("no answer in time"), false));
        if self.approval_id.is_none() {
            // At once, and on a stream of its own: the one that was given up may be dead.
            (self.stream, self.resume_at) = (Stream::None, None);
        }
        timeout(GIVEN_UP, async {
            let approval_id = loop {
                match (self.known_id(), &self.status) {
                    (_, Standing::Decided(_)) => return Ok(()),
                    (Some(id), _) => break id,
                    (None, _) => _ = self.next().await?,
                }
            };
            let request = CancelApprovalRequest {
                approval_id,
                request_id: Uuid::new_v4().to_string(),
                reason: "the caller stopped waiting".to_owned(),
            };
            let mut backoff = Backoff::new();
            loop {
                match self.client.approvals().cancel_approval(self.client.unary(request.clone())).await {
                    Ok(_) => return Ok(()),
                    Err(status) if reason(&status).as_deref() == Some("ALREADY_DECIDED") => return Ok(()),
                    Err(status) if is_passing(&status) => sleep(backoff.delay(&status)).await,
                    Err(status) => return Err(self.refused(Kind::failed(status))),
                }
            }
        })
        .await
        .unwrap_or(Err(late))
    }

    /// As [`withdraw`](Self::withdraw), for a caller that is gone.
    pub(crate) fn withdraw_soon(self, runtime: &runtime::Handle) {
        runtime.spawn(async move {
            let approval_id = self.known_id();
            if let Err(refusal) = self.withdraw().await {
                let cause = std::error::Error::source(&refusal).map(ToString::to_string);
                tracing::warn!(approval_id, cause, "Cannot withdraw the request of a dropped call");
            }
        });
    }
}

fn is_approved(approval: &Approval) -> bool {
    matches!(approval.status(), ApprovalStatus::Approved | ApprovalStatus::AutoApproved)
}

/// No longer than the tries before it, unless there are none.
fn last_try(patience: Duration) -> Duration {
    if patience.is_zero() { LAST_TRY } else { LAST_TRY.min(patience) }
}

fn between(from: prost_types::Timestamp, to: prost_types::Timestamp) -> Duration {
    let nanos = |time: prost_types::Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    u64::try_from((nanos(to) - nanos(from)).max(0)).map_or(LONGEST, Duration::from_nanos)
}
