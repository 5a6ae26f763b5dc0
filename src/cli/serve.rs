//! `signoff serve`: the server, from configuration to exit code.

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

/// Serves until told to stop. Exits 0 after a drain or before it had started, 1 when the server cannot start or fails,
/// 2 for a configuration that cannot be used, or without any way to authenticate. After a failure it ends the
/// process itself: what hangs is not waited for.
pub async fn serve(flags: &ServeFlags) -> ExitCode {
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
    let (stopping, mut hangup) = match hear_stop().and_then(|stopping| Ok((stopping, signal(SignalKind::hangup())?))) {
        Ok(signals) => signals,
        Err(error) => return reporter.failed(&error),
    };
    // In a task of its own, so that a disk that hangs while the store is opened does not keep this from being stopped.
    let starting = tokio::spawn(Server::start(config.clone(), Metrics::new(env!("CARGO_PKG_VERSION")), traces));
    let started = tokio::select! {
        started = starting => started,
        () = stopping.cancelled() => {
            reporter.note("stopped before the server had started");
            return shutdown_watchdog::end(0); // it had not served, and there is nothing to lose
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
        Err(error) => reporter.failed(&error),
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
