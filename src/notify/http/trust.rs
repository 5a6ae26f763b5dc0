//! The authorities whose certificates are trusted.

use std::path::{Path, PathBuf};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::HttpError;
use crate::bounded_file;

/// Maximum size of a file with certificates.
const CA_FILE_MAX: usize = 1024 * 1024;

/// Trusts the system's authorities, and those of a file.
pub(super) async fn client_config(ca_file: Option<PathBuf>) -> Result<ClientConfig, HttpError> {
    let load = move || {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = ca_file {
            add(&mut roots, &path)?;
        }
        if roots.is_empty() {
            let why = system.errors.first().map_or_else(|| "the system has none".to_owned(), ToString::to_string);
            return Err(why);
        }
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    };
    let loaded = tokio::task::spawn_blocking(load).await;
    loaded.map_err(|error| error.to_string()).flatten().map_err(HttpError::Trust)
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let problem = |why: &dyn ToString| format!("{}: {}", path.display(), why.to_string());
    let pem = bounded_file::read(path, CA_FILE_MAX).map_err(|error| problem(&error))?;
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| problem(&error))?;
        roots.add(certificate).map_err(|error| problem(&error))?;
        count += 1;
    }
    if count == 0 { Err(problem(&"contains no PEM certificate")) } else { Ok(()) }
}
