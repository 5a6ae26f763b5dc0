//! Connecting to the server: address, certificates, token, timeout.

use std::{
    convert::Infallible,
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgMatches, builder::OsStringValueParser, error::ErrorKind, parser::ValueSource};
use signoff_client::{ConnectError, Options, Transport};
use tonic::Request;

use super::{
    cause::innermost,
    failure::{Credentials, Failure},
};
use crate::bounded_file;
use crate::proto::v1::{
    access_service_client::AccessServiceClient, admin_service_client::AdminServiceClient,
    approval_service_client::ApprovalServiceClient, policy_service_client::PolicyServiceClient,
};

pub(super) use signoff_client::DEFAULT_ADDRESS;

const UNARY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type Client = ApprovalServiceClient<Transport>;
pub(super) type PolicyClient = PolicyServiceClient<Transport>;
pub(super) type AccessClient = AccessServiceClient<Transport>;
pub(super) type AdminClient = AdminServiceClient<Transport>;

/// Maximum size of a token file, in bytes. Larger than any header that a server accepts.
const TOKEN_MAX: usize = 64 << 10;

/// Options of every command that connects to a server. Global, so they may appear anywhere on the command line.
///
/// Read from the environment here, not by clap: clap would repeat the environment's values in every usage line.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionArgs {
    /// Address of the server [default: http://127.0.0.1:7766] [env: SIGNOFF_ADDRESS]
    #[arg(long, global = true, value_name = "URL")]
    pub address: Option<String>,
    /// Bearer token; visible to other users of this machine: prefer --token-file or the environment [env:
    /// SIGNOFF_TOKEN]
    #[arg(long, global = true, value_parser = parse_token)]
    pub token: Option<Token>,
    /// File that contains the bearer token
    #[arg(long, global = true, value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub token_file: Option<OsString>,
    /// PEM file with the CA certificates to trust instead of the system's [env: SIGNOFF_CA]
    #[arg(long, global = true, value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub ca: Option<OsString>,
    /// PEM file with the client certificate and its chain [env: SIGNOFF_CERTIFICATE]
    #[arg(long, global = true, value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub certificate: Option<OsString>,
    /// PEM file with the private key of the client certificate [env: SIGNOFF_KEY]
    #[arg(long, global = true, value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub key: Option<OsString>,
    /// Send the token without TLS to a server on another machine [env: SIGNOFF_INSECURE]
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Print protocol messages as JSON, one object per line, and errors as JSON on stderr
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
}

/// Ids of the connection options.
const OPTIONS: [&str; 7] = ["address", "token", "token_file", "ca", "certificate", "key", "insecure"];
const JSON: &str = "json";

/// Commands that do not connect, including their subcommands.
const UNCONNECTED: [&[&str]; 11] = [
    &["serve"],
    &["demo"],
    &["config"],
    &["export"],
    &["import"],
    &["store"],
    &["completions"],
    &["man-pages"],
    &["policy", "check"],
    &["policy", "test"],
    &["policy", "schema"],
];

/// Commands that have only one form of output, including their subcommands.
const ONE_OUTPUT: [&str; 5] = ["serve", "demo", "config", "export", "import"];

/// Ids of the global options that have no effect on a command.
fn unused(path: &[&str]) -> Vec<&'static str> {
    let connects = !UNCONNECTED.iter().any(|unconnected| path.starts_with(unconnected));
    let connection = OPTIONS.into_iter().filter(|_| !connects);
    let has_one_output = path.first().is_some_and(|command| ONE_OUTPUT.contains(command));
    connection.chain(has_one_output.then_some(JSON)).collect()
}

/// Removes the options that have no effect from the help of commands.
///
/// Gives each of these commands its own hidden copy. Clap does not propagate a global option to a command that already
/// has it.
pub(super) fn hide_unused_options(mut root: clap::Command) -> clap::Command {
    for path in UNCONNECTED.into_iter().filter(|path| find(&root, path)).collect::<Vec<_>>() {
        let unused = unused(path);
        let options = root.get_arguments().filter(|option| unused.contains(&option.get_id().as_str()));
        let options: Vec<_> = options.cloned().collect();
        root = hide(root, path, &options);
    }
    root
}

fn find(command: &clap::Command, path: &[&str]) -> bool {
    match path {
        [] => true,
        [name, rest @ ..] => command.find_subcommand(name).is_some_and(|command| find(command, rest)),
    }
}

fn hide(command: clap::Command, path: &[&str], options: &[clap::Arg]) -> clap::Command {
    match path {
        [] => command.args(options.iter().map(|option| option.clone().hide(true))),
        [name, rest @ ..] => command.mut_subcommand(name, |command| hide(command, rest, options)),
    }
}

/// Rejects options that have no effect on a command: the user would believe that they have one.
pub(super) fn reject_unused_options(root: &mut clap::Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let (mut path, mut last) = (Vec::new(), matches);
    while let Some((name, below)) = last.subcommand() {
        path.push(name);
        last = below;
    }
    let given = |option: &&&str| {
        matches!(last.try_contains_id(option), Ok(true)) && last.value_source(option) == Some(ValueSource::CommandLine)
    };
    let command = path.join(" ");
    let problem = match unused(&path).iter().find(given) {
        None => return Ok(()),
        Some(&JSON) => format!("`{command}` prints no JSON; remove --json"),
        Some(option) => format!("`{command}` does not connect to a server; remove --{}", option.replace('_', "-")),
    };
    Err(root.error(ErrorKind::ArgumentConflict, problem))
}

