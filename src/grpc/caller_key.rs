use std::sync::Arc;

use crate::domain::Actor;

/// A name that is the same for two callers when [`Actor::is`] says that they are.
pub(super) type CallerKey = Arc<str>;

/// The key of a caller: issuer and subject, which hold no NUL.
pub(super) fn caller_key(actor: &Actor) -> CallerKey {
    [actor.issuer.as_str(), &actor.subject].join("\0").into()
}
