//! The root cause of a failure, in words for people.

use std::{error::Error, io, iter::successors};

/// How rustls begins its text for an alert that the server sent.
const ALERT: &str = "received fatal alert: ";

/// The root cause.
pub(super) fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// The root cause in a few words: `connection refused`.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    if let Some(problem) = certificate_problem(error) {
        return problem.to_owned();
    }
    if let Some(problem) = signoff_client::tls_problem(error) {
        return problem;
    }
    let cause = innermost(error);
    let system = cause.downcast_ref::<io::Error>().filter(|error| error.raw_os_error().is_some());
    system.map_or_else(|| cause.to_string(), |error| error.kind().to_string())
}

/// Why the server rejected the client's certificate, if it ended the connection for that.
///
/// With TLS 1.3 a client is connected before the server looks at its certificate. The server's alert then fails the
/// first call, and h2 keeps only the alert's text, so this compares text.
pub(super) fn certificate_problem(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let alert = successors(Some(error), |error| (*error).source()).find_map(|error| {
        let text = error.to_string();
        let (_, name) = text.split_once(ALERT)?;
        Some(name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned())
    })?;
    match alert.as_str() {
        "CertificateRequired" => Some("the server requires a client certificate"),
        "UnknownCA" => Some("the server does not trust the CA of the client certificate"),
        "CertificateExpired" => Some("the client certificate has expired"),
        "CertificateRevoked" => Some("the client certificate is revoked"),
        "BadCertificate" | "CertificateUnknown" | "UnsupportedCertificate" | "AccessDenied" | "DecryptError" => {
            Some("the server rejected the client certificate")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, Error as TlsError};

    use super::*;

    #[test]
    fn alerts_about_the_client_certificate_are_sentences() {
        for (alert, expected) in [
            (AlertDescription::CertificateRequired, "the server requires a client certificate"),
            (AlertDescription::UnknownCA, "the server does not trust the CA of the client certificate"),
            (AlertDescription::CertificateExpired, "the client certificate has expired"),
            (AlertDescription::CertificateRevoked, "the client certificate is revoked"),
            (AlertDescription::BadCertificate, "the server rejected the client certificate"),
        ] {
            let typed = io::Error::other(TlsError::AlertReceived(alert));
            let text = io::Error::other(TlsError::AlertReceived(alert).to_string());
            assert_eq!((words(&typed), words(&text)), (expected.to_owned(), expected.to_owned()));
        }
        let other = io::Error::other(TlsError::AlertReceived(AlertDescription::ProtocolVersion));
        assert_eq!(certificate_problem(&other), None);
    }
}
