//! Sessions of people who signed in at the desk, and blocks of subjects. The store has them all, and registries in
//! memory recognise cookies and reject the blocked.

mod blocks;
mod ending;
mod error;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tracing::Instrument as _;

use crate::{
    clock::Clock,
    control::{Control, Follower, Outdated},
    domain::{
        Actor, Block, Ended, Role, SESSION_MAX, Session, SessionId, SessionState, SignIn, SubjectName, Time, after,
        before, truncate,
    },
    identity::{
        AuthenticationMethod, Method, NewerCredentials as _, Principal, Secret, SessionRegistry, SignedIn,
        TokenRegistry, Unrecognised,
    },
    ids::IdGenerator,
    store::{ControlChanges, Store, StoreError},
};

pub use error::Error;

/// Maximum number of active sessions of one person. One more ends the oldest.
const PER_PERSON: usize = 20;

/// Maximum number of stored sessions. They are forgotten once they have expired, and earlier if there is no room.
const SESSIONS_MAX: usize = 10_000;

/// Maximum number of sessions in one commit: other commits wait for it.
const BATCH: usize = 200;

/// Time within which every server has saved the last uses.
const UNSAVED: Duration = Duration::from_mins(5);

/// Size at which a page ends early: by default, clients reject messages of more than 4 MiB.
const PAGE_BYTES: usize = 1 << 20;

/// The roles of people at the desk. Agents have nothing to do there.
const AT_THE_DESK: [Role; 3] = [Role::Reviewer, Role::Auditor, Role::Operator];

/// Settings of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Sessions expire that are not used for this long.
    pub idle: Duration,
    /// Maximum age of a session.
    pub max: Duration,
    /// Whether the tokens of development mode are accepted.
    pub dev: bool,
    /// The issuer at which people sign in.
    pub issuer: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60 * 60), max: SESSION_MAX, dev: false, issuer: None }
    }
}

/// A page of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions with their states, the newest first.
    pub sessions: Vec<(Session, SessionState)>,
    /// Whether there are more.
    pub more: bool,
}

/// The use-cases of sessions and blocks.
pub struct Sessions {
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    tokens: Arc<TokenRegistry>,
    registry: SessionRegistry,
    settings: Settings,
    limit: usize,
    /// Held while sessions or blocks change: nobody signs in between a block and the end of the subject's sessions.
    changing: Mutex<()>,
}

