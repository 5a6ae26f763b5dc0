//! Where approvals are kept, the versions of the policy that judged them, and the tokens of those who call.
//!
//! [`Store`] speaks of approvals, not of keys: an implementation runs the domain's [`step`](crate::domain::step) and
//! commits the approval, its events and its index entries atomically. Whatever a store answers is durable: it never
//! shows, acknowledges or publishes a state that a crash could take back. One conformance suite (`conformance.rs`)
//! holds for every implementation.

#[cfg(test)]
mod memory;
mod notifier;
mod policies;
mod query;
mod sled;

#[cfg(test)]
mod conformance;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use crate::{
    domain::{
        Actor, Approval, ApprovalId, Arguments, Command, Event, Refusal, ReplayError, Request, Revision, Status, Time,
        TokenId, Verdict, after,
    },
    identity::Token,
};

pub use crate::private_files::PrivacyError;
#[cfg(test)]
pub(crate) use memory::MemoryStore;
pub use notifier::Subscription;
pub use policies::{DOCUMENT_MAX, NewPolicy, PolicyFault, PolicyHead, PolicyVersion};
pub(crate) use query::weight;
pub use query::{Filter, Order, Query};
pub use sled::{Fault, Findings, Salvaged, SledStore, check, salvage, sync_to_disk};

/// Longest name in a key, in bytes: far more than a request may have, far less than would make a page too large.
const NAME_MAX: usize = 1_024;

/// Keeps approvals, versions of the policy, and tokens.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Records a new request, or finds the one that the same caller made with the same `request_id`.
    ///
    /// # Errors
    /// [`Refusal::RequestIdReused`], [`Refusal::RequestForgotten`], [`Refusal::TooManyPending`], or a failure.
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError>;

    /// The approval that a caller asked for under a `request_id`.
    ///
    /// # Errors
    /// [`Refusal::RequestForgotten`], or a failure.
    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError>;

    /// Does what a command asks for, as far as [`step`](crate::domain::step) allows.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], the refusal of `step`, or a failure.
    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError>;

    /// The approval as it is now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or a failure.
    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError>;

    /// Events with revisions from `after + 1` to `up_to`, in order. Empty for an unknown approval.
    ///
    /// # Errors
    /// A failure.
    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError>;

    /// One page of approvals.
    ///
    /// # Errors
    /// A failure.
    async fn list(&self, query: Query) -> Result<Page, StoreError>;

    /// Pending approvals that are due: whose deadline has passed, or that are to be escalated. At most `limit`, the longest
    /// overdue first.
    ///
    /// # Errors
    /// A failure.
    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError>;

    /// Forgets approvals to which nothing has happened since before a moment, and which were decided then: at most
    /// `limit`, the oldest decision first. Their callers' `request_id`s are remembered as used for [`REMEMBERED`] from `now`
    /// on; of those whose time is over some are forgotten as well.
    /// Returns how many approvals it forgot.
    ///
    /// # Errors
    /// A failure.
    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError>;

    /// Whole histories of the approvals with ids beyond `after`, in order of id, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError>;

    /// Takes histories from an export: all of them or none. One that is stored already, with the same events, is
    /// skipped, and so is one whose `request_id` is remembered as that of an approval that was forgotten. Returns how many
    /// are new.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::BadHistory`], or a failure.
    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError>;

    /// `request_id`s of approvals that were forgotten, beyond `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError>;

    /// Takes `request_id`s from an export: all of them or none. One that is known already, as used for an approval or as
    /// forgotten later, stays as it is. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::BadForgotten`], or a failure.
    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError>;

    /// Records a new version of the policy, or finds the one that the same author recorded with the same `request_id`.
    ///
    /// # Errors
    /// [`StoreError::PolicyChanged`] when the newest version is not the expected one,
    /// [`StoreError::PolicyRequestIdReused`], [`StoreError::BadPolicy`] when it is too long, or a failure.
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError>;

    /// A version of the policy; the newest one without a number. `None` when there is none.
    ///
    /// # Errors
    /// A failure.
    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError>;

    /// Versions of the policy older than `before`, all without it: the newest first, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError>;

    /// Versions of the policy newer than `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError>;

    /// Takes versions of the policy from an export, in order: all of them or none. One that is stored already, and is
    /// the same, is skipped. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::PolicyConflict`], [`StoreError::BadPolicy`], or a failure.
    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError>;

    /// Keeps tokens, new ones and copies of such as are kept already, which then take over what is newer in the copies
    /// ([`Token::absorb`]): all of them or none. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::TokenConflict`] when another token is kept under the same id, [`StoreError::BadToken`] for what cannot be
    /// a token, or a failure.
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError>;

    /// Forgets tokens. Those that are not kept do not matter.
    ///
    /// # Errors
    /// A failure.
    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError>;

    /// Every token, in order of id.
    ///
    /// # Errors
    /// A failure.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// The newest time of an event or a version of the policy that was on record when the store was opened, of approvals that were
    /// forgotten since as well; `None` when there was none. Server time goes on from it.
    fn newest_time(&self) -> Option<Time>;

    /// Wakes on every new revision of one approval.
    fn subscribe(&self, id: ApprovalId) -> Subscription;

    /// Every change from now on. A receiver that lags must read the store again.
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// How many approvals are pending.
    fn pending(&self) -> u64;

    /// Whether the store works. Once it has failed it stays so.
    fn health(&self) -> watch::Receiver<Health>;

    /// Writes out everything accepted so far and releases the store. Later calls fail.
    async fn close(&self);
}

