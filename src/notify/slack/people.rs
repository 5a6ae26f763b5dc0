//! Which reviewer a Slack user is.
//!
//! A person in Slack and the same person at the desk must be one identity, with the same groups: otherwise a policy's
//! `group:` would not mean them, and people could approve their own requests under another name. Slack knows neither the
//! identity at the provider nor its groups, so the configuration names both. An e-mail address is not used: a workspace
//! can let people change theirs, and a session's groups are known for 12 hours at most.

use std::collections::{BTreeMap, BTreeSet};

use super::payload::SlackUser;
use crate::{
    domain::{
        Actor, ActorKind, Role, Time,
        limits::{GROUP_MAX, GROUPS_MAX, PERSON_MAX},
        name,
    },
    identity::{AuthenticationMethod, BlockedSubjects, Principal, Revocation},
    notify::Fields,
};

/// Longest id of Slack, in bytes.
const ID_MAX: usize = 32;

/// The Slack users who may decide, and the workspaces that they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct People {
    teams: BTreeSet<String>,
    people: BTreeMap<String, Person>,
}

/// A reviewer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Person {
    actor: Actor,
    groups: BTreeSet<String>,
}

impl People {
    /// Takes the fields `teams`, `issuer` and `people`.
    pub(super) fn parse(fields: &mut Fields) -> Self {
        let teams: BTreeSet<_> = fields.texts("teams").into_iter().collect();
        if let Some(other) = teams.iter().find(|team| !is_id(team, "TE")) {
            fields.problem("teams", format!("has {other:?}, which is not the id of a workspace, such as T0123ABCD"));
        }
        let issuer = fields.text("issuer").and_then(|text| checked(fields, "issuer", &text, PERSON_MAX));
        let mut people = BTreeMap::new();
        for (id, mut person) in fields.tables("people") {
            if !is_id(&id, "UW") {
                let problem = format!("has {id:?}, which is not the id of a user, such as U0123ABCD");
                fields.problem("people", problem);
            }
            if let Some(person) = Person::parse(&mut person, issuer.as_deref()) {
                people.insert(id.clone(), person);
            }
            fields.absorb(&format!("people.{id}"), person);
        }
        if !people.is_empty() && teams.is_empty() {
            fields.problem("teams", "is missing; list the ids of the workspaces that the people are in");
        }
        Self { teams, people }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether a user may be a reviewer.
    pub(super) fn knows(&self, user: &SlackUser) -> bool {
        self.people.contains_key(&user.id) && user.team.as_ref().is_some_and(|team| self.teams.contains(team))
    }

    /// The reviewer. `None` for a user who is not in the table, or is in another workspace: in a channel that
    /// organisations share, such users can click too.
    ///
    /// A reviewer from Slack has no other role: the buttons decide, and nothing else.
    pub(super) fn reviewer(&self, user: &SlackUser, blocked: &BlockedSubjects, now: Time) -> Option<Principal> {
        let Person { actor, groups } = self.people.get(&user.id).filter(|_| self.knows(user))?.clone();
        Some(Principal {
            roles: [Role::Reviewer].into(),
            groups,
            revocation: Revocation::of(&actor, blocked),
            ..Principal::new(actor, AuthenticationMethod::Chat, now)
        })
    }
}

impl Person {
    fn parse(fields: &mut Fields, issuer: Option<&str>) -> Option<Self> {
        let subject = fields.required_text("subject");
        let subject = subject.and_then(|text| checked(fields, "subject", &text, PERSON_MAX));
        let is_given = fields.has("issuer") || issuer.is_none();
        let own = if is_given { fields.required_text("issuer") } else { fields.text("issuer") };
        let own = own.and_then(|text| checked(fields, "issuer", &text, PERSON_MAX));
        let issuer = if is_given { own } else { issuer.map(str::to_owned) };
        let mut groups = BTreeSet::new();
        for group in fields.texts("groups") {
            groups.extend(checked(fields, "groups", &group, GROUP_MAX));
        }
        if groups.len() > GROUPS_MAX {
            fields.problem("groups", format!("must have at most {GROUPS_MAX} groups"));
        }
        let actor = Actor { kind: ActorKind::Person, issuer: issuer?, subject: subject? };
        Some(Self { actor, groups })
    }
}

/// A name in its normal form.
fn checked(fields: &mut Fields, field: &str, text: &str, max: usize) -> Option<String> {
    match name::normal(text) {
        Ok(name) if !name.is_empty() && name.chars().count() <= max => return Some(name.into_owned()),
        Ok(_) => fields.problem(field, format!("must have names of 1 to {max} characters")),
        Err(error) => fields.problem(field, format!("has a name that {error}")),
    }
    None
}

/// Whether a text is an id of Slack: one of some letters, then capital letters and digits.
pub(super) fn is_id(text: &str, first: &str) -> bool {
    let rest = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
    text.starts_with(|c| first.contains(c)) && (3..=ID_MAX).contains(&text.len()) && text.bytes().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SubjectName, samples::at};

