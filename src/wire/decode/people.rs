//! Decodes people that a caller names.

use std::collections::BTreeSet;

use super::Checker;
use crate::{
    domain::{
        Actor, ActorKind,
        limits::{GROUP_MAX, GROUPS_MAX, PERSON_MAX},
    },
    identity::LOCAL_ISSUER,
    proto::v1,
    wire::field_path,
};

/// Issuer of the server's own actions.
const OWN_ISSUER: &str = "signoff";

impl Checker {
    /// A person, and the person's groups.
    pub(super) fn person(&mut self, field: &str, from: v1::Person) -> (Actor, BTreeSet<String>) {
        let v1::Person { issuer, subject, groups } = from;
        self.within(field, |check| {
            let issuer = match issuer.as_str() {
                "" => LOCAL_ISSUER.to_owned(),
                issuer => check.identity("issuer", issuer, PERSON_MAX),
            };
            if issuer == OWN_ISSUER {
                check.refuse("issuer", "is `signoff`, which is reserved for the server itself");
            }
            if subject.is_empty() {
                check.refuse("subject", "is required");
            }
            let subject = check.identity("subject", &subject, PERSON_MAX);
            (Actor { kind: ActorKind::Person, issuer, subject }, check.groups("groups", &groups))
        })
    }

    /// Checks names of groups.
    pub(super) fn groups(&mut self, field: &str, groups: &[String]) -> BTreeSet<String> {
        if groups.len() > GROUPS_MAX {
            self.refuse(field, format!("has {} groups; at most {GROUPS_MAX} are allowed", groups.len()));
        }
        let groups = groups.iter().enumerate().take(GROUPS_MAX);
        let named = groups.map(|(index, group)| {
            let at = field_path::at(field, index);
            if group.is_empty() {
                self.refuse(&at, "must not be empty");
            }
            self.identity(&at, group, GROUP_MAX)
        });
        named.collect()
    }
}
