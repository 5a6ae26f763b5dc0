//! TLS errors in plain words. Messages of rustls and webpki contain names of Rust enum variants.

use std::{error::Error, io};

use prost_types::Timestamp;
use rustls::{CertificateError, Error as TlsError};

/// Problems of certificates by the name of their variant in `rustls::CertificateError` or `webpki::Error`.
const CERTIFICATE_PROBLEMS: &[(&str, &str)] = &[
    ("ApplicationVerificationFailure", "certificate rejected by the application"),
    ("BadEncoding", "malformed certificate"),
    ("BadSignature", "invalid certificate signature"),
    ("CaUsedAsEndEntity", "CA certificate used as a server or client certificate; issue one without CA:TRUE"),
    ("CertDistrusted", "distrusted certificate"),
    ("EmptyEkuExtension", "certificate with an empty extendedKeyUsage extension"),
    ("EndEntityUsedAsCa", "certificate issued by a certificate that is not a CA"),
    ("Expired", "certificate expired"),
    ("ExtensionValueInvalid", "certificate with a malformed extension"),
    ("InvalidPurpose", "certificate without the required extendedKeyUsage"),
    ("InvalidSerialNumber", "certificate with an invalid serial number"),
    ("MalformedDnsIdentifier", "certificate with a malformed DNS name"),
    ("MalformedExtensions", "certificate with a malformed extension"),
    ("MalformedNameConstraint", "CA certificate with a malformed name constraint"),
    ("MaximumPathDepthExceeded", "certificate chain that is too long"),
    ("NameConstraintViolation", "certificate with a name that its CA may not certify"),
    ("NotValidForName", "certificate not valid for this host name"),
    ("NotValidYet", "certificate not valid yet"),
    ("PathLenConstraintViolated", "certificate chain longer than its CA allows"),
    ("Revoked", "certificate revoked"),
    ("SignatureAlgorithmMismatch", "certificate with two different signature algorithms"),
    ("UnhandledCriticalExtension", "certificate with an unsupported critical extension"),
    ("UnknownIssuer", "certificate signed by an unknown CA"),
    ("UnknownRevocationStatus", "certificate with an unknown revocation status"),
    ("UnsupportedCertVersion", "certificate that is not X.509 version 3"),
    ("UnsupportedCriticalExtension", "certificate with an unsupported critical extension"),
    ("UnsupportedSignatureAlgorithm", "certificate with an unsupported signature algorithm"),
    ("UnsupportedSignatureAlgorithmContext", "certificate with an unsupported signature algorithm"),
    ("UnsupportedSignatureAlgorithmForPublicKeyContext", "certificate with an unsupported signature algorithm"),
];

/// The TLS problem among `error` and its sources, in plain words; `None` without one.
#[doc(hidden)] // for the server and the command, so that there is one table
#[must_use]
pub fn tls_problem(error: &(dyn Error + 'static)) -> Option<String> {
    std::iter::successors(Some(error), |error| beneath(*error)).find_map(|error| Some(words(error.downcast_ref()?)))
}

/// The error inside an `io::Error`, which its `source` skips; else the source.
pub(crate) fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inside) => Some(inside),
        None => error.source(),
    }
}

fn words(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(why) => certificate_problem(why),
        TlsError::AlertReceived(alert) => {
            format!("rejected by the peer (TLS alert: {})", spaced(&format!("{alert:?}")))
        }
        TlsError::NoCertificatesPresented => "the peer sent no certificate".to_owned(),
        TlsError::NoApplicationProtocol => "no common application protocol (ALPN)".to_owned(),
        TlsError::InvalidMessage(_) => "the peer does not speak TLS".to_owned(),
        TlsError::InappropriateMessage { .. } | TlsError::InappropriateHandshakeMessage { .. } => {
            "unexpected TLS message".to_owned()
        }
        TlsError::PeerIncompatible(why) => format!("incompatible TLS settings ({})", spaced(&format!("{why:?}"))),
        TlsError::PeerMisbehaved(why) => format!("TLS protocol violation ({})", spaced(&format!("{why:?}"))),
        TlsError::InconsistentKeys(_) => "the private key does not belong to the certificate".to_owned(),
        TlsError::InvalidCertRevocationList(why) => {
            format!("invalid certificate revocation list ({})", spaced(&format!("{why:?}")))
        }
        TlsError::InvalidEncryptedClientHello(why) => {
            format!("invalid encrypted client hello ({})", spaced(&format!("{why:?}")))
        }
        error => error.to_string(),
    }
}

