use std::{sync::Arc, time::Duration};

use crate::approvals::Approvals;

/// Most approvals forgotten in one commit: others wait for it.
const BATCH_MAX: usize = 100;

/// How often to look, at least: a minute late does not matter to what is kept for an hour or more.
const EVERY: Duration = Duration::from_secs(60);

/// Forgets approvals that were decided longer than `retain` ago, for ever.
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
