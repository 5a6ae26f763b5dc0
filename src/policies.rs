//! The policy use-cases: the live policy, its versions, and changes.

mod displays;
mod error;
mod seen_reviewers;
mod stored;
mod warnings;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use self::{
    displays::Displays,
    stored::{compile, document, record, text},
};
use crate::{
    blocking_pool::BlockingPool,
    clock::Clock,
    control::{Control, Follower, Outdated},
    domain::{ChannelName, Time, Verdict},
    identity::{Method, Principal},
    policy::{Call, Document, Effort, Judge, OwnedCall, Policy, PolicyChange, Tried},
    store::{ControlChanges, NewPolicy, PolicyHead, PolicyVersion, Store, StoreError},
};

pub use error::{Error, PolicyError};
pub use seen_reviewers::{RecordingAuthenticator, SeenReviewers};

/// The live policy.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its version; 0 for the built-in one.
    pub version: u64,
    /// Author and time; `None` for the built-in one.
    pub head: Option<PolicyHead>,
    /// The policy.
    pub policy: Arc<Policy>,
}

/// Status of the policy.
#[derive(Clone, Debug)]
pub struct PolicyStatus {
    /// The live policy, which decides calls.
    pub live: Arc<Live>,
    /// The problem of the policy file, if its current content is not live.
    pub fault: Option<FileFault>,
}

/// The problem of a policy file that cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// The problems with their positions, one per line.
    pub error: String,
    /// When they were found.
    pub at: Time,
}

/// A policy with its version, for display.
#[derive(Clone, Debug)]
pub struct PolicyView {
    /// The version; 0 for the built-in one.
    pub version: u64,
    /// Author and time.
    pub head: Option<PolicyHead>,
    /// The policy.
    pub document: Document,
}

/// The policy use-cases.
pub struct Policies {
    /// The whole store: warnings also read the newest approvals and the tokens.
    store: Arc<dyn Store>,
    /// For what a caller changes.
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    blocking_pool: BlockingPool,
    /// Default claim window of approved calls.
    claim_window: Duration,
    /// The policy file, if the policy comes from one.
    file: Option<PathBuf>,
    status: watch::Sender<PolicyStatus>,
    seen: Arc<SeenReviewers>,
    /// The channels of the server.
    channels: OnceLock<BTreeSet<ChannelName>>,
    displays: Displays,
}

impl Policies {
    /// Loads the newest stored policy, or the built-in one.
    ///
    /// # Errors
    /// When the stored policy cannot be used: no other policy may decide calls.
    pub async fn from_store(
        control: Arc<Control>,
        clock: Arc<dyn Clock>,
        claim_window: Duration,
    ) -> Result<Arc<Self>, PolicyError> {
        let live = match control.store().policy(None).await? {
            None => Live { version: 0, head: None, policy: Arc::default() },
            Some(stored) => {
                let version = stored.head.version;
                let policy = compile(&stored).map_err(|problems| PolicyError::Unusable { version, problems })?;
                Live { version, head: Some(stored.head.clone()), policy: Arc::new(policy) }
            }
        };
        Ok(Arc::new(Self::new(control, clock, claim_window, None, live)))
    }

