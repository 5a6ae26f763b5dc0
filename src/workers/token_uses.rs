use std::{sync::Arc, time::Duration};

use crate::tokens::Tokens;

/// Time between two passes: a crash loses at most this much of the last uses.
const EVERY: Duration = Duration::from_secs(60);

/// Saves when tokens were last used. Never ends.
pub async fn keep_token_uses(tokens: Arc<Tokens>) {
    loop {
        tokens.sleep(EVERY).await;
        if let Err(error) = tokens.keep_uses().await {
            tracing::error!(%error, "cannot save the last use of tokens");
        }
    }
}
