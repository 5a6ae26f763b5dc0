use std::{sync::Arc, time::Duration};

use crate::approvals::Approvals;

/// Maximum number of approvals to delete in one commit: other commits wait for it.
const BATCH_MAX: usize = 100;

/// Maximum time between two passes. A minute late is fine for approvals that are kept for an hour or more.
const EVERY: Duration = Duration::from_secs(60);

/// Deletes approvals that were decided longer than `retain` ago. Never ends.
pub async fn prune(approvals: Arc<Approvals>, retain: Duration) {
    loop {
        match approvals.forget_decided(retain, BATCH_MAX).await {
            Ok(BATCH_MAX) => continue,
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "deleted old approvals"),
            Err(error) => tracing::error!(%error, "cannot delete old approvals"),
        }
        approvals.sleep(EVERY).await;
    }
}
