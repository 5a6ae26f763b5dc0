use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use super::{
    AuthenticationMethod, CertificateName, NameGlob, PeerCertificate, Principal, Revocation, Role, Unrecognised,
};
use crate::domain::{Actor, ActorKind, Time};

/// Issuer of those who are known by their certificates, whichever authority made them.
const ISSUER: &str = "certificate";

/// Names of certificates whose holders have a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateRoles {
    /// Names of agents.
    pub agent: Vec<NameGlob>,
    /// Names of reviewers.
    pub reviewer: Vec<NameGlob>,
    /// Names of auditors.
    pub auditor: Vec<NameGlob>,
    /// Names of operators.
    pub operator: Vec<NameGlob>,
}

impl CertificateRoles {
    /// The names that have a role.
    #[must_use]
    pub fn of(&self, role: Role) -> &[NameGlob] {
        match role {
            Role::Agent => &self.agent,
            Role::Reviewer => &self.reviewer,
            Role::Auditor => &self.auditor,
            Role::Operator => &self.operator,
        }
    }

    /// Whether no certificate is anybody's.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Role::ALL.into_iter().all(|role| self.of(role).is_empty())
    }

    /// Whose certificate a connection has shown. It is the same principal for as long as the connection lasts, made when
    /// this is first asked.
    ///
    /// # Errors
    /// When its time is over, or its name has no role.
    pub(super) fn recognise(&self, shown: &ShownCertificate, now: Time) -> Result<Arc<Principal>, Unrecognised> {
        if self.is_empty() {
            return Err(Unrecognised::Unknown);
        }
        // It was valid when the connection was made, which may have been long ago.
        if now >= shown.certificate.not_after {
            return Err(Unrecognised::CertificateExpired);
        }
        let principal = shown.principal.get_or_init(|| self.principal(&shown.certificate, now).map(Arc::new));
        principal.clone().ok_or(Unrecognised::CertificateUnknown)
    }

    fn principal(&self, certificate: &PeerCertificate, now: Time) -> Option<Principal> {
        let name = CertificateName::of(certificate)?;
        let has = |role: &Role| self.of(*role).iter().any(|glob| glob.matches(&name));
        let roles: BTreeSet<_> = Role::ALL.into_iter().filter(has).collect();
        if roles.is_empty() {
            return None;
        }
        // Certificates are programs' for the most part; one that decides too is no agent, whoever is behind it.
        let only_asks = roles.contains(&Role::Agent) && !roles.contains(&Role::Reviewer);
        let kind = if only_asks { ActorKind::Agent } else { ActorKind::Service };
        Some(Principal {
            actor: Actor { kind, issuer: ISSUER.into(), subject: name.to_string() },
            roles,
            groups: BTreeSet::new(),
            on_behalf_of: None,
            permissions: BTreeSet::new(),
            method: AuthenticationMethod::Certificate,
            authenticated_at: now,
            expires_at: Some(certificate.not_after),
            revocation: Revocation::default(),
        })
    }
}

/// The verified certificate of a connection, and whose it turned out to be.
#[derive(Debug)]
pub struct ShownCertificate {
    certificate: PeerCertificate,
    principal: OnceLock<Option<Arc<Principal>>>,
}

impl From<PeerCertificate> for ShownCertificate {
    fn from(certificate: PeerCertificate) -> Self {
        Self { certificate, principal: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::after;

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

    fn shown(change: impl FnOnce(&mut PeerCertificate)) -> ShownCertificate {
        let (uris, dns_names, emails) = (Vec::new(), Vec::new(), Vec::new());
        let mut certificate =
            PeerCertificate { uris, dns_names, emails, not_after: after(START, VALID), issuer: "CN=a".into() };
        change(&mut certificate);
        certificate.into()
    }

    #[test]
    fn a_name_gives_its_roles_and_nothing_else() {
        let agent =
            shown(|it| it.uris = vec!["spiffe://example.org/agents/a".into(), "spiffe://example.org/desk".into()]);
        let both = shown(|it| it.dns_names = vec!["Both.example.org".into()]);
        let ops = shown(|it| it.emails = vec!["ann@ops.example.org".into()]);
        for (shown, name, kind, roles) in [
            (agent, "certificate/URI:spiffe://example.org/agents/a", ActorKind::Agent, "agent"),
            (both, "certificate/DNS:both.example.org", ActorKind::Service, "agent, reviewer, operator"),
            (ops, "certificate/email:ann@ops.example.org", ActorKind::Service, "operator"),
        ] {
            let it = some_roles().recognise(&shown, START).unwrap();
            assert_eq!((it.actor.to_string().as_str(), it.role_names().as_str()), (name, roles));
            assert_eq!((it.actor.issuer.as_str(), it.actor.kind), (ISSUER, kind));
            assert!(it.groups.is_empty() && it.permissions.is_empty() && !it.revocation.is_revoked());
            assert_eq!((it.method, it.authenticated_at), (AuthenticationMethod::Certificate, START));
            assert_eq!(it.expires_at, Some(after(START, VALID)));
        }
    }

    #[test]
    fn a_certificate_without_a_role_is_nobodys() {
        // Only its first name counts; what looks like a URI elsewhere is none.
        let second = shown(|it| it.uris = vec!["spiffe://a".into(), "spiffe://example.org/desk".into()]);
        let dns = shown(|it| it.dns_names = vec!["spiffe://example.org/desk".into()]);
        for shown in [shown(|_| {}), second, dns] {
            assert_eq!(some_roles().recognise(&shown, START).unwrap_err(), Unrecognised::CertificateUnknown);
        }
        let nobody = CertificateRoles::default();
        let agent = shown(|it| it.uris = vec!["spiffe://example.org/agents/a".into()]);
        assert_eq!(nobody.recognise(&agent, START).unwrap_err(), Unrecognised::Unknown);
    }

    #[test]
    fn a_connection_keeps_its_principal() {
        let agent = shown(|it| it.uris = vec!["spiffe://example.org/agents/a".into()]);
        let first = some_roles().recognise(&agent, START).unwrap();
        let second = some_roles().recognise(&agent, after(START, Duration::from_secs(60))).unwrap();
        assert!(Arc::ptr_eq(&first, &second), "{second:?}");
    }
}
