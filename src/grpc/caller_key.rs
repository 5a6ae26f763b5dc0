use std::sync::Arc;

use crate::domain::Actor;

/// A key that is equal for two callers if [`Actor::is`] says that they are the same.
pub(super) type CallerKey = Arc<str>;

/// The key of a caller: issuer and subject, which contain no NUL.
pub(super) fn caller_key(actor: &Actor) -> CallerKey {
    [actor.issuer.as_str(), &actor.subject].join("\0").into()
}
