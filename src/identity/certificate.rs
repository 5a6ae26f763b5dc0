//! Names and validity in a verified client certificate.

use chrono::DateTime;
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer as _, X509Error},
};

use crate::domain::Time;

/// The names in a client certificate. Only parses: the TLS handshake has verified the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// URIs of the subjectAltName extension, such as SPIFFE IDs, in order.
    pub uris: Vec<String>,
    /// DNS names of the subjectAltName extension, in order.
    pub dns_names: Vec<String>,
    /// Email addresses of the subjectAltName extension, in order.
    pub emails: Vec<String>,
    /// End of validity.
    pub not_after: Time,
    /// The issuer's distinguished name, for people; never compare it.
    pub issuer: String,
}

/// Why a certificate cannot be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum CertificateError {
    /// It is not a valid X.509 certificate.
    #[error("malformed certificate{}", detail(.0))]
    Malformed(#[from] X509Error),
    /// A name has characters other than printable ASCII, and could imitate another name.
    #[error("certificate with a name that is not printable ASCII")]
    Name,
    /// Its notAfter date is out of range.
    #[error("certificate with an invalid notAfter date")]
    NotAfter,
}

/// The parser's error, unless that is a name in its code.
fn detail(error: &X509Error) -> String {
    match error {
        X509Error::Generic | X509Error::Der(_) | X509Error::NomError(_) => String::new(),
        error => format!(": {error}"),
    }
}

impl PeerCertificate {
    /// Parses a DER certificate.
    ///
    /// # Errors
    /// When the certificate or one of its names is malformed.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(X509Error::from)?;
        let mut peer = Self {
            uris: Vec::new(),
            dns_names: Vec::new(),
            emails: Vec::new(),
            not_after: not_after(&certificate)?,
            issuer: certificate.issuer().to_string(),
        };
        let extension = certificate.subject_alternative_name()?;
        for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
            let (names, name) = match *name {
                GeneralName::URI(name) => (&mut peer.uris, name),
                GeneralName::DNSName(name) => (&mut peer.dns_names, name),
                GeneralName::RFC822Name(name) => (&mut peer.emails, name),
                GeneralName::Invalid(..) => return Err(CertificateError::Name),
                _ => continue,
            };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(CertificateError::Name);
            }
            names.push(name.to_owned());
        }
        Ok(peer)
    }
}

/// End of validity of a DER certificate.
///
/// # Errors
/// When the certificate is malformed.
pub fn certificate_not_after(der: &[u8]) -> Result<Time, CertificateError> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(X509Error::from)?;
    not_after(&certificate)
}

fn not_after(certificate: &X509Certificate<'_>) -> Result<Time, CertificateError> {
    let seconds = certificate.validity().not_after.timestamp();
    DateTime::from_timestamp(seconds, 0).ok_or(CertificateError::NotAfter)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    const SUBJECT_ALTERNATIVE_NAME: [u64; 4] = [2, 5, 29, 17];

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "agents");
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.not_after = date_time_ymd(2040, 2, 29);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    /// A certificate with one subjectAltName of this tag and these bytes.
    fn with_name(tag: u8, name: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let name = [&[0x80 | tag, length(name)], name].concat();
        let names = [&[0x30, length(&name)], name.as_slice()].concat();
        let extension = CustomExtension::from_oid_content(&SUBJECT_ALTERNATIVE_NAME, names);
        certificate(|params| params.custom_extensions.push(extension))
    }

    #[test]
    fn names_keep_their_kind_and_order() {
        let der = certificate(|params| {
            params.subject_alt_names = vec![
                SanType::URI("spiffe://example.org/b".try_into().unwrap()),
                SanType::DnsName("b.example.org".try_into().unwrap()),
                SanType::Rfc822Name("bot@example.org".try_into().unwrap()),
                SanType::IpAddress([127, 0, 0, 1].into()),
                SanType::URI("spiffe://example.org/a".try_into().unwrap()),
                SanType::DnsName("*.example.org".try_into().unwrap()),
            ];
        });
        let peer = PeerCertificate::parse(&der).unwrap();
        assert_eq!(peer.uris, ["spiffe://example.org/b", "spiffe://example.org/a"]);
        assert_eq!(peer.dns_names, ["b.example.org", "*.example.org"]);
        assert_eq!(peer.emails, ["bot@example.org"]);
        assert_eq!(peer.not_after.to_rfc3339(), "2040-02-29T00:00:00+00:00");
        assert!(peer.issuer.contains("CN=agents") && peer.issuer.contains("O=Example"), "{}", peer.issuer);
    }

    #[test]
    fn a_certificate_may_have_no_names() {
        let peer = PeerCertificate::parse(&certificate(|_| {})).unwrap();
        assert!(peer.uris.is_empty() && peer.dns_names.is_empty() && peer.emails.is_empty(), "{peer:?}");
    }

    #[test]
    fn names_that_could_imitate_others_are_rejected() {
        const URI: u8 = 6;
        assert_eq!(PeerCertificate::parse(&with_name(URI, b"spiffe://a/b")).unwrap().uris, ["spiffe://a/b"]);
        for tag in [1, 2, URI] {
            for name in [&b"spiffe://a/b\0.evil"[..], b"a b", "\u{e4}".as_bytes(), b"\xff", b"a\n", b""] {
                assert_eq!(PeerCertificate::parse(&with_name(tag, name)), Err(CertificateError::Name), "{name:?}");
            }
        }
    }

    #[test]
    fn malformed_certificates_are_rejected() {
        let der = certificate(|_| {});
        for broken in [&[][..], b"nonsense", &der[..der.len() - 1]] {
            let error = PeerCertificate::parse(broken).unwrap_err();
            assert!(matches!(error, CertificateError::Malformed(_)));
            assert_eq!(error.to_string(), "malformed certificate", "no names of the parser's errors");
        }
    }

    #[test]
    fn duplicate_name_extensions_are_rejected() {
        let der = certificate(|params| {
            params.subject_alt_names = vec![SanType::DnsName("a".try_into().unwrap())];
            let names = vec![0x30, 3, 0x82, 1, b'b'];
            params.custom_extensions.push(CustomExtension::from_oid_content(&SUBJECT_ALTERNATIVE_NAME, names));
        });
        assert!(matches!(PeerCertificate::parse(&der), Err(CertificateError::Malformed(_))));
    }
}
