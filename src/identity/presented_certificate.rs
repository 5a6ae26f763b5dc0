use std::sync::{Arc, OnceLock};

use super::{
    AuthenticationMethod, BlockedSubjects, CertificateName, CertificateRoles, PeerCertificate, Principal, Revocation,
    Unrecognised,
};
use crate::domain::{Actor, ActorKind, Role, Time};

/// Issuer of actors with client certificates, for every CA.
const ISSUER: &str = "certificate";

/// The verified certificate of a connection, with its principal once it was needed.
#[derive(Debug)]
pub struct PresentedCertificate {
    certificate: PeerCertificate,
    principal: OnceLock<Option<Arc<Principal>>>,
}

impl From<PeerCertificate> for PresentedCertificate {
    fn from(certificate: PeerCertificate) -> Self {
        Self { certificate, principal: OnceLock::new() }
    }
}

impl PresentedCertificate {
    /// The principal with the roles that the certificate's name grants. Created at the first call, and kept for the
    /// connection.
    ///
    /// # Errors
    /// When the certificate has expired, or its name grants no role.
    pub(super) fn recognise(
        &self,
        names: &CertificateRoles,
        blocked: &BlockedSubjects,
        now: Time,
    ) -> Result<Arc<Principal>, Unrecognised> {
        if names.is_empty() {
            return Err(Unrecognised::Unknown);
        }
        // It was valid at the handshake, which may have been long ago.
        if now >= self.certificate.not_after {
            return Err(Unrecognised::CertificateExpired);
        }
        let principal = self.principal.get_or_init(|| {
            let holder = holder(&self.certificate, names, now)?;
            Some(Arc::new(Principal { revocation: Revocation::of(&holder.actor, blocked), ..holder }))
        });
        principal.clone().ok_or(Unrecognised::CertificateUnknown)
    }
}

fn holder(certificate: &PeerCertificate, names: &CertificateRoles, now: Time) -> Option<Principal> {
    let name = CertificateName::of(certificate)?;
    let roles = names.roles(|glob| glob.matches(&name));
    if roles.is_empty() {
        return None;
    }
    // Most certificates belong to programs. One that also decides is a service, not an agent.
    let only_asks = roles.contains(&Role::Agent) && !roles.contains(&Role::Reviewer);
    let kind = if only_asks { ActorKind::Agent } else { ActorKind::Service };
    let actor = Actor { kind, issuer: ISSUER.into(), subject: name.to_string() };
    let expires_at = Some(certificate.not_after);
    Some(Principal { roles, expires_at, ..Principal::new(actor, AuthenticationMethod::Certificate, now) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{domain::after, identity::NameGlob};

    const START: Time = Time::UNIX_EPOCH;
    const VALID: Duration = Duration::from_secs(3600);

    fn globs(texts: &[&str]) -> Vec<NameGlob> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn some_roles() -> CertificateRoles {
        CertificateRoles {
            agent: globs(&["URI:spiffe://example.org/agents/*", "DNS:both.example.org"]),
            reviewer: globs(&["URI:spiffe://example.org/desk", "DNS:both.example.org"]),
            operator: globs(&["email:*@ops.example.org", "DNS:both.example.org"]),
            ..CertificateRoles::default()
        }
    }

    fn presented(change: impl FnOnce(&mut PeerCertificate)) -> PresentedCertificate {
        let (uris, dns_names, emails) = (Vec::new(), Vec::new(), Vec::new());
        let mut certificate =
            PeerCertificate { uris, dns_names, emails, not_after: after(START, VALID), issuer: "CN=a".into() };
        change(&mut certificate);
        certificate.into()
    }

    #[test]
    fn a_name_grants_its_roles_and_nothing_else() {
        let agent =
            presented(|it| it.uris = vec!["spiffe://example.org/agents/a".into(), "spiffe://example.org/desk".into()]);
        let both = presented(|it| it.dns_names = vec!["Both.example.org".into()]);
        let ops = presented(|it| it.emails = vec!["ann@ops.example.org".into()]);
        for (presented, name, kind, roles) in [
            (agent, "certificate/URI:spiffe://example.org/agents/a", ActorKind::Agent, "agent"),
            (both, "certificate/DNS:both.example.org", ActorKind::Service, "agent, reviewer, operator"),
            (ops, "certificate/email:ann@ops.example.org", ActorKind::Service, "operator"),
        ] {
            let it = presented.recognise(&some_roles(), &BlockedSubjects::default(), START).unwrap();
            assert_eq!((it.actor.to_string().as_str(), it.role_names().as_str()), (name, roles));
            assert_eq!((it.actor.issuer.as_str(), it.actor.kind), (ISSUER, kind));
            assert!(it.groups.is_empty() && it.permissions.is_empty() && !it.revocation.is_revoked());
            assert_eq!((it.method, it.authenticated_at), (AuthenticationMethod::Certificate, START));
            assert_eq!(it.expires_at, Some(after(START, VALID)));
        }
    }

    #[test]
    fn a_certificate_without_a_role_is_rejected() {
        // Only the first name counts; a DNS name that looks like a URI is not a URI.
        let second = presented(|it| it.uris = vec!["spiffe://a".into(), "spiffe://example.org/desk".into()]);
        let dns = presented(|it| it.dns_names = vec!["spiffe://example.org/desk".into()]);
        for presented in [presented(|_| {}), second, dns] {
            assert_eq!(
                presented.recognise(&some_roles(), &BlockedSubjects::default(), START).unwrap_err(),
                Unrecognised::CertificateUnknown
            );
        }
        let nobody = CertificateRoles::default();
        let agent = presented(|it| it.uris = vec!["spiffe://example.org/agents/a".into()]);
        assert_eq!(agent.recognise(&nobody, &BlockedSubjects::default(), START).unwrap_err(), Unrecognised::Unknown);
    }

    #[test]
    fn a_connection_keeps_its_principal() {
        let agent = presented(|it| it.uris = vec!["spiffe://example.org/agents/a".into()]);
        let first = agent.recognise(&some_roles(), &BlockedSubjects::default(), START).unwrap();
        let second =
            agent.recognise(&some_roles(), &BlockedSubjects::default(), after(START, Duration::from_secs(60))).unwrap();
        assert!(Arc::ptr_eq(&first, &second), "{second:?}");
    }
}
