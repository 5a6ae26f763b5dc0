use std::path::PathBuf;

/// Certificates of the server, and CAs of client certificates. In a checked configuration, `certificate` and `key` are
/// set together, and the settings for clients require them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file with the server's certificate chain; `None` serves without TLS.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key of `certificate`.
    pub key: Option<PathBuf>,
    /// PEM file with the CAs of client certificates; with `None`, the server requests no client certificate.
    pub client_ca: Option<PathBuf>,
    /// Whether to reject connections without a client certificate.
    pub require_client_certificate: bool,
}
