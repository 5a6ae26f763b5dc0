//! The use-cases: the only place where domain, policy, store and clock meet.

mod attachments;
mod decide;
mod error;
mod follow;
mod lists;
mod queue;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::sync::{
    Semaphore,
    broadcast::{Receiver, error::RecvError},
};
use tokio_util::sync::CancellationToken;

use self::attachments::Attachments;
use crate::{
    blocking_pool::BlockingPool,
    clock::Clock,
    domain::{
        Actor, Approval, ApprovalId, Cancellation, Claiming, Command, Digest, Event, NewClaim, NewReport, NewRequest,
        Permission, Refusal, Reporting, Request, Revision, Schemas, Time, Verdict, after, before,
    },
    identity::{AccessDenied, Method, Principal, Unrecognised},
    ids::IdGenerator,
    policy::{Call, Effort, Judge, OwnedCall},
    store::{Change, Store, StoreError, Submission, Submitted},
};

pub use error::Error;
pub use follow::{Follower, Message};
pub use queue::{Queue, QueueChange};

/// Pages of snapshots that are read at once.
const SNAPSHOTS: usize = 16;

/// How long to wait before looking again at what is due, where a record was unreadable.
const UNREADABLE: Duration = Duration::from_secs(1);

/// What an operator can set about waiting.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Time between Progress messages.
    pub heartbeat: Duration,
    /// Greatest age of a stream; each ends up to a tenth earlier, so that they do not end together.
    pub max_stream_age: Duration,
    /// Most pending approvals of one caller.
    pub pending_per_caller: u32,
}

/// Everything that can be done with approvals.
pub struct Approvals {
    store: Arc<dyn Store>,
    judge: Arc<dyn Judge>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    ids: IdGenerator,
    attachments: Arc<Attachments>,
    blocking_pool: BlockingPool,
    schemas: Arc<Schemas>,
    /// Pages of snapshots that are read at once.
    snapshots: Semaphore,
    draining: CancellationToken,
}

