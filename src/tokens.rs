//! The server's own tokens. The store has them all, and a registry in memory authenticates with them.

mod error;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore};

use crate::{
    clock::Clock,
    control::{Control, Follower, Outdated},
    domain::{Actor, Grant, NewToken, Permission, Revoked, Time, Token, TokenId, TokenState, after, truncate},
    identity::{Method, NewerCredentials as _, Principal, Secret, TokenRegistry},
    ids::IdGenerator,
    store::{ControlChanges, Store, StoreError},
};

pub use error::Error;

/// Maximum number of tokens, including expired and revoked ones.
const TOKENS_MAX: usize = 10_000;

/// Maximum number of tokens that are created concurrently.
const MAKING: usize = 4;

/// Maximum number of last uses in one commit: other commits wait for it.
const USES: usize = 200;

/// Size at which a page ends early: by default, clients reject messages of more than 4 MiB.
const PAGE_BYTES: usize = 1 << 20;

/// A page of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPage {
    /// The tokens, the newest first.
    pub tokens: Vec<Token>,
    /// Whether there are more.
    pub more: bool,
    /// Wall time of the list, by which tokens are active or expired.
    pub at: Time,
}

/// The use-cases of the server's own tokens.
pub struct Tokens {
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    registry: Arc<TokenRegistry>,
    limit: usize,
    /// Held while a token is created or revoked: a creation checks all tokens before it adds one.
    changing: Mutex<()>,
    /// Limits concurrent creations, so that a revocation never waits behind many.
    making: Arc<Semaphore>,
}

