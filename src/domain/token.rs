//! Tokens: the records of credentials that this server created.

use std::{collections::BTreeSet, fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use super::{Actor, ActorKind, DecidesFor, Permission, Role, Time, TokenId, moment, optional_moment};

/// Limits of a valid token: bytes of a name, number of groups, bytes of a comment. At least what the API allows.
const NAME_MAX: usize = 1_024;
const GROUPS_MAX: usize = 64;
const COMMENT_MAX: usize = 4_096;

/// SHA-256 of a secret. A fast hash is enough: a secret has 256 random bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a secret that a caller sends.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

/// Base64url, in every format.
impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("a hash has 32 bytes"))
    }
}

/// A token, without its secret. Reading one rejects unknown fields: a later version may add fields that restrict it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// The hash of its secret.
    pub secret: SecretHash,
    /// Its owner, with roles and permissions.
    pub grant: Grant,
    /// Who created it.
    pub creator: Actor,
    /// The creator's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it was created.
    #[serde(with = "moment")]
    pub created_at: Time,
    /// When it expires. `None`: never.
    #[serde(default, with = "optional_moment", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was last used. A crash can lose up to the last minute.
    #[serde(default, with = "optional_moment", skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    /// Its revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
}

/// A token to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// The caller's idempotency key.
    pub request_id: Option<String>,
    /// Its owner, with roles and permissions.
    pub grant: Grant,
    /// Time until it expires. `None`: it does not expire.
    pub ttl: Option<Duration>,
}

/// The owner of a token, with roles and permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// An agent, a person or a service.
    pub kind: ActorKind,
    /// The owner's name. Tokens with the same name belong to the same owner.
    pub subject: String,
    /// The owner's roles.
    pub roles: BTreeSet<Role>,
    /// The owner's groups.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// The person on whose behalf all requests with the token are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Actor>,
    /// The owner's permissions.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<Permission>,
    /// The people for whom the owner may decide, with that permission.
    #[serde(default, skip_serializing_if = "DecidesFor::is_empty")]
    pub decides_for: DecidesFor,
    /// The purpose of the token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// The revocation of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Who revoked it.
    pub actor: Actor,
    /// When.
    #[serde(with = "moment")]
    pub at: Time,
}

/// The state of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// The server accepts it.
    Active,
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Token {
    /// Its state at a time.
    #[must_use]
    pub fn state(&self, now: Time) -> TokenState {
        match self {
            Self { revoked: Some(_), .. } => TokenState::Revoked,
            Self { expires_at: Some(end), .. } if *end <= now => TokenState::Expired,
            _ => TokenState::Active,
        }
    }

    /// Why such a token is impossible; `None` if it is valid.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let Grant { kind, subject, roles, groups, on_behalf_of, permissions, decides_for, comment } = &self.grant;
        let named = |text: &String| !text.is_empty() && text.len() <= NAME_MAX && !text.contains(char::is_control);
        let bound = on_behalf_of.is_some() && (roles.contains(&Role::Reviewer) || !permissions.is_empty());
        let bridge = permissions.contains(&Permission::DecideForOthers);
        let DecidesFor { issuers, groups: vouched } = decides_for;
        let checks = [
            (
                !matches!(kind, ActorKind::Agent | ActorKind::Person | ActorKind::Service),
                "its owner is of no kind that calls",
            ),
            (
                ![groups, issuers, vouched].into_iter().flatten().chain([subject]).all(named),
                "a name is empty, too long, or has a control character",
            ),
            (!self.request_id.iter().all(named), "its request_id is empty, too long, or has a control character"),
            (
                groups.len().max(issuers.len()).max(vouched.len()) > GROUPS_MAX || comment.len() > COMMENT_MAX,
                "it has too many groups or issuers, or too long a comment",
            ),
            (
                !bridge && (!decides_for.is_empty() || permissions.contains(&Permission::DecideAlone)),
                "it says how it decides for others, but may not",
            ),
            (bound, "it is bound to a person, and decides or speaks for others"),
        ];
        checks.into_iter().find(|(broken, _)| *broken).map(|(_, fault)| fault)
    }

    /// The time to live that it was created with.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.expires_at.and_then(|end| (end - self.created_at).to_std().ok())
    }

    /// Merges a copy of this token: the first revocation, and the last use. Returns false, and changes nothing, if the
    /// other is not a copy of this token.
    #[must_use]
    pub fn absorb(&mut self, other: &Self) -> bool {
        let same = |token: &Self| Self { last_used_at: None, revoked: None, ..token.clone() };
        if same(self) != same(other) {
            return false;
        }
        self.last_used_at = self.last_used_at.max(other.last_used_at);
        let revoked = [self.revoked.take(), other.revoked.clone()].into_iter().flatten();
        // Ties at the same time need only a rule that does not depend on the order of copies.
        self.revoked = revoked.min_by(|one, other| (one.at, &one.actor).cmp(&(other.at, &other.actor)));
        true
    }
}

