use std::sync::Arc;

use super::RETRY_DELAY;
use crate::{
    approvals::{Approvals, Error},
    domain::after,
    store::StoreError,
};

/// Most approvals that one pass looks at.
const BATCH_MAX: usize = 1_000;

/// Times out approvals whose deadline has passed, and escalates those that have waited for long enough. Ends only when
/// the index of deadlines is damaged: no deadline would fire any more, so the server must not look well.
pub async fn expire(approvals: Arc<Approvals>) {
    // Listened to from before the first look: what comes to be in between is not slept through, whoever made it.
    let mut changes = approvals.changes();
    loop {
        let next = match approvals.do_due(BATCH_MAX).await {
            Ok(next) => next,
            // One damaged approval is no error: this is the index itself.
            Err(Error::Store(error @ StoreError::Corrupt(_))) => {
                tracing::error!(%error, "the index of deadlines is damaged; no deadline can fire");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "cannot process due approvals");
                Some(after(approvals.now(), RETRY_DELAY))
            }
        };
        approvals.until_due(next, &mut changes).await;
    }
}