/// What is wrong with a certificate, in plain words.
pub(crate) fn certificate_problem(why: &CertificateError) -> String {
    match why {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired at {}", time(not_after.as_secs()))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate not valid before {}", time(not_before.as_secs()))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| plain_name(name)).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!("certificate not valid for {}; valid for {names}", expected.to_str())
        }
        CertificateError::InvalidPurposeContext { .. } => why.to_string(),
        // An error of webpki, whose display is the name of its variant.
        CertificateError::Other(other) => named(&other.0.to_string()),
        why => named(&format!("{why:?}")),
    }
}

/// The problem of a variant, from a text that starts with its name.
fn named(debug: &str) -> String {
    let name = variant(debug);
    let known = CERTIFICATE_PROBLEMS.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| format!("invalid certificate ({})", spaced(name)), |(_, words)| (*words).to_owned())
}

/// RFC 3339.
fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).map(|seconds| Timestamp { seconds, nanos: 0 });
    time.map_or_else(|_| format!("{seconds} s since 1970"), |time| time.to_string())
}

/// `example.org` of `DnsName("example.org")`, as webpki shows the names in a certificate.
fn plain_name(shown: &str) -> &str {
    let inside = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(shown).trim_matches('"')
}

/// The name of the variant at the start of a `Debug` text.
fn variant(debug: &str) -> &str {
    debug.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(debug)
}

/// `unknown ca` of `UnknownCA`.
fn spaced(debug: &str) -> String {
    let mut words = String::new();
    let mut after_lower = false;
    for c in variant(debug).chars() {
        if c.is_ascii_uppercase() && after_lower {
            words.push(' ');
        }
        after_lower = !c.is_ascii_uppercase();
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use rustls::{AlertDescription, OtherError, PeerIncompatible, pki_types::UnixTime};

    use super::*;

    /// An error whose `Display` is the name of a variant, as that of `webpki::Error` is.
    #[derive(Debug)]
    struct Variant(&'static str);

    impl std::fmt::Display for Variant {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Variant {}

    fn of_webpki(name: &'static str) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(Variant(name))))
    }

    fn expired(not_after: u64) -> CertificateError {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        CertificateError::ExpiredContext { time: at(not_after + 5), not_after: at(not_after) }
    }

    #[test]
    fn certificate_problems_have_no_names_of_variants() {
        for (error, words) in [
            (CertificateError::UnknownIssuer, "certificate signed by an unknown CA"),
            (CertificateError::BadEncoding, "malformed certificate"),
            (expired(1_800_000_000), "certificate expired at 2027-01-15T08:00:00Z"),
            (
                of_webpki("CaUsedAsEndEntity"),
                "CA certificate used as a server or client certificate; issue one without CA:TRUE",
            ),
            (of_webpki("MaximumSignatureChecksExceeded"), "invalid certificate (maximum signature checks exceeded)"),
            (of_webpki("TrailingData(Certificate)"), "invalid certificate (trailing data)"),
            (
                CertificateError::NotValidForNameContext {
                    expected: "localhost".try_into().unwrap(),
                    presented: vec!["DnsName(\"a.example\")".to_owned(), "IpAddress(127.0.0.1)".to_owned()],
                },
                "certificate not valid for localhost; valid for a.example, 127.0.0.1",
            ),
        ] {
            assert_eq!(certificate_problem(&error), words, "{error:?}");
        }
        for (name, words) in CERTIFICATE_PROBLEMS {
            assert_eq!(certificate_problem(&of_webpki(name)), *words);
        }
    }

    #[test]
    fn a_tls_error_is_found_inside_others() {
        let alert = TlsError::AlertReceived(AlertDescription::CertificateUnknown);
        let inside = io::Error::new(io::ErrorKind::InvalidData, io::Error::other(alert));
        assert_eq!(tls_problem(&inside).as_deref(), Some("rejected by the peer (TLS alert: certificate unknown)"));
        let incompatible = TlsError::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon);
        assert_eq!(words(&incompatible), "incompatible TLS settings (no cipher suites in common)");
        assert_eq!(tls_problem(&io::Error::other("reset")), None);
        assert_eq!(spaced("UnknownCA"), "unknown ca");
    }
}
