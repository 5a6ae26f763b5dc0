//! One channel: what the dispatcher, operators and health know about it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    domain::{ChannelName, Time, after},
    notify::{Channel, Habits},
};

/// The log has at most one line about dead deliveries of a channel in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A configured channel.
pub(super) struct Handle {
    pub(super) name: ChannelName,
    /// The name of its kind, such as `webhook`.
    pub(super) kind: &'static str,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) habits: Habits,
    /// Maximum number of interruptions in a quarter of an hour.
    pub(super) interruptions: u32,
    /// How long a request must wait before the channel is notified.
    pub(super) delay: Duration,
    condition: Mutex<Condition>,
    /// Wakes its worker.
    pub(super) woken: Notify,
}

/// How the channel does.
#[derive(Debug, Default)]
struct Condition {
    disabled: Option<String>,
    last_success: Option<Time>,
    last_failure: Option<(Time, String)>,
    /// Failed sends since the last success.
    failures: u64,
    /// When dead deliveries were last logged, and how many were not.
    dead_logged: Option<Time>,
    dead_unlogged: u64,
}

/// A channel's state, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its name.
    pub name: ChannelName,
    /// Its kind, such as `webhook`.
    pub kind: &'static str,
    /// Why it is disabled: its receiver wants no more messages. `None` if it is not.
    pub disabled: Option<String>,
    /// Whether the newest send failed.
    pub failing: bool,
    /// When a message was last sent, since the server started.
    pub last_success: Option<Time>,
    /// When a send last failed, since the server started, and why.
    pub last_failure: Option<(Time, String)>,
}

impl Handle {
    pub(super) fn new(
        (name, kind): (ChannelName, &'static str),
        channel: Arc<dyn Channel>,
        interruptions: u32,
        delay: Duration,
    ) -> Self {
        let (habits, condition) = (channel.habits(), Mutex::default());
        Self { name, kind, channel, habits, interruptions, delay, condition, woken: Notify::new() }
    }

    pub(super) fn status(&self) -> ChannelStatus {
        let condition = self.condition();
        ChannelStatus {
            name: self.name.clone(),
            kind: self.kind,
            disabled: condition.disabled.clone(),
            failing: condition.failures > 0,
            last_success: condition.last_success,
            last_failure: condition.last_failure.clone(),
        }
    }

    /// Why it is disabled.
    pub(super) fn disabled(&self) -> Option<String> {
        self.condition().disabled.clone()
    }

    /// Its receiver wants no more messages.
    pub(super) fn disable(&self, reason: &str) {
        let channel = self.name.as_str();
        tracing::error!(channel, reason, "the receiver wants no more messages; the channel is disabled");
        self.condition().disabled = Some(reason.to_owned());
    }

    /// An operator retries a delivery. Returns whether the channel was disabled.
    pub(super) fn enable(&self) -> bool {
        let was = self.condition().disabled.take().is_some();
        self.woken.notify_one();
        was
    }

    /// A message was sent.
    pub(super) fn succeeded(&self, now: Time) {
        let mut condition = self.condition();
        condition.last_success = Some(now);
        let failures = std::mem::take(&mut condition.failures);
        drop(condition);
        if failures > 0 {
            let channel = self.name.as_str();
            tracing::info!(channel, failures, "the channel works again");
        }
    }

    /// A send failed. Only the first failure in a row is logged.
    pub(super) fn failed(&self, now: Time, reason: &str) {
        let mut condition = self.condition();
        condition.last_failure = Some((now, reason.to_owned()));
        condition.failures += 1;
        let first = condition.failures == 1;
        drop(condition);
        if first {
            let channel = self.name.as_str();
            tracing::warn!(channel, reason, "cannot send a message");
        }
    }

    /// A delivery failed for good.
    pub(super) fn dead(&self, id: &str, now: Time, reason: &str) {
        let mut condition = self.condition();
        if condition.dead_logged.is_some_and(|last| after(last, LOG_INTERVAL) > now) {
            condition.dead_unlogged += 1;
            return;
        }
        condition.dead_logged = Some(now);
        let others = std::mem::take(&mut condition.dead_unlogged);
        drop(condition);
        let channel = self.name.as_str();
        tracing::warn!(channel, delivery = id, reason, others, "a delivery is dead; an operator can retry it");
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
