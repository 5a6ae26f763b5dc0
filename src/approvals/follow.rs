//! The stream contract: every revision once, in order, until the terminal one; Progress in between.
//!
//! A follower is woken by memory and reads from the store, so that a slow one costs nobody anything and misses nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Approvals, Error, disconnect_tracker::Attached, in_range, wait::may_read_on};
use crate::{
    clock::Timer,
    domain::{Approval, ApprovalId, Event, Revision, Time},
    identity::{AccessDenied, Method, Principal},
    store::Subscription,
};

/// What a stream sends.
#[derive(Clone, Debug)]
pub enum Message {
    /// The approval as of the newest of `events`, and the events since the update before.
    Update {
        /// The approval.
        approval: Arc<Approval>,
        /// What happened, oldest first, without gaps.
        events: Vec<Event>,
    },
    /// Nothing happened; the approval is still pending.
    Progress {
        /// The approval.
        approval: Arc<Approval>,
        /// The time.
        now: Time,
    },
}

/// Follows one approval.
pub struct Follower {
    approvals: Arc<Approvals>,
    /// Who follows, by which call: an edit may leave a reviewer out.
    by: (Arc<Principal>, Method),
    id: ApprovalId,
    /// The newest revision sent.
    seen: Revision,
    /// What is to be sent first, when it need not be read.
    first: Option<Arc<Approval>>,
    subscription: Subscription,
    heartbeat: Instant,
    ends: Instant,
    /// Ends at the next heartbeat, or with the stream.
    timer: Timer,
    state: State,
    /// Withdraws the approval when dropped early.
    attached: Option<Attached>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet.
    Starting,
    /// Everything up to `seen` was sent.
    Waiting,
    /// There may be more than `seen`.
    Woken,
    /// The stream is over.
    Done,
}

impl Approvals {
    /// Follows an approval that is there already.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RevisionOutOfRange`], [`Error::Draining`], or a failure of the store.
    pub async fn watch(
        self: Arc<Self>,
        principal: Arc<Principal>,
        id: ApprovalId,
        after: Revision,
    ) -> Result<Follower, Error> {
        principal.require_role(Method::WatchApproval)?;
        if self.draining.is_cancelled() {
            return Err(Error::Draining);
        }
        let subscription = self.store.subscribe(id);
        let approval = self.visible(&principal, Method::WatchApproval, id).await?;
        Follower::new(self, (principal, Method::WatchApproval), approval, after, subscription)
    }
}

impl Follower {
    pub(super) fn new(
        approvals: Arc<Approvals>,
        by: (Arc<Principal>, Method),
        approval: Arc<Approval>,
        after: Revision,
        subscription: Subscription,
    ) -> Result<Self, Error> {
        in_range(&approval, after)?;
        let id = approval.id;
        // What was read before subscribing may be old by now: read it again.
        let (subscription, first) = if subscription.id() == id {
            (subscription, Some(approval))
        } else {
            (approvals.store.subscribe(id), None)
        };
        let opened = approvals.clock.instant();
        let heartbeat = opened + approvals.settings.heartbeat;
        let ends = opened + approvals.stream_age(&by.0, id);
        let timer = approvals.clock.timer(heartbeat.min(ends));
        let (seen, state) = (after, State::Starting);
        Ok(Self { approvals, by, id, seen, first, subscription, heartbeat, ends, timer, state, attached: None })
    }

    /// Has the approval withdrawn when this is dropped early.
    pub(super) fn attach(self, attached: Attached) -> Self {
        Self { attached: Some(attached), ..self }
    }

    /// The next message; `None` after the terminal one. An error is the last thing to come.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        let next = self.advance().await;
        if !matches!(next, Some(Ok(_))) {
            self.state = State::Done;
        }
        if self.state == State::Done
            && let Some(attached) = self.attached.take()
        {
            attached.keep(); // the server ended the stream, not the caller
        }
        next
    }

    async fn advance(&mut self) -> Option<Result<Message, Error>> {
        loop {
            match self.state {
                State::Done => return None,
                State::Starting | State::Woken => match self.read().await {
                    Ok(Some(message)) => return Some(Ok(message)),
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                },
                State::Waiting => match self.wait().await {
                    Ok(Some(message)) => return Some(Ok(message)),
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }

    /// Reads what is new. At the start the state is worth an update of its own, even when nothing is.
    async fn read(&mut self) -> Result<Option<Message>, Error> {
        let approvals = &self.approvals;
        let approval = match self.first.take() {
            Some(approval) => approval,
            None => approvals.store.get(self.id).await.map_err(|error| super::unknown(self.id, error))?,
        };
        let (principal, method) = &self.by;
        may_read_on(principal, approvals.clock.wall())?;
        if !principal.reaches(*method, &approval) {
            return Err(Error::NotFound(self.id));
        }
        let starting = self.state == State::Starting;
        let news = approval.revision > self.seen;
        let events = match approval.first_event() {
            _ if !news => Vec::new(),
            Some(only) => vec![only],
            None => approvals.store.events(self.id, self.seen, approval.revision).await?,
        };
        self.seen = self.seen.max(approval.revision);
        self.state = if approval.status.is_terminal() { State::Done } else { State::Waiting };
        Ok((news || starting).then_some(Message::Update { approval, events }))
    }

    async fn wait(&mut self) -> Result<Option<Message>, Error> {
        tokio::select! {
            biased;
            () = self.subscription.beyond(self.seen) => {
                self.state = State::Woken;
                return Ok(None);
            }
            () = self.approvals.draining.cancelled() => return Err(Error::Draining),
            () = self.by.0.revocation.revoked() => return Err(AccessDenied::Revoked.into()),
            () = &mut self.timer => {}
        }
        // Time has passed: all that was read before is old.
        let woken = self.approvals.clock.instant();
        if woken >= self.ends {
            return Err(Error::StreamAged);
        }
        let approvals = &self.approvals;
        // The stream was to end with the credentials, by a clock that may have been set forward since.
        may_read_on(&self.by.0, approvals.clock.wall())?;
        self.heartbeat = woken + approvals.settings.heartbeat;
        self.timer = approvals.clock.timer(self.heartbeat.min(self.ends));
        let approval = approvals.store.get(self.id).await.map_err(|error| super::unknown(self.id, error))?;
        if approval.revision > self.seen {
            self.state = State::Woken;
            return Ok(None);
        }
        Ok(Some(Message::Progress { approval, now: approvals.clock.now() }))
    }
}

impl Approvals {
    /// How long a stream may last: at most until its reader's credentials end.
    pub(super) fn stream_age(&self, principal: &Principal, id: ApprovalId) -> Duration {
        let age = shortened(self.settings.max_stream_age, id);
        let left = principal.expires_at.map(|end| (end - self.clock.wall()).to_std().unwrap_or_default());
        left.map_or(age, |left| left.min(age))
    }
}

/// Up to a tenth less, so that streams opened together do not all come back together.
fn shortened(age: Duration, id: ApprovalId) -> Duration {
    let random = u32::from(id.uuid().as_bytes()[15]);
    age - age / 10 * random / 256
}
