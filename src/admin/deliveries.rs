//! What channels of notifications are still to be told, for operators.

mod recent_retries;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use super::Error;
use crate::{
    clock::Clock,
    domain::{ApprovalId, ChannelName, ChannelSummary, Delivery, DeliveryId, Lane, ListedDelivery, Routes, Time},
    identity::{Method, Principal},
    store::{Backlog, LaneQuery, OutboxStore, StoreError},
};
use recent_retries::RecentRetries;

/// The configured channels, as the server runs them.
#[async_trait]
pub trait RunningChannels: Send + Sync + 'static {
    /// The state of each channel, in order of names.
    fn states(&self) -> Vec<RunningChannel>;

    /// Sends a test message. Returns the receiver's answer, or why it does not have the message: one line each.
    async fn test(&self, name: &ChannelName) -> Result<String, String>;

    /// Makes a channel try at once, even if it was disabled.
    fn enable(&self, name: &ChannelName);
}

/// The state of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningChannel {
    /// Its name.
    pub name: ChannelName,
    /// Its kind, such as `webhook`.
    pub kind: &'static str,
    /// Why it is disabled. `None` if it is not.
    pub disabled: Option<String>,
    /// When a message was last sent, since the server started.
    pub last_success: Option<Time>,
    /// When a message last failed, since the server started, and why.
    pub last_failure: Option<(Time, String)>,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Only to this channel.
    pub channel: Option<ChannelName>,
    /// Only about this approval.
    pub approval: Option<ApprovalId>,
    /// Only dead ones.
    pub dead_only: bool,
    /// Only those that wait.
    pub waiting_only: bool,
    /// Only those after this one.
    pub after: Option<DeliveryId>,
    /// Maximum number of deliveries.
    pub limit: usize,
}

/// A page of deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// In order of approval, channel and revision.
    pub deliveries: Vec<ListedDelivery>,
    /// Whether others follow.
    pub more: bool,
}

/// Use-cases of deliveries and channels.
pub struct Deliveries {
    outbox: Arc<dyn OutboxStore>,
    channels: Arc<dyn RunningChannels>,
    routes: Routes,
    clock: Arc<dyn Clock>,
    retries: RecentRetries,
}

