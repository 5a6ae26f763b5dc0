//! How TLS shows from outside.

use tokio::sync::watch;

use crate::{telemetry::Metrics, tls::TlsStatus};

/// Tells metrics how things stand with the certificate, for ever.
pub(super) async fn report(mut status: watch::Receiver<TlsStatus>, metrics: Metrics) {
    loop {
        {
            let status = status.borrow_and_update();
            metrics.tls_certificate(status.not_after, status.fault.is_some());
        }
        if status.changed().await.is_err() {
            std::future::pending::<()>().await; // the server ends
        }
    }
}
