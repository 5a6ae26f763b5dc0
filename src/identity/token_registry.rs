use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::DateTime;

use super::{BlockedSubjects, Principal, Revocation, Unrecognised};
use crate::domain::{SecretHash, Time, Token, TokenId, TokenState, to_micros};

/// The server's own tokens in memory: authentication does not read the disk.
#[derive(Debug, Default)]
pub struct TokenRegistry {
    known: RwLock<Known>,
    blocked: BlockedSubjects,
}

#[derive(Debug, Default)]
struct Known {
    by_id: BTreeMap<TokenId, Arc<Entry>>,
    by_secret: HashMap<SecretHash, Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    token: Token,
    /// Shared by all calls with the token.
    principal: Arc<Principal>,
    /// Outlives this entry: a call may use it while the entry is replaced.
    uses: Arc<Uses>,
}

/// Time of a token's last use, and of the last use in the store, in microseconds since 1970; 0 means never.
#[derive(Debug, Default)]
struct Uses {
    last: AtomicU64,
    kept: AtomicU64,
}

impl Entry {
    fn token(&self) -> Token {
        Token { last_used_at: self.last_used_at(), ..self.token.clone() }
    }

    fn last_used_at(&self) -> Option<Time> {
        let used = i64::try_from(self.uses.last.load(Ordering::Relaxed)).ok().filter(|micros| *micros > 0);
        used.and_then(DateTime::from_timestamp_micros).max(self.token.last_used_at)
    }
}

impl TokenRegistry {
    /// The principal of a secret; `None` for an unknown secret.
    pub(super) fn recognise(&self, secret: &str, now: Time) -> Option<Result<Arc<Principal>, Unrecognised>> {
        let entry = self.read(|known| known.by_secret.get(&SecretHash::of(secret)).cloned())?;
        Some(match entry.token.state(now) {
            TokenState::Active => {
                entry.uses.last.fetch_max(to_micros(now), Ordering::Relaxed);
                Ok(Arc::clone(&entry.principal))
            }
            TokenState::Expired => Err(Unrecognised::TokenExpired),
            TokenState::Revoked => Err(Unrecognised::TokenRevoked),
        })
    }

    /// The blocked subjects. The owners of tokens watch this list, and so do the callers with other credentials.
    #[must_use]
    pub const fn blocked(&self) -> &BlockedSubjects {
        &self.blocked
    }

    /// The revocation of a session that was started with a token. Without the token, it is revoked already.
    pub(super) fn revocation_of_child(&self, id: TokenId) -> Revocation {
        self.read(|known| known.by_id.get(&id).map(|entry| entry.principal.revocation.child())).unwrap_or_else(|| {
            let gone = Revocation::default();
            gone.revoke();
            gone
        })
    }

