use std::{fs, path::Path};

use http::Uri;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{ConnectError, Options};

/// How the server is recognised, and what is shown to it; `None` for an address without TLS.
pub(super) fn config(options: &Options, address: &Uri) -> Result<Option<ClientTlsConfig>, ConnectError> {
    if options.certificate.is_some() != options.key.is_some() {
        return Err(ConnectError::HalfIdentity);
    }
    if address.scheme_str() != Some("https") {
        return Ok(None);
    }
    let mut tls = match &options.ca {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let (Some(certificate), Some(key)) = (&options.certificate, &options.key) {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(Some(tls))
}

fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    fs::read(path).map_err(|error| ConnectError::File { path: path.to_owned(), error })
}
