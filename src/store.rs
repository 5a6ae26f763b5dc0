//! Stores approvals, the versions of the policy that judged them, tokens of callers, sessions, freezes, and blocks of
//! subjects.
//!
//! The interface is in terms of approvals, not of keys. Every answer is durable: a store never shows, acknowledges or
//! publishes a state that a crash could undo. One conformance suite (`testing/conformance.rs`) tests every
//! implementation.
//!
//! | trait | concern |
//! |---|---|
//! | [`ApprovalStore`] | requests, commands, histories, lists, what is due |
//! | [`PolicyStore`] | versions of the policy |
//! | [`TokenStore`] | tokens of callers |
//! | [`SessionStore`] | sessions of people who signed in |
//! | [`FreezeStore`] | freezes, which block claims |
//! | [`BlockStore`] | blocks of subjects, whose credentials are then rejected |
//! | [`ControlStore`] | what other servers change of tokens, sessions, blocks and the policy |
//! | [`OutboxStore`] | what channels are still to be told |
//! | [`SigningKeyStore`] | keys by which the server recognises what it has signed |
//! | [`ChangeFeed`] | changes: pages after a durable [`Cursor`], and a wake-up |
//! | [`Transfer`] | export and import |
//! | [`SnapshotStore`] | consistent exports, while the store works |
//! | [`Lifecycle`] | health, the newest time on record, closing |
//!
//! [`Store`] combines them. Code that needs one concern takes that trait: an `Arc<dyn Store>` coerces to an `Arc<dyn
//! PolicyStore>`. [`open`] opens the store of a [`StoreConfig`]. The engines are `sled/`, `postgres/`, and
//! the model in `testing/memory.rs`.
//!
//! **A new concern** is a trait in its own file, with its types and its part of the suite, and one more name in the
//! definition of [`Store`]. Data that must be atomic with a transition, such as the lanes of the outbox, needs no write
//! call of its own: the store adds it in the transaction, and the new trait only reads and settles it. **A new engine** is a variant of [`StoreConfig`] and of [`OpenError`], and passes the
//! suite. The rules that all stores share are public, so that an engine in another crate can follow them:
//! [`NewPolicy::after`], the checks of [`PolicyVersion`], [`UnchangedPolicy`] and [`Forgotten`],
//! [`Page::keep_before_next`], [`weight`] with
//! [`PAGE_BYTES`], [`import_fault`], [`NAME_MAX`] and [`DOCUMENT_MAX`].
//!
//! [`SledStore`], [`SledConfig`], [`check`], [`salvage`], [`sync_to_disk`] and their types are specific to sled.

mod approvals;
mod blocks;
mod changes;
mod commit_broadcast;
mod control;
mod cursor;
mod error;
mod freezes;
mod lifecycle;
mod open;
mod outbox;
mod policies;
#[expect(clippy::disallowed_methods, reason = "waits for a database by the machine's clock, not by server time")]
mod postgres;
mod query;
mod records;
mod sessions;
mod signing_keys;
mod sled;
mod snapshot;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tokens;
mod transfer;

pub use crate::private_files::PrivacyError;
pub use approvals::{ApprovalStore, Due, Page, Submission, Submitted, Transitioned};
pub use blocks::BlockStore;
pub use changes::{Change, ChangeFeed, ChangePage, FeedError, RecordedChange};
pub use commit_broadcast::{CommitBroadcast, Subscription};
pub use control::{ClockSample, ControlChanges, ControlPoll, ControlStore, ControlVersion};
pub use cursor::{Cursor, CursorError};
pub use error::{PolicyFault, StoreError};
pub use freezes::FreezeStore;
pub use lifecycle::{Health, Lifecycle, Observer};
pub use open::{OpenError, StoreConfig, open};
pub use outbox::{Backlog, LaneId, LaneQuery, Leased, OutboxStore, import_fault};
pub use policies::{NewPolicy, NextPolicy, PolicyHead, PolicyStore, PolicyVersion, UnchangedPolicy};
pub use query::{Filter, Order, PAGE_BYTES, Query, weight};
pub use sessions::SessionStore;
pub use signing_keys::SigningKeyStore;
pub use snapshot::{Record, Snapshot, SnapshotStore};
#[cfg(test)]
pub(crate) use testing::{MemoryStore, conformance};
pub use tokens::TokenStore;
pub use transfer::{Forgotten, History, REMEMBERED, Transfer};

// Specific to PostgreSQL.
pub use postgres::{
    Durability, OpenError as PostgresOpenError, PostgresConfig, PostgresStore, PostgresTls, PostgresUrl,
    PostgresUrlError, SchemaVersion, TlsError as PostgresTlsError,
};

// Specific to sled and its directories.
pub use sled::{
    Fault, Findings, OpenError as SledOpenError, Salvaged, SledConfig, SledStore, check, salvage, sync_to_disk,
};

/// Maximum length of a name in a key, in bytes: far above the limits of a request, and small enough for sled's pages.
pub const NAME_MAX: usize = 1_024;

/// Maximum length of a policy document, in bytes.
pub const DOCUMENT_MAX: usize = 1 << 20;

/// Everything that the server stores. Implemented by every type that implements its parts.
pub trait Store:
    ApprovalStore
    + PolicyStore
    + TokenStore
    + SessionStore
    + FreezeStore
    + BlockStore
    + ControlStore
    + OutboxStore
    + SigningKeyStore
    + ChangeFeed
    + Transfer
    + SnapshotStore
    + Lifecycle
{
}

impl<T> Store for T where
    T: ApprovalStore
        + PolicyStore
        + TokenStore
        + SessionStore
        + FreezeStore
        + BlockStore
        + ControlStore
        + ControlStore
        + OutboxStore
        + SigningKeyStore
        + ChangeFeed
        + Transfer
        + SnapshotStore
        + Lifecycle
{
}
