//! Why a server does not start, or stops by itself.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{
    clock::OutOfRange,
    identity::{
        DevTokensError,
        oidc::{ClientSecretError, OidcConfigError},
    },
    notify::BuildError,
    policies::PolicyError,
    store::{OpenError, PrivacyError, StoreError},
    tls::TlsError,
};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The data directory cannot be created, or other users can open it.
    #[error(transparent)]
    DataDirectory(#[from] PrivacyError),
    /// The machine's clock is out of range.
    #[error(transparent)]
    Clock(#[from] OutOfRange),
    /// The file that holds the server time cannot be opened.
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
    /// The stored sessions cannot be read.
    #[error("cannot read the sessions: {0}")]
    StoredSessions(StoreError),
    /// Tokens, sessions, blocks and the policy cannot be read together.
    #[error("cannot read the tokens, the sessions and the policy: {0}")]
    StoredControl(StoreError),
    /// No call could authenticate.
    #[error(
        "no authentication is configured: there is no active token, and neither oidc.issuer nor certificates.… is \
         set. Create the first token with `signoff token create {store} --subject NAME --kind person --role \
         operator` (see docs/security.md), or use --dev on your own machine"
    )]
    NoAuthentication {
        /// The option that names the store.
        store: String,
    },
    /// The tokens of development mode cannot be read or created.
    #[error(transparent)]
    Tokens(#[from] DevTokensError),
    /// The OpenID configuration is invalid.
    #[error("oidc: {0}")]
    Oidc(#[from] OidcConfigError),
    /// The client's secret for sign-in with OpenID cannot be read.
    #[error("oidc.client_secret_file: {0}")]
    ClientSecret(#[from] ClientSecretError),
    /// Secrets of channels cannot be read.
    #[error("cannot read the secrets of channels:\n{0}")]
    ChannelSecrets(String),
    /// The certificate, its key or the client authorities cannot be loaded.
    #[error("cannot load the TLS files:\n{0}")]
    Tls(#[from] TlsError),
    /// The policy file is unreadable or invalid. At start there is no earlier valid policy to keep.
    #[error("cannot load the policy file:\n{0}")]
    PolicyFile(String),
    /// The stored policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A channel of notifications cannot be built.
    #[error(transparent)]
    Channel(#[from] BuildError),
    /// The server cannot bind the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system does not allow another thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The system has no random numbers.
    #[error("cannot generate a random number: {0}")]
    Random(#[from] getrandom::Error),
    /// A bug.
    #[error("the server failed to start: {0}")]
    Panicked(String),
    /// The protobuf descriptors in this build are invalid.
    #[error("cannot serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Why a server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// A worker stopped. Workers run as long as the server; without them deadlines would not fire.
    #[error("a worker stopped: {0}")]
    Worker(String),
    /// The machine's clock was set out of the range that replies can carry.
    #[error(transparent)]
    Clock(OutOfRange),
    /// The network failed.
    #[error("the server stopped: {0}")]
    Network(String),
}
