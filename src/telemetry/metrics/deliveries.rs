//! Metrics of notifications. Their channels are those of the configuration, so there are few of them.

use std::{
    sync::{OnceLock, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::Metrics;
use crate::domain::{ChannelName, Time};

/// Seconds, from a program nearby to the timeout of an attempt.
const SEND_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

type Labels<const N: usize> = [(&'static str, String); N];

/// What waits in the outbox for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxBacklog {
    /// The channel.
    pub channel: ChannelName,
    /// Number of approvals with a delivery that waits.
    pub waiting: u64,
    /// Number of approvals with a dead delivery.
    pub dead: u64,
    /// When the oldest one could first be sent.
    pub oldest_since: Option<Time>,
}

type Backlogs = Box<dyn Fn() -> Vec<OutboxBacklog> + Send + Sync>;

pub(super) struct Deliveries {
    outcomes: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    waiting: Family<Labels<1>, Gauge>,
    dead: Family<Labels<1>, Gauge>,
    oldest: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    /// The configured channels, and what reads the backlogs.
    backlogs: OnceLock<(Vec<ChannelName>, Backlogs)>,
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

/// What became of a delivery, as a label.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Sent,
    Failed,
    Dead,
    Superseded,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Sent, Self::Failed, Self::Dead, Self::Superseded];

    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Superseded => "superseded",
        }
    }
}

impl Deliveries {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let deliveries = Self {
            outcomes: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SEND_SECONDS)),
            waiting: Family::default(),
            dead: Family::default(),
            oldest: Family::default(),
            backlogs: OnceLock::new(),
        };
        registry.register(
            "deliveries",
            "Deliveries of notifications by outcome: sent, failed (will be retried), dead (an operator can retry it), superseded (no longer needed)",
            deliveries.outcomes.clone(),
        );
        registry.register_with_unit(
            "notification_send",
            "Duration of attempts to send a notification",
            Unit::Seconds,
            deliveries.seconds.clone(),
        );
        registry.register(
            "deliveries_waiting",
            "Approvals with a notification that is not delivered yet",
            deliveries.waiting.clone(),
        );
        registry.register(
            "deliveries_dead",
            "Approvals with a dead notification, which an operator can retry",
            deliveries.dead.clone(),
        );
        registry.register_with_unit(
            "oldest_delivery_age",
            "How long the oldest notification is overdue; 0 if none is",
            Unit::Seconds,
            deliveries.oldest.clone(),
        );
        deliveries
    }

    /// Reads the backlogs.
    pub(super) fn refresh(&self, now: Time) {
        let Some((channels, read)) = self.backlogs.get() else { return };
        let backlogs = read();
        for name in channels {
            let (labels, backlog) = (channel(name), backlogs.iter().find(|backlog| backlog.channel == *name));
            let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            self.waiting.get_or_create(&labels).set(count(backlog.map_or(0, |backlog| backlog.waiting)));
            self.dead.get_or_create(&labels).set(count(backlog.map_or(0, |backlog| backlog.dead)));
            let overdue = backlog.and_then(|backlog| (now - backlog.oldest_since?).to_std().ok()).unwrap_or_default();
            self.oldest.get_or_create(&labels).set(overdue.as_secs_f64());
        }
    }

    /// A sample of every family, for the documentation.
    pub(super) fn sample(&self) {
        let labels = [("channel", String::new())];
        self.count(&labels[0].1, Outcome::Sent, 1);
        self.seconds.get_or_create(&labels).observe(0.0);
        self.waiting.get_or_create(&labels).set(0);
        self.dead.get_or_create(&labels).set(0);
        self.oldest.get_or_create(&labels).set(0.0);
    }

    fn count(&self, channel: &str, outcome: Outcome, count: u64) {
        let labels = [("channel", channel.to_owned()), ("outcome", outcome.name().to_owned())];
        self.outcomes.get_or_create(&labels).inc_by(count);
    }
}

