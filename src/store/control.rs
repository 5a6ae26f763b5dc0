//! Control data: what decides who may do what. Tokens, sessions, blocks of subjects, and the policy.
//!
//! Servers keep control data in memory, because every call needs them. If several servers use one store, one of them may
//! still know an older version. etcd has the same problem with its users and roles, and solves it by a version, the
//! *auth revision*: a request is checked at a version, and fails if its transaction meets a newer one. The server then
//! reads the newer control data, and checks the request again. So a revocation holds on every server once it has
//! answered, and a call costs no further read.
//!
//! Freezes need none of this: the transaction itself reads them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{PolicyVersion, Store, StoreError};
use crate::domain::{Block, Session, Time, Token};

/// The version of the control data in a store. Every change raises it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlVersion(pub u64);

/// Control data that changed after a version.
#[derive(Clone, Debug, Default)]
pub struct ControlChanges {
    /// The new version.
    pub version: ControlVersion,
    /// New and changed tokens. Forgotten ones are not listed: they had expired.
    pub tokens: Vec<Token>,
    /// New and changed sessions. Forgotten ones are not listed: they had ended or expired.
    pub sessions: Vec<Session>,
    /// New and ended blocks.
    pub blocks: Vec<Block>,
    /// The newest version of the policy, if it is new.
    pub policy: Option<Arc<PolicyVersion>>,
}

/// What a server saw when it last asked the database for news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlPoll {
    /// How often it has asked, with or without an answer.
    pub count: u64,
    /// The newest version of the control data.
    pub version: ControlVersion,
    /// The time of the database.
    pub clock: Option<ClockSample>,
}

/// A reading of the clock of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSample {
    /// The time of the database when it answered.
    pub time: Time,
    /// Time since this machine started (`CLOCK_BOOTTIME`) when the answer arrived: never before the database sent it.
    pub arrived: Duration,
}

/// Control data that other servers may change. The defaults are those of a store that only one server uses.
#[async_trait]
pub trait ControlStore: Send + Sync + 'static {
    /// A view of this store, for a caller whose rights were checked with control data of a version. Changes through it fail with
    /// [`StoreError::Outdated`], without an effect, if a newer version restricts: a revoked or new token, an ended session,
    /// a blocked subject, a new policy. The transaction of the change compares.
    ///
    /// `None` if only one server uses the store: then the store itself does.
    fn as_of(&self, known: ControlVersion) -> Option<Arc<dyn Store>> {
        let _ = known;
        None
    }

    /// Reads the control data that changed after a version.
    ///
    /// # Errors
    /// A failure.
    async fn control_after(&self, known: ControlVersion) -> Result<ControlChanges, StoreError> {
        Ok(ControlChanges { version: known, ..ControlChanges::default() })
    }

    /// Follows what other servers change. `None` if there are no other servers.
    fn control_polls(&self) -> Option<watch::Receiver<ControlPoll>> {
        None
    }
}
