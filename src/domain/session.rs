//! Sessions: the records of people who signed in at the desk.
//!
//! A session holds roles and groups as of the sign-in, so it is short: at most [`SESSION_MAX`], and never longer than
//! the credentials of the sign-in. It is recorded once, and ends at most once.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Actor, Permission, Role, SecretHash, SessionId, SubjectName, Time, TokenId, after, moment};

/// Longest session.
pub const SESSION_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// Limits of a valid session: bytes of a name, and of all groups together. At least what authentication allows.
const NAME_MAX: usize = 1_024;
const GROUPS_BYTES_MAX: usize = 512 * 1_024;

/// A session, without its secret. Reading one rejects unknown fields: a later version may add fields that restrict it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The hash of its secret, which is in the person's cookie.
    pub secret: SecretHash,
    /// Who signed in.
    pub actor: Actor,
    /// The person's roles.
    pub roles: BTreeSet<Role>,
    /// The person's groups.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// The person to whom the credentials are bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Actor>,
    /// The permissions of the credentials. They can restrict: votes of credentials that may name voters need others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<Permission>,
    /// How the person signed in.
    pub sign_in: SignIn,
    /// When the person signed in.
    #[serde(with = "moment")]
    pub created_at: Time,
    /// When the session was last used. A crash can lose up to the last minute.
    #[serde(with = "moment")]
    pub last_used_at: Time,
    /// When it ends, however much it is used.
    #[serde(with = "moment")]
    pub expires_at: Time,
    /// Its early end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How a person signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SignIn {
    /// By a token of this server. The session ends with the token.
    Token(TokenId),
    /// By a token, or the link, of development mode.
    DevToken,
    /// At the OpenID provider.
    Oidc,
}

/// Which sessions to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionScope {
    /// One session.
    One(SessionId),
    /// All sessions of a person.
    Person(SubjectName),
    /// All sessions.
    All,
}

impl SessionScope {
    /// Whether it covers a session.
    #[must_use]
    pub fn covers(&self, session: &Session) -> bool {
        match self {
            Self::One(id) => session.id == *id,
            Self::Person(person) => SubjectName::from(&session.actor).is(person),
            Self::All => true,
        }
    }
}

/// For people.
impl fmt::Display for SessionScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(id) => write!(f, "session {id}"),
            Self::Person(person) => write!(f, "sessions of {person}"),
            Self::All => f.write_str("all sessions"),
        }
    }
}

/// The end of a session before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Who ended it.
    pub actor: Actor,
    /// When.
    #[serde(with = "moment")]
    pub at: Time,
    /// The operator's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// The server accepts it.
    Active,
    /// It was not used for too long, or reached its maximum age.
    Expired,
    /// Somebody ended it.
    Ended,
}

impl Session {
    /// Its state at a time, where sessions expire that are not used for `idle`.
    #[must_use]
    pub fn state(&self, now: Time, idle: Duration) -> SessionState {
        self.state_if_used_at(self.last_used_at, now, idle)
    }

    /// Its state, if it was last used at another time than the record says.
    #[must_use]
    pub fn state_if_used_at(&self, last_used_at: Time, now: Time, idle: Duration) -> SessionState {
        if self.ended.is_some() {
            SessionState::Ended
        } else if now < self.expires_at && now < after(last_used_at, idle) {
            SessionState::Active
        } else {
            SessionState::Expired
        }
    }

    /// Why such a session is impossible; `None` if it is valid.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let ender = self.ended.as_ref().map(|ended| &ended.actor);
        let actors = [Some(&self.actor), self.on_behalf_of.as_ref(), ender].into_iter().flatten();
        let mut names = actors.flat_map(|actor| [&actor.issuer, &actor.subject]);
        let key = self.ended.as_ref().and_then(|ended| ended.request_id.as_ref());
        if names.any(|name| name.is_empty() || name.len() > NAME_MAX) {
            Some("a name is empty or too long")
        } else if self.groups.iter().map(String::len).sum::<usize>() > GROUPS_BYTES_MAX {
            Some("its groups are too long")
        } else if key.is_some_and(|key| key.is_empty() || key.len() > NAME_MAX) {
            Some("the request_id of its end is empty or too long")
        } else if self.expires_at > after(self.created_at, SESSION_MAX) {
            Some("it is longer than 12 hours")
        } else {
            None
        }
    }

    /// Merges a copy of this session: the first end, and the last use. Returns false, and changes nothing, if the other
    /// is not a copy of this session.
    #[must_use]
    pub fn absorb(&mut self, other: &Self) -> bool {
        let same = |session: &Self| Self { last_used_at: session.created_at, ended: None, ..session.clone() };
        if same(self) != same(other) {
            return false;
        }
        self.last_used_at = self.last_used_at.max(other.last_used_at);
        let ends = [self.ended.take(), other.ended.clone()].into_iter().flatten();
        // Ties at the same time need only a rule that does not depend on the order of copies.
        self.ended =
            ends.min_by(|one, two| (one.at, &one.actor, &one.request_id).cmp(&(two.at, &two.actor, &two.request_id)));
        true
    }
}

