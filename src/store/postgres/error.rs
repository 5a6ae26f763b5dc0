//! Errors of PostgreSQL.

use deadpool_postgres::PoolError;

use super::{Durability, TlsError};
use crate::store::StoreError;

/// Why a store in PostgreSQL could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// PostgreSQL cannot be reached, or rejects the statements.
    #[error("cannot open the store in PostgreSQL: {0}")]
    Failed(String),
    /// The password cannot be read.
    #[error("cannot read the password of the database: {0}")]
    Password(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A later version migrated the store, and this build cannot serve it.
    #[error("the store in PostgreSQL has schema version {found}, and this build knows {known}: use a newer signoff")]
    Newer {
        /// The applied migration.
        found: i32,
        /// The newest migration of this build.
        known: i32,
    },
    /// The store needs a migration.
    #[error(
        "the store in PostgreSQL has schema version {found}, and this build needs {newest}: run `signoff store migrate`"
    )]
    Older {
        /// The applied migration; 0 for an empty database.
        found: i32,
        /// The newest migration of this build.
        newest: i32,
    },
    /// The settings of PostgreSQL promise less than is required.
    #[error("require_synchronous is set, but {0}; set synchronous_standby_names, and synchronous_commit to on")]
    NotSynchronous(Durability),
    /// The data is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(cause(&error))
    }
}

/// An error with its causes.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their cause.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// An error of the pool. What it says of its own about a connection that failed adds nothing.
pub(super) fn cause_of_pool(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => cause(error),
        error => cause(error),
    }
}

/// Why a statement failed is logged; callers learn only that the store cannot answer now.
impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        tracing::warn!(error = %cause(&error), "a statement failed in PostgreSQL");
        Self::Unavailable("a statement failed in PostgreSQL".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn a_cause_is_told_once() {
        let refused = Told("connection refused", None);
        let connecting = Told("cannot connect: connection refused", Some(Box::new(refused)));
        assert_eq!(
            cause(&Told("no server", Some(Box::new(connecting)))),
            "no server: cannot connect: connection refused"
        );
    }
}
