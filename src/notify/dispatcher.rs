//! The dispatcher of the outbox: one worker per channel, so that no channel delays another.
//!
//! | file | what |
//! |---|---|
//! | `worker.rs` | leases, sends, settles; `worker/pass.rs` plans, `worker/results.rs` follows up |
//! | `attempt.rs` | one attempt to send one message |
//! | `plan.rs` | which event of a lane is sent |
//! | `attention.rs` | which requests are sent to people now, together, or later: `bundle.rs`, `interruptions.rs` |
//! | `schedule.rs`, `breaker.rs` | when a failed delivery, or a failed channel, is tried again |
//! | `silence.rs` | the dispatcher's marks in a lane |
//! | `handle.rs` | the state of a channel, for operators |

mod attempt;
mod attention;
mod breaker;
mod bundle;
mod handle;
mod interruptions;
mod plan;
mod schedule;
mod silence;
mod worker;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use chrono::SecondsFormat;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::{handle::Handle, worker::Worker};
use super::{
    Answering, CHANNELS_MAX, ChannelSettings, INTERRUPTIONS_DEFAULT, Links, Message, Resources, SendError, Sent,
    Subject, channel::SEND_TIMEOUT, router,
};
use crate::{
    clock::{self, Clock},
    domain::{ChannelName, to_micros},
    policies::Policies,
    store::{ApprovalStore, Backlog, OutboxStore},
    telemetry::Metrics,
};

pub use handle::ChannelStatus;

/// The configured channels.
pub struct Channels {
    handles: BTreeMap<ChannelName, Arc<Handle>>,
    clock: Arc<dyn Clock>,
    links: Links,
    stop: CancellationToken,
    stopped: watch::Sender<bool>,
}

/// What the dispatcher reads and writes.
pub struct Sources {
    /// The outbox.
    pub outbox: Arc<dyn OutboxStore>,
    /// The approvals that messages are about.
    pub approvals: Arc<dyn ApprovalStore>,
    /// The policy, which says what is redacted.
    pub policies: Arc<Policies>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Addresses of the desk.
    pub links: Links,
    /// Counts messages.
    pub metrics: Metrics,
}

/// A channel cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("channel {channel:?}: {reason}")]
pub struct BuildError {
    /// The channel.
    pub channel: ChannelName,
    /// What is wrong.
    pub reason: String,
}