impl Deliveries {
    /// For the configured channels. `routes` has their subscriptions.
    #[must_use]
    pub fn new(
        outbox: Arc<dyn OutboxStore>,
        channels: Arc<dyn RunningChannels>,
        routes: Routes,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self { outbox, channels, routes, clock, retries: RecentRetries::default() })
    }

    /// The channels, in order of names: the configured ones, and others for which deliveries wait or are dead.
    ///
    /// # Errors
    /// [`Error::Access`].
    pub fn channels(&self, by: &Principal) -> Result<Vec<ChannelSummary>, Error> {
        by.require_role(Method::ListChannels)?;
        let empty = |name: &ChannelName| ChannelSummary {
            name: name.clone(),
            kind: None,
            events: self.routes.channels.get(name).map(|told| told.kinds.clone()).unwrap_or_default(),
            is_default: self.routes.default.contains(name),
            waiting: 0,
            dead: 0,
            oldest_since: None,
            disabled: None,
            last_success: None,
            last_failure: None,
        };
        let mut summaries = BTreeMap::new();
        for RunningChannel { name, kind, disabled, last_success, last_failure } in self.channels.states() {
            let summary = ChannelSummary { kind: Some(kind), disabled, last_success, last_failure, ..empty(&name) };
            summaries.insert(name, summary);
        }
        for Backlog { channel, waiting, dead, oldest_since } in self.outbox.backlog() {
            let summary = summaries.entry(channel.clone()).or_insert_with(|| empty(&channel));
            (summary.waiting, summary.dead, summary.oldest_since) = (waiting, dead, oldest_since);
        }
        // One that is not configured is of interest only while it has deliveries.
        Ok(summaries.into_values().filter(|one| one.kind.is_some() || one.waiting + one.dead > 0).collect())
    }

    /// Deliveries that wait or are dead.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::NoSuchChannel`], or a failure of the store.
    pub async fn list(&self, by: &Principal, query: DeliveryQuery) -> Result<DeliveryPage, Error> {
        by.require_role(Method::ListDeliveries)?;
        let DeliveryQuery { channel, approval, dead_only, waiting_only, after, limit } = query;
        let listed = |lane: &Lane| {
            let wanted = |one: &ListedDelivery| if one.dead { !waiting_only } else { !dead_only };
            listed(lane).into_iter().filter(wanted).collect::<Vec<_>>()
        };
        if let Some(channel) = &channel
            && !self.is_configured(channel)
            && !self.outbox.backlog().iter().any(|backlog| backlog.channel == *channel)
        {
            return Err(self.no_such_channel(channel));
        }
        let mut deliveries = Vec::new();
        // One lane can have deliveries on two pages.
        if let Some(last) = &after
            && let Some(lane) = self.outbox.lane(&last.channel, last.approval).await?
        {
            let rest = listed(&lane).into_iter().filter(|one| one.delivery.revision > last.revision);
            deliveries.extend(rest);
        }
        let mut after = after.map(|last| (last.approval, last.channel));
        while deliveries.len() <= limit {
            let wanted = limit + 1 - deliveries.len();
            let (channel, limit) = (channel.clone(), wanted);
            let query = LaneQuery { channel, approval, dead: dead_only, waiting: waiting_only, after, limit };
            let lanes = self.outbox.lanes(query).await?;
            after = lanes.last().map(|lane| (lane.approval, lane.channel.clone()));
            deliveries.extend(lanes.iter().flat_map(listed));
            if lanes.len() < wanted {
                break;
            }
        }
        let more = deliveries.len() > limit;
        deliveries.truncate(limit);
        Ok(DeliveryPage { deliveries, more })
    }

    /// Makes a dead delivery wait again, and its channel try at once. Returns one that waits already unchanged.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::NoSuchChannel`], [`Error::NoSuchDelivery`], [`Error::RequestIdReused`], or a failure
    /// of the store.
    pub async fn retry(
        self: &Arc<Self>,
        by: &Principal,
        id: DeliveryId,
        request_id: Option<String>,
    ) -> Result<ListedDelivery, Error> {
        by.require_role(Method::RetryDelivery)?;
        by.ensure_not_revoked()?;
        let key = request_id.map(|request_id| (by.actor.to_string(), request_id));
        if let Some(first) = key.as_ref().and_then(|key| self.retries.get(key)) {
            return match (first.id == id, key) {
                (false, Some((_, request_id))) => Err(Error::RequestIdReused { request_id, id: first.id }),
                _ => Ok(first),
            };
        }
        if !self.is_configured(&id.channel) {
            return Err(self.no_such_channel(&id.channel));
        }
        let (this, actor) = (Arc::clone(self), by.actor.to_string());
        super::detached(async move {
            // First: a disabled channel gives up what waits, and `revive` wakes it.
            this.channels.enable(&id.channel);
            let lane = match this.outbox.revive(id.clone(), this.clock.now()).await {
                Ok(lane) => {
                    tracing::info!(delivery = %id, by = actor.as_str(), "an operator retries a delivery");
                    Some(lane)
                }
                // It may wait already.
                Err(StoreError::NotFound) => this.outbox.lane(&id.channel, id.approval).await?,
                Err(error) => return Err(error.into()),
            };
            let waiting = lane.and_then(|lane| listed(&lane).into_iter().find(|one| one.id == id && !one.dead));
            let delivery = waiting.ok_or_else(|| Error::NoSuchDelivery(id.clone()))?;
            if let Some(key) = key {
                this.retries.insert(key, delivery.clone());
            }
            Ok(delivery)
        })
        .await
    }

    /// Sends a test message to a channel. Returns the receiver's answer, or why it does not have the message.
    ///
    /// # Errors
    /// [`Error::Access`], or [`Error::NoSuchChannel`].
    pub async fn test(&self, by: &Principal, channel: &ChannelName) -> Result<Result<String, String>, Error> {
        by.require_role(Method::TestChannel)?;
        by.ensure_not_revoked()?;
        if !self.is_configured(channel) {
            return Err(self.no_such_channel(channel));
        }
        let (by, name) = (by.actor.to_string(), channel.as_str());
        tracing::info!(channel = name, by = by.as_str(), "an operator tests a channel");
        Ok(self.channels.test(channel).await)
    }

    fn is_configured(&self, channel: &ChannelName) -> bool {
        self.routes.channels.contains_key(channel)
    }

    fn no_such_channel(&self, channel: &ChannelName) -> Error {
        Error::NoSuchChannel { name: channel.clone(), configured: self.routes.channels.keys().cloned().collect() }
    }
}

/// The deliveries of a lane, in order of revision.
fn listed(lane: &Lane) -> Vec<ListedDelivery> {
    let waiting = lane.waiting.iter().map(|delivery| (delivery, false));
    let dead = lane.dead.iter().map(|delivery| (delivery, true));
    let listed = |(delivery, dead): (&Delivery, bool)| {
        let id = lane.id(delivery);
        ListedDelivery { id, delivery: delivery.clone(), dead }
    };
    let mut all: Vec<_> = waiting.chain(dead).map(listed).collect();
    all.sort_by_key(|one| one.delivery.revision);
    all
}
