//! Settings of the desk, the pages for people: `desk.…`.

use std::time::Duration;

use crate::domain::SESSION_MAX;

/// Sessions of people who signed in at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskSettings {
    /// Sessions expire that are not used for this long: 1 min to 12 h.
    pub session_idle: Duration,
    /// Maximum age of a session: 1 min to 12 h.
    pub session_max: Duration,
}

impl Default for DeskSettings {
    fn default() -> Self {
        Self { session_idle: Duration::from_secs(60 * 60), session_max: SESSION_MAX }
    }
}