    /// Starts with a policy from a file, and records it as a version if it is new.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn from_file(
        control: Arc<Control>,
        clock: Arc<dyn Clock>,
        claim_window: Duration,
        path: PathBuf,
        policy: Policy,
    ) -> Result<Arc<Self>, PolicyError> {
        let live = record(&**control.store(), &path, policy, clock.now()).await?;
        Ok(Arc::new(Self::new(control, clock, claim_window, Some(path), live)))
    }

    fn new(
        control: Arc<Control>,
        clock: Arc<dyn Clock>,
        claim_window: Duration,
        file: Option<PathBuf>,
        live: Live,
    ) -> Self {
        let status = watch::Sender::new(PolicyStatus { live: Arc::new(live), fault: None });
        Self {
            store: Arc::clone(control.store()),
            control,
            clock,
            blocking_pool: BlockingPool::new(1),
            claim_window,
            file,
            status,
            seen: Arc::default(),
            channels: OnceLock::new(),
            displays: Displays::default(),
        }
    }

    /// Follows the status.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<PolicyStatus> {
        self.status.subscribe()
    }

    /// The policy file, and its problem if it cannot be loaded.
    #[must_use]
    pub fn file(&self) -> Option<(&PathBuf, Option<FileFault>)> {
        self.file.as_ref().map(|path| (path, self.status.borrow().fault.clone()))
    }

    /// The names of reviewers who called, for warnings.
    #[must_use]
    pub fn seen_reviewers(&self) -> Arc<SeenReviewers> {
        Arc::clone(&self.seen)
    }

    /// Compiles and tests policies one at a time, apart from the work of approvals.
    #[must_use]
    pub const fn blocking_pool(&self) -> &BlockingPool {
        &self.blocking_pool
    }

    /// A version of the policy, or the live one.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::VersionNotFound`], or a failure of the store.
    pub async fn get(&self, principal: &Principal, version: Option<u64>) -> Result<PolicyView, Error> {
        principal.require_role(Method::GetPolicy)?;
        let live = self.live();
        match version {
            Some(0) => Ok(PolicyView { version: 0, head: None, document: Document::default() }),
            Some(version) if version != live.version => {
                let stored = self.stored(version).await?;
                Ok(PolicyView { version, head: Some(stored.head.clone()), document: document(&stored)? })
            }
            _ => {
                let Live { version, head, policy } = &*live;
                Ok(PolicyView { version: *version, head: head.clone(), document: policy.document().clone() })
            }
        }
    }

    /// Versions older than `before`, the newest first, and whether more exist.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn list(
        &self,
        principal: &Principal,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<PolicyHead>, bool), Error> {
        principal.require_role(Method::ListPolicyVersions)?;
        let mut heads = self.store.policies(before, limit.saturating_add(1)).await?;
        let more = heads.len() > limit;
        heads.truncate(limit);
        Ok((heads, more))
    }

    /// Sets the policy. When this returns, the policy is live, unless a newer one is. If the newest version is equal,
    /// it is returned, and no version is created.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::FromFile`], [`StoreError::PolicyChanged`],
    /// [`StoreError::PolicyRequestIdReused`], or a failure of the store.
    pub async fn set(self: &Arc<Self>, principal: &Principal, change: PolicyChange) -> Result<PolicyHead, Error> {
        principal.require_role(Method::SetPolicy)?;
        if let Some(path) = &self.file {
            return Err(Error::FromFile(path.display().to_string()));
        }
        let PolicyChange { request_id, policy, expected, comment, validate_only } = change;
        let (author, now) = (principal.actor.clone(), self.clock.now());
        let document = text(policy.document())?;
        if validate_only {
            let live = self.live();
            let version = live.version;
            if expected.is_some_and(|expected| expected != version) {
                return Err(StoreError::PolicyChanged { version }.into());
            }
            return match &live.head {
                Some(head) if text(live.policy.document())? == document => Ok(head.clone()),
                _ => Ok(PolicyHead { version: version + 1, author, comment, at: now }),
            };
        }
        let (this, principal) = (Arc::clone(self), principal.clone());
        // In its own task: a recorded version must become live, even if the caller leaves.
        let setting = tokio::spawn(async move {
            let new = NewPolicy { document, author, comment, request_id, expected, now };
            let put = |store: Arc<dyn Store>| {
                let new = new.clone();
                async move { Ok::<_, Error>(store.put_policy(new).await?) }
            };
            let stored = this.control.guard(&principal, put).await?;
            let head = stored.head.clone();
            this.publish(Live { version: head.version, head: Some(head.clone()), policy }, None);
            Ok(head)
        });
        setting.await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
    }

    /// Evaluates calls with a policy, and returns that policy and the verdicts. `calls` gets the current time. Nothing
    /// is recorded.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::VersionNotFound`], or a failure of the store.
    pub async fn test(
        &self,
        principal: &Principal,
        tried: Tried,
        calls: impl FnOnce(Time) -> Vec<OwnedCall>,
    ) -> Result<(Arc<Policy>, Vec<Verdict>), Error> {
        principal.require_role(Method::TestPolicy)?;
        let calls = calls(self.clock.now());
        let live = self.live();
        let (label, policy) = match tried {
            Tried::Given(policy) => (String::new(), policy),
            Tried::Version(0) => ("0".to_owned(), Arc::default()),
            Tried::Version(version) if version != live.version => {
                let stored = self.stored(version).await?;
                let compiled = self.blocking_pool.run(&principal.actor, move || compile(&stored)).await?;
                let policy = compiled.map_err(|problems| Error::Internal(error::list(&problems)))?;
                (version.to_string(), Arc::new(policy))
            }
            Tried::Live | Tried::Version(_) => (live.version.to_string(), Arc::clone(&live.policy)),
        };
        let (claim_window, judged_by) = (self.claim_window, Arc::clone(&policy));
        let judge =
            move |call: &OwnedCall| policy.judge(&call.borrow(), Effort::Full).verdict(label.clone(), claim_window);
        let verdicts = self.blocking_pool.run(&principal.actor, move || calls.iter().map(judge).collect()).await?;
        Ok((judged_by, verdicts))
    }

    /// Loads the content of the policy file: a policy, or its problems, which leave the live policy unchanged.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn take_file(&self, content: Result<Policy, String>) -> Result<(), Error> {
        let now = self.clock.now();
        match (content, &self.file) {
            (Ok(policy), Some(path)) => {
                let live = record(&*self.store, path, policy, now).await?;
                let version = live.version;
                self.publish(live, None);
                if self.status.send_if_modified(|status| status.fault.take().is_some()) {
                    tracing::info!(version, "the policy file is valid again, and live");
                }
            }
            (Err(error), _) => {
                self.status.send_modify(|status| status.fault = Some(FileFault { error, at: now }));
            }
            (Ok(_), None) => {}
        }
        Ok(())
    }

    fn live(&self) -> Arc<Live> {
        Arc::clone(&self.status.borrow().live)
    }

    /// Makes a policy with a durable version live, unless a newer one is live. `fault`: the problem of the policy file that
    /// comes with it.
    fn publish(&self, live: Live, fault: Option<FileFault>) {
        let version = live.version;
        let by = live.head.as_ref().map(|head| head.author.to_string());
        let is_newer = self.status.send_if_modified(|status| {
            let is_newer = version > status.live.version;
            if is_newer {
                status.live = Arc::new(live);
                status.fault = fault.or(status.fault.take());
            }
            is_newer
        });
        // Logs after the update: the store's writer reads the status, and must not wait for a blocked log.
        if is_newer {
            tracing::info!(version, by = by.as_deref(), "the policy is live");
        }
    }

    async fn stored(&self, version: u64) -> Result<Arc<PolicyVersion>, Error> {
        self.store.policy(Some(version)).await?.ok_or(Error::VersionNotFound(version))
    }
}

