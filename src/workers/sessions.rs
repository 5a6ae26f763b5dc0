use std::{sync::Arc, time::Duration};

use crate::sessions::Sessions;

/// Time between two passes: a crash loses at most this much of the last uses, and the open streams of a session end at
/// most this much after its expiry.
const EVERY: Duration = Duration::from_secs(60);

/// Saves when sessions were last used, and forgets expired ones. Never ends.
pub async fn tidy_sessions(sessions: Arc<Sessions>) {
    loop {
        if let Err(error) = sessions.tidy().await {
            tracing::error!(%error, "cannot tidy the sessions");
        }
        sessions.sleep(EVERY).await;
    }
}
