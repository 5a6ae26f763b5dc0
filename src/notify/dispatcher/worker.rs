//! The worker of one channel: a reconciler of its lanes.
//!
//! It leases lanes whose head is due, sends, settles in batches, and sleeps until the next time or a change. Everything
//! that matters is in the outbox. What it keeps in memory only delays messages.

mod pass;
mod results;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Sources,
    attempt::{Outcome, Outgoing, attempt},
    attention::Attention,
    breaker::Breaker,
    handle::Handle,
};
use crate::{
    domain::{ApprovalId, ChannelName, Settlement, Time},
    notify::channel::SEND_TIMEOUT,
    store::StoreError,
};

/// How long a lane is leased.
pub(super) const LEASE: Duration = Duration::from_secs(120);

/// An attempt starts at most this long after its lane was leased: it then ends, and is settled, within the lease.
const START_WITHIN: Duration = Duration::from_secs(60);

const _: () = assert!(START_WITHIN.as_secs() + SEND_TIMEOUT.as_secs() + 30 <= LEASE.as_secs());

/// Maximum number of lanes that are looked at together, to bundle them or to give them up.
const BATCH_MAX: usize = 1_000;

/// Delay after a failure of the store that may be temporary.
const STORE_RETRY: Duration = Duration::from_secs(1);

type Settled = (ChannelName, ApprovalId, Settlement);

/// The worker of one channel.
pub(super) struct Worker {
    sources: Arc<Sources>,
    handle: Arc<Handle>,
    breaker: Breaker,
    attention: Attention,
    /// Leased, not started yet.
    ready: VecDeque<Outgoing>,
    sending: JoinSet<(Outgoing, Outcome)>,
    /// Settlements that are not written yet.
    settlements: Vec<Settled>,
    /// Whether lanes may be due now.
    due: bool,
    /// Whether the last pass left lanes that were due, because there was no room.
    more: bool,
    /// When lanes will be due.
    next: Option<Time>,
    /// Whether deliveries may be too old to wait for a receiver that does not work.
    expiring: bool,
    /// Whether the last call of the store failed, and was logged.
    store_failed: bool,
}

impl Worker {
    pub(super) fn new(sources: Arc<Sources>, handle: Arc<Handle>) -> Self {
        let attention = Attention::new(handle.interruptions);
        Self {
            sources,
            handle,
            breaker: Breaker::default(),
            attention,
            ready: VecDeque::new(),
            sending: JoinSet::new(),
            settlements: Vec::new(),
            due: true,
            more: false,
            next: None,
            expiring: false,
            store_failed: false,
        }
    }

    /// Runs until `stop`, and then until the messages in flight are settled.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        // Subscribe before the first pass: a change during the pass must wake the next one.
        let mut changes = self.sources.outbox.outbox_changes();
        let mut settling: Option<BoxFuture<'static, Result<(), StoreError>>> = None;
        let mut stopping = false;
        loop {
            if self.due && !stopping {
                self.pass().await;
            }
            self.start();
            if settling.is_none() && !self.settlements.is_empty() {
                settling = Some(self.settle());
            }
            if stopping && settling.is_none() && self.sending.is_empty() {
                return;
            }
            tokio::select! {
                Some(ended) = self.sending.join_next() => {
                    self.ended(ended);
                    while let Some(ended) = self.sending.try_join_next() {
                        self.ended(ended);
                    }
                    self.due |= self.more;
                }
                settled = settled(&mut settling) => {
                    settling = None;
                    self.store_answered(settled.err());
                    self.due = true; // the next deliveries of these lanes
                }
                () = changed(&mut changes), if !stopping => self.due = true,
                () = until(&self.sources, self.next), if !stopping => self.due = true,
                () = self.handle.woken.notified() => {
                    self.breaker = Breaker::default();
                    self.due = true;
                }
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.ready.clear(); // their leases end with this process, or in time
                }
            }
        }
    }

    /// Starts what is ready, as many as the channel allows.
    fn start(&mut self) {
        let now = self.sources.clock.now();
        while self.sending.len() < self.handle.habits.concurrency.max(1) {
            let Some(outgoing) = self.ready.pop_front() else { return };
            if outgoing.start_by < now || (self.breaker.is_open() && !outgoing.probe) {
                self.give_back(outgoing);
                continue;
            }
            self.sending.spawn(attempt(Arc::clone(&self.sources), Arc::clone(&self.handle), outgoing));
        }
    }

    /// Ends the lease of a message that is not sent now.
    fn give_back(&mut self, outgoing: Outgoing) {
        if outgoing.probe {
            self.breaker.probe_is_off();
        }
        let asked: Vec<_> = outgoing.parts.iter().filter(|part| part.asked).map(|part| part.approval).collect();
        if !asked.is_empty() {
            self.attention.failed(&asked);
        }
        for part in outgoing.parts {
            let head = part.planned.head;
            self.settlement(part.approval, Settlement::Postponed { revision: head.revision, until: head.not_before });
        }
    }

    fn settlement(&mut self, approval: ApprovalId, settlement: Settlement) {
        self.settlements.push((self.handle.name.clone(), approval, settlement));
    }

    /// Writes the settlements. Those that come meanwhile are written together afterwards.
    fn settle(&mut self) -> BoxFuture<'static, Result<(), StoreError>> {
        let (outbox, settlements) = (Arc::clone(&self.sources.outbox), std::mem::take(&mut self.settlements));
        Box::pin(async move { outbox.settle(settlements).await })
    }

    /// Logs the first failure of the store. What was not settled is leased again, and sent again with the same id.
    fn store_answered(&mut self, error: Option<StoreError>) {
        if let Some(error) = &error
            && !self.store_failed
        {
            tracing::error!(channel = self.handle.name.as_str(), %error, "cannot read or write the outbox; retrying");
        }
        self.store_failed = error.is_some();
    }
}

/// Waits for a change of the outbox.
async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending().await // the store is closed
    }
}

async fn until(sources: &Sources, time: Option<Time>) {
    match time {
        Some(time) => sources.clock.sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn settled(settling: &mut Option<BoxFuture<'static, Result<(), StoreError>>>) -> Result<(), StoreError> {
    match settling {
        Some(settling) => settling.await,
        None => std::future::pending().await,
    }
}
