use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Actor;

/// A permission to make trusted claims about other people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Name the person on whose behalf the caller asks.
    AskForOthers,
    /// Name the person who decides and their groups, within [`DecidesFor`], as a chat bridge does. All its votes
    /// together count as one, unless it may also decide alone.
    DecideForOthers,
    /// Let the caller's votes reach a quorum alone, without another caller's vote.
    DecideAlone,
}

impl Permission {
    /// The permission's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AskForOthers => "ask_for_others",
            Self::DecideForOthers => "decide_for_others",
            Self::DecideAlone => "decide_alone",
        }
    }
}

/// The people for whom the holder of [`DecideForOthers`](Permission::DecideForOthers) may decide. Empty: no one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecidesFor {
    /// Authorities of these people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub issuers: BTreeSet<String>,
    /// Groups that the holder may name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
}

/// The reason why a caller may not decide for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutsideScope {
    /// No issuers: the token was created before the permission had a scope.
    #[error(
        "the caller's token allows no issuers for decide_for_others, because it was created by an older version; \
         create a new token with issuers, and revoke this one"
    )]
    Anybody,
    /// A person of another authority.
    #[error("the caller's token does not allow decisions for people of the issuer {0}")]
    Issuer(String),
    /// A member of another group.
    #[error("the caller's token does not allow decisions for members of the group {0}")]
    Group(String),
}

impl DecidesFor {
    /// Whether it allows no one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.groups.is_empty()
    }

    /// Checks that a person with these groups is within the scope.
    ///
    /// # Errors
    /// The part that is outside the scope.
    pub fn check(&self, person: &Actor, groups: &BTreeSet<String>) -> Result<(), OutsideScope> {
        if self.issuers.is_empty() {
            return Err(OutsideScope::Anybody);
        }
        if !self.issuers.contains(&person.issuer) {
            return Err(OutsideScope::Issuer(person.issuer.clone()));
        }
        groups.difference(&self.groups).next().map_or(Ok(()), |group| Err(OutsideScope::Group(group.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ActorKind;

    #[test]
    fn only_named_issuers_and_groups_are_within() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let of = |issuer: &str| Actor { kind: ActorKind::Person, issuer: issuer.into(), subject: "a".into() };
        let scope = DecidesFor { issuers: names(&["https://idp"]), groups: names(&["finance", "legal"]) };
        assert_eq!(scope.check(&of("https://idp"), &names(&[])), Ok(()));
        assert_eq!(scope.check(&of("https://idp"), &names(&["finance", "legal"])), Ok(()));
        for issuer in ["local", "https://idp/", "https://IDP", ""] {
            assert_eq!(scope.check(&of(issuer), &names(&[])), Err(OutsideScope::Issuer(issuer.into())));
        }
        let beyond = names(&["finance", "root"]);
        assert_eq!(scope.check(&of("https://idp"), &beyond), Err(OutsideScope::Group("root".into())));
        for nobody in [DecidesFor::default(), DecidesFor { issuers: names(&[]), ..scope }] {
            assert_eq!(nobody.check(&of("https://idp"), &names(&[])), Err(OutsideScope::Anybody));
        }
    }
}