impl Sessions {
    /// Reads the sessions and blocks of a store. `tokens` must have its tokens.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn load(
        control: Arc<Control>,
        clock: Arc<dyn Clock>,
        tokens: Arc<TokenRegistry>,
        settings: Settings,
    ) -> Result<Arc<Self>, StoreError> {
        Self::load_up_to(SESSIONS_MAX, control, clock, tokens, settings).await
    }

    async fn load_up_to(
        limit: usize,
        control: Arc<Control>,
        clock: Arc<dyn Clock>,
        tokens: Arc<TokenRegistry>,
        settings: Settings,
    ) -> Result<Arc<Self>, StoreError> {
        let store = Arc::clone(control.store());
        let blocks: Vec<_> = store.blocks().await?.into_iter().filter(|block| block.stands()).collect();
        tokens.blocked().replace(blocks.iter().map(|block| &block.subject));
        let registry = SessionRegistry::new(Arc::clone(&tokens), settings.idle);
        let (mut ended, mut gone) = (Vec::new(), Vec::new());
        for mut session in store.sessions().await? {
            if !settings.accepts(&session) {
                gone.push(session.id);
                continue;
            }
            // After a crash between a block and the end of the sessions, or an import: an end of the block must not
            // bring the sessions back.
            let block = blocks.iter().find(|block| block.subject.is(&SubjectName::from(&session.actor)));
            if let Some(block) = block.filter(|_| session.ended.is_none()) {
                session.ended = Some(Ended { actor: block.actor.clone(), at: block.at, request_id: None });
                ended.push(session.clone());
            }
            registry.insert(session);
        }
        for ended in ended.chunks(BATCH) {
            store.save_sessions(ended.to_vec()).await?;
        }
        for gone in gone.chunks(BATCH) {
            store.forget_sessions(gone.to_vec()).await?;
        }
        Ok(Arc::new(Self {
            control,
            clock,
            ids: IdGenerator::default(),
            tokens,
            registry,
            settings,
            limit,
            changing: Mutex::default(),
        }))
    }

    /// Starts the session of a person who has just authenticated, as `sign_in` says. Only this result contains its
    /// secret. A person has at most 20 sessions: the oldest ends.
    ///
    /// # Errors
    /// [`Error::Credentials`], [`Error::NoRole`], [`Error::NotASignIn`], [`Error::TooMany`], or a failure of the store.
    pub async fn start(self: &Arc<Self>, principal: &Principal, sign_in: SignIn) -> Result<(Session, Secret), Error> {
        let matches = match sign_in {
            SignIn::Token(id) => principal.method == AuthenticationMethod::Token && principal.token == Some(id),
            SignIn::DevToken => principal.method == AuthenticationMethod::DevToken,
            SignIn::Oidc => principal.method == AuthenticationMethod::Oidc,
        };
        if !matches {
            return Err(Error::NotASignIn);
        }
        if !AT_THE_DESK.iter().any(|role| principal.roles.contains(role)) {
            return Err(Error::NoRole(principal.actor.to_string()));
        }
        let (this, principal) = (Arc::clone(self), principal.clone());
        // In its own task: a session that is recorded must reach the registry, even if the browser leaves.
        detached(async move {
            let _changing = this.changing.lock().await;
            let now = truncate(this.clock.wall());
            let secret = Secret::of_session().map_err(|error| Error::Internal(error.to_string()))?;
            let longest = after(now, this.settings.max.min(SESSION_MAX));
            let session = Session {
                id: this.ids.session(now),
                secret: secret.hash(),
                actor: principal.actor.clone(),
                roles: principal.roles.clone(),
                groups: principal.groups.clone(),
                on_behalf_of: principal.on_behalf_of.clone(),
                permissions: principal.permissions.clone(),
                sign_in,
                created_at: now,
                last_used_at: now,
                expires_at: principal.expires_at.map_or(longest, |end| truncate(end).min(longest)),
                ended: None,
            };
            this.control.retry(|store| this.add(store, &principal, &session)).await?;
            // As a string, which the log quotes: names contain spaces and punctuation.
            let (id, by) = (session.id, session.actor.to_string());
            let method = match sign_in {
                SignIn::Token(_) => "token",
                SignIn::DevToken => "dev",
                SignIn::Oidc => "oidc",
            };
            tracing::info!(session = %id, by = by.as_str(), method, "signed in");
            Ok((session, secret))
        })
        .await
    }

    /// The person whose cookie has this secret; `None` if it belongs to no active session. Counts as a use of the
    /// session. Reads no disk.
    #[must_use]
    pub fn recognise(&self, secret: &str) -> Option<SignedIn> {
        self.registry.recognise(secret, self.clock.wall())
    }

    /// Waits for sessions that another server has started: see [`Control`].
    pub async fn caught_up(&self) -> bool {
        self.control.caught_up().await
    }

    /// As [`recognise`](Self::recognise), but does not count as a use: for what a page does by itself.
    #[must_use]
    pub fn peek(&self, secret: &str) -> Option<SignedIn> {
        self.registry.peek(secret, self.clock.wall())
    }

    /// The active sessions of a person, for the person: the newest first.
    #[must_use]
    pub fn mine(&self, by: &Principal) -> Vec<Session> {
        self.active_of(&by.actor, self.clock.wall())
    }

    /// The active sessions of somebody: the newest first.
    ///
    /// # Errors
    /// [`Error::Access`].
    pub fn of(&self, by: &Principal, person: &SubjectName) -> Result<Vec<Session>, Error> {
        by.require_role(Method::ListSessions)?;
        let theirs =
            |session: &Session, state| state == SessionState::Active && SubjectName::from(&session.actor).is(person);
        let sessions = self.registry.before(None, self.clock.wall(), usize::MAX, theirs);
        Ok(sessions.into_iter().map(|(session, _)| session).collect())
    }

    /// Sessions that are older than `before`, or all; the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Access`].
    pub fn list(
        &self,
        by: &Principal,
        before: Option<SessionId>,
        limit: usize,
        active_only: bool,
    ) -> Result<SessionPage, Error> {
        by.require_role(Method::ListSessions)?;
        let wanted = |_: &Session, state| !active_only || state == SessionState::Active;
        let mut sessions = self.registry.before(before, self.clock.wall(), limit.saturating_add(1), wanted);
        let mut bytes = 0;
        let fitting = sessions.iter().take(limit).take_while(|(session, _)| {
            let fits = bytes < PAGE_BYTES;
            bytes += weight(session);
            fits
        });
        let fitting = fitting.count();
        let more = sessions.len() > fitting;
        sessions.truncate(fitting);
        Ok(SessionPage { sessions, more })
    }

    /// Records a new session of a person who may sign in.
    async fn add(&self, store: Arc<dyn Store>, principal: &Principal, session: &Session) -> Result<(), Error> {
        let now = session.created_at;
        principal.check(now)?;
        // A principal that no authenticator made does not watch its subject.
        if self.tokens.blocked().contains(&principal.actor) {
            return Err(Unrecognised::SubjectBlocked.into());
        }
        self.make_room(&*store, now).await?;
        let mut changed = self.beyond_the_limit_of(&session.actor, now);
        changed.push(session.clone());
        Ok(self.save(&*store, changed).await?)
    }

    /// Stores the last uses, and forgets the sessions that have expired. Open streams of these end.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        self.keep_uses().await?;
        let _changing = self.changing.lock().await;
        // Another server may have seen a use that it has not saved yet.
        let late = if self.control.has_others() { UNSAVED } else { Duration::ZERO };
        let now = before(self.clock.wall(), late);
        // An ended session stays until it would have expired, for operators to see who ended it.
        let gone = |session: &Session, state| match state {
            SessionState::Active => false,
            SessionState::Expired => true,
            SessionState::Ended => session.expires_at <= now,
        };
        self.forget(&**self.control.store(), now, gone).await
    }

    /// Stores the last uses of sessions that are not in the store yet.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn keep_uses(&self) -> Result<(), StoreError> {
        // A session that is forgotten meanwhile must not be saved again.
        let _changing = self.changing.lock().await;
        for used in self.registry.used().chunks(BATCH) {
            self.control.store().save_sessions(used.to_vec()).await?;
            self.registry.kept(used);
        }
        Ok(())
    }

    /// Sleeps by the injected clock.
    pub async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }

    async fn save(&self, store: &dyn Store, sessions: Vec<Session>) -> Result<(), StoreError> {
        store.save_sessions(sessions.clone()).await?;
        sessions.into_iter().for_each(|session| self.registry.insert(session));
        Ok(())
    }

    /// The active sessions of somebody, the newest first.
    fn active_of(&self, actor: &Actor, now: Time) -> Vec<Session> {
        let own = |session: &Session, state| state == SessionState::Active && session.actor.is(actor);
        self.registry.before(None, now, usize::MAX, own).into_iter().map(|(session, _)| session).collect()
    }

    /// The person's oldest sessions, ended, so that there is room for one more.
    fn beyond_the_limit_of(&self, actor: &Actor, now: Time) -> Vec<Session> {
        let ended = Some(Ended { actor: actor.clone(), at: now, request_id: None });
        let oldest = self.active_of(actor, now).into_iter().skip(PER_PERSON - 1);
        oldest.map(|session| Session { ended: ended.clone(), ..session }).collect()
    }

    /// At the limit, forgets the sessions that are not active.
    async fn make_room(&self, store: &dyn Store, now: Time) -> Result<(), Error> {
        if self.registry.count() >= self.limit {
            self.forget(store, now, |_, state| state != SessionState::Active).await?;
        }
        if self.registry.count() < self.limit { Ok(()) } else { Err(Error::TooMany { limit: self.limit }) }
    }

    async fn forget(
        &self,
        store: &dyn Store,
        now: Time,
        gone: impl Fn(&Session, SessionState) -> bool,
    ) -> Result<(), StoreError> {
        let gone = self.registry.before(None, now, usize::MAX, gone);
        let gone: Vec<_> = gone.into_iter().map(|(session, _)| session.id).collect();
        for ids in gone.chunks(BATCH) {
            store.forget_sessions(ids.to_vec()).await?;
            ids.iter().for_each(|id| self.registry.remove(*id));
        }
        Ok(())
    }
}

