use std::{sync::Arc, time::Duration};

use crate::tokens::Tokens;

/// How often to look: what a crash may lose of when tokens were last used.
const EVERY: Duration = Duration::from_secs(60);

/// Keeps when tokens were last used, for ever.
pub async fn keep_token_uses(tokens: Arc<Tokens>) {
    loop {
        tokens.sleep(EVERY).await;
        if let Err(error) = tokens.keep_uses().await {
            tracing::error!(%error, "cannot save the last use of tokens");
        }
    }
}