    const TABLE: &str = r#"
        teams = ["T1AB"]
        issuer = "https://idp.example"
        people.U012 = { subject = "alice", groups = ["finance", "caf\u00e9"] }
        people.W9Z = { subject = "Jose\u0301", issuer = "local" }
    "#;

    fn parsed(table: &str) -> (People, Vec<String>) {
        let mut fields = Fields::new(table.parse().unwrap());
        let people = People::parse(&mut fields);
        (people, fields.finish().into_iter().map(|one| format!("{} {}", one.field, one.problem)).collect())
    }

    fn user(id: &str, team: Option<&str>) -> SlackUser {
        SlackUser { id: id.into(), team: team.map(str::to_owned) }
    }

    #[test]
    fn a_user_is_the_same_person_as_at_sign_in_and_only_a_reviewer() {
        let (people, problems) = parsed(TABLE);
        assert_eq!(problems, [""; 0]);
        let blocked = BlockedSubjects::default();
        let alice = people.reviewer(&user("U012", Some("T1AB")), &blocked, at(5)).unwrap();
        let expected = Actor { kind: ActorKind::Person, issuer: "https://idp.example".into(), subject: "alice".into() };
        assert_eq!((&alice.actor, &alice.roles), (&expected, &[Role::Reviewer].into()));
        assert_eq!(alice.groups, ["finance".to_owned(), "café".to_owned()].into());
        assert_eq!(alice.method, AuthenticationMethod::Chat);
        assert!(alice.permissions.is_empty() && alice.decides_for.is_empty() && !alice.needs_others());
        let jose = people.reviewer(&user("W9Z", Some("T1AB")), &blocked, at(5)).unwrap().actor;
        assert_eq!((jose.issuer.as_str(), jose.subject.as_str()), ("local", "José"));
        for (id, team) in [("U013", Some("T1AB")), ("U012", Some("T2AB")), ("U012", None), ("u012", Some("T1AB"))] {
            assert!(people.reviewer(&user(id, team), &blocked, at(5)).is_none(), "{id} {team:?}");
        }
        blocked.replace([&SubjectName::from(&expected)]);
        assert!(alice.revocation.is_blocked());
    }

    #[test]
    fn mistakes_are_reported_with_their_field() {
        for (table, problem) in [
            (
                "people.U012 = { subject = 'a', issuer = 'local' }",
                "teams is missing; list the ids of the workspaces that the people are in",
            ),
            ("teams = ['T1A']\npeople.U012 = { subject = 'a' }", "people.U012.issuer is missing"),
            ("teams = ['T1A']\nissuer = 'local'\npeople.U012 = { groups = [] }", "people.U012.subject is missing"),
            (
                "teams = ['T1A']\nissuer = 'local'\npeople.U012 = { subject = 'a', roles = ['operator'] }",
                "people.U012.roles is not a field of this kind of channel; allowed: groups, issuer, subject",
            ),
            (
                "teams = ['T1A']\nissuer = 'local'\npeople.alice = { subject = 'a' }",
                "people has \"alice\", which is not the id of a user, such as U0123ABCD",
            ),
            ("teams = ['acme']", "teams has \"acme\", which is not the id of a workspace, such as T0123ABCD"),
            ("issuer = ' local'", "issuer has a name that begins or ends with a space; remove it"),
            ("people = ['U012']", "people must be a table of tables"),
        ] {
            assert_eq!(parsed(table).1, [problem], "{table}");
        }
        let groups: Vec<_> = (0..=GROUPS_MAX).map(|n| format!("'g{n}'")).collect();
        let table =
            format!("teams = ['T1A']\nissuer = 'l'\npeople.U01 = {{ subject = 'a', groups = [{}] }}", groups.join(","));
        assert_eq!(parsed(&table).1, ["people.U01.groups must have at most 64 groups"]);
    }
}
