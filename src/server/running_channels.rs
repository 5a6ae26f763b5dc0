//! The channels, for the use-cases of operators.

use async_trait::async_trait;

use crate::{
    admin::{RunningChannel, RunningChannels},
    domain::ChannelName,
    notify::ChannelSettings,
};

/// The configured channels, before the dispatcher runs them.
pub(super) struct Configured(pub(super) Vec<ChannelSettings>);

#[async_trait]
impl RunningChannels for Configured {
    fn states(&self) -> Vec<RunningChannel> {
        let state = |settings: &ChannelSettings| RunningChannel {
            name: settings.name.clone(),
            kind: settings.kind_name,
            disabled: None,
            last_success: None,
            last_failure: None,
        };
        self.0.iter().map(state).collect()
    }

    async fn test(&self, _: &ChannelName) -> Result<String, String> {
        Err("the server does not send messages yet".to_owned())
    }

    fn enable(&self, _: &ChannelName) {}
}
