//! Sessions of people who signed in at the desk. Interim: in memory. The durable ones replace this file.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    domain::SecretHash,
    identity::{AccessDenied, AuthenticationMethod, Principal, Secret},
    store::StoreError,
};

/// The id of a session.
pub type SessionId = uuid::Uuid;

/// Why a session was not started or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// These credentials cannot sign in at the desk.
    #[error("{0}")]
    NotForTheDesk(&'static str),
    /// A bug, or no random numbers.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A recognised session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person.
    pub principal: Arc<Principal>,
    /// The session.
    pub session: SessionId,
}

/// Sessions in memory.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<SecretHash, SignedIn>>);

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SecretHash, SignedIn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a session.
    ///
    /// # Errors
    /// When the credentials are not for the desk.
    pub async fn start(&self, principal: &Principal) -> Result<(SessionId, Secret), Error> {
        let secret = Secret::generate().map_err(|error| Error::Internal(error.to_string()))?;
        let session = uuid::Uuid::new_v4();
        let principal = Principal { method: AuthenticationMethod::DevToken, ..principal.clone() };
        self.lock().insert(secret.hash(), SignedIn { principal: Arc::new(principal), session });
        Ok((session, secret))
    }

    /// The session of a secret.
    #[must_use]
    pub fn recognise(&self, secret: &str) -> Option<SignedIn> {
        self.lock().get(&SecretHash::of(secret)).cloned()
    }

    /// Ends one of the person's own sessions.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn end(&self, _by: &Principal, session: SessionId) -> Result<(), Error> {
        self.lock().retain(|_, kept| kept.session != session);
        Ok(())
    }

    /// Ends all sessions of the person.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn end_own(&self, by: &Principal) -> Result<(), Error> {
        self.lock().retain(|_, kept| !kept.principal.actor.is(&by.actor));
        Ok(())
    }
}
