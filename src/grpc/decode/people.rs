//! People whom a caller names.

use std::collections::BTreeSet;

use super::Checker;
use crate::{
    domain::{Actor, ActorKind},
    field_path,
    identity::LOCAL_ISSUER,
    proto::v1,
};

/// Issuer of what the server does by itself.
const OWN_ISSUER: &str = "signoff";
/// Longest issuer, and longest name at one, in characters.
pub(super) const PERSON_MAX: usize = 256;
/// Longest name of a group, in characters.
const GROUP_MAX: usize = 128;
/// Most groups of a person.
const GROUPS_MAX: usize = 64;

impl Checker {
    /// A person, and the groups that the caller says they are in.
    pub(super) fn person(&mut self, field: &str, from: v1::Person) -> (Actor, BTreeSet<String>) {
        let v1::Person { issuer, subject, groups } = from;
        self.within(field, |check| {
            check.name("issuer", &issuer, PERSON_MAX);
            if issuer == OWN_ISSUER {
                check.refuse("issuer", "is that of the server itself, which is nobody");
            }
            if subject.is_empty() {
                check.refuse("subject", "is required");
            }
            check.name("subject", &subject, PERSON_MAX);
            check.groups(&groups);
        });
        let issuer = if issuer.is_empty() { LOCAL_ISSUER.to_owned() } else { issuer };
        (Actor { kind: ActorKind::Person, issuer, subject }, groups.into_iter().collect())
    }

    /// The groups that somebody is in.
    pub(super) fn groups(&mut self, groups: &[String]) {
        if groups.len() > GROUPS_MAX {
            self.refuse("groups", format!("has {} groups; at most {GROUPS_MAX} are allowed", groups.len()));
        }
        for (index, group) in groups.iter().enumerate().take(GROUPS_MAX) {
            let at = field_path::at("groups", index);
            if group.is_empty() {
                self.refuse(&at, "must not be empty");
            }
            self.name(&at, group, GROUP_MAX);
        }
    }
}
