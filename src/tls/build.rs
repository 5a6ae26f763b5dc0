use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer, UnixTime,
        pem::{self, PemObject as _},
    },
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};

use super::{TlsContents, TlsError, TlsFiles};
use crate::{
    clock::{SystemWall, WallClock as _},
    domain::{Time, to_micros},
    identity::certificate_not_after,
};

/// The wall clock, by which client certificates expire. rustls' own clock panics before 1970.
#[derive(Debug)]
struct Wall;

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_micros(to_micros(SystemWall.wall()))))
    }
}

/// Protocols of the port, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Builds the configuration of new connections, and returns the end of the certificate's validity. TLS sessions are not
/// shared with earlier configurations: no session resumes with a CA that was removed.
pub(super) fn build(files: &TlsFiles, contents: &TlsContents) -> Result<(Arc<ServerConfig>, Time), TlsError> {
    let chain = certificates(&files.certificate, &contents.certificate)?;
    let not_after = certificate_not_after(&chain[0])
        .map_err(|problem| TlsError::Certificate { path: files.certificate.clone(), problem })?;
    let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|error| match error {
        pem::Error::NoItemsFound => unusable(&files.key, "contains no PEM private key"),
        error => unusable(&files.key, pem_problem(&error)),
    })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(Wall))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("aws-lc speaks both");
    let builder = match (&files.client_ca, &contents.client_ca) {
        (Some(path), Some(content)) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path, content)? {
                roots.add(authority).map_err(|error| unusable(path, tls_problem(&error)))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if files.require_client_certificate { verifier } else { verifier.allow_unauthenticated() };
            let verifier: Arc<dyn ClientCertVerifier> = verifier.build().map_err(|error| unusable(path, error))?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { key: files.key.clone(), certificate: files.certificate.clone() }
        }
        error => unusable(&files.certificate, tls_problem(&error)),
    })?;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok((Arc::new(config), not_after))
}

/// The certificates in a file: at least one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found.map_err(|error| unusable(path, pem_problem(&error)))? {
        none if none.is_empty() => Err(unusable(path, "contains no PEM certificate")),
        found => Ok(found),
    }
}

fn tls_problem(error: &rustls::Error) -> String {
    signoff_client::tls_problem(error).unwrap_or_else(|| error.to_string())
}

/// Plain words: the messages of the library list lines as arrays of bytes.
fn pem_problem(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "contains a PEM block without its END line".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "contains a PEM block with a malformed BEGIN line".to_owned(),
        pem::Error::Base64Decode(_) => "contains a PEM block that is not valid base64".to_owned(),
        error => error.to_string(),
    }
}

fn unusable(path: &Path, problem: impl ToString) -> TlsError {
    TlsError::Unusable { path: path.to_owned(), problem: problem.to_string() }
}