/// A new request.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The name it will have.
    pub id: ApprovalId,
    /// What is asked.
    pub request: Arc<Request>,
    /// The arguments, as asked.
    pub arguments: Arguments,
    /// What the policy says of it.
    pub verdict: Arc<Verdict>,
    /// When it was accepted.
    pub now: Time,
    /// Most pending approvals of one caller.
    pub pending_limit: u32,
}

/// A request that is on record.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The approval as it is now.
    pub approval: Arc<Approval>,
    /// False when it was found under its `request_id`.
    pub created: bool,
}

/// A command that is on record.
#[derive(Clone, Debug)]
pub struct Transitioned {
    /// The approval as it is now.
    pub approval: Arc<Approval>,
    /// The revision that holds the command's result: older than the approval's when the command was a repetition.
    pub revision: Revision,
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The approvals, in the query's order.
    pub approvals: Vec<Arc<Approval>>,
    /// Where the next page starts: after this id. `None` on the last page.
    pub next: Option<ApprovalId>,
    /// Approvals that may belong here, and cannot be read: their records are damaged, or a later version wrote them.
    pub unreadable: Vec<ApprovalId>,
}

impl Page {
    /// Leaves out what the next page tells again.
    pub(crate) fn keep_before_next(&mut self, order: Order) {
        if let Some(next) = self.next {
            self.unreadable.retain(|id| match order {
                Order::OldestFirst => *id <= next,
                Order::NewestFirst => *id >= next,
            });
        }
    }
}

/// What is overdue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Approvals that are due.
    pub ids: Vec<ApprovalId>,
    /// When the next one will be.
    pub next: Option<Time>,
}

/// An approval with its events, which say everything about it: the unit of export and import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The approval's id.
    pub id: ApprovalId,
    /// Its events, in order.
    pub events: Vec<Event>,
}

/// How long a `request_id` is remembered after its approval was forgotten. A request waits for 7 days at most, and its caller may
/// repeat it for as long; a day more is for those who come late.
pub const REMEMBERED: Duration = Duration::from_secs(8 * 86_400);

/// A `request_id` whose approval was forgotten. Sorted by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    /// When its approval was forgotten.
    #[serde(with = "crate::domain::moment")]
    pub at: Time,
    /// Who says who the caller was.
    pub issuer: String,
    /// The caller.
    pub subject: String,
    /// The caller's idempotency key.
    pub request_id: String,
}

impl Forgotten {
    /// From this moment on it is as if the key had never been used.
    #[must_use]
    pub fn until(&self) -> Time {
        after(self.at, REMEMBERED)
    }

    /// Refuses the key while it is remembered.
    fn check(&self, now: Time) -> Result<(), Refusal> {
        let until = self.until();
        if now < until { Err(Refusal::RequestForgotten { request_id: self.request_id.clone(), until }) } else { Ok(()) }
    }

    /// What keeps it from being stored.
    fn fault(&self) -> Option<&'static str> {
        let names = [&self.issuer, &self.subject, &self.request_id];
        if names.iter().any(|name| name.len() > NAME_MAX) {
            return Some("a name is longer than 1024 bytes");
        }
        names.iter().any(|name| name.contains('\0')).then_some("a name holds a NUL")
    }
}

