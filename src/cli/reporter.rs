//! What a server says whatever its log's filter: where it is, and why it does not start or ends.
//!
//! People read sentences, on stdout when it has started and on stderr when it has not. Where the log is JSON, all of it
//! is lines of that log: what collects them reads both streams, and can parse nothing else.

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

/// Speaks for a server, in the form of its log.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    /// Writes JSON lines; `None` for sentences.
    json: Option<Dispatch>,
}

impl Reporter {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { json: (format == LogFormat::Json).then(|| telemetry::unfiltered(Format::Json)) }
    }

    /// Tells why the server does not start, or why it ended.
    pub(super) fn failed(&self, error: &dyn std::error::Error) -> ExitCode {
        self.error(error);
        ExitCode::FAILURE
    }

    /// A last sentence.
    pub(in crate::cli) fn error(&self, what: impl fmt::Display) {
        match &self.json {
            Some(json) => with_default(json, || tracing::error!("{what}")),
            None => anstream::eprintln!("error: {what}"),
        }
    }

    /// Something that is no error.
    pub(super) fn note(&self, what: &str) {
        match &self.json {
            Some(json) => with_default(json, || tracing::info!("{what}")),
            None => anstream::eprintln!("{what}"),
        }
    }

    /// Tells everything that is wrong with the configuration: in JSON a line each.
    pub(super) fn misconfigured(&self, errors: &ConfigErrors) {
        match &self.json {
            Some(json) => with_default(json, || {
                for problem in errors.problems() {
                    tracing::error!("the configuration cannot be used: {problem}");
                }
            }),
            None => anstream::eprintln!("error: the configuration cannot be used\n{errors}"),
        }
    }

    /// Has panics reported in the form of the log, too.
    pub(super) fn report_panics(&self) {
        if let Some(json) = self.json.clone() {
            std::panic::set_hook(Box::new(move |panic| with_default(&json, || panicked(panic))));
        }
    }

    /// Says where the server is, and in development mode what to type next.
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
                            "DEVELOPMENT MODE: anyone who can read the data directory can approve; never use it for real"
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

/// Which policy judges, in a few words.
fn policy(config: &Config, version: u64) -> String {
    match (&config.policy, version) {
        (Some(path), version) => format!("version {version}, from {}", path.display()),
        (None, 0) => "the built-in one, which asks for every call; see `signoff policy set`".to_owned(),
        (None, version) => format!("version {version}"),
    }
}

fn announce(out: &mut impl Write, config: &Config, server: &Server) -> io::Result<()> {
    writeln!(out, "signoff {} is listening on {}", env!("CARGO_PKG_VERSION"), server.address())?;
    writeln!(out, "data directory: {}", config.data_dir.display())?;
    writeln!(out, "policy: {}", policy(config, server.policy_version()))?;
    if let Some(files) = server.dev_env_files() {
        let program = std::env::args().next().unwrap_or_else(|| "signoff".into());
        writeln!(out, "{}", introduction(&program, files))?;
    }
    out.flush()
}

/// What to type next. No token is shown: screens are shared, and scrolled back.
fn introduction(program: &str, DevEnvFiles { agent, reviewer, operator }: &DevEnvFiles) -> String {
    let [agent, reviewer, operator] = [agent, reviewer, operator].map(|path| shell_path(path));
    format!(
        "
DEVELOPMENT MODE: anyone who can read the data directory can approve. Never use it for real.

Ask, as the agent, in a second terminal:
  . {agent}
  {program} request send_email --arg to=alice@company.com --reason 'Welcome mail'

Decide, as the reviewer, in a third one:
  . {reviewer}
  {program} pending
  {program} approve -

An operator, who sees everything and decides nothing, has {operator}.
Each file sets SIGNOFF_ADDRESS and SIGNOFF_TOKEN, for the clients and grpcurl too."
    )
}

/// A path as a shell in any directory takes it.
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
        assert!(shell_path(Path::new("data/agent.env")).starts_with('/'), "another terminal is elsewhere");
    }

    #[test]
    fn the_introduction_names_files_and_no_token() {
        let text = introduction("target/release/signoff", &DevEnvFiles::in_directory(Path::new("/data")));
        for line in [
            "  . /data/agent.env",
            "  . /data/reviewer.env",
            "  target/release/signoff request send_email --arg to=alice@company.com --reason 'Welcome mail'",
            "An operator, who sees everything and decides nothing, has /data/operator.env.",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
        }
    }
}
