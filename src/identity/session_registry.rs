use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;

use super::{AuthenticationMethod, Principal, Revocation, TokenRegistry};
use crate::domain::{DecidesFor, SecretHash, Session, SessionId, SessionState, SignIn, Time, name, to_micros};

/// The sessions in memory: recognising a cookie does not read the disk.
#[derive(Debug)]
pub struct SessionRegistry {
    tokens: Arc<TokenRegistry>,
    /// Sessions expire that are not used for this long.
    idle: Duration,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: BTreeMap<SessionId, Arc<Entry>>,
    by_secret: HashMap<SecretHash, Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    /// Shared by all requests of the session.
    principal: Arc<Principal>,
    /// Outlives this entry: a request may use it while the entry is replaced.
    uses: Arc<Uses>,
}

/// Time of a session's last use, and of the last use in the store, in microseconds since 1970.
#[derive(Debug, Default)]
struct Uses {
    last: AtomicU64,
    kept: AtomicU64,
}

/// A person whose cookie was recognised.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person, with the roles and groups of the sign-in. Its revocation ends with the session.
    pub principal: Arc<Principal>,
    /// The session.
    pub session: SessionId,
}

impl Entry {
    fn session(&self) -> Session {
        Session { last_used_at: self.last_used_at(), ..self.session.clone() }
    }

    fn last_used_at(&self) -> Time {
        let used = i64::try_from(self.uses.last.load(Ordering::Relaxed)).ok();
        let used = used.and_then(DateTime::from_timestamp_micros);
        used.map_or(self.session.last_used_at, |used| used.max(self.session.last_used_at))
    }

    fn signed_in(&self) -> SignedIn {
        SignedIn { principal: Arc::clone(&self.principal), session: self.session.id }
    }

    /// As [`Session::state`]; but a session also ends with its token, and while its subject is blocked.
    fn state(&self, now: Time, idle: Duration) -> SessionState {
        match self.session.state_if_used_at(self.last_used_at(), now, idle) {
            SessionState::Active if self.principal.revocation.is_revoked() => SessionState::Ended,
            state => state,
        }
    }
}

impl SessionRegistry {
    /// Without sessions. Their tokens are in another registry, which also knows who is blocked.
    pub(crate) fn new(tokens: Arc<TokenRegistry>, idle: Duration) -> Self {
        Self { tokens, idle, known: RwLock::default() }
    }

    /// The person whose cookie has this secret; `None` if it belongs to no active session. Counts as a use.
    #[must_use]
    pub fn recognise(&self, secret: &str, now: Time) -> Option<SignedIn> {
        let entry = self.active(secret, now)?;
        entry.uses.last.fetch_max(to_micros(now), Ordering::Relaxed);
        Some(entry.signed_in())
    }

    /// As [`recognise`](Self::recognise), but does not count as a use.
    #[must_use]
    pub fn peek(&self, secret: &str, now: Time) -> Option<SignedIn> {
        self.active(secret, now).map(|entry| entry.signed_in())
    }

