use std::sync::Arc;

use tonic::{Request, Status, service::Interceptor};

use super::error::Failure;
use crate::identity::{Authenticator, Principal};

/// Finds out who is calling before anything else is looked at.
#[derive(Clone)]
pub struct Authenticate(Arc<dyn Authenticator>);

impl Authenticate {
    /// Authenticates by bearer tokens.
    #[must_use]
    pub fn new(authenticator: Arc<dyn Authenticator>) -> Self {
        Self(authenticator)
    }
}

impl Interceptor for Authenticate {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let header = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let bearer = header.and_then(|header| header.split_once(' '));
        let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let principal = token.and_then(|token| self.0.authenticate(token)).ok_or(Failure::Unauthenticated)?;
        request.extensions_mut().insert(Arc::new(principal));
        Ok(request)
    }
}

/// The caller that [`Authenticate`] found.
pub(super) fn principal<T>(request: &Request<T>) -> Result<Arc<Principal>, Failure> {
    request.extensions().get::<Arc<Principal>>().cloned().ok_or(Failure::Unauthenticated)
}
