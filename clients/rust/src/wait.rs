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

/// What is still done for a caller who does not wait any more ends after this.
pub(crate) const GIVEN_UP: Duration = Duration::from_secs(5);
/// What a try that begins when the patience has ended gets at most.
const LAST_TRY: Duration = Duration::from_secs(5);

/// What a [`Wait`] comes upon.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// Events that were not told before, and the approval after them.
    Update(Box<ApprovalUpdate>),
    /// A sign of life, with a sentence to show to a user.
    Progress(Box<Progress>),
    /// The stream broke, and changed nothing by it; it is asked again after `delay`.
    Retrying {
        /// Why it broke.
        cause: Status,
        /// How long the next step takes to begin.
        delay: Duration,
    },
    /// The end: a terminal status that this client knows.
    Decided(Box<Approval>),
}

/// An approval that is asked for and waited for, step by step, through restarts, drains and dead connections.
///
/// Dropping it withdraws nothing: the same request_id takes up the same approval later.
pub struct Wait {
    client: Client,
    asking: Asking,
    /// The newest revision that was seen.
    seen: u64,
    answers: Answers,
    approval_id: Option<String>,
    stream: Stream,
    status: Standing,
    backoff: Backoff,
    /// When this stream was asked for, the newest revision then, and whether it has said something.
    began: Instant,
    began_at: u64,
    answered: bool,
    resume_at: Option<Instant>,
    /// A stream that breaks earlier is asked for again: the end of the patience, then the approval's deadline. By this
    /// machine's steady clock, as wall clocks differ.
    bound: Instant,
    patience: Duration,
    /// Whether the first failure was logged: the others of this wait are not.
    warned: bool,
}

/// The stream of one try. Kept between steps, so that one which is dropped and begun anew neither asks twice nor gets
/// more time.
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

/// What the newest status means.
enum Standing {
    Pending,
    /// Only the end of the stream tells that it is a last one.
    Unknown(i32),
    Decided(Box<Approval>),
}

impl Wait {
    /// Sends nothing yet. `patience` bounds the tries until the server has answered once.
    pub(crate) fn new(client: Client, request: RequestApprovalRequest, patience: Duration) -> Self {
        let asked = request.arguments.clone().unwrap_or_default();
        let digest = digest(&request.tool_name, &asked);
        let answers = Answers::new(request.request_id.clone(), request.tool_name.clone(), digest);
        Self::of(client, Asking::Request(Box::new(request)), answers, patience)
    }

    /// As [`new`](Self::new), of a call that was asked for before.
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

    /// The approval's id, once the server has named it.
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

    /// What happens next. May be dropped, and called again, at any time, without more time or tries for it. After
    /// [`Step::Decided`] it says the same again.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestFailed`], [`Kind::Unavailable`], [`Kind::UnknownStatus`] and [`Kind::InvalidAnswer`]; the wait is
    /// over then.
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

    /// When a stream that says nothing is given up.
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

    /// The server knows how much time is left. Before its first answer the bound was our own patience.
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

    /// Logs the first try that got no answer. The server's own failures, such as its drain, are part of every wait.
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

    /// The refusal for a caller who stops waiting: what to tell a model then.
    #[must_use]
    pub fn still_waiting(&self) -> Refusal {
        let approved = matches!(&self.status, Standing::Decided(approval) if is_approved(approval));
        self.refused(Kind::StillWaiting { approved })
    }

    /// The approval's id: as the server named it, or as the handle does.
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

    /// Withdraws the approval, within 5 s. Before the server's first answer that means to ask once more.
    ///
    /// # Errors
    ///
    /// What went wrong; the approval then stays open until its deadline. One that is decided meanwhile is no error.
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

    /// As [`withdraw`](Self::withdraw), for a caller who is gone already.
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
