//! Messages of the server that no log filter suppresses: its address, and why it did not start or ended.
//!
//! People read sentences: on stdout after the start, on stderr if the start fails. With a JSON log, every message is a
//! line of that log: a log collector reads both streams and can parse nothing else.

use std::{
    fmt,
    io::{self, Write},
    panic::PanicHookInfo,
    path::{Path, absolute},
    process::ExitCode,
};

use tracing::{Dispatch, dispatcher::with_default};

use crate::{
    config::{Config, ConfigErrors, LogFormat},
    identity::DevEnvFiles,
    server::Server,
    telemetry::{self, Format},
};

/// Prints messages in the format of the server's log.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    /// Writes JSON lines; `None` for sentences.
    json: Option<Dispatch>,
}

impl Reporter {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { json: (format == LogFormat::Json).then(|| telemetry::unfiltered(Format::Json)) }
    }

    /// Prints why the server did not start, or why it ended.
    pub(super) fn failed(&self, error: &dyn std::error::Error) -> ExitCode {
        self.error(error);
        ExitCode::FAILURE
    }

    /// Prints an error.
    pub(in crate::cli) fn error(&self, what: impl fmt::Display) {
        match &self.json {
            Some(json) => with_default(json, || tracing::error!("{what}")),
            None => anstream::eprintln!("error: {what}"),
        }
    }

    /// Prints a message that is not an error.
    pub(super) fn note(&self, what: &str) {
        match &self.json {
            Some(json) => with_default(json, || tracing::info!("{what}")),
            None => anstream::eprintln!("{what}"),
        }
    }

    /// Prints every problem of the configuration; in JSON, a line for each.
    pub(super) fn misconfigured(&self, errors: &ConfigErrors) {
        match &self.json {
            Some(json) => with_default(json, || {
                for problem in errors.problems() {
                    tracing::error!("invalid configuration: {problem}");
                }
            }),
            None => anstream::eprintln!("error: invalid configuration\n{errors}"),
        }
    }

    /// With a JSON log, reports panics as lines of that log.
    pub(super) fn report_panics(&self) {
        if let Some(json) = self.json.clone() {
            std::panic::set_hook(Box::new(move |panic| with_default(&json, || panicked(panic))));
        }
    }

    /// Prints the server's address, and in development mode the commands to try next.
    pub(super) fn listening(&self, config: &Config, server: &Server) -> io::Result<()> {
        let version = server.policy_version();
        match &self.json {
            Some(json) => {
                with_default(json, || {
                    tracing::info!(
                        version = env!("CARGO_PKG_VERSION"),
                        address = %server.address(),
                        data_dir = %config.data_dir.display(),
                        policy_version = version,
                        policy_file = config.policy.as_ref().map(|path| tracing::field::display(path.display())),
                        "listening"
                    );
                    if let Some(DevEnvFiles { agent, reviewer, operator }) = server.dev_env_files() {
                        tracing::warn!(
                            agent = %agent.display(),
                            reviewer = %reviewer.display(),
                            operator = %operator.display(),
                            "DEVELOPMENT MODE: anyone who can read the data directory can approve; never use it in \
                             production"
                        );
                    }
                });
                Ok(())
            }
            None => announce(&mut anstream::stdout().lock(), config, server),
        }
    }
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    tracing::error!(place, thread, "panicked: {message}");
}

/// The live policy, in a few words.
fn policy(config: &Config, version: u64) -> String {
    match (&config.policy, version) {
        (Some(path), version) => format!("version {version}, from {}", path.display()),
        (None, 0) => "built-in, requires approval for every call; set one with `signoff policy set`".to_owned(),
        (None, version) => format!("version {version}"),
    }
}

fn announce(out: &mut impl Write, config: &Config, server: &Server) -> io::Result<()> {
    writeln!(out, "signoff {} is listening on {}", env!("CARGO_PKG_VERSION"), server.address())?;
    writeln!(out, "data directory: {}", config.data_dir.display())?;
    writeln!(out, "policy: {}", policy(config, server.policy_version()))?;
    if let Some(files) = server.dev_env_files() {
        let program = std::env::args().next().unwrap_or_else(|| "signoff".into());
        writeln!(out, "{}", introduction(&program, files, server.dev_link().unwrap_or_default()))?;
    }
    out.flush()
}

/// The commands to try next. Shows no token, because people share screens and scrollback; the link works only once.
fn introduction(program: &str, DevEnvFiles { agent, reviewer, operator }: &DevEnvFiles, link: &str) -> String {
    let [agent, reviewer, operator] = [agent, reviewer, operator].map(|path| shell_path(path));
    format!(
        "
DEVELOPMENT MODE: anyone who can read the data directory can approve. Never use it in production.

Open the desk as the reviewer (the link signs in once):
  {link}

In a second terminal, request approval as the agent:
  . {agent}
  {program} request send_email --arg to=alice@company.com --reason 'Welcome mail'

Decide there, or in a third terminal:
  . {reviewer}
  {program} pending
  {program} approve -

The operator sees everything and decides nothing: {operator}
Each file sets SIGNOFF_ADDRESS and SIGNOFF_TOKEN; clients and grpcurl can use them too."
    )
}

/// An absolute path, quoted for a shell if necessary.
pub(super) fn shell_path(path: &Path) -> String {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        for (path, expected) in [
            ("/home/op/.local/state/signoff/dev/agent.env", "/home/op/.local/state/signoff/dev/agent.env"),
            ("/my data/agent.env", "'/my data/agent.env'"),
            ("/o'clock/$HOME/agent.env", r"'/o'\''clock/$HOME/agent.env'"),
        ] {
            assert_eq!(shell_path(Path::new(path)), expected);
        }
        assert!(shell_path(Path::new("data/agent.env")).starts_with('/'), "another terminal has another directory");
    }

    #[test]
    fn the_introduction_names_files_and_no_token() {
        let files = DevEnvFiles::in_directory(Path::new("/data"));
        let text = introduction("target/release/signoff", &files, "http://127.0.0.1:7766/sign-in/dev/secret");
        for line in [
            "  . /data/agent.env",
            "  . /data/reviewer.env",
            "  target/release/signoff request send_email --arg to=alice@company.com --reason 'Welcome mail'",
            "The operator sees everything and decides nothing: /data/operator.env",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
        }
    }
}
