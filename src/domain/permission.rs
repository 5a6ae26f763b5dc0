use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Actor;

/// Something about other people that a caller may assert, and is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// On whose behalf it asks.
    AskForOthers,
    /// Who decides, and in which groups they are, within [`DecidesFor`]: a chat bridge. What it brings counts as one
    /// vote among others, unless it may decide alone too.
    DecideForOthers,
    /// That several people have decided, without a vote by anybody else: it can complete a quorum.
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

/// For whom the holder of [`DecideForOthers`](Permission::DecideForOthers) may decide. Empty: for nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecidesFor {
    /// People of these authorities.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub issuers: BTreeSet<String>,
    /// Groups that it may say they are in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
}

/// Who a caller may not decide for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutsideScope {
    /// Anybody: the token is from before the permission had a scope.
    #[error(
        "the caller's token allows no issuers for decide_for_others, because it was created by an older version; \
         create a new token with issuers, and revoke this one"
    )]
    Anybody,
    /// People of an authority.
    #[error("the caller's token does not allow decisions for people of the issuer {0}")]
    Issuer(String),
    /// Members of a group.
    #[error("the caller's token does not allow decisions for members of the group {0}")]
    Group(String),
}

impl DecidesFor {
    /// Whether it is for nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.groups.is_empty()
    }

    /// Whether a person in these groups is within.
    ///
    /// # Errors
    /// What of it is not.
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
