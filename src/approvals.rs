//! The use-cases of approvals: request, read, decide, claim and report them.

mod commands;
mod decide;
mod disconnect_tracker;
mod due;
mod error;
mod follow;
mod history;
mod lists;
mod observe;
mod queue;
mod recent;
mod request;
mod revoke;
mod search;
mod wait;
mod waiting;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::disconnect_tracker::DisconnectTracker;
use crate::{
    blocking_pool::BlockingPool,
    clock::Clock,
    control::{Control, Outdated},
    domain::{Actor, Approval, ApprovalId, Arguments, Event, Request, Revision, Schemas, Time, Verdict},
    identity::{Method, Principal},
    ids::IdGenerator,
    policy::{Call, Effort, Judge, OwnedCall},
    store::{Store, StoreError},
};

pub use error::Error;
pub use follow::{Follower, Message};
pub use history::HistoryQuery;
pub use observe::Observer;
pub use queue::{Queue, QueueChange};
pub use recent::{Failure, Recent};
pub use revoke::Revoked;
pub use search::{SearchableArguments, text_of};
pub use waiting::{Urgency, WAITING_MAX, Waiting, WaitingApproval};

/// Maximum number of pages of snapshots that are read at the same time.
const SNAPSHOTS: usize = 16;

/// Settings of waiting and streams.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Time between Progress messages.
    pub heartbeat: Duration,
    /// Maximum age of a stream. Each stream ends up to a tenth earlier, so that they do not all end at the same time.
    pub max_stream_age: Duration,
    /// Maximum number of pending approvals per caller.
    pub pending_per_caller: u32,
}

/// The use-cases of approvals.
pub struct Approvals {
    /// For reads, and for what the server does by itself.
    store: Arc<dyn Store>,
    /// For what a caller changes.
    control: Arc<Control>,
    judge: Arc<dyn Judge>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    ids: IdGenerator,
    disconnects: Arc<DisconnectTracker>,
    blocking_pool: BlockingPool,
    schemas: Arc<Schemas>,
    /// Limits the pages of snapshots that are read at the same time.
    snapshots: Semaphore,
    draining: CancellationToken,
}

impl Approvals {
    /// Assembles the use-cases.
    #[must_use]
    pub fn new(control: Arc<Control>, judge: Arc<dyn Judge>, clock: Arc<dyn Clock>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(control.store()),
            control,
            judge,
            clock,
            settings,
            ids: IdGenerator::default(),
            disconnects: Arc::default(),
            blocking_pool: BlockingPool::default(),
            schemas: Arc::default(),
            snapshots: Semaphore::new(SNAPSHOTS),
            draining: CancellationToken::new(),
        })
    }

    /// Ends all streams, and rejects new ones.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Cancelled when the server drains.
    #[must_use]
    pub const fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// The pool for slow work.
    #[must_use]
    pub const fn blocking_pool(&self) -> &BlockingPool {
        &self.blocking_pool
    }

    /// The cache of compiled schemas.
    #[must_use]
    pub const fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    /// Server time, which decides about deadlines.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Sleeps, by the clock that decides about deadlines.
    pub async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }

    /// The current state of an approval.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failure of the store.
    pub async fn get(&self, principal: &Principal, id: ApprovalId) -> Result<Arc<Approval>, Error> {
        self.visible(principal, Method::GetApproval, id).await
    }

    /// Events of an approval up to the given state, which the caller has just been shown.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn events(&self, approval: &Approval) -> Result<Vec<Event>, Error> {
        Ok(self.store.events(approval.id, 0, approval.revision).await?)
    }

    /// The policy's verdict on a call. A slow evaluation runs in the pool, where it delays no other caller.
    async fn verdict(&self, by: &Actor, call: Call<'_>) -> Result<Verdict, Error> {
        if let Some(verdict) = self.judge.judge(&call, Effort::Quick) {
            return Ok(verdict);
        }
        let (judge, call) = (Arc::clone(&self.judge), OwnedCall::from(call));
        let verdict = self.blocking_pool.run(by, move || judge.judge(&call.borrow(), Effort::Full)).await?;
        verdict.ok_or_else(|| Error::Internal("the policy has no verdict".into()))
    }

    /// An approval, if the caller may read it.
    async fn visible(&self, principal: &Principal, method: Method, id: ApprovalId) -> Result<Arc<Approval>, Error> {
        principal.require_role(method)?;
        let approval = self.store.get(id).await.map_err(|error| unknown(id, error))?;
        if principal.reaches(method, &approval) { Ok(approval) } else { Err(Error::NotFound(id)) }
    }
}

/// What the policy judges: a request, with the arguments that it was made with or that a reviewer gave it.
fn call<'a>(request: &'a Request, arguments: &'a Arguments, now: Time) -> Call<'a> {
    let Request { tool_name, agent, labels, caller, .. } = request;
    Call { tool_name, arguments, agent, labels, caller, now }
}

impl Outdated for Error {
    fn is_outdated(&self) -> bool {
        matches!(self, Self::Store(StoreError::Outdated))
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
