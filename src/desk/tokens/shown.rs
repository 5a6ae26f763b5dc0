//! A token in words.

use super::words;
use crate::{
    desk::phrase::Phrase,
    domain::{ActorKind, Permission, Role, Time, Token, TokenState},
};

/// A token as of a time.
pub(super) struct Shown {
    pub(super) token: Token,
    pub(super) at: Time,
}

impl Shown {
    pub(super) fn is_active(&self) -> bool {
        self.token.state(self.at) == TokenState::Active
    }

    pub(super) fn state(&self) -> &'static str {
        match self.token.state(self.at) {
            TokenState::Active => words::ACTIVE,
            TokenState::Expired => words::EXPIRED,
            TokenState::Revoked => words::REVOKED,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        label(
            &words::KINDS,
            match self.token.grant.kind {
                ActorKind::Person => "PERSON",
                ActorKind::Service => "SERVICE",
                ActorKind::Agent | ActorKind::Policy | ActorKind::Server => "AGENT",
            },
        )
    }

    pub(super) fn roles(&self) -> String {
        let value = |role: &Role| match role {
            Role::Agent => "AGENT",
            Role::Reviewer => "REVIEWER",
            Role::Auditor => "AUDITOR",
            Role::Operator => "OPERATOR",
        };
        let roles: Vec<_> =
            self.token.grant.roles.iter().map(|role| label(&words::ROLE_CHOICES, value(role))).collect();
        roles.join(", ")
    }

    pub(super) fn permissions(&self) -> String {
        let value = |permission: &Permission| match permission {
            Permission::AskForOthers => "ASK_FOR_OTHERS",
            Permission::DecideForOthers => "DECIDE_FOR_OTHERS",
            Permission::DecideAlone => "DECIDE_ALONE",
        };
        let permissions = self.token.grant.permissions.iter();
        permissions.map(|one| label(&words::PERMISSION_CHOICES, value(one))).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn groups(&self) -> Phrase {
        Phrase::default().list(self.token.grant.groups.iter().map(String::as_str))
    }

    /// The people for whom it may decide; `None` if it may not decide for others.
    pub(super) fn issuers(&self) -> Option<Phrase> {
        let grant = &self.token.grant;
        grant.permissions.contains(&Permission::DecideForOthers).then(|| match &grant.decides_for.issuers {
            none if none.is_empty() => Phrase::new(words::NOBODY),
            issuers => Phrase::default().list(issuers.iter().map(String::as_str)),
        })
    }

    pub(super) fn vouched_groups(&self) -> Phrase {
        Phrase::default().list(self.token.grant.decides_for.groups.iter().map(String::as_str))
    }
}

/// The label of a choice.
fn label(choices: &[(&'static str, &'static str, &'static str)], value: &str) -> &'static str {
    choices.iter().find(|(known, ..)| *known == value).map_or("", |(_, label, _)| label)
}