/// A bearer token. Its `Debug` output hides the value.
#[derive(Clone)]
pub(super) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

// Never fails: clap would print a rejected value. Connecting rejects a token that a header cannot carry.
fn parse_token(text: &str) -> Result<Token, Infallible> {
    Ok(Token(text.trim().to_owned()))
}

/// An environment variable. An empty value counts as unset.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn text_of(name: &str) -> Result<Option<String>, Failure> {
    let text = variable(name).map(OsString::into_string).transpose();
    text.map_err(|_| Failure::Usage(format!("{name}: not valid UTF-8")))
}

fn is_set(name: &str) -> Result<bool, Failure> {
    match text_of(name)?.as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(other) => Err(Failure::Usage(format!("{name}: {other:?} is not allowed; allowed: true, false, 1, 0"))),
    }
}

/// Reads the token in a file, without the line end that editors add.
fn token_in(path: &Path) -> Result<Token, Failure> {
    let wrong = |problem: &dyn fmt::Display| Failure::Files(vec![format!("{}: {problem}", path.display())]);
    let text = bounded_file::read_input(path, TOKEN_MAX).and_then(bounded_file::text).map_err(|error| wrong(&error))?;
    match text.trim() {
        "" => Err(wrong(&"contains no token")),
        token => Ok(Token(token.to_owned())),
    }
}

impl ConnectionArgs {
    /// What this command identifies itself with, from options and environment.
    pub(super) fn credentials(&self) -> Credentials {
        let token = self.token.as_ref().is_some_and(|token| !token.0.is_empty());
        let address = self.address().unwrap_or_default().to_ascii_lowercase();
        Credentials {
            token: token || self.token_file.is_some() || variable("SIGNOFF_TOKEN").is_some(),
            certificate: self.certificate.is_some() || variable("SIGNOFF_CERTIFICATE").is_some(),
            tls: address.starts_with("https://"),
        }
    }

    fn token(&self) -> Result<Option<Token>, Failure> {
        match (&self.token, &self.token_file) {
            (Some(_), Some(_)) => Err(Failure::Usage("--token and --token-file are both set; set only one".to_owned())),
            (Some(token), None) => Ok(Some(token.clone())),
            (None, Some(path)) => token_in(&PathBuf::from(path)).map(Some),
            (None, None) => Ok(text_of("SIGNOFF_TOKEN")?.map(|token| Token(token.trim().to_owned()))),
        }
    }

    fn options(&self) -> Result<Options, Failure> {
        let file =
            |given: &Option<OsString>, name| given.clone().filter(|path| !path.is_empty()).or_else(|| variable(name));
        let mut options = Options::new()
            .address(self.address()?)
            .insecure(self.insecure || is_set("SIGNOFF_INSECURE")?)
            .deadline(UNARY_TIMEOUT);
        if let Some(Token(token)) = self.token()? {
            options = options.token(token);
        }
        if let Some(path) = file(&self.ca, "SIGNOFF_CA") {
            options = options.ca(path);
        }
        if let Some(path) = file(&self.certificate, "SIGNOFF_CERTIFICATE") {
            options = options.certificate(path);
        }
        if let Some(path) = file(&self.key, "SIGNOFF_KEY") {
            options = options.key(path);
        }
        Ok(options)
    }

    /// The server's address.
    pub(super) fn address(&self) -> Result<String, Failure> {
        match self.address.as_ref().filter(|address| !address.is_empty()) {
            Some(address) => Ok(address.clone()),
            None => Ok(text_of("SIGNOFF_ADDRESS")?.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned())),
        }
    }

    /// Connects immediately, so that an unreachable server fails before the first call.
    pub(super) async fn client(&self) -> Result<signoff_client::Client, Failure> {
        signoff_client::Client::connect(&self.options()?).await.map_err(Failure::from)
    }

    /// Connects with the first call, which can be retried while the server is unreachable.
    pub(super) fn lazy_client(&self) -> Result<signoff_client::Client, Failure> {
        signoff_client::Client::new(&self.options()?).map_err(Failure::from)
    }

    /// Like [`client`](Self::client), for the policy.
    pub(super) async fn policies(&self) -> Result<PolicyClient, Failure> {
        Ok(self.client().await?.policies())
    }

    /// Like [`client`](Self::client), for tokens.
    pub(super) async fn access(&self) -> Result<AccessClient, Failure> {
        Ok(self.client().await?.access())
    }

    /// Like [`client`](Self::client), for freezes and the status.
    pub(super) async fn admin(&self) -> Result<AdminClient, Failure> {
        Ok(self.client().await?.admin())
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Exposed { address } => Self::Exposed { address },
            ConnectError::File { .. } => Self::Files(vec![error.to_string()]),
            ConnectError::HalfIdentity => Self::Usage("--certificate and --key: set both or neither".to_owned()),
            ConnectError::Address { address, problem } => Self::Usage(format!("address {address}: {problem}")),
            ConnectError::Transport { address, error } => Self::unreachable(&address, innermost(&error)),
            other => Self::Usage(other.to_string()),
        }
    }
}

/// A unary call, with the timeout of a call that the server answers immediately.
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
