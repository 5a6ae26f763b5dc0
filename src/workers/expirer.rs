use std::sync::Arc;

use super::REST;
use crate::approvals::Approvals;

/// Most approvals that one pass expires.
const PASS: usize = 1_000;

/// Times out approvals whose deadline has passed, for ever.
pub async fn expire(approvals: Arc<Approvals>) {
    // Listened to from before the first look: what comes to be in between is not slept through, whoever made it.
    let mut changes = approvals.changes();
    loop {
        let next = match approvals.expire_due(PASS).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "cannot expire approvals");
                Some(approvals.now() + REST)
            }
        };
        approvals.until_deadline(next, &mut changes).await;
    }
}
