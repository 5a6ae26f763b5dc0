use tokio_util::sync::CancellationToken;

use super::blocked_subjects::{BlockWatch, BlockedSubjects};
use crate::domain::Actor;

/// Whether credentials were revoked, or their subject is blocked. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Revocation {
    credentials: CancellationToken,
    /// `None` for principals that no authenticator made.
    subject: Option<BlockWatch>,
}

impl Revocation {
    /// Of new credentials of somebody who may be blocked.
    #[must_use]
    pub fn of(actor: &Actor, blocked: &BlockedSubjects) -> Self {
        Self { credentials: CancellationToken::new(), subject: Some(blocked.watch(actor)) }
    }

    /// The revocation of credentials that were derived from these: it is revoked with them, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { credentials: self.credentials.child_token(), subject: self.subject.clone() }
    }

    /// Revokes the credentials permanently.
    pub fn revoke(&self) {
        self.credentials.cancel();
    }

    /// Whether they are revoked, or their subject is blocked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.credentials.is_cancelled() || self.is_blocked()
    }

    /// Whether their subject is blocked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.subject.as_ref().is_some_and(BlockWatch::is_blocked)
    }

    /// Whether an operator has blocked somebody else, for whom the owner of these credentials would act.
    #[must_use]
    pub fn blocks(&self, actor: &Actor) -> bool {
        self.subject.as_ref().is_some_and(|subject| subject.blocks(actor))
    }

    /// Waits until they are revoked, or their subject is blocked.
    pub async fn revoked(&self) {
        let Some(subject) = &self.subject else { return self.credentials.cancelled().await };
        tokio::select! {
            () = self.credentials.cancelled() => {}
            () = subject.blocked() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_revoked_with_its_parent_or_alone() {
        let parent = Revocation::default();
        let (one, other) = (parent.child(), parent.child());
        one.revoke();
        assert_eq!([&parent, &one, &other].map(Revocation::is_revoked), [false, true, false]);
        parent.revoke();
        other.revoked().await;
        assert!(other.is_revoked() && parent.child().is_revoked() && !other.is_blocked());
    }
}
