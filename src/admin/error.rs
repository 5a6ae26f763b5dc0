use std::time::Duration;

use crate::{
    domain::{Actor, ChannelName, DeliveryId, FreezeId, duration_text},
    identity::AccessDenied,
    store::StoreError,
};

/// Why a call about the server as a whole failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The operator who froze may not thaw.
    #[error("{frozen_by} made this freeze, and another operator must thaw it (`thaw_requires_other_operator`)")]
    OtherOperatorRequired {
        /// Which freeze.
        id: FreezeId,
        /// Who froze.
        frozen_by: Actor,
    },
    /// No channel has this name.
    #[error("there is no channel {name}; configured: {}", list(.configured))]
    NoSuchChannel {
        /// The name.
        name: ChannelName,
        /// The configured channels.
        configured: Vec<ChannelName>,
    },
    /// The delivery does not wait, and is not dead.
    #[error("there is no delivery {0}; it may have been sent, or its approval was forgotten")]
    NoSuchDelivery(DeliveryId),
    /// The idempotency key belongs to a retry of another delivery.
    #[error("request_id {request_id:?} was used before, to retry the delivery {id}")]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The delivery of the first call.
        id: DeliveryId,
    },
    /// Another backup is running.
    #[error("another backup is running; the server makes one at a time")]
    BackupRunning,
    /// The client did not read a part of the backup in time.
    #[error("the backup ended, because the client read nothing for {}", duration_text(*.limit))]
    BackupReaderSlow {
        /// The maximum time for a part.
        limit: Duration,
    },
    /// The backup took too long.
    #[error("the backup ended, because it took longer than {}", duration_text(*.limit))]
    BackupTooLong {
        /// The maximum time.
        limit: Duration,
    },
    /// The client stopped reading the backup. Only the log has this error.
    #[error("the client has left")]
    BackupReaderLeft,
    /// The server shuts down.
    #[error("the server is shutting down; repeat the call")]
    Draining,
    /// A bug.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store rejected it, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(names: &[ChannelName]) -> String {
    let names: Vec<_> = names.iter().map(ChannelName::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