fn channel(name: &ChannelName) -> Labels<1> {
    [("channel", name.to_string())]
}

impl Metrics {
    /// Shows the outcomes of a channel, at 0, and reads the backlogs at every scrape.
    pub fn outbox(
        &self,
        channels: Vec<ChannelName>,
        backlogs: impl Fn() -> Vec<OutboxBacklog> + Send + Sync + 'static,
    ) {
        for channel in &channels {
            Outcome::ALL.iter().for_each(|outcome| self.0.deliveries.count(channel.as_str(), *outcome, 0));
        }
        let _ = self.0.deliveries.backlogs.set((channels, Box::new(backlogs))); // once per server
    }

    /// Counts an attempt to send a message, and its duration.
    pub fn message_attempted(&self, name: &ChannelName, time: Duration) {
        self.0.deliveries.seconds.get_or_create(&channel(name)).observe(time.as_secs_f64());
    }

    /// Counts a delivery that was sent.
    pub fn delivery_sent(&self, channel: &ChannelName) {
        self.0.deliveries.count(channel.as_str(), Outcome::Sent, 1);
    }

    /// Counts a failed attempt of a delivery that will be retried.
    pub fn delivery_failed(&self, channel: &ChannelName) {
        self.0.deliveries.count(channel.as_str(), Outcome::Failed, 1);
    }

    /// Counts a delivery that is dead.
    pub fn delivery_dead(&self, channel: &ChannelName) {
        self.0.deliveries.count(channel.as_str(), Outcome::Dead, 1);
    }

    /// Counts deliveries that need not be sent any more.
    pub fn deliveries_superseded(&self, channel: &ChannelName, count: u64) {
        if count > 0 {
            self.0.deliveries.count(channel.as_str(), Outcome::Superseded, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::at;

    #[test]
    fn deliveries_are_counted_and_backlogs_read_at_every_scrape() {
        let metrics = Metrics::new("test");
        let (hook, idle): (ChannelName, ChannelName) = ("hook".parse().unwrap(), "idle".parse().unwrap());
        let backlog = OutboxBacklog { channel: hook.clone(), waiting: 3, dead: 1, oldest_since: Some(at(10)) };
        let backlogs = std::sync::Mutex::new(vec![backlog]);
        metrics.outbox(vec![hook.clone(), idle], move || std::mem::take(&mut backlogs.lock().unwrap()));
        metrics.delivery_sent(&hook);
        metrics.delivery_failed(&hook);
        metrics.delivery_dead(&hook);
        metrics.deliveries_superseded(&hook, 2);
        metrics.deliveries_superseded(&hook, 0);
        metrics.message_attempted(&hook, Duration::from_millis(20));
        let text = metrics.render(at(40));
        for line in [
            r#"signoff_deliveries_total{channel="hook",outcome="sent"} 1"#,
            r#"signoff_deliveries_total{channel="hook",outcome="failed"} 1"#,
            r#"signoff_deliveries_total{channel="hook",outcome="dead"} 1"#,
            r#"signoff_deliveries_total{channel="hook",outcome="superseded"} 2"#,
            r#"signoff_deliveries_total{channel="idle",outcome="sent"} 0"#,
            r#"signoff_deliveries_waiting{channel="hook"} 3"#,
            r#"signoff_deliveries_waiting{channel="idle"} 0"#,
            r#"signoff_deliveries_dead{channel="hook"} 1"#,
            r#"signoff_oldest_delivery_age_seconds{channel="hook"} 30.0"#,
            r#"signoff_notification_send_seconds_count{channel="hook"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        // What is no longer in the outbox no longer waits.
        let text = metrics.render(at(50));
        assert!(text.contains(r#"signoff_deliveries_waiting{channel="hook"} 0"#), "{text}");
        assert!(text.contains(r#"signoff_oldest_delivery_age_seconds{channel="hook"} 0.0"#), "{text}");
    }
}
