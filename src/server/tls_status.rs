//! TLS at start-up, and how it shows from outside.

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

/// What a server with TLS starts with, and its files to be followed.
pub(super) type Started = (Arc<LiveTls>, SettledFiles<TlsFiles>);

/// Reads the files that a server starts with, once nobody writes to them.
pub(super) async fn read(files: Option<TlsFiles>, clock: &dyn Clock) -> Result<Option<Started>, StartError> {
    let Some(files) = files else { return Ok(None) };
    let (followed, contents) = workers::settled_tls_files(&files, clock).await.map_err(TlsError::Unreadable)?;
    Ok(Some((Arc::new(LiveTls::start(files, &contents)?), followed)))
}

/// Tells metrics how things stand with the certificate, for ever.
pub(super) async fn report(status: watch::Receiver<TlsStatus>, metrics: Metrics) {
    let mut statuses = WatchStream::new(status);
    while let Some(status) = statuses.next().await {
        metrics.tls_certificate(status.not_after, status.fault.is_some());
    }
    std::future::pending::<()>().await; // the server ends
}