#[async_trait]
impl Follower for Policies {
    /// Makes a version live that another server recorded. A server with a policy file also does so, and then reports that
    /// its file differs, until the file changes.
    async fn follow(&self, changes: &ControlChanges) -> Result<(), StoreError> {
        let Some(stored) = changes.policy.as_ref().filter(|stored| stored.head.version > self.live().version) else {
            return Ok(());
        };
        let (version, head) = (stored.head.version, Some(stored.head.clone()));
        let compiling = Arc::clone(stored);
        let compiled = tokio::task::spawn_blocking(move || compile(&compiling)).await;
        let compiled = compiled.map_err(|error| StoreError::Corrupt(error.to_string().into()))?;
        // No other policy may decide calls.
        let policy = compiled.map_err(|problems| {
            StoreError::Newer(format!("version {version} of the policy: {}", error::list(&problems)).into())
        })?;
        // In one step with the version: this server may be recording the same content itself, and then reports no problem.
        let fault = self.file.as_ref().map(|path| {
            let path = path.display();
            let error = format!(
                "another server recorded version {version} of the policy, which differs from {path}; give all servers \
                 the same file"
            );
            FileFault { error, at: self.clock.now() }
        });
        self.publish(Live { version, head, policy: Arc::new(policy) }, fault);
        Ok(())
    }
}

impl Outdated for Error {
    fn is_outdated(&self) -> bool {
        matches!(self, Self::Store(StoreError::Outdated))
    }
}

impl Judge for Policies {
    fn judge(&self, call: &Call<'_>, effort: Effort) -> Option<Verdict> {
        let live = self.live();
        let judgement = live.policy.judge(call, effort);
        let sure = effort == Effort::Full || !judgement.exhausted;
        sure.then(|| judgement.verdict(live.version.to_string(), self.claim_window))
    }
}