#[async_trait]
impl Follower for Sessions {
    async fn follow(&self, changes: &ControlChanges) -> Result<(), StoreError> {
        for block in &changes.blocks {
            if block.stands() {
                self.tokens.blocked().add(&block.subject);
            }
        }
        for block in changes.blocks.iter().filter(|block| !block.stands()) {
            // A later block of the same subject stands.
            let stands = |other: &Block| other.stands() && other.subject.is(&block.subject);
            if !self.control.store().blocks().await?.iter().any(stands) {
                self.tokens.blocked().remove(&block.subject);
            }
        }
        for session in changes.sessions.iter().filter(|session| self.settings.accepts(session)) {
            self.registry.insert(session.clone());
        }
        Ok(())
    }
}

impl Outdated for Error {
    fn is_outdated(&self) -> bool {
        matches!(self, Self::Store(StoreError::Outdated))
    }
}

impl Settings {
    /// Whether people can still sign in as this person did.
    fn accepts(&self, session: &Session) -> bool {
        match session.sign_in {
            SignIn::Token(_) => true, // the session ends with its token
            SignIn::DevToken => self.dev,
            SignIn::Oidc => self.issuer.as_ref() == Some(&session.actor.issuer),
        }
    }
}

/// Approximate size of a session in a message, in bytes.
fn weight(session: &Session) -> usize {
    let ender = session.ended.as_ref().map(|ended| &ended.actor);
    let actors = [Some(&session.actor), session.on_behalf_of.as_ref(), ender].into_iter().flatten();
    let names: usize = actors.map(|actor| actor.issuer.len() + actor.subject.len()).sum();
    512 + names + session.groups.iter().map(|group| group.len() + 4).sum::<usize>()
}

/// Runs work to its end, even if the caller leaves.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
