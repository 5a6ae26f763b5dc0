//! What follows from an attempt.

use tokio::task::JoinError;

use super::Worker;
use crate::{
    domain::{ChannelState, DeliveryId, Settlement, Time},
    notify::{
        SendError, Sent,
        dispatcher::{
            attempt::{Outcome, Outgoing, Part},
            schedule::{self, random},
            silence,
        },
    },
    store::StoreError,
};

impl Worker {
    /// An attempt ended.
    pub(super) fn ended(&mut self, ended: Result<(Outgoing, Outcome), JoinError>) {
        // Panics of channels are caught within. Without this process, the lease ends, and the message is sent again.
        let Ok((outgoing, outcome)) = ended else { return };
        let now = self.sources.clock.now();
        match outcome {
            Outcome::Sent(sent) => self.sent(outgoing, sent, now),
            Outcome::Failed(error) => self.failed(&outgoing, error, now),
            Outcome::Forgotten => self.unsent(&outgoing, now, &StoreError::NotFound),
            Outcome::Unreadable(error) => self.unsent(&outgoing, now, &error),
        }
    }

    fn sent(&mut self, outgoing: Outgoing, sent: Sent, now: Time) {
        if sent.skipped {
            // Nothing is known of the receiver. Another delivery may probe it.
            if outgoing.probe {
                self.breaker.probe_is_off();
            }
        } else {
            self.breaker.succeeded(outgoing.probe);
            self.handle.succeeded(now);
        }
        for part in outgoing.parts {
            // Without a state that is new, the channel would begin again without an end.
            let begun = sent
                .state
                .clone()
                .filter(|state| sent.begun && ChannelState::fits(state) && Some(state) != part.state.as_ref());
            if let Some(state) = begun {
                self.settlement(part.approval, Settlement::Begun { state });
                continue;
            }
            let (from, up_to) = (part.planned.head.revision, part.planned.up_to);
            let needless = if sent.skipped {
                part.covered + 1
            } else {
                self.sources.metrics.delivery_sent(&self.handle.name);
                part.covered
            };
            self.sources.metrics.deliveries_superseded(&self.handle.name, needless);
            let state = match outgoing.bundle {
                _ if sent.skipped => sent.state.clone(),
                Some(_) => Some(silence::silent()),
                None => silence::after_message(part.state.as_ref(), sent.state.clone()),
            };
            self.settlement(part.approval, Settlement::Sent { from, up_to, state });
        }
    }

    fn failed(&mut self, outgoing: &Outgoing, error: SendError, now: Time) {
        let reason = error.to_string();
        self.handle.failed(now, &reason);
        match error {
            SendError::Retry { after, .. } => {
                self.breaker.failed(now, outgoing.probe, after, random());
                let mut waiting = Vec::new();
                // The deliveries of a bundle return together.
                let attempts = outgoing.parts.iter().map(|part| part.planned.head.attempts + 1).max().unwrap_or(1);
                let random = random();
                for part in &outgoing.parts {
                    let revision = part.planned.head.revision;
                    match schedule::retry_at(self.since(&part.planned.head), attempts, now, after, random) {
                        Some(retry_at) => {
                            self.sources.metrics.delivery_failed(&self.handle.name);
                            let error = reason.clone();
                            self.settlement(part.approval, Settlement::Failed { revision, retry_at, error });
                            waiting.extend(part.asked.then_some(part.approval));
                        }
                        None => {
                            self.expiring = true;
                            self.dead_head(part, now, &reason);
                        }
                    }
                }
                if !waiting.is_empty() {
                    self.attention.failed(&waiting);
                }
            }
            SendError::Rejected { .. } => {
                self.breaker.succeeded(outgoing.probe); // the receiver works: it read the message
                outgoing.parts.iter().for_each(|part| self.rejected(part, now, &reason));
            }
            SendError::Gone { .. } => {
                self.breaker.succeeded(outgoing.probe);
                self.handle.disable(&reason);
                outgoing.parts.iter().for_each(|part| self.dead_head(part, now, &reason));
                // What is leased is given up like what comes later.
                for ready in std::mem::take(&mut self.ready) {
                    ready.parts.iter().for_each(|part| self.dead_head(part, now, &reason));
                }
                self.due = true;
            }
        }
    }

    /// There is no message to send.
    fn unsent(&mut self, outgoing: &Outgoing, now: Time, error: &StoreError) {
        if outgoing.probe {
            self.breaker.probe_is_off();
        }
        outgoing.parts.iter().for_each(|part| self.no_message(part, now, error));
    }

    /// The approval of a delivery cannot be read.
    pub(super) fn no_message(&mut self, part: &Part, now: Time, error: &StoreError) {
        let (revision, attempts) = (part.planned.head.revision, part.planned.head.attempts + 1);
        let reason = error.to_string();
        match error {
            // Nobody can look at it any more.
            StoreError::NotFound => {
                self.sources.metrics.deliveries_superseded(&self.handle.name, part.covered + 1);
                self.settlement(part.approval, Settlement::Sent { from: 0, up_to: u64::MAX, state: None });
            }
            StoreError::Corrupt(_) => self.dead_head(part, now, &reason),
            // A later version of the server can read it.
            _ => match schedule::retry_at(self.since(&part.planned.head), attempts, now, None, random()) {
                Some(retry_at) => {
                    self.sources.metrics.delivery_failed(&self.handle.name);
                    self.settlement(part.approval, Settlement::Failed { revision, retry_at, error: reason });
                }
                None => self.dead_head(part, now, &reason),
            },
        }
    }

    /// The receiver rejects one delivery. Older ones that it replaced are settled with it.
    fn rejected(&mut self, part: &Part, now: Time, reason: &str) {
        let (head, sent) = (part.planned.head.revision, part.planned.delivery.revision);
        if head < sent {
            self.sources.metrics.deliveries_superseded(&self.handle.name, part.older);
            self.settlement(part.approval, Settlement::Sent { from: head, up_to: sent - 1, state: None });
        }
        self.dead(&self.id(part, sent), now, reason);
        self.settlement(part.approval, Settlement::Dead { revision: sent, error: reason.to_owned() });
    }

    fn dead_head(&mut self, part: &Part, now: Time, reason: &str) {
        let revision = part.planned.head.revision;
        self.dead(&self.id(part, revision), now, reason);
        self.settlement(part.approval, Settlement::Dead { revision, error: reason.to_owned() });
    }

    /// Counts and logs a dead delivery.
    pub(super) fn dead(&mut self, id: &DeliveryId, now: Time, reason: &str) {
        self.attention.given_up(id.approval);
        self.sources.metrics.delivery_dead(&self.handle.name);
        self.handle.dead(&id.to_string(), now, reason);
    }

    fn id(&self, part: &Part, revision: u64) -> DeliveryId {
        DeliveryId { approval: part.approval, revision, channel: self.handle.name.clone() }
    }
}
