use std::sync::Arc;

use super::REST;
use crate::{approvals::Approvals, domain::after};

/// Most approvals that one pass looks at.
const PASS: usize = 1_000;

/// Times out approvals whose deadline has passed, and escalates those that have waited for long enough; for ever.
pub async fn expire(approvals: Arc<Approvals>) {
    // Listened to from before the first look: what comes to be in between is not slept through, whoever made it.
    let mut changes = approvals.changes();
    loop {
        let next = match approvals.do_due(PASS).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "cannot do what is due");
                Some(after(approvals.now(), REST))
            }
        };
        approvals.until_due(next, &mut changes).await;
    }
}
