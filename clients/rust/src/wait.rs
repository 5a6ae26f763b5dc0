//! Waiting for a decision, over as many connections as it takes.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::{
    client::Client,
    passing::{Backoff, is_passing},
    refusal::{Kind, Refusal},
    v1::{
        Approval, ApprovalStatus, ApprovalUpdate, CancelApprovalRequest, Progress, RequestApprovalRequest,
        RequestApprovalResponse, request_approval_response::Message,
    },
};

/// What is still done for a caller who does not wait any more ends after this.
pub(crate) const GIVEN_UP: Duration = Duration::from_secs(5);
/// What a try that begins when the patience has ended gets at most.
const LAST_TRY: Duration = Duration::from_secs(5);
/// Longer than any timeout that a server accepts.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// What a [`Wait`] comes upon.
#[derive(Debug)]
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
#[derive(Debug)]
pub struct Wait {
    client: Client,
    /// What is sent; its `after_revision` is the newest revision that was seen.
    request: RequestApprovalRequest,
    approval_id: Option<String>,
    stream: Option<Streaming<RequestApprovalResponse>>,
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
}

/// What the newest status means.
#[derive(Debug)]
enum Standing {
    Pending,
    /// Only the end of the stream tells that it is a last one.
    Unknown,
    Decided(Box<Approval>),
}

impl Wait {
    /// Sends nothing yet. `patience` bounds the tries until the server has answered once.
    pub(crate) fn new(client: Client, request: RequestApprovalRequest, patience: Duration) -> Self {
        let (now, patience) = (Instant::now(), patience.min(LONGEST));
        Self {
            client,
            began_at: request.after_revision,
            request,
            approval_id: None,
            stream: None,
            status: Standing::Pending,
            backoff: Backoff::new(),
            began: now,
            answered: false,
            resume_at: None,
            bound: now + patience,
            patience,
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
        &self.request.request_id
    }

    /// What happens next. May be dropped, and called again, at any time. After [`Step::Decided`] it says the same again.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestFailed`], [`Kind::Unavailable`] and [`Kind::UnknownStatus`]; the wait is over then.
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
                Ok(None) if matches!(self.status, Standing::Unknown) => return Err(self.refused(Kind::UnknownStatus)),
                Ok(None) => return self.broken(Status::unavailable("the stream ended early")),
                Err(status) => return self.broken(status),
            }
        }
    }

    async fn read(&mut self) -> Result<Option<RequestApprovalResponse>, Status> {
        let opening = self.stream.is_none();
        if opening {
            (self.began, self.began_at, self.answered) = (Instant::now(), self.request.after_revision, false);
        }
        let (client, request, cut) = (&self.client, &self.request, self.cut());
        let stream = &mut self.stream;
        let read = async {
            let open = match stream {
                Some(open) => open,
                None => stream.insert(client.approvals().request_approval(request.clone()).await?.into_inner()),
            };
            open.message().await
        };
        timeout_at(cut, read).await.unwrap_or_else(|_| Err(Status::deadline_exceeded("the server says nothing")))
    }

    /// When a stream that says nothing is given up.
    fn cut(&self) -> Instant {
        match (&self.approval_id, self.answered) {
            (None, _) => self.bound.max(self.began + LAST_TRY.min(self.patience)),
            (Some(_), false) => self.began + self.client.deadline(),
            (Some(_), true) => self.bound + self.client.deadline(),
        }
    }

    fn take(&mut self, response: RequestApprovalResponse) -> Result<Option<Step>, Refusal> {
        self.answered = true;
        match response.message {
            Some(Message::Update(ApprovalUpdate { approval: Some(approval), events })) => {
                Ok(self.update(approval, events))
            }
            Some(Message::Update(_)) => self.broken(Status::internal("an update without its approval")).map(Some),
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
            Ok(ApprovalStatus::Unspecified) | Err(_) => Standing::Unknown,
            Ok(
                ApprovalStatus::Approved
                | ApprovalStatus::Rejected
                | ApprovalStatus::TimedOut
                | ApprovalStatus::Cancelled
                | ApprovalStatus::AutoApproved
                | ApprovalStatus::AutoRejected,
            ) => Standing::Decided(Box::new(approval.clone())),
        };
        let seen = self.request.after_revision;
        self.request.after_revision = seen.max(approval.revision);
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
        self.stream = None;
        if !is_passing(&cause) {
            return Err(self.refused(Kind::failed(cause)));
        }
        // One try after the bound: the server may be back, and then it knows the end.
        if self.began >= self.bound {
            return Err(self.refused(Kind::Unavailable(Box::new(cause))));
        }
        if self.request.after_revision > self.began_at {
            self.backoff = Backoff::new();
        }
        let now = Instant::now();
        let delay = self.backoff.delay(&cause).min(self.bound.saturating_duration_since(now));
        self.resume_at = Some(now + delay);
        Ok(Step::Retrying { cause, delay })
    }

    fn refused(&self, kind: Kind) -> Refusal {
        Refusal { tool_name: self.request.tool_name.clone(), approval_id: self.approval_id.clone(), kind }
    }

    /// Withdraws the approval, within 5 s. Before the server's first answer that means to ask once more. A failure is
    /// logged: the approval then stays open until its deadline.
    pub async fn withdraw(mut self) {
        let withdrawn = timeout(GIVEN_UP, async {
            while self.approval_id.is_none() {
                self.next().await.map_err(|refusal| refusal.to_string())?;
            }
            let request = CancelApprovalRequest {
                approval_id: self.approval_id.clone().unwrap_or_default(),
                request_id: Uuid::new_v4().to_string(),
                reason: "the caller gave up waiting".to_owned(),
            };
            let mut backoff = Backoff::new();
            loop {
                match self.client.approvals().cancel_approval(self.client.unary(request.clone())).await {
                    Err(status) if is_passing(&status) => tokio::time::sleep(backoff.delay(&status)).await,
                    done => return done.map(|_| ()).map_err(|status| status.to_string()),
                }
            }
        });
        if let Err(cause) = withdrawn.await.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            tracing::warn!(approval_id = self.approval_id, cause, "an approval that is not needed any more stays open");
        }
    }
}

fn between(from: prost_types::Timestamp, to: prost_types::Timestamp) -> Duration {
    let nanos = |time: prost_types::Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    u64::try_from((nanos(to) - nanos(from)).max(0)).map_or(LONGEST, Duration::from_nanos)
}
