use std::path::PathBuf;

/// Certificates of the server, and those that it asks of clients. In a checked configuration a certificate has its key,
/// and settings about clients come with a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file with the server's certificate and its chain; `None` serves without TLS.
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    pub key: Option<PathBuf>,
    /// PEM file with the authorities of client certificates; `None` asks for no certificates.
    pub client_ca: Option<PathBuf>,
    /// Whether every client must have a certificate.
    pub require_client_certificate: bool,
}
