//! Why a server does not start, or ends by itself.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{
    clock::OutOfRange,
    identity::{DevTokensError, oidc::OidcConfigError},
    policies::PolicyError,
    store::{OpenError, StoreError},
    tls::TlsError,
};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The machine's clock is off by centuries.
    #[error(transparent)]
    Clock(#[from] OutOfRange),
    /// The newest time cannot be kept.
    #[error("cannot open {}: {source}", path.display())]
    PersistedTime {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The stored tokens cannot be read.
    #[error("cannot read the tokens: {0}")]
    StoredTokens(StoreError),
    /// Nobody could authenticate.
    #[error(
        "nobody could authenticate: there is no active token, and neither oidc.issuer nor certificates.… is set. Make the first \
         token with `signoff token create --data-dir {} --subject NAME --kind person --role operator`, see docs/security.md; \
         or use --dev on your own machine",
        data_dir.display()
    )]
    NoAuthentication {
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The tokens of development mode cannot be read or made.
    #[error(transparent)]
    Tokens(#[from] DevTokensError),
    /// The tokens of an OpenID provider could not be verified.
    #[error("oidc: {0}")]
    Oidc(#[from] OidcConfigError),
    /// The certificate, its key or the authorities of clients cannot be used.
    #[error("the files of TLS cannot be used\n{0}")]
    Tls(#[from] TlsError),
    /// The policy file cannot be read, or is wrong: there is no last good one to go on with.
    #[error("the policy file cannot be used\n{0}")]
    PolicyFile(String),
    /// The stored policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There can be no further thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// A defect.
    #[error("the start failed: {0}")]
    Panicked(String),
    /// The descriptors that this build carries cannot be served.
    #[error("cannot serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Why a server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// A worker, which works for ever, has ended: deadlines would not fire any more.
    #[error("a worker ended: {0}")]
    Worker(String),
    /// The machine's clock was set to a time that no answer can carry.
    #[error(transparent)]
    Clock(OutOfRange),
    /// The network failed.
    #[error("the server ended: {0}")]
    Network(String),
}