#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples {
    use super::*;
    use crate::domain::samples::{actor, at};

    /// An agent's token, created by an operator at `at(n)`.
    pub(crate) fn token(n: u32) -> Token {
        Token {
            id: TokenId::new(uuid::Uuid::from_u128(u128::from(n) << 64 | 7)),
            secret: SecretHash::of(&format!("signoff_{n}")),
            grant: Grant {
                kind: ActorKind::Agent,
                subject: format!("agent-{n}"),
                roles: [Role::Agent].into(),
                groups: BTreeSet::new(),
                on_behalf_of: None,
                permissions: BTreeSet::new(),
                decides_for: DecidesFor::default(),
                comment: String::new(),
            },
            creator: actor(ActorKind::Person, "operator"),
            request_id: None,
            created_at: at(i64::from(n)),
            expires_at: None,
            last_used_at: None,
            revoked: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{samples::token, *};
    use crate::domain::samples::{actor, at};

    #[test]
    fn a_token_that_was_taken_back_stays_so() {
        let mut token = Token { expires_at: Some(at(50)), ..token(1) };
        assert_eq!(token.state(at(49)), TokenState::Active);
        assert_eq!(token.state(at(50)), TokenState::Expired);
        assert_eq!(token.ttl(), Some(Duration::from_secs(49)));
        token.revoked = Some(Revoked { actor: actor(ActorKind::Person, "o"), at: at(20) });
        assert_eq!([at(30), at(60)].map(|now| token.state(now)), [TokenState::Revoked; 2]);
    }

    #[test]
    fn copies_of_a_token_agree_in_any_order() {
        let revoked = |by, seconds| Some(Revoked { actor: actor(ActorKind::Person, by), at: at(seconds) });
        let copies = [
            token(1),
            Token { last_used_at: Some(at(9)), revoked: revoked("b", 8), ..token(1) },
            Token { last_used_at: Some(at(7)), revoked: revoked("a", 8), ..token(1) },
            Token { revoked: revoked("a", 12), ..token(1) },
        ];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let mut merged = copies[order[0]].clone();
            assert!(order.iter().all(|n| merged.absorb(&copies[*n])));
            assert_eq!(merged, Token { last_used_at: Some(at(9)), revoked: revoked("a", 8), ..token(1) });
        }
        let mut token = token(1);
        let other = Token { grant: Grant { roles: Role::ALL.into(), ..token.grant.clone() }, ..token.clone() };
        assert!(!token.absorb(&other));
        assert_eq!(token, samples::token(1));
    }

    #[test]
    fn what_cannot_be_a_token_is_told() {
        assert_eq!(token(1).fault(), None);
        let person = Some(actor(ActorKind::Person, "alice"));
        let changes: [fn(&mut Grant); 9] = [
            |grant| grant.decides_for.issuers = ["local".into()].into(),
            |grant| grant.permissions = [Permission::DecideAlone].into(),
            |grant| {
                grant.permissions = [Permission::DecideForOthers].into();
                grant.decides_for.groups = (0..65).map(|n| n.to_string()).collect();
            },
            |grant| grant.kind = ActorKind::Server,
            |grant| grant.subject = String::new(),
            |grant| grant.subject = "a\0b".into(),
            |grant| grant.groups = (0..65).map(|n| n.to_string()).collect(),
            |grant| grant.groups = ["g".repeat(1_025)].into(),
            |grant| grant.comment = "c".repeat(4_097),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut token = token(1);
            change(&mut token.grant);
            assert!(token.fault().is_some(), "{n}");
        }
        let bound = Grant { on_behalf_of: person, ..token(1).grant };
        assert_eq!(Token { grant: bound.clone(), ..token(1) }.fault(), None);
        let decides = Grant { roles: [Role::Agent, Role::Reviewer].into(), ..bound.clone() };
        let speaks = Grant { permissions: [Permission::DecideForOthers].into(), ..bound };
        for grant in [decides, speaks] {
            assert!(Token { grant, ..token(1) }.fault().is_some());
        }
        assert!(Token { request_id: Some(String::new()), ..token(1) }.fault().is_some());
        // A token of an earlier version, without a scope of decisions, can be read, and allows no one.
        let unscoped = Grant { permissions: [Permission::DecideForOthers].into(), ..token(1).grant };
        let unscoped = Token { grant: unscoped, ..token(1) };
        let json = serde_json::to_value(&unscoped).unwrap();
        assert!(json["grant"].get("decides_for").is_none(), "{json}");
        assert_eq!((unscoped.fault(), &serde_json::from_value::<Token>(json).unwrap()), (None, &unscoped));
        let anybody = unscoped.grant.decides_for.check(&actor(ActorKind::Person, "alice"), &BTreeSet::new());
        assert_eq!(anybody, Err(crate::domain::OutsideScope::Anybody));
        // Unknown fields of a later version are rejected.
        let mut json = serde_json::to_value(token(1)).unwrap();
        json["grant"]["tools_only"] = "x".into();
        assert!(serde_json::from_value::<Token>(json).is_err());
    }

    #[test]
    fn reads_what_it_wrote() {
        let revoked = Some(Revoked { actor: actor(ActorKind::Person, "o"), at: at(20) });
        for token in [token(1), Token { expires_at: Some(at(3)), last_used_at: Some(at(2)), revoked, ..token(2) }] {
            let json = serde_json::to_string(&token).unwrap();
            assert_eq!(serde_json::from_str::<Token>(&json).unwrap(), token, "{json}");
            let packed = rmp_serde::to_vec_named(&token).unwrap();
            assert_eq!(rmp_serde::from_slice::<Token>(&packed).unwrap(), token);
        }
    }
}