/// Why a test message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// There is no channel of this name.
    #[error("there is no channel {name}; configured: {known}")]
    Unknown {
        /// The name.
        name: ChannelName,
        /// The configured ones, separated by commas. `none` if there are none.
        known: String,
    },
    /// The channel failed.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Channels {
    /// Builds the channels of a configuration. Sends nothing until [`run`](Self::run).
    ///
    /// # Errors
    /// The first channel that cannot be built.
    pub fn build(settings: &[ChannelSettings], resources: &Resources) -> Result<Arc<Self>, BuildError> {
        let mut handles = BTreeMap::new();
        for ChannelSettings { name, subscription, interruptions, kind_name, kind, .. } in settings {
            let failed = |reason| BuildError { channel: name.clone(), reason };
            let channel = kind.build(resources).map_err(failed)?;
            // It has no effect on a channel that no people read.
            let limit = interruptions.unwrap_or(INTERRUPTIONS_DEFAULT);
            let handle = Handle::new((name.clone(), kind_name), channel, limit, subscription.after);
            handles.insert(name.clone(), Arc::new(handle));
        }
        let (clock, links) = (Arc::clone(&resources.clock), resources.links.clone());
        let (stop, stopped) = (CancellationToken::new(), watch::Sender::new(false));
        Ok(Arc::new(Self { handles, clock, links, stop, stopped }))
    }

    /// Sends what the outbox holds, until [`drain`](Self::drain). Ends earlier only by a defect.
    pub async fn run(self: Arc<Self>, sources: Sources) {
        let sources = Arc::new(sources);
        let mut workers = JoinSet::new();
        for handle in self.handles.values() {
            workers.spawn(Worker::new(Arc::clone(&sources), Arc::clone(handle)).run(self.stop.clone()));
        }
        if workers.is_empty() {
            self.stop.cancelled().await;
        }
        while let Some(ended) = workers.join_next().await {
            if ended.is_err() || !self.stop.is_cancelled() {
                return;
            }
        }
        self.stopped.send_replace(true);
        std::future::pending().await // the server ends when a worker does
    }

    /// Leases nothing more, and waits until the messages in flight are settled.
    pub async fn drain(&self) {
        self.stop.cancel();
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await; // the sender is ours
    }

    /// Sends a test message, which is not in the outbox.
    ///
    /// # Errors
    /// [`TestError`].
    pub async fn test(&self, name: &ChannelName) -> Result<Sent, TestError> {
        let Some(handle) = self.handles.get(name) else {
            let known: Vec<_> = self.handles.keys().map(ChannelName::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(TestError::Unknown { name: name.clone(), known });
        };
        let now = self.clock.now();
        let id = format!("msg_test_{}_{name}", to_micros(now));
        let message = Message { id, subject: Subject::Test, now, links: self.links.clone() };
        let sending = handle.channel.send(&message, None);
        let sent = clock::timeout(&*self.clock, SEND_TIMEOUT, sending).await;
        Ok(sent.unwrap_or_else(|clock::Elapsed| Err(attempt::no_answer()))?)
    }

    /// The routes by which people answer in channels. They answer on the same port as the API.
    pub fn router(&self, answering: &Answering) -> Router {
        router::router(self.handles.iter().map(|(name, handle)| (name, &handle.channel)), answering)
    }

    /// The names of the channels, in order.
    #[must_use]
    pub fn names(&self) -> Vec<ChannelName> {
        self.handles.keys().cloned().collect()
    }

    /// The channels, in order of their names.
    #[must_use]
    pub fn status(&self) -> Vec<ChannelStatus> {
        self.handles.values().map(|handle| handle.status()).collect()
    }

    /// What keeps notifications from arriving: a sentence for each channel that has a problem, at most
    /// [`CHANNELS_MAX`]. Configured channels come first.
    #[must_use]
    pub fn problems(&self, backlogs: &[Backlog]) -> Vec<String> {
        let problem = |handle: &Arc<Handle>| {
            let ChannelStatus { name, disabled, failing, last_failure, .. } = handle.status();
            if let Some(reason) = disabled {
                return Some(format!("channel {name} is disabled: {reason}; repair it, and retry a delivery"));
            }
            if let (true, Some((at, reason))) = (failing, last_failure) {
                let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                return Some(format!("channel {name} fails, last at {at}: {reason}"));
            }
            let dead = backlogs.iter().find(|backlog| backlog.channel == name).map_or(0, |backlog| backlog.dead);
            let approvals = if dead == 1 { "1 approval".to_owned() } else { format!("{dead} approvals") };
            (dead > 0).then(|| {
                format!("channel {name} has dead deliveries about {approvals}; see signoff notify deliveries --dead")
            })
        };
        let unknown = |backlog: &Backlog| {
            let Backlog { channel, waiting, .. } = backlog;
            let orphaned = *waiting > 0 && !self.handles.contains_key(channel);
            orphaned.then(|| format!("channel {channel} is not configured, and deliveries wait for it"))
        };
        let problems = self.handles.values().filter_map(problem).chain(backlogs.iter().filter_map(unknown));
        problems.take(CHANNELS_MAX).collect()
    }

    /// An operator retries a delivery of this channel: it is no longer disabled, and sends at once. Returns whether it
    /// was disabled.
    pub fn enable(&self, name: &ChannelName) -> bool {
        self.handles.get(name).is_some_and(|handle| handle.enable())
    }
}
