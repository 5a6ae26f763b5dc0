//! Reaching the server: address, certificates, token, keepalive.

mod tls;

use std::{convert::Infallible, error::Error, fmt, net::IpAddr, path::PathBuf, time::Duration};

use clap::builder::BoolishValueParser;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::failure::Failure;
use crate::proto::v1::{
    access_service_client::AccessServiceClient, approval_service_client::ApprovalServiceClient,
    policy_service_client::PolicyServiceClient,
};

/// Where the commands look for a server unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "http://127.0.0.1:7766";

/// A page of 200 approvals of the greatest size fits.
const MESSAGE_LIMIT: usize = 64 << 20;
const UNARY_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Transport = InterceptedService<Channel, Bearer>;
pub(super) type Client = ApprovalServiceClient<Transport>;
pub(super) type PolicyClient = PolicyServiceClient<Transport>;
pub(super) type AccessClient = AccessServiceClient<Transport>;

/// Flags of every command that talks to a server; global, so they may stand anywhere on the command line.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Address of the server
    #[arg(
        long, global = true, env = "SIGNOFF_ADDRESS", default_value = DEFAULT_ADDRESS, value_name = "URL",
        value_parser = parse_address
    )]
    pub address: String,
    /// Bearer token; prefer the environment, where other users of the machine cannot see it
    #[arg(long, global = true, env = "SIGNOFF_TOKEN", hide_env_values = true, value_parser = parse_token)]
    pub token: Option<Token>,
    /// PEM file with the authorities that the server's certificate may come from, in place of the system's
    #[arg(long, global = true, env = "SIGNOFF_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file with a certificate to show to the server, and its chain
    #[arg(long, global = true, env = "SIGNOFF_CERTIFICATE", value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// PEM file with that certificate's private key
    #[arg(long, global = true, env = "SIGNOFF_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Send the token without TLS to a server that is not on this machine
    #[arg(long, global = true, env = "SIGNOFF_INSECURE", value_parser = BoolishValueParser::new())]
    pub insecure: bool,
    /// Print the protocol's messages as JSON, one object per line; errors too, on stderr
    #[arg(long, global = true)]
    pub json: bool,
}

/// A bearer token. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

// Never fails: clap would print a refused value. What a header cannot carry is refused on connecting.
fn parse_token(text: &str) -> Result<Token, Infallible> {
    Ok(Token(text.trim().to_owned()))
}

fn parse_address(text: &str) -> Result<String, String> {
    let address = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: http::Uri = address.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.path()) {
        (Some("http" | "https"), "" | "/") => Ok(address.trim_end_matches('/').to_owned()),
        (Some("http" | "https"), _) => Err("an address has no path: https://HOST:PORT".to_owned()),
        _ => Err("an address is https://HOST:PORT or http://HOST:PORT".to_owned()),
    }
}

/// Whether what is sent there can be read by others on its way.
fn is_exposed(address: &http::Uri) -> bool {
    let host = address.host().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let on_this_machine = host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.to_canonical().is_loopback());
    address.scheme_str() != Some("https") && !on_this_machine
}

impl ConnectionArgs {
    pub(super) fn has_token(&self) -> bool {
        self.token.as_ref().is_some_and(|token| !token.0.is_empty())
    }

    /// Connects now, so that a server that is not there is told apart from one that went away.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        let (channel, bearer) = self.transport().await?;
        Ok(ApprovalServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(MESSAGE_LIMIT))
    }

    /// As [`connect`](Self::connect), for the policy.
    pub(super) async fn policies(&self) -> Result<PolicyClient, Failure> {
        let (channel, bearer) = self.transport().await?;
        Ok(PolicyServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(MESSAGE_LIMIT))
    }

    /// As [`connect`](Self::connect), for tokens.
    pub(super) async fn access(&self) -> Result<AccessClient, Failure> {
        let (channel, bearer) = self.transport().await?;
        Ok(AccessServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(MESSAGE_LIMIT))
    }

    pub(super) async fn transport(&self) -> Result<(Channel, Bearer), Failure> {
        let bearer = Bearer::new(self.token.as_ref().filter(|_| self.has_token()))?;
        let address: http::Uri = self.address.parse().map_err(|error| Failure::Usage(format!("{error}")))?;
        if bearer.0.is_some() && is_exposed(&address) && !self.insecure {
            return Err(Failure::Exposed { address: self.address.clone() });
        }
        let tls = tls::config(self, &address)?;
        let unreachable = |error: tonic::transport::Error| Failure::unreachable(&self.address, innermost(&error));
        let mut endpoint = Endpoint::from(address);
        if let Some(tls) = tls {
            endpoint = endpoint.tls_config(tls).map_err(unreachable)?;
        }
        let channel = endpoint
            .user_agent(concat!("signoff/", env!("CARGO_PKG_VERSION")))
            .map_err(unreachable)?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect()
            .await
            .map_err(unreachable)?;
        Ok((channel, bearer))
    }
}

fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// A call that is answered at once, or not at all.
pub(super) fn unary<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(UNARY_TIMEOUT);
    request
}

/// Puts the token on every call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: Option<&Token>) -> Result<Self, Failure> {
        let value = token.map(|token| format!("Bearer {}", token.0).parse()).transpose();
        let mut value: Option<MetadataValue<Ascii>> =
            value.map_err(|_| Failure::Usage("the token holds characters that no token has".to_owned()))?;
        if let Some(value) = &mut value {
            value.set_sensitive(true);
        }
        Ok(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("http://127.0.0.1:7766", Some("http://127.0.0.1:7766")),
            ("http://127.0.0.1:7766/", Some("http://127.0.0.1:7766")),
            ("localhost:7766", Some("http://localhost:7766")),
            ("[::1]:7766", Some("http://[::1]:7766")),
            ("https://example.com", Some("https://example.com")),
            ("https://example.com/", Some("https://example.com")),
            ("https://example.com/path", None),
            ("ftp://example.com", None),
            ("http://example.com/path", None),
            ("http://", None),
            ("", None),
        ];
        for (given, expected) in cases {
            assert_eq!(parse_address(given).ok().as_deref(), expected, "{given}");
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
            assert!(is_exposed(&exposed.parse().unwrap()), "{exposed}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let Ok(token) = parse_token(" s3cret\n");
        assert_eq!(format!("{token:?}"), "Token(…)");
        let bearer = Bearer::new(Some(&token)).unwrap();
        assert_eq!(bearer.0.as_ref().unwrap().to_str().unwrap(), "Bearer s3cret");
        assert!(!format!("{:?}", bearer.0).contains("s3cret"));
        let failure = Bearer::new(Some(&Token("s3cret\nx".to_owned()))).err().unwrap();
        assert!(!failure.to_string().contains("s3cret"));
    }
}
