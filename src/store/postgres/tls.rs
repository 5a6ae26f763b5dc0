//! TLS to PostgreSQL, with the meaning of libpq's `sslmode`.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How connections are protected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresTls {
    /// The authorities that may sign the server's certificate, as a PEM file; without it, those of the system.
    pub root_certificates: Option<PathBuf>,
}

/// Why connections to PostgreSQL cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities is unreadable.
    #[error("cannot read the certificates in {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS itself cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Rustls(#[from] rustls::Error),
    /// The pool of connections cannot be set up.
    #[error("cannot set up the connections: {0}")]
    Pool(String),
}

/// Makes TLS connections, if the connection's `sslmode` asks for them. Certificates and host names are always verified:
/// an unverified connection protects from nobody who can change the network.
pub(super) fn connector(tls: &PostgresTls) -> Result<MakeRustlsConnect, TlsError> {
    let mut roots = RootCertStore::empty();
    match &tls.root_certificates {
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(path) => {
            let fault = |reason: String| TlsError::File { path: path.clone(), reason };
            let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let certificates = certificates.map_err(|error| fault(error.to_string()))?;
            if certificates.is_empty() {
                return Err(fault("it has no certificate".into()));
            }
            for certificate in certificates {
                roots.add(certificate).map_err(|error| fault(error.to_string()))?;
            }
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}