impl Tokens {
    /// Reads the tokens of a store.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn load(control: Arc<Control>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StoreError> {
        Self::load_up_to(TOKENS_MAX, control, clock).await
    }

    async fn load_up_to(limit: usize, control: Arc<Control>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StoreError> {
        let registry = Arc::new(TokenRegistry::default());
        for token in control.store().tokens().await? {
            let Grant { subject, permissions, decides_for, .. } = &token.grant;
            let usable = token.revoked.is_none() && permissions.contains(&Permission::DecideForOthers);
            if usable && decides_for.is_empty() {
                let id = token.id;
                tracing::warn!(
                    token = %id, subject,
                    "this token can no longer decide for others; create a token that names issuers"
                );
            }
            registry.insert(token);
        }
        Ok(Arc::new(Self {
            control,
            clock,
            ids: IdGenerator::default(),
            registry,
            limit,
            changing: Mutex::default(),
            making: Arc::new(Semaphore::new(MAKING)),
        }))
    }

    /// The registry that authenticates callers.
    #[must_use]
    pub fn registry(&self) -> Arc<TokenRegistry> {
        Arc::clone(&self.registry)
    }

    /// Whether there is an active token.
    #[must_use]
    pub fn any_active(&self) -> bool {
        let now = self.clock.wall();
        !self.registry.before(None, 1, |token| token.state(now) == TokenState::Active).is_empty()
    }

    /// Creates a token. Only this result contains its secret.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::AlreadyCreated`], [`Error::RequestIdReused`],
    /// [`Error::TooMany`], or a failure of the store.
    pub async fn create(self: &Arc<Self>, by: &Principal, new: NewToken) -> Result<(Token, Secret), Error> {
        by.require_role(Method::CreateToken)?;
        let making = Arc::clone(&self.making).acquire_owned().await;
        let making = making.map_err(|error| Error::Internal(error.to_string()))?;
        let (this, principal) = (Arc::clone(self), by.clone());
        // In its own task: a token that is recorded must reach the registry, even if the caller leaves.
        detached(async move {
            let _making = making; // held until the work ends, even if the caller leaves
            let NewToken { request_id, grant, ttl } = new;
            let _changing = this.changing.lock().await;
            let now = truncate(this.clock.wall());
            let secret = Secret::generate().map_err(|error| Error::Internal(error.to_string()))?;
            let token = Token {
                id: this.ids.token(now),
                secret: secret.hash(),
                grant,
                creator: principal.actor.clone(),
                request_id,
                created_at: now,
                expires_at: ttl.map(|ttl| after(now, ttl)),
                last_used_at: None,
                revoked: None,
            };
            this.control.guard(&principal, |store| this.add(store, &token, ttl)).await?;
            let roles: Vec<_> = token.grant.roles.iter().map(|role| role.name()).collect();
            let (subject, roles) = (token.grant.subject.as_str(), roles.join(","));
            tracing::info!(token = %token.id, subject, roles, by = %token.creator, "created a token");
            Ok((token, secret))
        })
        .await
    }

    /// Tokens that are older than `before`, or all; the newest first, at most `limit`.
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

    /// A token.
    ///
    /// # Errors
    /// [`Error::Access`], or [`Error::NotFound`].
    pub fn get(&self, by: &Principal, id: TokenId) -> Result<Token, Error> {
        by.require_role(Method::ListTokens)?;
        self.registry.get(id).ok_or(Error::NotFound(id))
    }

    /// Revokes a token. After this returns, every call with it is rejected, and its open streams end. An already
    /// revoked token is returned unchanged.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::NotFound`], or a failure of the store.
    pub async fn revoke(self: &Arc<Self>, by: &Principal, id: TokenId) -> Result<Token, Error> {
        by.require_role(Method::RevokeToken)?;
        let (this, principal) = (Arc::clone(self), by.clone());
        detached(async move {
            if this.registry.get(id).is_none() {
                this.control.caught_up().await; // another server may have created it just before
            }
            let _changing = this.changing.lock().await;
            this.control.guard(&principal, |store| this.mark_revoked(store, &principal.actor, id)).await
        })
        .await
    }

    /// Stores the last uses of tokens that are not in the store yet.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn keep_uses(&self) -> Result<(), StoreError> {
        for used in self.registry.used().chunks(USES) {
            self.control.store().save_tokens(used.to_vec()).await?;
            self.registry.kept(used);
        }
        Ok(())
    }

    /// Sleeps by the injected clock.
    pub async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }

    async fn mark_revoked(&self, store: Arc<dyn Store>, by: &Actor, id: TokenId) -> Result<Token, Error> {
        let token = self.registry.get(id).ok_or(Error::NotFound(id))?;
        if token.revoked.is_some() {
            return Ok(token);
        }
        let revoked = Revoked { actor: by.clone(), at: truncate(self.clock.wall()) };
        let token = Token { revoked: Some(revoked), ..token };
        store.save_tokens(vec![token.clone()]).await?;
        self.registry.insert(token.clone());
        tracing::info!(token = %id, subject = token.grant.subject, %by, "revoked a token");
        Ok(token)
    }

    /// Records a new token, unless the same call has created one before.
    async fn add(&self, store: Arc<dyn Store>, token: &Token, ttl: Option<Duration>) -> Result<(), Error> {
        if let Some(request_id) = token.request_id.clone()
            && let Some(first) = self.made_by(&token.creator, &request_id)
        {
            let id = first.id;
            return Err(match differing(&first, &token.grant, ttl) {
                None => Error::AlreadyCreated { request_id, id },
                Some(field) => Error::RequestIdReused { request_id, id, field },
            });
        }
        self.make_room(&*store, token.created_at).await?;
        store.save_tokens(vec![token.clone()]).await?;
        self.registry.insert(token.clone());
        Ok(())
    }

    fn made_by(&self, creator: &Actor, request_id: &str) -> Option<Token> {
        let same = |token: &Token| token.request_id.as_deref() == Some(request_id) && token.creator.is(creator);
        self.registry.before(None, 1, same).pop()
    }

    /// At the limit, removes the token that expired first. Never removes a token that is only revoked: importing an
    /// older export would make it valid again.
    async fn make_room(&self, store: &dyn Store, now: Time) -> Result<(), Error> {
        if self.registry.count() < self.limit {
            return Ok(());
        }
        let id = self.registry.first_expired(now).ok_or(Error::TooMany { limit: self.limit })?;
        store.forget_tokens(vec![id]).await?;
        self.registry.remove(id);
        Ok(())
    }
}

#[async_trait]
impl Follower for Tokens {
    async fn follow(&self, changes: &ControlChanges) -> Result<(), StoreError> {
        changes.tokens.iter().for_each(|token| self.registry.insert(token.clone()));
        Ok(())
    }
}

impl Outdated for Error {
    fn is_outdated(&self) -> bool {
        matches!(self, Self::Store(StoreError::Outdated))
    }
}

/// The first field of CreateToken that differs from an existing token.
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

/// Approximate size of a token in a message, in bytes.
fn weight(token: &Token) -> usize {
    let Grant { subject, groups, comment, on_behalf_of, decides_for, .. } = &token.grant;
    let revoker = token.revoked.as_ref().map(|revoked| &revoked.actor);
    let actors = [Some(&token.creator), revoker, on_behalf_of.as_ref()].into_iter().flatten();
    let names: usize = actors.map(|actor| actor.issuer.len() + actor.subject.len()).sum();
    let lists = [groups, &decides_for.issuers, &decides_for.groups].into_iter();
    512 + names + subject.len() + comment.len() + lists.flatten().map(|name| name.len() + 4).sum::<usize>()
}

/// Runs work to its end, even if the caller leaves.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
