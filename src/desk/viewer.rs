//! The signed-in person of a request.

use std::sync::Arc;

use super::csrf::CsrfToken;
use crate::{domain::SessionId, identity::Principal};

/// The signed-in person. A handler that takes it answers nobody else: others are sent to the sign-in page.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    /// The person.
    pub(super) principal: Arc<Principal>,
    /// The session.
    pub(super) session: SessionId,
    /// The token of the session's forms.
    pub(super) csrf: CsrfToken,
}
