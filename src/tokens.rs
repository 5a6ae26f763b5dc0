//! The server's own tokens. Kept in the store; recognised from memory, which follows the store.

mod error;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, Semaphore};

use crate::{
    clock::Clock,
    domain::{Actor, Grant, NewToken, Permission, Revoked, Time, Token, TokenId, TokenState, after, truncate},
    identity::{Method, Principal, Secret, TokenRegistry},
    ids::IdGenerator,
    store::{StoreError, TokenStore},
};

pub use error::Error;

/// Most tokens that are kept, ended ones included.
const TOKENS_MAX: usize = 10_000;

/// Most tokens that are being made at once.
const MAKING: usize = 4;

/// Last uses that are kept in one commit: others wait for it.
const USES: usize = 200;

/// Bytes of tokens at which a page ends early: clients read messages of 4 MiB at most by default.
const PAGE_BYTES: usize = 1 << 20;

/// Some of the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPage {
    /// The tokens, the newest first.
    pub tokens: Vec<Token>,
    /// Whether there are more.
    pub more: bool,
    /// Wall time when they were looked at, by which they are active or have expired.
    pub at: Time,
}

/// Everything that can be done with the server's own tokens.
pub struct Tokens {
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    registry: Arc<TokenRegistry>,
    limit: usize,
    /// Held while tokens are made or taken back: one looks at all of them, and then adds to them.
    changing: Mutex<()>,
    /// Tokens that are being made: others wait outside, so that taking one back never waits behind many.
    making: Arc<Semaphore>,
}

impl Tokens {
    /// Reads the tokens of a store.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn load(store: Arc<dyn TokenStore>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StoreError> {
        Self::load_up_to(TOKENS_MAX, store, clock).await
    }

    async fn load_up_to(
        limit: usize,
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let registry = Arc::new(TokenRegistry::default());
        for token in store.tokens().await? {
            let Grant { subject, permissions, decides_for, .. } = &token.grant;
            let usable = token.revoked.is_none() && permissions.contains(&Permission::DecideForOthers);
            if usable && decides_for.is_empty() {
                let id = token.id;
                tracing::warn!(token = %id, subject, "this token may decide for nobody any more: make one that names issuers");
            }
            registry.insert(token);
        }
        Ok(Arc::new(Self {
            store,
            clock,
            ids: IdGenerator::default(),
            registry,
            limit,
            changing: Mutex::default(),
            making: Arc::new(Semaphore::new(MAKING)),
        }))
    }

    /// What callers are recognised by.
    #[must_use]
    pub fn registry(&self) -> Arc<TokenRegistry> {
        Arc::clone(&self.registry)
    }

    /// Whether anybody could be recognised.
    #[must_use]
    pub fn any_active(&self) -> bool {
        let now = self.clock.wall();
        !self.registry.before(None, 1, |token| token.state(now) == TokenState::Active).is_empty()
    }

    /// Makes a token. Its secret is only in this answer.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::AlreadyCreated`], [`Error::RequestIdReused`],
    /// [`Error::TooMany`], or a failure of the store.
    pub async fn create(self: &Arc<Self>, by: &Principal, new: NewToken) -> Result<(Token, Secret), Error> {
        by.require_role(Method::CreateToken)?;
        let making = Arc::clone(&self.making).acquire_owned().await;
        let making = making.map_err(|error| Error::Internal(error.to_string()))?;
        let (this, principal) = (Arc::clone(self), by.clone());
        // In a task of its own: a caller that leaves must not keep a token that is recorded from being known.
        detached(async move {
            let _making = making; // as long as the work, not as long as somebody waits for it
            let NewToken { request_id, grant, ttl } = new;
            let _changing = this.changing.lock().await;
            principal.ensure_not_revoked()?; // it may be the one that was taken back meanwhile
            let by = principal.actor;
            let now = truncate(this.clock.wall());
            if let Some(request_id) = request_id.clone()
                && let Some(first) = this.made_by(&by, &request_id)
            {
                let id = first.id;
                return Err(match differing(&first, &grant, ttl) {
                    None => Error::AlreadyCreated { request_id, id },
                    Some(field) => Error::RequestIdReused { request_id, id, field },
                });
            }
            this.make_room(now).await?;
            let secret = Secret::generate().map_err(|error| Error::Internal(error.to_string()))?;
            let token = Token {
                id: this.ids.token(now),
                secret: secret.hash(),
                grant,
                creator: by,
                request_id,
                created_at: now,
                expires_at: ttl.map(|ttl| after(now, ttl)),
                last_used_at: None,
                revoked: None,
            };
            this.store.save_tokens(vec![token.clone()]).await?;
            this.registry.insert(token.clone());
            let roles: Vec<_> = token.grant.roles.iter().map(|role| role.name()).collect();
            let (subject, roles) = (token.grant.subject.as_str(), roles.join(","));
            tracing::info!(token = %token.id, subject, roles, by = %token.creator, "made a token");
            Ok((token, secret))
        })
        .await
    }

    /// Tokens made before one, or all: the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Access`].
    pub fn list(
        &self,
        by: &Principal,
        before: Option<TokenId>,
        limit: usize,
        active_only: bool,
    ) -> Result<TokenPage, Error> {
        by.require_role(Method::ListTokens)?;
        let now = self.clock.wall();
        let wanted = |token: &Token| !active_only || token.state(now) == TokenState::Active;
        let mut tokens = self.registry.before(before, limit.saturating_add(1), wanted);
        let mut bytes = 0;
        let fitting = tokens.iter().take(limit).take_while(|token| {
            let fits = bytes < PAGE_BYTES;
            bytes += weight(token);
            fits
        });
        let fitting = fitting.count();
        let more = tokens.len() > fitting;
        tokens.truncate(fitting);
        Ok(TokenPage { tokens, more, at: now })
    }

    /// Takes a token back: no call with it is accepted from the answer on, and open streams end. A token that was taken
    /// back before is returned as it is.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::NotFound`], or a failure of the store.
    pub async fn revoke(self: &Arc<Self>, by: &Principal, id: TokenId) -> Result<Token, Error> {
        by.require_role(Method::RevokeToken)?;
        let (this, principal) = (Arc::clone(self), by.clone());
        detached(async move {
            let _changing = this.changing.lock().await;
            principal.ensure_not_revoked()?;
            let by = principal.actor;
            let token = this.registry.get(id).ok_or(Error::NotFound(id))?;
            if token.revoked.is_some() {
                return Ok(token);
            }
            let revoked = Revoked { actor: by.clone(), at: truncate(this.clock.wall()) };
            let token = Token { revoked: Some(revoked), ..token };
            this.store.save_tokens(vec![token.clone()]).await?;
            this.registry.insert(token.clone());
            tracing::info!(token = %id, subject = token.grant.subject, %by, "revoked a token");
            Ok(token)
        })
        .await
    }

    /// Keeps when tokens were last used, as far as it is not kept yet.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn keep_uses(&self) -> Result<(), StoreError> {
        for used in self.registry.used().chunks(USES) {
            self.store.save_tokens(used.to_vec()).await?;
            self.registry.kept(used);
        }
        Ok(())
    }

    /// Waits for a while, by the clock that decides.
    pub async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }

    fn made_by(&self, creator: &Actor, request_id: &str) -> Option<Token> {
        let same = |token: &Token| token.request_id.as_deref() == Some(request_id) && token.creator.is(creator);
        self.registry.before(None, 1, same).pop()
    }

    /// Forgets the token that expired longest ago, if there are as many as may be. Never one that was only taken back:
    /// its copy in an export would be good again.
    async fn make_room(&self, now: Time) -> Result<(), Error> {
        if self.registry.count() < self.limit {
            return Ok(());
        }
        let id = self.registry.first_expired(now).ok_or(Error::TooMany { limit: self.limit })?;
        self.store.forget_tokens(vec![id]).await?;
        self.registry.remove(id);
        Ok(())
    }
}

