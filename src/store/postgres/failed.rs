//! Why a group of commands failed.

use tokio_postgres::error::SqlState;

use super::group::{Outcome, Writes};
use crate::store::StoreError;

/// Why a group is not on record.
pub(super) enum Failed {
    /// It lost a race, or its connection broke before the commit. It can run again.
    Race,
    /// It failed.
    Store(StoreError),
    /// `COMMIT` failed: it may be on record.
    Unknown(Writes, Vec<Outcome>),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        let again = [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::UNIQUE_VIOLATION,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
        ];
        let again = error.is_closed() || error.code().is_some_and(|code| again.contains(code));
        if again { Self::Race } else { Self::Store(error.into()) }
    }
}
