//! `signoff serve`: runs the server, from configuration to exit code.

use std::process::ExitCode;

use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{
    reporter::Reporter,
    shutdown_watchdog::{self, Patience},
};
use crate::{
    config::{self, Config, LogFormat, ServeFlags},
    private_files,
    server::{FAILED_LINGER, Server, StartError},
    telemetry::{self, Metrics},
};

/// Runs the server until a signal stops it.
///
/// Exit codes: 0 after a drain, or if stopped during the start; 1 if the server cannot start or fails; 2 for an invalid
/// configuration, or without a way to authenticate. After a failure it ends the process itself, because other threads
/// may hang.
pub(super) async fn serve(flags: &ServeFlags) -> ExitCode {
    private_files::keep_new_files_private();
    let config = match config::load(flags, config::environment()) {
        Ok(config) => config,
        Err(errors) => {
            Reporter::new(errors.readable().log.format).misconfigured(&errors);
            return ExitCode::from(2);
        }
    };
    let reporter = Reporter::new(config.log.format);
    reporter.report_panics();
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
        Err(error) => return reporter.failed(&error),
    };
    let code = run(config, &reporter, guard.exports_traces()).await;
    guard.shutdown().await;
    if code == ExitCode::FAILURE { shutdown_watchdog::end(1) } else { code }
}

async fn run(config: Config, reporter: &Reporter, traces: bool) -> ExitCode {
    let (stopping, mut hangup) = match stop_signal().and_then(|stopping| Ok((stopping, signal(SignalKind::hangup())?)))
    {
        Ok(signals) => signals,
        Err(error) => return reporter.failed(&error),
    };
    // In a separate task, so that a signal can stop the process while a slow disk blocks the opening of the store.
    let starting = tokio::spawn(Server::start(config.clone(), Metrics::new(env!("CARGO_PKG_VERSION")), traces));
    let started = tokio::select! {
        started = starting => started,
        () = stopping.cancelled() => {
            reporter.note("stopped before the server started");
            return shutdown_watchdog::end(0); // the server has served nothing, so nothing is lost
        }
    };
    let server = match started {
        Ok(Ok(server)) => server,
        Ok(Err(error @ StartError::NoAuthentication { .. })) => {
            reporter.failed(&error);
            return ExitCode::from(2);
        }
        Ok(Err(error)) => return reporter.failed(&error),
        Err(error) => return reporter.failed(&error),
    };
    let patience = Patience { stopping: config.drain_timeout + 2 * config.write_timeout, failed: FAILED_LINGER };
    let (health, last_words) = (server.store_health(), reporter.clone());
    let watched = shutdown_watchdog::watch(Handle::current(), stopping.clone(), health, patience, last_words);
    if let Err(error) = watched {
        return reporter.failed(&error);
    }
    if let Err(error) = reporter.listening(&config, &server) {
        return reporter.failed(&error);
    }
    let reload = server.reload();
    // Handle SIGHUP even if no files need a reload: its default action ends the process.
    let reloading = tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP: reloading files");
            reload.send_replace(());
        }
    });
    let ended = server.run(stopping.cancelled()).await;
    reloading.abort();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => reporter.failed(&error),
    }
}

/// A token that SIGTERM or SIGINT cancels. A separate thread receives the signals, because all threads of the runtime
/// may hang in disk accesses.
fn stop_signal() -> std::io::Result<CancellationToken> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    let receive = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        stop.cancel();
    };
    std::thread::Builder::new().name("signoff-signals".into()).spawn(receive)?;
    Ok(stopping)
}
