//! Checks the secrets of channels.

use super::StartError;
use crate::notify::ChannelSettings;

/// Reads every secret once: a secret that is missing is found at start, not with the first message.
pub(super) async fn require(channels: &[ChannelSettings]) -> Result<(), StartError> {
    let problems = problems(channels).await;
    if problems.is_empty() { Ok(()) } else { Err(StartError::ChannelSecrets(problems.join("\n"))) }
}

/// The secrets that cannot be read; one line each.
pub(super) async fn problems(channels: &[ChannelSettings]) -> Vec<String> {
    let mut problems = Vec::new();
    for channel in channels {
        for (secret, source) in &channel.secrets {
            if let Err(error) = source.read().await {
                problems.push(format!("channels.{}.{}: {error}", channel.name, source.field(secret)));
            }
        }
    }
    problems
}