#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples {
    use super::*;
    use crate::domain::{
        ActorKind,
        samples::{actor, at},
    };

    pub(crate) fn session_id(n: u32) -> SessionId {
        SessionId::new(uuid::Uuid::from_u128(u128::from(n) << 64 | 13))
    }

    /// A reviewer's session at `at(n)`, for an hour, by the token of [`token_samples`](crate::domain::token_samples).
    pub(crate) fn session(n: u32) -> Session {
        let now = at(i64::from(n));
        Session {
            id: session_id(n),
            secret: SecretHash::of(&format!("signoff-session_{n}")),
            actor: actor(ActorKind::Person, &format!("person-{n}")),
            roles: [Role::Reviewer].into(),
            groups: BTreeSet::new(),
            on_behalf_of: None,
            permissions: BTreeSet::new(),
            sign_in: SignIn::Token(TokenId::new(uuid::Uuid::from_u128(u128::from(n) << 64 | 7))),
            created_at: now,
            last_used_at: now,
            expires_at: at(i64::from(n) + 3_600),
            ended: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{samples::session, *};
    use crate::domain::{
        ActorKind,
        samples::{actor, at},
    };

    const IDLE: Duration = Duration::from_secs(600);

    fn ended(by: &str, seconds: i64) -> Option<Ended> {
        Some(Ended { actor: actor(ActorKind::Person, by), at: at(seconds), request_id: None })
    }

    #[test]
    fn a_session_expires_by_age_and_by_disuse() {
        let one = session(0);
        let states = |session: &Session, seconds: [i64; 2]| seconds.map(|now| session.state(at(now), IDLE));
        assert_eq!(states(&one, [599, 600]), [SessionState::Active, SessionState::Expired]);
        let used = Session { last_used_at: at(3_500), ..one.clone() };
        assert_eq!(states(&used, [3_599, 3_600]), [SessionState::Active, SessionState::Expired]);
        let over = Session { ended: ended("o", 5), ..one };
        assert_eq!(states(&over, [6, 9_000]), [SessionState::Ended; 2]);
    }

    #[test]
    fn copies_of_a_session_agree_in_any_order() {
        let copies = [
            session(1),
            Session { last_used_at: at(9), ended: ended("b", 8), ..session(1) },
            Session { last_used_at: at(7), ended: ended("a", 8), ..session(1) },
            Session { ended: ended("a", 12), ..session(1) },
        ];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let mut merged = copies[order[0]].clone();
            assert!(order.iter().all(|n| merged.absorb(&copies[*n])));
            assert_eq!(merged, Session { last_used_at: at(9), ended: ended("a", 8), ..session(1) });
        }
        let mut kept = session(1);
        assert!(!kept.absorb(&Session { roles: Role::ALL.into(), ..session(1) }));
        assert_eq!(kept, session(1));
    }

    #[test]
    fn what_cannot_be_a_session_is_told() {
        assert_eq!(session(1).fault(), None);
        let longest = Session { expires_at: after(session(1).created_at, SESSION_MAX), ..session(1) };
        assert_eq!(longest.fault(), None);
        let changes: [fn(&mut Session); 6] = [
            |session| session.actor.subject = String::new(),
            |session| session.actor.issuer = "i".repeat(1_025),
            |session| session.groups = (0..525).map(|n| format!("{n:0>1000}")).collect(),
            |session| session.expires_at += Duration::from_secs(11 * 3_600 + 1),
            |session| session.ended = ended("", 1),
            |session| {
                let request_id = Some(String::new());
                session.ended = Some(Ended { request_id, ..ended("o", 1).unwrap() });
            },
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut session = session(1);
            change(&mut session);
            assert!(session.fault().is_some(), "{n}");
        }
        // Unknown fields of a later version are rejected.
        let mut json = serde_json::to_value(session(1)).unwrap();
        json["network"] = "x".into();
        assert!(serde_json::from_value::<Session>(json).is_err());
    }

    #[test]
    fn reads_what_it_wrote() {
        for sign_in in [session(1).sign_in, SignIn::DevToken, SignIn::Oidc] {
            let session = Session { sign_in, ended: ended("o", 3), ..session(1) };
            let packed = rmp_serde::to_vec_named(&session).unwrap();
            assert_eq!(rmp_serde::from_slice::<Session>(&packed).unwrap(), session);
        }
    }
}