/// The first field of CreateToken by which this is another token than the one that was made.
fn differing(made: &Token, grant: &Grant, ttl: Option<Duration>) -> Option<&'static str> {
    let Grant { kind, subject, roles, groups, on_behalf_of, permissions, decides_for, comment } = &made.grant;
    let fields = [
        (*subject == grant.subject, "subject"),
        (*kind == grant.kind, "kind"),
        (*roles == grant.roles, "roles"),
        (*groups == grant.groups, "groups"),
        (*permissions == grant.permissions, "permissions"),
        (*on_behalf_of == grant.on_behalf_of, "on_behalf_of"),
        (*decides_for == grant.decides_for, "decides_for"),
        (made.ttl() == ttl, "ttl"),
        (*comment == grant.comment, "comment"),
    ];
    fields.into_iter().find_map(|(same, field)| (!same).then_some(field))
}

/// Roughly the bytes of a token in a message.
fn weight(token: &Token) -> usize {
    let Grant { subject, groups, comment, on_behalf_of, decides_for, .. } = &token.grant;
    let revoker = token.revoked.as_ref().map(|revoked| &revoked.actor);
    let actors = [Some(&token.creator), revoker, on_behalf_of.as_ref()].into_iter().flatten();
    let names: usize = actors.map(|actor| actor.issuer.len() + actor.subject.len()).sum();
    let lists = [groups, &decides_for.issuers, &decides_for.groups].into_iter();
    512 + names + subject.len() + comment.len() + lists.flatten().map(|name| name.len() + 4).sum::<usize>()
}

/// Runs work to its end, whether or not anybody waits for it.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