    /// Adds or updates a session. An ended session ends its open streams.
    pub(crate) fn insert(&self, session: Session) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.by_id.get(&session.id);
        let principal =
            before.map_or_else(|| Arc::new(self.principal(&session)), |before| Arc::clone(&before.principal));
        let uses = before.map_or_else(Arc::default, |before| Arc::clone(&before.uses));
        for uses in [&uses.last, &uses.kept] {
            uses.fetch_max(to_micros(session.last_used_at), Ordering::Relaxed);
        }
        if session.ended.is_some() {
            principal.revocation.revoke();
        }
        let (id, secret) = (session.id, session.secret);
        let entry = Arc::new(Entry { session, principal, uses });
        known.by_secret.insert(secret, Arc::clone(&entry));
        known.by_id.insert(id, entry);
    }

    /// Removes a session, and ends its open streams.
    pub(crate) fn remove(&self, id: SessionId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.by_id.remove(&id) {
            entry.principal.revocation.revoke();
            known.by_secret.remove(&entry.session.secret);
        }
    }

    /// The session with this id.
    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<Session> {
        self.read(|known| known.by_id.get(&id).map(|entry| entry.session()))
    }

    /// Sessions that are older than `id`, or all; the newest first, with their states. `wanted` must not depend on the
    /// last use.
    #[must_use]
    pub fn before(
        &self,
        id: Option<SessionId>,
        now: Time,
        limit: usize,
        wanted: impl Fn(&Session, SessionState) -> bool,
    ) -> Vec<(Session, SessionState)> {
        self.read(|known| {
            let beyond = known.by_id.range(..id.unwrap_or(SessionId::new(uuid::Uuid::max()))).rev();
            let all = beyond.map(|(_, entry)| (entry, entry.state(now, self.idle)));
            let wanted = all.filter(|(entry, state)| wanted(&entry.session, *state));
            wanted.take(limit).map(|(entry, state)| (entry.session(), state)).collect()
        })
    }

    /// The number of sessions.
    pub(crate) fn count(&self) -> usize {
        self.read(|known| known.by_id.len())
    }

    /// Sessions whose last use is not in the store yet.
    #[must_use]
    pub fn used(&self) -> Vec<Session> {
        self.read(|known| {
            let unsaved = |uses: &Uses| uses.last.load(Ordering::Relaxed) > uses.kept.load(Ordering::Relaxed);
            known.by_id.values().filter(|entry| unsaved(&entry.uses)).map(|entry| entry.session()).collect()
        })
    }

    /// Records that the store has the last uses of these sessions.
    pub(crate) fn kept(&self, sessions: &[Session]) {
        self.read(|known| {
            for session in sessions {
                if let Some(entry) = known.by_id.get(&session.id) {
                    entry.uses.kept.fetch_max(to_micros(session.last_used_at), Ordering::Relaxed);
                }
            }
        });
    }

    fn active(&self, secret: &str, now: Time) -> Option<Arc<Entry>> {
        let entry = self.read(|known| known.by_secret.get(&SecretHash::of(secret)).cloned())?;
        (entry.state(now, self.idle) == SessionState::Active).then_some(entry)
    }

    /// The person of a new entry.
    fn principal(&self, session: &Session) -> Principal {
        let Session { actor, roles, groups, on_behalf_of, permissions, .. } = session.clone();
        let token = match session.sign_in {
            SignIn::Token(id) => Some(id),
            SignIn::DevToken | SignIn::Oidc => None,
        };
        let revocation = match token {
            None => Revocation::of(&actor, self.tokens.blocked()),
            Some(id) => self.tokens.revocation_of_child(id),
        };
        let groups = groups.iter().map(|group| name::composed(group).into_owned()).collect();
        Principal {
            roles,
            groups,
            on_behalf_of,
            permissions,
            // Nobody decides for others at the desk.
            decides_for: DecidesFor::default(),
            expires_at: Some(session.expires_at),
            revocation,
            token,
            ..Principal::new(actor, AuthenticationMethod::Session, session.created_at)
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ActorKind, Ended, Permission, Revoked, SubjectName, Token,
        samples::{actor, at},
        session_samples::session,
        token_samples::token,
    };

    const IDLE: Duration = Duration::from_secs(600);

    fn registry() -> SessionRegistry {
        let tokens = TokenRegistry::default();
        (1..=3).for_each(|n| tokens.insert(token(n)));
        SessionRegistry::new(Arc::new(tokens), IDLE)
    }

    fn ended(session: Session) -> Session {
        let ended = Some(Ended { actor: actor(ActorKind::Person, "o"), at: at(9), request_id: None });
        Session { ended, ..session }
    }

    fn knows(registry: &SessionRegistry, n: u32, seconds: i64) -> bool {
        registry.recognise(&format!("signoff-session_{n}"), at(seconds)).is_some()
    }

    fn state(registry: &SessionRegistry, n: u32, seconds: i64) -> SessionState {
        registry.read(|known| known.by_id[&session(n).id].state(at(seconds), IDLE))
    }

    #[test]
    fn a_cookie_is_recognised_until_its_session_expires() {
        let registry = registry();
        let permissions = [Permission::DecideForOthers].into();
        registry.insert(Session { permissions, groups: ["cafe\u{301}".into()].into(), ..session(1) });
        let one = registry.recognise("signoff-session_1", at(10)).unwrap();
        let person = &one.principal;
        assert_eq!((one.session, person.method), (session(1).id, AuthenticationMethod::Session));
        assert_eq!((person.token, person.expires_at), (Some(token(1).id), Some(at(3_601))));
        assert_eq!(person.groups, ["caf\u{e9}".to_owned()].into());
        assert!(person.needs_others() && person.decides_for.is_empty(), "a bridge's vote needs others here too");
        for bad in ["signoff-session_2", "signoff_1", "", "signoff-session_1 "] {
            assert!(registry.recognise(bad, at(10)).is_none(), "{bad}");
        }
        // Each use keeps it from being idle, up to its greatest age.
        assert!((1..=5).all(|n| knows(&registry, 1, 10 + n * 599)) && knows(&registry, 1, 3_600));
        assert!(!knows(&registry, 1, 3_601));
        assert_eq!(state(&registry, 1, 3_601), SessionState::Expired);
        registry.insert(session(2));
        assert!(registry.peek("signoff-session_2", at(601)).is_some(), "but a look is no use");
        assert!(!knows(&registry, 2, 602) && registry.peek("signoff-session_2", at(602)).is_none());
        assert!(knows(&registry, 2, 601));
    }

    #[test]
    fn the_end_of_a_session_reaches_its_open_streams() {
        let registry = registry();
        [1, 2].into_iter().for_each(|n| registry.insert(session(n)));
        let open = registry.recognise("signoff-session_1", at(10)).unwrap().principal.revocation.clone();
        registry.insert(ended(session(1)));
        assert!(open.is_revoked() && !knows(&registry, 1, 11));
        let open = registry.recognise("signoff-session_2", at(10)).unwrap().principal.revocation.clone();
        registry.remove(session(2).id);
        assert!(open.is_revoked() && !knows(&registry, 2, 11) && registry.count() == 1);
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let registry = registry();
        [1, 2, 7].into_iter().for_each(|n| registry.insert(session(n)));
        assert!(!knows(&registry, 7, 10), "its token is not known");
        let open = registry.recognise("signoff-session_1", at(10)).unwrap().principal.revocation.clone();
        let revoked = Some(Revoked { actor: actor(ActorKind::Person, "o"), at: at(9) });
        registry.tokens.insert(Token { revoked, ..token(1) });
        assert!(open.is_revoked() && !knows(&registry, 1, 11) && knows(&registry, 2, 11));
        assert_eq!(state(&registry, 1, 11), SessionState::Ended);
        registry.tokens.remove(token(2).id);
        assert!(!knows(&registry, 2, 12));
    }

    #[test]
    fn a_blocked_subject_has_no_session() {
        let registry = registry();
        for (n, sign_in) in [(1, SignIn::Oidc), (2, SignIn::DevToken), (3, session(3).sign_in)] {
            let actor = actor(ActorKind::Person, &token(n).grant.subject);
            registry.insert(Session {
                sign_in,
                actor: crate::domain::Actor { issuer: "local".into(), ..actor },
                ..session(n)
            });
            let open = registry.recognise(&format!("signoff-session_{n}"), at(10)).unwrap().principal;
            registry.tokens.blocked().replace([&SubjectName::from(&open.actor)]);
            assert!(open.revocation.is_blocked() && !knows(&registry, n, 11), "{n}");
            registry.tokens.blocked().replace([]);
        }
    }

    #[test]
    fn the_last_use_counts_until_it_is_kept() {
        let registry = registry();
        [1, 2].into_iter().for_each(|n| registry.insert(session(n)));
        assert_eq!(registry.used(), []);
        assert!(knows(&registry, 1, 20) && knows(&registry, 1, 10));
        let used = Session { last_used_at: at(20), ..session(1) };
        assert_eq!((registry.used(), registry.get(session(1).id)), (vec![used.clone()], Some(used.clone())));
        registry.kept(&[used]);
        assert_eq!(registry.used(), []);
    }

    #[test]
    fn the_newest_come_first_in_pages() {
        let registry = registry();
        [1, 2, 3].into_iter().for_each(|n| registry.insert(session(n)));
        registry.insert(ended(session(2)));
        let page = |before, limit| {
            let found = registry.before(before, at(10), limit, |_, state| state == SessionState::Active);
            found.into_iter().map(|(session, _)| session).collect::<Vec<_>>()
        };
        assert_eq!(page(None, 1), [session(3)]);
        assert_eq!(page(Some(session(3).id), 9), [session(1)]);
        assert_eq!(registry.before(None, at(10), 9, |_, _| true)[1], (ended(session(2)), SessionState::Ended));
    }
}
