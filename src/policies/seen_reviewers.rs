//! Names of reviewers who called, for policy warnings.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;

use crate::{
    domain::Role,
    identity::{Authenticator, Credentials, Principal, Unrecognised},
    policy::Known,
};

/// Maximum number of names of each kind: more than an organization has reviewers; a few megabytes.
const NAMES_MAX: usize = 10_000;

/// Reviewers and groups that authenticated since the server started, for warnings about policies that name others.
#[derive(Debug, Default)]
pub struct SeenReviewers(RwLock<Known>);

impl SeenReviewers {
    /// Remembers a caller if it is a reviewer. Cheap for agents, which call often.
    pub fn record(&self, principal: &Principal) {
        if !principal.roles.contains(&Role::Reviewer) {
            return;
        }
        let user = principal.actor.to_string();
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if known.users.contains(&user) && principal.groups.is_subset(&known.groups) {
                return;
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        remember(&mut known.users, [user]);
        remember(&mut known.groups, principal.groups.iter().cloned());
    }

    /// All remembered names.
    #[must_use]
    pub(super) fn known(&self) -> Known {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn remember(names: &mut BTreeSet<String>, new: impl IntoIterator<Item = String>) {
    for name in new {
        if names.len() < NAMES_MAX {
            names.insert(name);
        }
    }
}

/// An [`Authenticator`] that records the reviewers that another one authenticates.
pub struct RecordingAuthenticator<A> {
    /// Authenticates callers.
    pub authenticator: A,
    /// Records reviewers.
    pub seen: Arc<SeenReviewers>,
}

#[async_trait]
impl<A: Authenticator> Authenticator for RecordingAuthenticator<A> {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised> {
        let principal = self.authenticator.authenticate(credentials).await?;
        self.seen.record(&principal);
        Ok(principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            ActorKind,
            samples::{actor, at},
        },
        identity::AuthenticationMethod,
    };

    fn principal(subject: &str, roles: &[Role], groups: &[String]) -> Principal {
        let who = Principal::new(actor(ActorKind::Person, subject), AuthenticationMethod::Token, at(0));
        Principal { roles: roles.iter().copied().collect(), groups: groups.iter().cloned().collect(), ..who }
    }

    #[test]
    fn reviewers_are_remembered_up_to_a_limit() {
        let seen = SeenReviewers::default();
        seen.record(&principal("bot", &[Role::Agent], &["bots".into()]));
        assert_eq!(seen.known(), Known::default());
        for n in 0..NAMES_MAX + 10 {
            seen.record(&principal(&format!("ann{n}"), &[Role::Reviewer], &[format!("group{n}")]));
        }
        let known = seen.known();
        assert!(known.groups.contains("group0") && known.users.iter().any(|user| user.ends_with("/ann0")));
        assert_eq!((known.groups.len(), known.users.len()), (NAMES_MAX, NAMES_MAX));
    }
}