/// A commit, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The approval that changed.
    pub id: ApprovalId,
    /// Its newest revision.
    pub revision: Revision,
    /// Where it stands.
    pub status: Status,
    /// When it is due, unless something happens to it before.
    pub due: Time,
}

/// Whether a store works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Working,
    /// A write failed; nothing more is accepted.
    Failed(String),
}

/// Told about commits, for metrics. Calls come from the store's writer and must return at once.
pub trait Observer: Send + Sync + 'static {
    /// A group of commands was made durable.
    fn committed(&self, commands: usize, sync: Duration);
    /// An approval has a new status, `PENDING` included.
    fn reached(&self, approval: &Approval);
    /// How many approvals are pending now.
    fn pending(&self, count: u64);
}

/// Observes nothing.
impl Observer for () {
    fn committed(&self, _: usize, _: Duration) {}
    fn reached(&self, _: &Approval) {}
    fn pending(&self, _: u64) {}
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such approval.
    #[error("no such approval")]
    NotFound,
    /// The domain forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another approval is stored under this id.
    #[error("another approval is stored as {0}")]
    Conflict(ApprovalId),
    /// Events that no approval can have.
    #[error("the events of {0} are wrong: {1}")]
    BadHistory(ApprovalId, ReplayError),
    /// The newest version of the policy is not the expected one.
    #[error("the policy has changed: its newest version is {version}")]
    PolicyChanged {
        /// The newest version; 0 when none was set.
        version: u64,
    },
    /// The idempotency key belongs to another version of the policy by the same author.
    #[error("this request_id was used before for something else")]
    PolicyRequestIdReused {
        /// The key.
        request_id: String,
        /// The version that it was used for.
        version: u64,
    },
    /// Another version of the policy is stored under this number, or with its author and `request_id`.
    #[error("version {0} of the policy conflicts with one that is stored")]
    PolicyConflict(u64),
    /// What cannot be a version of the policy.
    #[error("version {0} of the policy is wrong: {1}")]
    BadPolicy(u64, PolicyFault),
    /// Another token is kept under this id.
    #[error("another token is kept as {0}")]
    TokenConflict(TokenId),
    /// What cannot be a token.
    #[error("token {0} is wrong: {1}")]
    BadToken(TokenId, &'static str),
    /// What cannot be a request_id that was forgotten.
    #[error("the forgotten request_id {0:?} is wrong: {1}")]
    BadForgotten(String, &'static str),
    /// The store has failed or is closed. What was asked may or may not have been recorded.
    #[error("the store is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// What is stored is damaged, or contradicts itself. Nothing is done with it.
    #[error("stored data is damaged: {0}")]
    Corrupt(Arc<str>),
    /// A record was written by a later version. It may restrict what it stands for, so that nothing is done with it.
    #[error("stored data was written by a later version: {0}")]
    Newer(Arc<str>),
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data directory {} is in use by another process{}; stop that one, or name another directory", path.display(), holder.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process that has it, as far as is known.
        holder: Option<u32>,
    },
    /// Written by another version.
    #[error("the store in {} has schema version {found}; this build reads version {known}", path.display())]
    Schema {
        /// The data directory.
        path: PathBuf,
        /// What it has.
        found: u32,
        /// What is understood.
        known: u32,
    },
    /// An older version wrote it, and only a server takes it over.
    #[error("the store in {} has schema version {found}: start the server once to migrate it", path.display())]
    Unmigrated {
        /// The data directory.
        path: PathBuf,
        /// What it has.
        found: u32,
    },
    /// Others could read it.
    #[error(transparent)]
    NotPrivate(#[from] PrivacyError),
    /// The disk refuses.
    #[error("cannot open the store in {}: {source}", path.display())]
    Io {
        /// The data directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Salvage finds no log to read.
    #[error("cannot salvage the store in {}: {reason}. Restore a backup", path.display())]
    Lost {
        /// The data directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The store is damaged: what was acknowledged is not all there.
    #[error("the store in {0} is damaged: {reason}. Run `signoff store check --data-dir {0}` to see what is affected; then restore a backup, or save what is whole with `signoff store salvage`", path.display())]
    Corrupt {
        /// The data directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}
