//! `signoff serve`: the server, from configuration to exit code.

use std::{io::Write, net::SocketAddr, process::ExitCode};

use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{
    DEFAULT_ADDRESS,
    shutdown_watchdog::{self, Patience},
};
use crate::{
    config::{self, Config, LogFormat, ServeFlags},
    identity::DevTokens,
    private_files,
    server::{FAILED_LINGER, Server, StartError},
    telemetry::{self, Metrics},
};

/// Serves until told to stop. Exits 0 after a drain or before it had started, 1 when the server cannot start or fails,
/// 2 for a configuration that cannot be used, or by which nobody could authenticate. After a failure it ends the
/// process itself: what hangs is not waited for.
pub async fn serve(flags: &ServeFlags) -> ExitCode {
    private_files::keep_new_files_private();
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
    if code == ExitCode::FAILURE { shutdown_watchdog::end(1) } else { code }
}

async fn run(config: Config, traces: bool) -> ExitCode {
    let (stopping, mut hangup) = match hear_stop().and_then(|stopping| Ok((stopping, signal(SignalKind::hangup())?))) {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    // In a task of its own, so that a disk that hangs while the store is opened does not keep this from being stopped.
    let starting = tokio::spawn(Server::start(config.clone(), Metrics::new(env!("CARGO_PKG_VERSION")), traces));
    let started = tokio::select! {
        started = starting => started,
        () = stopping.cancelled() => {
            anstream::eprintln!("stopped before the server had started");
            return shutdown_watchdog::end(0); // it had not served, and there is nothing to lose
        }
    };
    let server = match started {
        Ok(Ok(server)) => server,
        Ok(Err(error @ StartError::NoAuthentication { .. })) => {
            failed(&error);
            return ExitCode::from(2);
        }
        Ok(Err(error)) => return failed(&error),
        Err(error) => return failed(&error),
    };
    let patience = Patience { stopping: config.drain_timeout + 2 * config.write_timeout, failed: FAILED_LINGER };
    if let Err(error) = shutdown_watchdog::watch(Handle::current(), stopping.clone(), server.store_health(), patience) {
        return failed(&error);
    }
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
    let ended = server.run(stopping.cancelled()).await;
    reloading.abort();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Cancelled on SIGTERM or SIGINT. These are heard on a thread that does nothing else: the runtime's own threads may
/// all hang in the disk, on a machine with one processor the only one.
fn hear_stop() -> std::io::Result<CancellationToken> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let stopping = CancellationToken::new();
    let told = stopping.clone();
    let hear = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        told.cancel();
    };
    std::thread::Builder::new().name("signoff-signals".into()).spawn(hear)?;
    Ok(stopping)
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
