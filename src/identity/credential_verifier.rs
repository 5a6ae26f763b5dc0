use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Authenticator, BlockedSubjects, CertificateRoles, Credentials, DevTokens, NewerCredentials, Principal, Revocation,
    RoleGroups, Secret, TokenRegistry, Unrecognised,
    oidc::{Oidc, Rejection, bearer, looks_like_jwt},
};
use crate::clock::WallClock;

/// Authenticates callers by every configured method.
pub struct CredentialVerifier {
    /// The server's own tokens.
    pub tokens: Arc<TokenRegistry>,
    /// The tokens of development mode.
    pub dev: Option<DevTokens>,
    /// The verifier of an OpenID provider's tokens.
    pub oidc: Option<Arc<Oidc>>,
    /// Groups of the provider that grant roles.
    pub roles: RoleGroups,
    /// Names of client certificates that grant roles.
    pub certificates: CertificateRoles,
    /// The clock by which credentials expire.
    pub clock: Arc<dyn WallClock>,
    /// Finds tokens that another server has created.
    pub newer: Option<Arc<dyn NewerCredentials>>,
}

#[async_trait]
impl Authenticator for CredentialVerifier {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised> {
        let principal = self.recognise(credentials).await?;
        // Everybody here watches the same list, so that no kind of credentials can be forgotten.
        if principal.revocation.is_blocked() {
            // Another server may have unblocked the subject.
            self.catch_up().await;
        }
        if principal.revocation.is_blocked() { Err(Unrecognised::SubjectBlocked) } else { Ok(principal) }
    }
}

impl CredentialVerifier {
    /// Learns what other servers have changed. False if nothing can be new.
    async fn catch_up(&self) -> bool {
        match &self.newer {
            Some(newer) => newer.caught_up().await,
            None => false,
        }
    }

    async fn recognise(&self, credentials: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised> {
        let blocked = self.tokens.blocked();
        let Some(token) = credentials.bearer else {
            let presented = credentials.certificate.ok_or(Unrecognised::Unknown)?;
            return presented.recognise(&self.certificates, blocked, self.clock.wall());
        };
        // A session belongs to a browser, which would also send it where a page of another origin wants. Calls of gRPC
        // have no protection against that, so they must not accept it.
        if token.starts_with(Secret::SESSION_PREFIX) {
            return Err(Unrecognised::Unknown);
        }
        if token.starts_with(Secret::PREFIX) {
            let mut recognised = self.tokens.recognise(token, self.clock.wall());
            if recognised.is_none() && self.catch_up().await {
                recognised = self.tokens.recognise(token, self.clock.wall());
            }
            return recognised.unwrap_or(Err(Unrecognised::Unknown));
        }
        if let Some(principal) = self.dev.as_ref().and_then(|dev| dev.recognise(token, self.clock.wall())) {
            return Ok(Arc::new(watching(principal, blocked)));
        }
        let Some(oidc) = self.oidc.as_ref().filter(|_| looks_like_jwt(token)) else {
            return Err(Unrecognised::Unknown);
        };
        oidc.principal(token, |verified| watching(bearer(verified, &self.roles), blocked)).await.map_err(|rejection| {
            match rejection {
                Rejection::KeysUnavailable => Unrecognised::Unavailable,
                rejection => Unrecognised::Rejected(rejection),
            }
        })
    }
}

/// A principal whose calls end when an operator blocks it.
fn watching(principal: Principal, blocked: &BlockedSubjects) -> Principal {
    Principal { revocation: Revocation::of(&principal.actor, blocked), ..principal }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::ManualClock,
        domain::{Time, after},
        identity::{PeerCertificate, PresentedCertificate},
    };

    const VALID: Duration = Duration::from_secs(3600);

    /// A verifier with development tokens, and a certificate that it accepts.
    fn verifier(directory: &tempfile::TempDir, clock: &Arc<ManualClock>) -> (CredentialVerifier, PresentedCertificate) {
        let certificates =
            CertificateRoles { reviewer: vec!["DNS:desk".parse().unwrap()], ..CertificateRoles::default() };
        let dev = Some(DevTokens::in_directory(directory.path()).unwrap());
        let clock = Arc::clone(clock) as Arc<dyn WallClock>;
        let not_after = after(clock.wall(), VALID);
        let (uris, dns_names, emails) = (Vec::new(), vec!["desk".into()], Vec::new());
        let presented = PeerCertificate { uris, dns_names, emails, not_after, issuer: String::new() }.into();
        (
            CredentialVerifier {
                tokens: Arc::default(),
                dev,
                oidc: None,
                roles: RoleGroups::default(),
                certificates,
                clock,
                newer: None,
            },
            presented,
        )
    }

    #[tokio::test]
    async fn a_token_takes_precedence_over_the_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let (verifier, presented) = verifier(&directory, &Arc::new(ManualClock::new(Time::UNIX_EPOCH)));
        let who = async |bearer, certificate| {
            let principal = verifier.authenticate(Credentials { bearer, certificate }).await?;
            Ok::<_, Unrecognised>(principal.actor.to_string())
        };
        let agent = verifier.dev.as_ref().unwrap().agent.as_str();
        assert_eq!(who(Some(agent), Some(&presented)).await.unwrap(), "dev/agent");
        assert_eq!(who(None, Some(&presented)).await.unwrap(), "certificate/DNS:desk");
        // A certificate does not replace an unknown token.
        for token in ["", "x", "a.b.c"] {
            assert_eq!(who(Some(token), Some(&presented)).await.unwrap_err(), Unrecognised::Unknown, "{token}");
        }
        assert_eq!(who(None, None).await.unwrap_err(), Unrecognised::Unknown);
    }

    #[tokio::test]
    async fn a_certificate_expires_on_an_open_connection() {
        let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::new(Time::UNIX_EPOCH)));
        let (verifier, presented) = verifier(&directory, &clock);
        let call = async || verifier.authenticate(Credentials { bearer: None, certificate: Some(&presented) }).await;
        let moment = Duration::from_micros(1);
        let first = call().await.unwrap();
        clock.advance(VALID - moment);
        let last = call().await.unwrap();
        assert_eq!(
            (last.authenticated_at, last.expires_at),
            (first.authenticated_at, Some(after(clock.wall(), moment)))
        );
        clock.advance(moment);
        let ended = call().await.unwrap_err();
        assert_eq!(
            (ended, &*ended.to_string()),
            (Unrecognised::CertificateExpired, "the client certificate has expired")
        );
        // A token is still valid.
        let token = verifier.dev.as_ref().map(|dev| dev.agent.as_str());
        assert!(verifier.authenticate(Credentials { bearer: token, certificate: Some(&presented) }).await.is_ok());
    }
}