    /// Adds or updates a token. A revoked token ends its open calls.
    pub(crate) fn insert(&self, token: Token) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.by_id.get(&token.id);
        let principal = before.map_or_else(|| self.owner(&token), |before| Arc::clone(&before.principal));
        let uses = before.map_or_else(Arc::default, |before| Arc::clone(&before.uses));
        uses.kept.fetch_max(token.last_used_at.map_or(0, to_micros), Ordering::Relaxed);
        if token.revoked.is_some() {
            principal.revocation.revoke();
        }
        let (id, secret) = (token.id, token.secret);
        let entry = Arc::new(Entry { token, principal, uses });
        known.by_secret.insert(secret, Arc::clone(&entry));
        known.by_id.insert(id, entry);
    }

    /// Removes a token, and ends its open calls.
    pub(crate) fn remove(&self, id: TokenId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.by_id.remove(&id) {
            entry.principal.revocation.revoke();
            known.by_secret.remove(&entry.token.secret);
        }
    }

    /// The token with this id.
    #[must_use]
    pub fn get(&self, id: TokenId) -> Option<Token> {
        self.read(|known| known.by_id.get(&id).map(|entry| entry.token()))
    }

    /// Tokens that are older than `id`, or all; the newest first. `wanted` must not depend on the last use.
    #[must_use]
    pub fn before(&self, id: Option<TokenId>, limit: usize, wanted: impl Fn(&Token) -> bool) -> Vec<Token> {
        self.read(|known| {
            let beyond = known.by_id.range(..id.unwrap_or(TokenId::new(uuid::Uuid::max()))).rev();
            let wanted = beyond.filter(|(_, entry)| wanted(&entry.token));
            wanted.take(limit).map(|(_, entry)| entry.token()).collect()
        })
    }

    /// The number of tokens.
    pub(crate) fn count(&self) -> usize {
        self.read(|known| known.by_id.len())
    }

    /// The token that expired longest ago.
    pub(crate) fn first_expired(&self, now: Time) -> Option<TokenId> {
        self.read(|known| {
            let ends = known.by_id.iter().filter_map(|(id, entry)| Some((entry.token.expires_at?, *id)));
            ends.filter(|(end, _)| *end <= now).min().map(|(_, id)| id)
        })
    }

    /// Tokens whose last use is not in the store yet.
    #[must_use]
    pub fn used(&self) -> Vec<Token> {
        self.read(|known| {
            let entries = known.by_id.values();
            let unsaved = |uses: &Uses| uses.last.load(Ordering::Relaxed) > uses.kept.load(Ordering::Relaxed);
            entries.filter(|entry| unsaved(&entry.uses)).map(|entry| entry.token()).collect()
        })
    }

    /// Records that the store has the last uses of these tokens.
    pub(crate) fn kept(&self, tokens: &[Token]) {
        self.read(|known| {
            for token in tokens {
                if let Some(entry) = known.by_id.get(&token.id) {
                    entry.uses.kept.fetch_max(token.last_used_at.map_or(0, to_micros), Ordering::Relaxed);
                }
            }
        });
    }

    fn owner(&self, token: &Token) -> Arc<Principal> {
        let owner = Principal::from_token(token);
        Arc::new(Principal { revocation: Revocation::of(&owner.actor, &self.blocked), ..owner })
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ActorKind, Revoked,
        samples::{actor, at},
        token_samples::token,
    };

    fn revoked(token: Token) -> Token {
        Token { revoked: Some(Revoked { actor: actor(ActorKind::Person, "o"), at: at(9) }), ..token }
    }

    #[test]
    fn a_secret_is_valid_until_its_token_expires() {
        let registry = TokenRegistry::default();
        registry.insert(Token { expires_at: Some(at(50)), ..token(1) });
        registry.insert(token(2));
        let one = registry.recognise("signoff_1", at(10)).unwrap().unwrap();
        assert_eq!((one.actor.to_string().as_str(), one.expires_at), ("local/agent-1", Some(at(50))));
        assert_eq!(registry.recognise("signoff_1", at(50)).unwrap().unwrap_err(), Unrecognised::TokenExpired);
        assert!(["signoff_3", "signoff_", "", "signoff_1 "].iter().all(|bad| registry.recognise(bad, at(1)).is_none()));

        assert!(!one.revocation.is_revoked());
        registry.insert(revoked(Token { expires_at: Some(at(50)), ..token(1) }));
        assert!(one.revocation.is_revoked(), "open calls have the earlier principal");
        assert_eq!(registry.recognise("signoff_1", at(10)).unwrap().unwrap_err(), Unrecognised::TokenRevoked);
        assert!(!registry.recognise("signoff_2", at(10)).unwrap().unwrap().revocation.is_revoked());
    }

    #[test]
    fn the_last_use_counts_until_it_is_kept() {
        let registry = TokenRegistry::default();
        registry.insert(token(1));
        registry.insert(token(2));
        assert_eq!(registry.used(), []);
        for seconds in [20, 10] {
            registry.recognise("signoff_1", at(seconds)).unwrap().unwrap();
        }
        let used = Token { last_used_at: Some(at(20)), ..token(1) };
        assert_eq!((registry.used(), registry.get(token(1).id)), (vec![used.clone()], Some(used.clone())));
        registry.kept(&[used]);
        assert_eq!(registry.used(), []);
    }

    #[test]
    fn the_newest_come_first_in_pages() {
        let registry = TokenRegistry::default();
        (1..=5).for_each(|n| registry.insert(token(n)));
        registry.insert(revoked(token(4)));
        let page = |before, limit| registry.before(before, limit, |token| token.revoked.is_none());
        assert_eq!(page(None, 2), [token(5), token(3)]);
        assert_eq!(page(Some(token(3).id), 9), [token(2), token(1)]);
        registry.remove(token(2).id);
        assert_eq!((registry.count(), registry.recognise("signoff_2", at(1)).is_none()), (4, true));
    }
}
