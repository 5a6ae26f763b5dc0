//! Freezes agents in an emergency, reports the server's status, backs up the store, and shows and retries deliveries of
//! notifications.

mod backups;
mod deliveries;
mod error;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    clock::Clock,
    control::{Control, Outdated},
    domain::{Freeze, FreezeId, FreezeScope, NewFreeze, NewThaw, ServerStatus, Time},
    identity::{Method, Principal},
    ids::IdGenerator,
    store::{Filter, Order, Query, Store, StoreError},
};

pub use backups::{BACKUP_TIME, Backup, BackupPart, CHUNK_BYTES, CHUNK_TIME};
pub use deliveries::{Deliveries, DeliveryPage, DeliveryQuery, RunningChannel, RunningChannels};
pub use error::Error;

/// Settings of freezes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether only another operator than the one who froze may thaw.
    pub thaw_requires_other_operator: bool,
}

/// The state of this process, for the status.
pub struct Process {
    /// Version of the policy that is live.
    pub policy_version: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Cancelled once the server shuts down.
    pub draining: CancellationToken,
    /// What keeps notifications from arriving.
    pub notification_problems: Box<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// Use-cases that concern the server as a whole.
pub struct Admin {
    /// For reads.
    store: Arc<dyn Store>,
    /// For what a caller changes.
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    process: Process,
    ids: IdGenerator,
    started: Time,
    /// One backup at a time.
    backups: Arc<Semaphore>,
}

impl Admin {
    /// For a process that starts now.
    #[must_use]
    pub fn new(control: Arc<Control>, clock: Arc<dyn Clock>, settings: Settings, process: Process) -> Arc<Self> {
        let started = clock.now();
        let (ids, backups) = (IdGenerator::default(), Arc::new(Semaphore::new(1)));
        let store = Arc::clone(control.store());
        Arc::new(Self { store, control, clock, settings, process, ids, started, backups })
    }

    /// Freezes calls. Once this returns, no claim in the scope is granted. A repeated call returns the same freeze.
    ///
    /// # Errors
    /// [`Error::Access`], or an error of the store.
    pub async fn freeze(
        self: &Arc<Self>,
        by: &Principal,
        scope: FreezeScope,
        reason: String,
        request_id: Option<String>,
    ) -> Result<Freeze, Error> {
        by.require_role(Method::Freeze)?;
        let (this, principal) = (Arc::clone(self), by.clone());
        // In its own task: the log must say who froze even if the caller has left.
        detached(async move {
            let now = this.clock.now();
            let id = this.ids.freeze(now);
            let new = NewFreeze { id, scope, reason, actor: principal.actor.clone(), request_id, now };
            let freeze = |store: Arc<dyn Store>| {
                let new = new.clone();
                async move { Ok::<_, Error>(store.freeze(new).await?) }
            };
            let freeze = this.control.guard(&principal, freeze).await?;
            if freeze.id == id {
                // As strings, which the log quotes: names contain spaces and punctuation.
                let (scope, by) = (freeze.scope.to_string(), freeze.actor.to_string());
                tracing::info!(freeze = %id, scope = scope.as_str(), by = by.as_str(), "froze calls");
            }
            Ok(freeze)
        })
        .await
    }

    /// Ends a freeze. A repeated call returns the same freeze.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::OtherOperatorRequired`], or an error of the store.
    pub async fn thaw(
        self: &Arc<Self>,
        by: &Principal,
        id: FreezeId,
        request_id: Option<String>,
    ) -> Result<Freeze, Error> {
        by.require_role(Method::Thaw)?;
        if self.settings.thaw_requires_other_operator {
            // The author of a freeze never changes, so it is safe to read it outside the transaction.
            let own = |freeze: &Freeze| freeze.id == id && freeze.stands() && freeze.actor.is(&by.actor);
            if let Some(freeze) = self.store.freezes().await?.into_iter().find(own) {
                return Err(Error::OtherOperatorRequired { id, frozen_by: freeze.actor });
            }
        }
        let (this, principal) = (Arc::clone(self), by.clone());
        detached(async move {
            let now = this.clock.now();
            let by = principal.actor.to_string();
            let new = NewThaw { id, actor: principal.actor.clone(), request_id, now };
            let thaw = |store: Arc<dyn Store>| {
                let new = new.clone();
                async move { Ok::<_, Error>(store.thaw(new).await?) }
            };
            let freeze = this.control.guard(&principal, thaw).await?;
            // Do not log a repeated call again.
            if freeze.thawed.as_ref().is_some_and(|thawed| thawed.at >= now) {
                let (scope, frozen_by) = (freeze.scope.to_string(), freeze.actor.to_string());
                let (scope, by, frozen_by) = (scope.as_str(), by.as_str(), frozen_by.as_str());
                tracing::info!(freeze = %id, scope, by, frozen_by, "thawed calls");
            }
            Ok(freeze)
        })
        .await
    }

    /// The active freezes, oldest first.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn freezes(&self, by: &Principal) -> Result<Vec<Freeze>, Error> {
        by.require_role(Method::ListFreezes)?;
        Ok(self.standing().await?)
    }

    /// The freezes that were thawed, the last thawed first. The store keeps the most recent ones.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn thawed(&self, by: &Principal) -> Result<Vec<Freeze>, Error> {
        by.require_role(Method::ListFreezes)?;
        let mut freezes = self.store.freezes().await?;
        freezes.retain(|freeze| !freeze.stands());
        freezes.sort_by_key(|freeze| std::cmp::Reverse((freeze.thawed.as_ref().map(|end| end.at), freeze.id)));
        Ok(freezes)
    }

    /// Whether only another operator than the one who froze may thaw.
    #[must_use]
    pub const fn thaw_requires_other_operator(&self) -> bool {
        self.settings.thaw_requires_other_operator
    }

    /// The server's status.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn status(&self, by: &Principal) -> Result<ServerStatus, Error> {
        by.require_role(Method::GetStatus)?;
        let oldest = Query { filter: Filter::pending(), order: Order::OldestFirst, after: None, limit: 1 };
        let oldest_pending = self.store.list(oldest).await?.approvals.first().map(|approval| approval.created_at);
        Ok(ServerStatus {
            version: env!("CARGO_PKG_VERSION"),
            now: self.clock.now(),
            started: self.started,
            policy_version: (self.process.policy_version)(),
            pending: self.store.pending(),
            oldest_pending,
            freezes: self.standing().await?,
            draining: self.process.draining.is_cancelled(),
            notification_problems: (self.process.notification_problems)(),
        })
    }

    async fn standing(&self) -> Result<Vec<Freeze>, StoreError> {
        let mut freezes = self.store.freezes().await?;
        freezes.retain(Freeze::stands);
        freezes.sort_by_key(|freeze| (freeze.at, freeze.id));
        Ok(freezes)
    }
}

impl Outdated for Error {
    fn is_outdated(&self) -> bool {
        matches!(self, Self::Store(StoreError::Outdated))
    }
}

/// Runs work to completion, even if the caller stops waiting.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
