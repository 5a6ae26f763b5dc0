//! Reaching the server: address, certificates, token, keepalive.

use std::{convert::Infallible, error::Error, ffi::OsString, fmt, time::Duration};

use clap::builder::OsStringValueParser;
use signoff_client::{ConnectError, Options, Transport};
use tonic::Request;

use super::failure::Failure;
use crate::proto::v1::{
    access_service_client::AccessServiceClient, admin_service_client::AdminServiceClient,
    approval_service_client::ApprovalServiceClient, policy_service_client::PolicyServiceClient,
};

pub use signoff_client::DEFAULT_ADDRESS;

const UNARY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type Client = ApprovalServiceClient<Transport>;
pub(super) type PolicyClient = PolicyServiceClient<Transport>;
pub(super) type AccessClient = AccessServiceClient<Transport>;
pub(super) type AdminClient = AdminServiceClient<Transport>;

/// Flags of every command that talks to a server; global, so they may stand anywhere on the command line.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Address of the server
    #[arg(long, global = true, env = "SIGNOFF_ADDRESS", default_value = DEFAULT_ADDRESS, value_name = "URL")]
    pub address: String,
    /// Bearer token; prefer the environment, where other users of the machine cannot see it
    #[arg(long, global = true, env = "SIGNOFF_TOKEN", hide_env_values = true, value_parser = parse_token)]
    pub token: Option<Token>,
    /// PEM file with the authorities that the server's certificate may come from, in place of the system's
    #[arg(long, global = true, env = "SIGNOFF_CA", value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub ca: Option<OsString>,
    /// PEM file with a certificate to show to the server, and its chain
    #[arg(long, global = true, env = "SIGNOFF_CERTIFICATE", value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub certificate: Option<OsString>,
    /// PEM file with that certificate's private key
    #[arg(long, global = true, env = "SIGNOFF_KEY", value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub key: Option<OsString>,
    /// Send the token without TLS to a server that is not on this machine
    #[arg(long, global = true, env = "SIGNOFF_INSECURE", value_parser = parse_flag)]
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

fn parse_flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "" | "false" | "0" => Ok(false),
        _ => Err("true or false (or 1 or 0)".to_owned()),
    }
}

impl ConnectionArgs {
    pub(super) fn has_token(&self) -> bool {
        self.token.as_ref().is_some_and(|token| !token.0.is_empty())
    }

    /// Connects now, so that a server that is not there is told apart from one that went away.
    pub(super) async fn client(&self) -> Result<signoff_client::Client, Failure> {
        // An empty variable of the environment counts as unset.
        let given = |path: &Option<OsString>| path.clone().filter(|path| !path.is_empty());
        let address = if self.address.is_empty() { DEFAULT_ADDRESS } else { &self.address };
        let mut options = Options::new().address(address).insecure(self.insecure).deadline(UNARY_TIMEOUT);
        if let Some(Token(token)) = &self.token {
            options = options.token(token);
        }
        if let Some(path) = given(&self.ca) {
            options = options.ca(path);
        }
        if let Some(path) = given(&self.certificate) {
            options = options.certificate(path);
        }
        if let Some(path) = given(&self.key) {
            options = options.key(path);
        }
        signoff_client::Client::connect(&options).await.map_err(Failure::from)
    }

    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        Ok(self.client().await?.approvals())
    }

    /// As [`connect`](Self::connect), for the policy.
    pub(super) async fn policies(&self) -> Result<PolicyClient, Failure> {
        Ok(self.client().await?.policies())
    }

    /// As [`connect`](Self::connect), for tokens.
    pub(super) async fn access(&self) -> Result<AccessClient, Failure> {
        Ok(self.client().await?.access())
    }

    /// As [`connect`](Self::connect), for freezes and the status.
    pub(super) async fn admin(&self) -> Result<AdminClient, Failure> {
        Ok(AdminClient::new(self.client().await?.transport()))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Exposed { address } => Self::Exposed { address },
            ConnectError::File { .. } => Self::Files(vec![error.to_string()]),
            ConnectError::HalfIdentity => {
                Self::Usage("--certificate and --key are given together, or not at all".to_owned())
            }
            ConnectError::Address { address, problem } => Self::Usage(format!("--address {address}: {problem}")),
            ConnectError::Transport { address, error } => Self::unreachable(&address, innermost(&error)),
            other => Self::Usage(other.to_string()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_printed() {
        let Ok(token) = parse_token(" s3cret\n");
        assert_eq!((token.0.as_str(), format!("{token:?}").as_str()), ("s3cret", "Token(…)"));
    }
}
