use std::sync::Arc;

use super::RETRY_DELAY;
use crate::{
    approvals::{Approvals, Error},
    domain::after,
    store::StoreError,
};

/// Maximum number of approvals per pass.
const BATCH_MAX: usize = 1_000;

/// Times out approvals whose deadline has passed, and runs due escalations. Ends only when the index of deadlines is
/// damaged: no deadline could fire, so the server must not appear healthy.
pub async fn expire(approvals: Arc<Approvals>) {
    // Subscribe before the first pass: a change during the pass must wake the next one.
    let mut changes = approvals.changes();
    loop {
        let next = match approvals.do_due(BATCH_MAX).await {
            Ok(next) => next,
            // A damaged approval does not lead here: this is the index itself.
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