impl Approvals {
    /// Puts the parts together.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, judge: Arc<dyn Judge>, clock: Arc<dyn Clock>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            store,
            judge,
            clock,
            settings,
            ids: IdGenerator::default(),
            attachments: Arc::default(),
            blocking_pool: BlockingPool::default(),
            schemas: Arc::default(),
            snapshots: Semaphore::new(SNAPSHOTS),
            draining: CancellationToken::new(),
        })
    }

    /// Ends all streams, and refuses new ones.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Where work that takes long is done.
    #[must_use]
    pub const fn blocking_pool(&self) -> &BlockingPool {
        &self.blocking_pool
    }

    /// Compiled schemas of arguments.
    #[must_use]
    pub const fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    /// Server time, which decides about deadlines.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Waits for a while, by the clock that decides.
    pub async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }

    /// Records a request, or finds the one made before under the same `request_id`.
    async fn submit(
        &self,
        principal: &Principal,
        id: ApprovalId,
        now: Time,
        new: NewRequest,
    ) -> Result<Submitted, Error> {
        let call = Call {
            tool_name: &new.tool_name,
            arguments: &new.arguments,
            agent: &new.agent,
            labels: &new.labels,
            caller: &principal.actor,
            now,
        };
        let on_behalf_of = self::on_behalf_of(principal, new.on_behalf_of)?;
        let verdict = self.verdict(&principal.actor, call).await?;
        principal.ensure_not_revoked()?;
        let request = Request {
            request_id: new.request_id.unwrap_or_else(|| id.to_string()),
            caller: principal.actor.clone(),
            on_behalf_of,
            digest: Digest::of(&new.tool_name, &new.arguments),
            tool_name: new.tool_name,
            agent: new.agent,
            reason: new.reason,
            labels: new.labels,
            timeout: new.timeout,
            cancel_on_disconnect: new.cancel_on_disconnect,
            schema: new.schema,
        };
        let submission = Submission {
            id,
            request: Arc::new(request),
            arguments: new.arguments,
            verdict: Arc::new(verdict),
            now,
            pending_limit: self.settings.pending_per_caller,
        };
        Ok(self.store.submit(submission).await?)
    }

    /// The approval as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failure of the store.
    pub async fn get(&self, principal: &Principal, id: ApprovalId) -> Result<Arc<Approval>, Error> {
        self.visible(principal, Method::GetApproval, id).await
    }

    /// Events of an approval that the caller has just been shown, up to the revision it was shown.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn events(&self, approval: &Approval) -> Result<Vec<Event>, Error> {
        Ok(self.store.events(approval.id, 0, approval.revision).await?)
    }

    /// Waits until an approval is terminal, or has a revision beyond `after` when that is not 0, or `timeout` is over.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RevisionOutOfRange`], [`Error::Draining`], [`Error::Access`], or a failure of the
    /// store.
    pub async fn wait(
        &self,
        principal: &Principal,
        id: ApprovalId,
        after: Revision,
        timeout: Duration,
    ) -> Result<Arc<Approval>, Error> {
        let left = principal.expires_at.map(|end| (end - self.clock.wall()).to_std().unwrap_or_default());
        let over = tokio::time::Instant::now() + left.map_or(timeout, |left| left.min(timeout));
        let mut subscription = self.store.subscribe(id);
        loop {
            let approval = self.visible(principal, Method::WaitApproval, id).await?;
            self.readable_by(principal)?;
            in_range(&approval, after)?;
            if approval.status.is_terminal() || (after > 0 && approval.revision > after) {
                return Ok(approval);
            }
            tokio::select! {
                biased;
                () = self.draining.cancelled() => return Err(Error::Draining),
                () = principal.revocation.revoked() => return Err(AccessDenied::Revoked.into()),
                () = subscription.beyond(approval.revision) => {}
                () = tokio::time::sleep_until(over) => {
                    self.readable_by(principal)?;
                    return Ok(approval);
                }
            }
        }
    }

    /// Whether somebody who has been reading for a while may read on.
    fn readable_by(&self, principal: &Principal) -> Result<(), Error> {
        principal.check(self.clock.wall()).map_err(|ended| match ended {
            Unrecognised::TokenRevoked => AccessDenied::Revoked.into(),
            _ => Error::StreamAged, // with other credentials the caller may go on
        })
    }

    /// What the policy says of a call. The rare one that takes long is judged where it keeps nobody waiting.
    async fn verdict(&self, by: &Actor, call: Call<'_>) -> Result<Verdict, Error> {
        if let Some(verdict) = self.judge.judge(&call, Effort::Quick) {
            return Ok(verdict);
        }
        let (judge, call) = (Arc::clone(&self.judge), OwnedCall::from(call));
        let verdict = self.blocking_pool.run(by, move || judge.judge(&call.borrow(), Effort::Full)).await?;
        verdict.ok_or_else(|| Error::Internal("the policy has no verdict".into()))
    }

    /// Withdraws a request of the caller's.
    ///
    /// # Errors
    /// Refusals of the domain, or a failure of the store.
    pub async fn cancel(&self, principal: &Principal, new: Cancellation) -> Result<Approval, Error> {
        principal.require_role(Method::CancelApproval)?;
        let (actor, request_id, reason) = (principal.actor.clone(), new.request_id, new.reason);
        self.command(principal, new.id, Command::Cancel { actor, request_id, reason }).await
    }

    /// Takes the one permission to run an approved call.
    ///
    /// # Errors
    /// Refusals of the domain, or a failure of the store.
    pub async fn claim(&self, principal: &Principal, new: NewClaim) -> Result<Approval, Error> {
        principal.require_role(Method::ClaimExecution)?;
        let claim = Claiming {
            actor: principal.actor.clone(),
            request_id: new.request_id,
            claim_id: self.ids.claim(self.clock.now()),
            digest: new.digest,
        };
        self.command(principal, new.id, Command::Claim(claim)).await
    }

    /// Records what became of a claimed call.
    ///
    /// # Errors
    /// Refusals of the domain, or a failure of the store.
    pub async fn report(&self, principal: &Principal, new: NewReport) -> Result<Approval, Error> {
        principal.require_role(Method::ReportExecution)?;
        let report = Reporting {
            actor: principal.actor.clone(),
            request_id: new.request_id,
            claim_id: new.claim_id,
            result: new.result,
            message: new.message,
        };
        self.command(principal, new.id, Command::Report(report)).await
    }

    /// Runs a command, and returns the approval as the command first left it.
    async fn command(&self, principal: &Principal, id: ApprovalId, command: Command) -> Result<Approval, Error> {
        principal.ensure_not_revoked()?;
        let done = match self.store.transition(id, command, self.clock.now()).await {
            Ok(done) => done,
            // What somebody did not ask for, and does not see otherwise, does not exist for them.
            Err(error @ StoreError::Refused(Refusal::NotRequester)) => {
                self.visible(principal, Method::GetApproval, id).await?;
                return Err(error.into());
            }
            Err(error) => return Err(unknown(id, error)),
        };
        if done.revision == done.approval.revision {
            return Ok(Arc::unwrap_or_clone(done.approval));
        }
        let events = self.store.events(id, 0, done.revision).await?;
        if events.is_empty() {
            return Err(Error::NotFound(id)); // pruned a moment ago
        }
        Approval::replay(id, &events).map_err(|error| Error::Internal(error.to_string()))
    }

    /// Times out what is overdue and escalates what has waited for long enough, at most `limit`. Returns when to look again; `None`: when something new comes.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn do_due(&self, limit: usize) -> Result<Option<Time>, Error> {
        let now = self.clock.now();
        let due = self.store.due(now, limit).await?;
        let (more, mut soon) = (due.ids.len() == limit, now);
        let tick = |id| self.store.transition(id, Command::Tick, now);
        for outcome in futures_util::future::join_all(due.ids.into_iter().map(tick)).await {
            match outcome {
                Ok(_) | Err(StoreError::NotFound) => {}
                // It stays undecided, and nobody can decide it. The others go on.
                Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => {
                    tracing::error!(%error, "cannot time out an approval whose record is unreadable");
                    soon = after(now, UNREADABLE);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(if more { Some(soon) } else { due.next })
    }

    /// Every change from now on, for [`until_due`](Self::until_due).
    #[must_use]
    pub fn changes(&self) -> Receiver<Change> {
        self.store.changes()
    }

    /// Waits until something is due, or until one of `changes` brought an earlier one.
    pub async fn until_due(&self, next: Option<Time>, changes: &mut Receiver<Change>) {
        let later = |change: &Change| change.status.is_terminal() || next.is_some_and(|next| next <= change.due);
        let earlier = async {
            loop {
                match changes.recv().await {
                    Ok(change) if later(&change) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        match next {
            Some(next) => tokio::select! {
                () = self.clock.sleep_until(next) => {}
                () = earlier => {}
            },
            None => earlier.await,
        }
    }

    /// Forgets what was decided longer than `retain` ago, at most `limit`. Returns how many it forgot.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn forget_decided(&self, retain: Duration, limit: usize) -> Result<usize, Error> {
        let now = self.clock.now();
        Ok(self.store.prune(before(now, retain), now, limit).await?)
    }

    /// An approval that the caller may see.
    async fn visible(&self, principal: &Principal, method: Method, id: ApprovalId) -> Result<Arc<Approval>, Error> {
        principal.require_role(method)?;
        let approval = self.store.get(id).await.map_err(|error| unknown(id, error))?;
        if principal.reaches(method, &approval) { Ok(approval) } else { Err(Error::NotFound(id)) }
    }
}

/// For whom a caller asks: whom its credentials name, or whom it may say.
fn on_behalf_of(principal: &Principal, asserted: Option<Actor>) -> Result<Option<Actor>, Error> {
    let bound = principal.on_behalf_of.as_ref();
    match asserted {
        None => Ok(bound.cloned()),
        Some(person) => {
            if bound.is_none_or(|bound| !bound.is(&person)) {
                principal.require_permission(Permission::AskForOthers)?;
            }
            Ok(Some(person))
        }
    }
}

fn unknown(id: ApprovalId, error: StoreError) -> Error {
    match error {
        StoreError::NotFound => Error::NotFound(id),
        error => Error::Store(error),
    }
}

fn in_range(approval: &Approval, after: Revision) -> Result<(), Error> {
    let Approval { id, revision, .. } = *approval;
    if after <= revision { Ok(()) } else { Err(Error::RevisionOutOfRange { id, after, revision }) }
}
