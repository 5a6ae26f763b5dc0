//! Loads the TLS files at start, and reports the certificate to metrics.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_stream::{StreamExt as _, wrappers::WatchStream};

use super::StartError;
use crate::{
    clock::Clock,
    telemetry::Metrics,
    tls::{LiveTls, TlsError, TlsFiles, TlsStatus},
    workers::{self, SettledFiles},
};

/// The TLS configuration at start, and the watcher of its files.
pub(super) type Started = (Arc<LiveTls>, SettledFiles<TlsFiles>);

/// Reads the TLS files at start, once no program writes to them.
pub(super) async fn read(files: Option<TlsFiles>, clock: &dyn Clock) -> Result<Option<Started>, StartError> {
    let Some(files) = files else { return Ok(None) };
    let (followed, contents) = workers::settled_tls_files(&files, clock).await.map_err(TlsError::Unreadable)?;
    Ok(Some((Arc::new(LiveTls::start(files, &contents)?), followed)))
}

/// Reports the certificate's status to metrics. Never returns.
pub(super) async fn report(status: watch::Receiver<TlsStatus>, metrics: Metrics) {
    let mut statuses = WatchStream::new(status);
    while let Some(status) = statuses.next().await {
        metrics.tls_certificate(status.not_after, status.fault.is_some());
    }
    std::future::pending::<()>().await; // the server is stopping
}
