use std::{collections::HashSet, sync::Arc};

use tokio::sync::watch;

use crate::domain::{Actor, SubjectName};

/// The blocked subjects in memory: authentication does not read the disk. Clones share the state.
///
/// Every principal watches its own subject, so that a block also ends open streams. Blocks are rare, and there are at
/// most a few hundred: to wake every stream at a change costs less than a list of streams by subject.
#[derive(Clone, Debug)]
pub struct BlockedSubjects(Arc<watch::Sender<HashSet<SubjectName>>>);

impl Default for BlockedSubjects {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(HashSet::new())))
    }
}

impl BlockedSubjects {
    /// Replaces all of them.
    pub(crate) fn replace<'a>(&self, subjects: impl IntoIterator<Item = &'a SubjectName>) {
        self.0.send_replace(subjects.into_iter().map(SubjectName::composed).collect());
    }

    /// Blocks a subject. Once this returns, its credentials are rejected.
    pub(crate) fn add(&self, subject: &SubjectName) {
        self.0.send_if_modified(|blocked| blocked.insert(subject.composed()));
    }

    /// Unblocks a subject.
    pub(crate) fn remove(&self, subject: &SubjectName) {
        self.0.send_if_modified(|blocked| blocked.remove(&subject.composed()));
    }

    /// Whether somebody is blocked.
    #[must_use]
    pub fn contains(&self, actor: &Actor) -> bool {
        contains(&self.0.borrow(), &SubjectName::from(actor).composed())
    }

    /// Watches somebody.
    pub(super) fn watch(&self, actor: &Actor) -> BlockWatch {
        BlockWatch { subject: Arc::new(SubjectName::from(actor).composed()), blocked: self.0.subscribe() }
    }
}

/// Watches whether one subject is blocked.
#[derive(Clone, Debug)]
pub(super) struct BlockWatch {
    subject: Arc<SubjectName>,
    blocked: watch::Receiver<HashSet<SubjectName>>,
}

impl BlockWatch {
    pub(super) fn is_blocked(&self) -> bool {
        contains(&self.blocked.borrow(), &self.subject)
    }

    pub(super) fn blocks(&self, actor: &Actor) -> bool {
        contains(&self.blocked.borrow(), &SubjectName::from(actor).composed())
    }

    /// Waits until it is blocked.
    pub(super) async fn blocked(&self) {
        let mut blocked = self.blocked.clone();
        let gone = blocked.wait_for(|blocked| contains(blocked, &self.subject)).await.is_err();
        if gone {
            std::future::pending::<()>().await; // nobody can block any more
        }
    }
}

/// Most servers block nobody: then nothing is hashed.
fn contains(blocked: &HashSet<SubjectName>, subject: &SubjectName) -> bool {
    !blocked.is_empty() && blocked.contains(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::ActorKind, identity::Revocation};

    fn person(subject: &str) -> Actor {
        Actor { kind: ActorKind::Person, issuer: "https://idp".into(), subject: subject.into() }
    }

    #[tokio::test]
    async fn a_block_reaches_open_calls_of_the_subject_only() {
        let blocked = BlockedSubjects::default();
        let [alice, jose] = ["alice", "Jose\u{301}"].map(person);
        let (one, other) = (Revocation::of(&alice, &blocked), Revocation::of(&jose, &blocked));
        let open = tokio::spawn({
            let other = other.child();
            async move { other.revoked().await }
        });
        // A name in another form is the same name.
        blocked.replace([&SubjectName::from(&person("Jos\u{e9}"))]);
        open.await.unwrap();
        assert!(other.is_revoked() && other.is_blocked() && blocked.contains(&jose));
        assert!(!one.is_revoked() && !blocked.contains(&alice) && one.blocks(&jose) && !one.blocks(&alice));
        let service = Actor { kind: ActorKind::Service, ..jose };
        assert!(blocked.contains(&service), "the kind of actor does not matter");
        blocked.replace([]);
        assert!(!other.is_revoked() && !blocked.contains(&service));
        one.revoke();
        assert!(one.is_revoked() && !one.is_blocked());
    }

    #[tokio::test]
    async fn credentials_outlive_the_list() {
        let alice = Revocation::of(&person("alice"), &BlockedSubjects::default());
        let mut revoked = std::pin::pin!(alice.revoked());
        assert!(futures_util::poll!(&mut revoked).is_pending());
    }
}
