//! Where approvals are kept, the versions of the policy that judged them, and the tokens of those who call.
//!
//! A store speaks of approvals, not of keys. Whatever it answers is durable: it never shows, acknowledges or publishes
//! a state that a crash could take back. One conformance suite (`testing/conformance.rs`) holds for every
//! implementation.
//!
//! | trait | concern |
//! |---|---|
//! | [`ApprovalStore`] | requests, commands, histories, lists, what is due |
//! | [`PolicyStore`] | versions of the policy |
//! | [`TokenStore`] | tokens of callers |
//! | [`FreezeStore`] | freezes, which no claim is granted against |
//! | [`ChangeFeed`] | what changed: pages after a durable [`Cursor`], and a nudge |
//! | [`Transfer`] | export and import |
//! | [`Lifecycle`] | health, the newest time on record, closing |
//!
//! [`Store`] is their sum. Whoever needs one concern takes that trait: an `Arc<dyn Store>` turns into an `Arc<dyn
//! PolicyStore>` by itself. [`open`] makes a store of a [`StoreConfig`]; engines are `sled/` and the model in
//! `testing/memory.rs`.
//!
//! **A new concern** (an outbox, sessions) is a trait in a file of its own, with its types and its part of the suite,
//! and one more name in the definition of [`Store`]. What must be atomic with a transition, as the rows of an outbox
//! must, is not a call of its own: it becomes part of [`Submission`] or of the transition, and the new trait only reads
//! and settles it. **A new engine** is a variant of [`StoreConfig`] and of [`OpenError`], and passes the suite. The
//! rules that all stores share are public, so that an engine in another crate follows them too: [`NewPolicy::after`],
//! the checks of [`PolicyVersion`], [`UnchangedPolicy`] and [`Forgotten`], [`Page::keep_before_next`], [`weight`] with [`PAGE_BYTES`],
//! [`NAME_MAX`] and [`DOCUMENT_MAX`].
//!
//! [`SledStore`], [`SledConfig`], [`check`], [`salvage`] and [`sync_to_disk`], with their types, are only of sled.

mod approvals;
mod changes;
mod commit_broadcast;
mod cursor;
mod error;
mod freezes;
mod lifecycle;
mod open;
mod policies;
mod query;
mod sled;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tokens;
mod transfer;

pub use crate::private_files::PrivacyError;
pub use approvals::{ApprovalStore, Due, Page, Submission, Submitted, Transitioned};
pub use changes::{Change, ChangeFeed, ChangePage, FeedError, RecordedChange};
pub use commit_broadcast::{CommitBroadcast, Subscription};
pub use cursor::{Cursor, CursorError};
pub use error::{PolicyFault, StoreError};
pub use freezes::FreezeStore;
pub use lifecycle::{Health, Lifecycle, Observer};
pub use open::{OpenError, StoreConfig, open};
pub use policies::{NewPolicy, NextPolicy, PolicyHead, PolicyStore, PolicyVersion, UnchangedPolicy};
pub use query::{Filter, Order, PAGE_BYTES, Query, weight};
#[cfg(test)]
pub(crate) use testing::{MemoryStore, conformance};
pub use tokens::TokenStore;
pub use transfer::{Forgotten, History, REMEMBERED, Transfer};

// Only of sled, and of directories that it wrote: no other store has these.
pub use sled::{
    Fault, Findings, OpenError as SledOpenError, Salvaged, SledConfig, SledStore, check, salvage, sync_to_disk,
};

/// Longest name in a key, in bytes: far more than a request may have, far less than would make a page too large.
pub const NAME_MAX: usize = 1_024;

/// Longest document, in bytes.
pub const DOCUMENT_MAX: usize = 1 << 20;

/// Everything that the server keeps. Implemented by whatever implements its parts.
pub trait Store: ApprovalStore + PolicyStore + TokenStore + FreezeStore + ChangeFeed + Transfer + Lifecycle {}

impl<T: ApprovalStore + PolicyStore + TokenStore + FreezeStore + ChangeFeed + Transfer + Lifecycle> Store for T {}
