//! What operators do with the channels.

use async_trait::async_trait;

use super::{ChannelStatus, Channels, Sent};
use crate::{
    admin::{RunningChannel, RunningChannels},
    domain::ChannelName,
};

#[async_trait]
impl RunningChannels for Channels {
    fn states(&self) -> Vec<RunningChannel> {
        let state = |status: ChannelStatus| {
            let ChannelStatus { name, kind, disabled, failing: _, last_success, last_failure } = status;
            RunningChannel { name, kind, disabled, last_success, last_failure }
        };
        self.status().into_iter().map(state).collect()
    }

    async fn test(&self, name: &ChannelName) -> Result<String, String> {
        Self::test(self, name).await.map(|Sent { answer, .. }| answer).map_err(|error| error.to_string())
    }

    fn enable(&self, name: &ChannelName) {
        Self::enable(self, name);
    }
}
