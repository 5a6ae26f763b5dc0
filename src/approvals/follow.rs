//! The stream contract: every revision once, in order, until the terminal one; Progress messages in between.
//!
//! A follower is woken by memory, and reads from the store. The two could be one: the store's feed could carry the
//! events. But then each stream would need a queue, and a reader that stops reading would fill it: the server could
//! only block the writer, drop events, or run out of memory. Here the feed carries only "there is a newer revision", a
//! single number per approval that each change overwrites. A slow reader keeps that number and nothing else.
//!
//! What to send comes from the store, by the newest revision that this reader has got. So it does not matter how often
//! it was woken, or whether two changes woke it once: it reads all revisions after its own, in order. A reader that
//! reconnects with `after_revision` does exactly the same, even after a restart. And it can only read what is durable,
//! because the store publishes a change after its sync.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Approvals, Error, disconnect_tracker::Attached, in_range, wait::may_read_on};
use crate::{
    clock::Timer,
    domain::{Approval, ApprovalId, Event, Revision, Time},
    identity::{AccessDenied, Method, Principal},
    store::{Health, StoreError, Subscription},
};

/// Time between attempts to read while a database does not answer.
const RETRY: Duration = Duration::from_millis(500);

/// What a stream sends.
#[derive(Clone, Debug)]
pub enum Message {
    /// The approval after the newest of `events`, and the events since the previous update.
    Update {
        /// The approval.
        approval: Arc<Approval>,
        /// The events, the oldest first, without gaps.
        events: Vec<Event>,
    },
    /// No events. The approval is still pending.
    Progress {
        /// The approval.
        approval: Arc<Approval>,
        /// The current time.
        now: Time,
    },
}

/// Follows one approval.
pub struct Follower {
    approvals: Arc<Approvals>,
    /// The reader and its call. Checked again at every read: an edit can exclude a reviewer.
    by: (Arc<Principal>, Method),
    id: ApprovalId,
    /// The newest revision sent.
    seen: Revision,
    /// The first state to send, if it need not be read again.
    first: Option<Arc<Approval>>,
    subscription: Subscription,
    heartbeat: Instant,
    ends: Instant,
    /// Fires at the next heartbeat, or at the end of the stream.
    timer: Timer,
    state: State,
    /// Cancels the approval when this is dropped early.
    attached: Option<Attached>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet.
    Starting,
    /// Everything up to `seen` was sent.
    Waiting,
    /// There may be revisions newer than `seen`.
    Woken,
    /// The stream is over.
    Done,
}

impl Approvals {
    /// Follows an existing approval.
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
        // The approval may have changed between the read and the subscription: read it again.
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

    /// Cancels the approval when this is dropped early.
    pub(super) fn attach(self, attached: Attached) -> Self {
        Self { attached: Some(attached), ..self }
    }

    /// The next message. `None` after the terminal one. After an error there are no more messages.
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
                    Err(error) if self.state == State::Woken && self.outlasts(&error) => {
                        if let Err(error) = self.pause().await {
                            return Some(Err(error));
                        }
                    }
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

    /// Reads new events. The first read returns an update even without new events.
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
        // Time has passed since the last read: read again.
        let woken = self.approvals.clock.instant();
        if woken >= self.ends {
            return Err(Error::StreamAged);
        }
        let approvals = &self.approvals;
        // The credentials may have expired: the wall clock can be set forward while this sleeps.
        may_read_on(&self.by.0, approvals.clock.wall())?;
        self.heartbeat = woken + approvals.settings.heartbeat;
        self.timer = approvals.clock.timer(self.heartbeat.min(self.ends));
        let approval = match approvals.store.get(self.id).await.map_err(|error| super::unknown(self.id, error)) {
            Ok(approval) => approval,
            Err(error) if self.outlasts(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if approval.revision > self.seen {
            self.state = State::Woken;
            return Ok(None);
        }
        Ok(Some(Message::Progress { approval, now: approvals.clock.now() }))
    }

    /// Whether the stream stays open: a database may answer again, for example after a failover.
    fn outlasts(&self, error: &Error) -> bool {
        let Approvals { store, control, .. } = &*self.approvals;
        let unavailable = matches!(error, Error::Store(StoreError::Unavailable(_)));
        unavailable && control.has_others() && !matches!(*store.health().borrow(), Health::Failed(_))
    }

    /// Waits until the next attempt to read.
    async fn pause(&mut self) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.approvals.draining.cancelled() => return Err(Error::Draining),
            () = self.by.0.revocation.revoked() => return Err(AccessDenied::Revoked.into()),
            () = self.approvals.clock.sleep(RETRY) => {}
        }
        if self.approvals.clock.instant() < self.ends { Ok(()) } else { Err(Error::StreamAged) }
    }
}

impl Approvals {
    /// How long a stream may last: at most until the reader's credentials expire.
    pub(super) fn stream_age(&self, principal: &Principal, id: ApprovalId) -> Duration {
        let age = shortened(self.settings.max_stream_age, id);
        let left = principal.expires_at.map(|end| (end - self.clock.wall()).to_std().unwrap_or_default());
        left.map_or(age, |left| left.min(age))
    }
}

/// Up to a tenth shorter, so that streams that opened together do not all reconnect together.
fn shortened(age: Duration, id: ApprovalId) -> Duration {
    let random = u32::from(id.uuid().as_bytes()[15]);
    age - age / 10 * random / 256
}
