//! Options of a connection: address, token, TLS.

mod tls;

use std::{
    env,
    ffi::OsString,
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Uri;
use tonic::transport::Endpoint;

use crate::bearer::Bearer;

/// The default address.
pub const DEFAULT_ADDRESS: &str = "http://127.0.0.1:7766";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum of callers' durations, longer than any timeout that a server accepts.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Options of a connection. Their `Debug` form does not show the token.
#[derive(Clone)]
#[must_use]
pub struct Options {
    address: String,
    token: Option<String>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    insecure: bool,
    pub(crate) deadline: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not `http://HOST:PORT` or `https://HOST:PORT`.
    #[error("address {address:?}: {problem}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The token has characters other than visible ASCII.
    #[error("the token must consist of visible ASCII characters")]
    Token,
    /// A variable of the environment is not Unicode.
    #[error("{0} is not Unicode")]
    NotUnicode(&'static str),
    /// `SIGNOFF_INSECURE` is neither true nor false.
    #[error("SIGNOFF_INSECURE must be true, 1, false or 0, not {0:?}")]
    Insecure(String),
    /// The token would be sent without TLS to another host: use an `https://` address, or set `insecure`.
    #[error("the token would be sent without TLS to {address}, where others could read it")]
    Exposed {
        /// The address.
        address: String,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("certificate and key must be set together")]
    HalfIdentity,
    /// A PEM file cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// TLS cannot be set up, or, for [`Client::connect`](crate::Client::connect), the server is unreachable.
    #[error("no connection to {address}")]
    Transport {
        /// The server's address.
        address: String,
        /// The error; its sources have details.
        #[source]
        error: tonic::transport::Error,
    },
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// [`DEFAULT_ADDRESS`], no token, the system's authorities, 30 s for unary calls.
    pub fn new() -> Self {
        Self {
            address: DEFAULT_ADDRESS.to_owned(),
            token: None,
            ca: None,
            certificate: None,
            key: None,
            insecure: false,
            deadline: Duration::from_secs(30),
        }
    }

    /// Options from `SIGNOFF_ADDRESS`, `SIGNOFF_TOKEN`, `SIGNOFF_CA`, `SIGNOFF_CERTIFICATE`, `SIGNOFF_KEY` and
    /// `SIGNOFF_INSECURE`, or else as [`new`](Self::new). An empty variable counts as unset.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Insecure`] and [`ConnectError::NotUnicode`].
    pub fn from_env() -> Result<Self, ConnectError> {
        Self::from_variables(|name| env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConnectError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let text = |name: &'static str| {
            let text = variable(name).map(OsString::into_string).transpose();
            text.map_err(|_| ConnectError::NotUnicode(name))
        };
        let defaults = Self::new();
        Ok(Self {
            address: text("SIGNOFF_ADDRESS")?.unwrap_or(defaults.address),
            token: text("SIGNOFF_TOKEN")?,
            ca: path("SIGNOFF_CA"),
            certificate: path("SIGNOFF_CERTIFICATE"),
            key: path("SIGNOFF_KEY"),
            insecure: match text("SIGNOFF_INSECURE")?.as_deref() {
                None | Some("false" | "0") => false,
                Some("true" | "1") => true,
                Some(other) => return Err(ConnectError::Insecure(other.to_owned())),
            },
            deadline: defaults.deadline,
        })
    }

    /// `http://HOST:PORT` or `https://HOST:PORT`; without a scheme it is `http://`.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }

    /// Bearer token, sent with each call.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// PEM file with the authorities of the server's certificate, in place of the system's.
    pub fn ca(mut self, path: impl AsRef<Path>) -> Self {
        self.ca = Some(path.as_ref().to_owned());
        self
    }

    /// PEM file with the client certificate and its chain. Needs [`key`](Self::key).
    pub fn certificate(mut self, path: impl AsRef<Path>) -> Self {
        self.certificate = Some(path.as_ref().to_owned());
        self
    }

    /// PEM file with the private key of [`certificate`](Self::certificate).
    pub fn key(mut self, path: impl AsRef<Path>) -> Self {
        self.key = Some(path.as_ref().to_owned());
        self
    }

    /// Send the token without TLS also to a host that is not loopback. For trusted networks.
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// The deadline of unary calls; 30 s unless set, 30 days at most.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.min(LONGEST);
        self
    }

    /// Checks the options, without the network.
    pub(crate) fn resolve(&self) -> Result<(Endpoint, Bearer), ConnectError> {
        let token = self.token.as_deref().map(str::trim).filter(|token| !token.is_empty());
        let bearer = Bearer::new(token).ok_or(ConnectError::Token)?;
        let uri =
            parse(&self.address).map_err(|problem| ConnectError::Address { address: self.address.clone(), problem })?;
        if token.is_some() && is_exposed(&uri) && !self.insecure {
            return Err(ConnectError::Exposed { address: self.address.clone() });
        }
        let tls = tls::config(self, &uri)?;
        let refused = |error| ConnectError::Transport { address: self.address.clone(), error };
        let mut endpoint = Endpoint::from(uri);
        if let Some(tls) = tls {
            endpoint = endpoint.tls_config(tls).map_err(refused)?;
        }
        let endpoint = endpoint
            .user_agent(concat!("signoff/", env!("CARGO_PKG_VERSION")))
            .map_err(refused)?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        Ok((endpoint, bearer))
    }

    /// The address, for messages.
    pub(crate) fn shown_address(&self) -> &str {
        &self.address
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("address", &self.address)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("ca", &self.ca)
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .field("insecure", &self.insecure)
            .field("deadline", &self.deadline)
            .finish()
    }
}

fn parse(text: &str) -> Result<Uri, String> {
    let address = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Uri = address.parse().map_err(|error| format!("{error}"))?;
    let plain = uri.path() == "/" && uri.query().is_none();
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    match uri.scheme_str() {
        Some("http" | "https") if plain && named => Ok(uri),
        Some("http" | "https") => Err("an address has only a host and a port: https://HOST:PORT".to_owned()),
        _ => Err("an address is https://HOST:PORT or http://HOST:PORT".to_owned()),
    }
}

/// Whether others can read what is sent to this address.
fn is_exposed(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let on_this_machine = host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.to_canonical().is_loopback());
    address.scheme_str() != Some("https") && !on_this_machine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("http://127.0.0.1:7766", Some("http://127.0.0.1:7766/")),
            ("http://127.0.0.1:7766/", Some("http://127.0.0.1:7766/")),
            ("localhost:7766", Some("http://localhost:7766/")),
            ("[::1]:7766", Some("http://[::1]:7766/")),
            ("https://example.com", Some("https://example.com/")),
            ("https://example.com/path", None),
            ("https://example.com/?q", None),
            ("https://user@example.com", None),
            ("ftp://example.com", None),
            ("http://", None),
            ("", None),
        ];
        for (given, expected) in cases {
            assert_eq!(parse(given).ok().map(|uri| uri.to_string()).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn plaintext_is_exposed_beyond_this_machine() {
        for safe in [
            "https://example.com",
            "http://localhost:1",
            "http://LOCALHOST",
            "http://127.9.9.9:1",
            "http://[::1]:7766",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(!is_exposed(&safe.parse().unwrap()), "{safe}");
        }
        for exposed in ["http://example.com", "http://localhost.example.com", "http://10.0.0.1:1", "http://[::]:1"] {
            let options = Options::new().address(exposed);
            assert!(options.resolve().is_ok(), "without a token: {exposed}");
            let options = options.token("t");
            assert!(matches!(options.resolve(), Err(ConnectError::Exposed { .. })), "{exposed}");
            assert!(options.insecure(true).resolve().is_ok(), "{exposed}");
        }
    }

    #[test]
    fn the_environment_fills_what_is_not_given_and_emptiness_is_nothing() {
        let variables = |name: &str| {
            let value = match name {
                "SIGNOFF_ADDRESS" => "https://signoff.example",
                "SIGNOFF_TOKEN" => "s3cret",
                "SIGNOFF_CA" => "ca.pem",
                "SIGNOFF_INSECURE" => "1",
                _ => "",
            };
            Some(OsString::from(value))
        };
        let options = Options::from_variables(variables).unwrap();
        assert_eq!(
            (options.address.as_str(), options.token.as_deref(), options.ca.as_deref(), options.insecure),
            ("https://signoff.example", Some("s3cret"), Some(Path::new("ca.pem")), true)
        );
        assert_eq!((&options.certificate, &options.key), (&None, &None));
        assert_eq!(Options::from_variables(|_| Some(OsString::new())).unwrap().address, DEFAULT_ADDRESS);
        let error = Options::from_variables(|name| (name == "SIGNOFF_INSECURE").then(|| "maybe".into()));
        assert!(error.unwrap_err().to_string().contains("maybe"));
    }

    #[test]
    fn a_token_is_never_printed() {
        let options = Options::new().token(" s3cret\n");
        let (_, bearer) = options.resolve().unwrap();
        assert!(!format!("{options:?} {bearer:?}").contains("s3cret"));
        let error = Options::new().token("s3cret\nx").resolve().unwrap_err();
        assert!(matches!(error, ConnectError::Token) && !error.to_string().contains("s3cret"));
    }

    #[test]
    fn half_an_identity_and_missing_files_are_told() {
        let tls = Options::new().address("https://example.com");
        let half = tls.clone().certificate("c.pem").resolve();
        assert!(matches!(half, Err(ConnectError::HalfIdentity)));
        let missing = tls.ca("/no/such/file").resolve().unwrap_err().to_string();
        assert!(missing.starts_with("/no/such/file: "), "{missing}");
    }
}
