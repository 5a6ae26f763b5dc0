//! Keeps the control data in memory (tokens, sessions, blocks, the policy) equal to those in the store, which other
//! servers also change.
//!
//! A change is checked with the data in memory, at a version, and the store refuses it if its own data have changed since
//! ([`ControlStore::as_of`](crate::store::ControlStore::as_of)). Then [`Control::guard`] reads the newer data, and checks
//! again. A poll brings news also without a change: it ends the streams of revoked tokens, and makes a new policy live.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::{
    identity::{AccessDenied, NewerCredentials, Principal},
    store::{ControlChanges, ControlVersion, Store, StoreError},
};

/// How often a change is checked again. Each time, somebody must have changed control data meanwhile.
const ATTEMPTS: usize = 20;

/// Has control data in memory.
#[async_trait]
pub trait Follower: Send + Sync + 'static {
    /// Takes over what changed. It may have taken over some of it already.
    ///
    /// # Errors
    /// When it cannot: this server then makes no changes until it can.
    async fn follow(&self, changes: &ControlChanges) -> Result<(), StoreError>;
}

/// An error that says when control data were outdated.
pub trait Outdated: From<StoreError> + From<AccessDenied> {
    /// Whether it is [`StoreError::Outdated`].
    fn is_outdated(&self) -> bool;
}

/// The control data of a server.
pub struct Control {
    store: Arc<dyn Store>,
    known: AtomicU64,
    /// Held while changes are taken over, in order.
    refreshing: Mutex<()>,
    followers: OnceLock<Vec<Arc<dyn Follower>>>,
}

impl Control {
    /// Without followers, until [`begin`](Self::begin).
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        let (known, refreshing, followers) = (AtomicU64::new(0), Mutex::default(), OnceLock::new());
        Arc::new(Self { store, known, refreshing, followers })
    }

    /// Sets the followers, once, and brings them up to date.
    ///
    /// # Errors
    /// A failure of the store, or of a follower.
    pub async fn begin(&self, followers: Vec<Arc<dyn Follower>>) -> Result<(), StoreError> {
        let _ = self.followers.set(followers); // a second call would have the same ones
        self.refresh(self.known()).await
    }

    /// The store, for reads, and for what the server does by itself.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Whether other servers may use the store.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.store.control_polls().is_some()
    }

    /// The version that is in memory.
    fn known(&self) -> ControlVersion {
        ControlVersion(self.known.load(Ordering::Acquire))
    }

    /// Makes a change for a caller. `change` gets the store to make it in. It runs again if control data have changed,
    /// so it must also repeat its own checks.
    ///
    /// # Errors
    /// [`AccessDenied::Revoked`], or an error of `change`.
    pub async fn guard<T, E: Outdated, F: Future<Output = Result<T, E>>>(
        &self,
        principal: &Principal,
        mut change: impl FnMut(Arc<dyn Store>) -> F,
    ) -> Result<T, E> {
        self.retry(|store| {
            let change = principal.ensure_not_revoked().map(|()| change(store));
            async move { change?.await }
        })
        .await
    }

    /// As [`guard`](Self::guard), for a change that checks its caller itself.
    ///
    /// # Errors
    /// An error of `change`.
    pub async fn retry<T, E: Outdated, F: Future<Output = Result<T, E>>>(
        &self,
        mut change: impl FnMut(Arc<dyn Store>) -> F,
    ) -> Result<T, E> {
        let mut attempt = 1;
        loop {
            // The version first: what is checked after it is at least as new.
            let known = self.known();
            let store = self.store.as_of(known).unwrap_or_else(|| Arc::clone(&self.store));
            match change(store).await {
                Err(error) if error.is_outdated() && attempt < ATTEMPTS => self.refresh(known).await?,
                done => return done,
            }
            attempt += 1;
        }
    }

    /// Follows what other servers change. Never ends.
    pub async fn follow(&self) {
        let Some(mut polls) = self.store.control_polls() else { return std::future::pending().await };
        let mut broken = false;
        loop {
            if polls.changed().await.is_err() {
                return std::future::pending().await; // the store is closed
            }
            let (newest, known) = (polls.borrow_and_update().version, self.known());
            if newest <= known {
                continue;
            }
            let failed = self.refresh(known).await.err();
            if let Some(error) = failed.as_ref().filter(|_| !broken) {
                tracing::error!(%error, "cannot take over what another server changed; this one grants nothing until it can");
            }
            broken = failed.is_some();
        }
    }

    /// Takes over everything that is newer than a version, unless that has happened meanwhile.
    async fn refresh(&self, outdated: ControlVersion) -> Result<(), StoreError> {
        let _one = self.refreshing.lock().await;
        if self.known() > outdated {
            return Ok(());
        }
        let changes = self.store.control_after(self.known()).await?;
        for follower in self.followers.get().into_iter().flatten() {
            follower.follow(&changes).await?;
        }
        self.known.fetch_max(changes.version.0, Ordering::AcqRel);
        Ok(())
    }
}

#[async_trait]
impl NewerCredentials for Control {
    async fn caught_up(&self) -> bool {
        let Some(mut polls) = self.store.control_polls() else { return false };
        // The poll that is under way may have read the version before the credentials were made. Polls also count if
        // they fail, so this ends.
        let asked = polls.borrow().count;
        let Ok(poll) = polls.wait_for(|poll| poll.count >= asked + 2).await.map(|poll| *poll) else { return false };
        let known = self.known();
        poll.version <= known || self.refresh(known).await.is_ok()
    }
}
