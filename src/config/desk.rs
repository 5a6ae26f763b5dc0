//! Settings of the desk, the pages for people: `desk.…`.

use std::time::Duration;

use crate::domain::SESSION_MAX;

/// The pages for people, and their sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskSettings {
    /// Sessions expire that are not used for this long: 1 min to 12 h.
    pub session_idle: Duration,
    /// Maximum age of a session: 1 min to 12 h.
    pub session_max: Duration,
    /// Values of `Host` that pages accept in addition to that of the public URL, in lower case: for a proxy that sends
    /// another one.
    pub allowed_hosts: Vec<String>,
}

impl Default for DeskSettings {
    fn default() -> Self {
        Self { session_idle: Duration::from_secs(60 * 60), session_max: SESSION_MAX, allowed_hosts: Vec::new() }
    }
}
