//! Channels of notifications that record what is asked of them.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use async_trait::async_trait;

use crate::{
    admin::{RunningChannel, RunningChannels},
    domain::{ChannelName, NotificationKind, Routes, Subscription, samples::at},
};

/// Each has failed once. `mail` rejects test messages, and the others accept them.
pub(crate) struct ScriptedChannels {
    names: Vec<ChannelName>,
    /// Why all of them are disabled.
    pub(crate) disabled: Option<String>,
    /// What the receiver of `hook` answers.
    pub(crate) answer: String,
    /// The calls that operators made.
    pub(crate) enabled: Mutex<Vec<ChannelName>>,
    pub(crate) tested: Mutex<Vec<ChannelName>>,
}

impl ScriptedChannels {
    /// The channels of these routes.
    pub(crate) fn of(routes: &Routes) -> Self {
        Self {
            names: routes.channels.keys().cloned().collect(),
            disabled: None,
            answer: "200 OK".to_owned(),
            enabled: Mutex::default(),
            tested: Mutex::default(),
        }
    }
}

/// The channels `hook` and `mail`, which are told of every event by default.
pub(crate) fn hook_and_mail() -> Routes {
    let all = || Subscription { kinds: BTreeSet::from(NotificationKind::ALL), after: Duration::ZERO };
    let names: [ChannelName; 2] = ["hook", "mail"].map(|name| name.parse().unwrap());
    let channels = names.iter().map(|name| (name.clone(), all())).collect();
    Routes { channels, default: names.into() }
}

#[async_trait]
impl RunningChannels for ScriptedChannels {
    fn states(&self) -> Vec<RunningChannel> {
        let state = |name: &ChannelName| RunningChannel {
            name: name.clone(),
            kind: "test",
            disabled: self.disabled.clone(),
            last_success: None,
            last_failure: Some((at(1), "no answer".to_owned())),
        };
        self.names.iter().map(state).collect()
    }

    async fn test(&self, name: &ChannelName) -> Result<String, String> {
        self.tested.lock().unwrap().push(name.clone());
        if name.as_str() == "mail" { Err("no answer".to_owned()) } else { Ok(self.answer.clone()) }
    }

    fn enable(&self, name: &ChannelName) {
        self.enabled.lock().unwrap().push(name.clone());
    }
}
