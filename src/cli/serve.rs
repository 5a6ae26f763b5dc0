//! `signoff serve`: the server, from configuration to exit code.

use std::{io::Write, net::SocketAddr, process::ExitCode};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::DEFAULT_ADDRESS;
use crate::{
    config::{self, Config, LogFormat, ServeFlags},
    identity::DevTokens,
    server::{Server, StartError},
    telemetry::{self, Metrics},
};

/// Serves until told to stop. Exits 0 after a drain, 1 when the server cannot start or fails, 2 for a configuration
/// that cannot be used, or by which nobody could authenticate.
pub async fn serve(flags: &ServeFlags) -> ExitCode {
    let config = match config::load(flags, config::environment()) {
        Ok(config) => config,
        Err(errors) => {
            anstream::eprintln!("error: the configuration cannot be used\n{errors}");
            return ExitCode::from(2);
        }
    };
    let options = telemetry::Options {
        format: match config.log.format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        },
        filter: config.log.filter.clone(),
        otlp_endpoint: config.otlp_endpoint.clone(),
    };
    let guard = match telemetry::init(&options) {
        Ok(guard) => guard,
        Err(error) => return failed(&error),
    };
    let code = run(config, guard.exports_traces()).await;
    guard.shutdown().await;
    code
}

async fn run(config: Config, traces: bool) -> ExitCode {
    let (mut terminate, mut interrupt, mut hangup) = match signals() {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    // A start may wait for whoever is writing a file.
    let started = tokio::select! {
        started = Server::start(config.clone(), Metrics::new(env!("CARGO_PKG_VERSION")), traces) => started,
        _ = terminate.recv() => return ExitCode::SUCCESS,
        _ = interrupt.recv() => return ExitCode::SUCCESS,
    };
    let server = match started {
        Ok(server) => server,
        Err(error @ StartError::NoAuthentication { .. }) => {
            failed(&error);
            return ExitCode::from(2);
        }
        Err(error) => return failed(&error),
    };
    if let Err(error) = announce(&config, &server) {
        return failed(&error);
    }
    let reload = server.reload();
    // Also without any file: by default the signal would end the process.
    let reloading = tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP: reading files again");
            reload.send_replace(());
        }
    });
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let ended = server.run(stop).await;
    reloading.abort();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn signals() -> std::io::Result<(Signal, Signal, Signal)> {
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?))
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    anstream::eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Which policy judges, in a few words.
fn policy(config: &Config, version: u64) -> String {
    match (&config.policy, version) {
        (Some(path), version) => format!("version {version}, from {}", path.display()),
        (None, 0) => "the built-in one, which asks for every call; see `signoff policy set`".to_owned(),
        (None, version) => format!("version {version}"),
    }
}

/// Says where the server is, and in development what to type next.
fn announce(config: &Config, server: &Server) -> std::io::Result<()> {
    let address = server.address();
    let mut out = anstream::stdout().lock();
    writeln!(out, "signoff {} is listening on {address}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "data directory: {}", config.data_dir.display())?;
    writeln!(out, "policy: {}", policy(config, server.policy_version()))?;
    if let Some(tokens) = server.dev_tokens() {
        announce_development(&mut out, config, address, tokens)?;
    }
    out.flush()
}

/// The tokens, once; later starts only say where they are.
fn announce_development(
    out: &mut impl Write,
    config: &Config,
    address: SocketAddr,
    DevTokens { agent, reviewer, operator, made }: &DevTokens,
) -> std::io::Result<()> {
    writeln!(
        out,
        "\nDEVELOPMENT MODE: anyone who can read this screen or the data directory can approve. Never use it for real.\n"
    )?;
    if !made {
        let file = config.data_dir.join(DevTokens::FILE);
        return writeln!(out, "The tokens of the agent, the reviewer and the operator are in {}.", file.display());
    }
    let program = std::env::args().next().unwrap_or_else(|| "signoff".into());
    let scheme = if config.tls.certificate.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    let elsewhere = if url == DEFAULT_ADDRESS { String::new() } else { format!("  export SIGNOFF_ADDRESS={url}\n") };
    writeln!(
        out,
        "Ask, as the agent, in a second terminal:
{elsewhere}  export SIGNOFF_TOKEN={agent}
  {program} request send_email --arg to=alice@company.com --reason 'Welcome mail'

Decide, as the reviewer, in a third one:
{elsewhere}  export SIGNOFF_TOKEN={reviewer}
  {program} pending
  {program} approve ID

The same tokens serve grpcurl and the clients: -H \"authorization: Bearer $SIGNOFF_TOKEN\".
An operator, who sees everything and decides nothing, has {operator}.
They are not shown again, and are kept in {}.",
        config.data_dir.join(DevTokens::FILE).display()
    )
}
