use std::path::Path;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{ConnectionArgs, Failure};

/// How the server is recognised, and what is shown to it; `None` for an address without TLS.
pub(super) fn config(args: &ConnectionArgs, address: &http::Uri) -> Result<Option<ClientTlsConfig>, Failure> {
    if address.scheme_str() != Some("https") {
        return Ok(None);
    }
    let tls = match &args.ca {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => Ok(Some(tls.identity(Identity::from_pem(read(certificate)?, read(key)?)))),
        (None, None) => Ok(Some(tls)),
        _ => Err(Failure::Usage("--certificate and --key are given together, or not at all".to_owned())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Files(vec![format!("{}: {error}", path.display())]))
}
