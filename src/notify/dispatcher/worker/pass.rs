//! A pass: leases lanes that are due, and decides what to send.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use super::{BATCH_MAX, LEASE, START_WITHIN, STORE_RETRY, Worker};
use crate::{
    domain::{Approval, ApprovalId, Delivery, Lane, NotificationKind, Priority, Settlement, Time, after},
    notify::{
        Bundle,
        dispatcher::{
            attempt::{Outgoing, Part},
            attention::{Admitted, Asking, agent_key},
            breaker::Allowed,
            plan::{Planned, Step, plan},
            schedule::GIVE_UP_AFTER,
        },
    },
    store::{Leased, StoreError},
};

/// Number of approvals that are read at the same time.
const READS: usize = 16;

/// A request that could be sent to people.
struct Candidate {
    part: Part,
    asking: Asking,
    approval: Arc<Approval>,
}

impl Worker {
    /// Leases lanes that are due, and plans what to do with them.
    pub(super) async fn pass(&mut self) {
        let now = self.sources.clock.now();
        (self.due, self.more, self.next) = (false, false, None);
        if self.handle.disabled().is_some() {
            let leased = self.lease(now, BATCH_MAX).await;
            self.more = leased.lanes.len() == BATCH_MAX;
            // An operator may have enabled it meanwhile, to retry one of them.
            match self.handle.disabled() {
                Some(reason) => leased.lanes.iter().for_each(|lane| self.give_up(lane, now, &reason)),
                None => leased.lanes.iter().for_each(|lane| self.return_lease(lane)),
            }
            return;
        }
        let limit = match self.breaker.allows(now) {
            Allowed::All => self.room(),
            Allowed::Probe => 1,
            Allowed::NotBefore(at) => {
                self.expire(now, at).await;
                self.next = Some(at);
                return;
            }
            Allowed::AfterProbe => {
                self.more = true;
                return;
            }
        };
        if limit == 0 {
            self.more = true;
            return;
        }
        let leased = self.lease(now, limit).await;
        self.more = leased.lanes.len() == limit;
        let (queued, probing) = (self.ready.len(), self.breaker.is_open());
        if self.handle.habits.for_people {
            self.plan_for_people(leased.lanes, now).await;
        } else {
            leased.lanes.iter().for_each(|lane| self.plan_one(lane, now));
        }
        if probing {
            match self.ready.get_mut(queued) {
                Some(probe) => {
                    probe.probe = true;
                    self.breaker.probe_starts();
                }
                // Nothing came of the first lane. Another one may probe.
                None => self.due = self.more,
            }
        }
    }

    /// How many lanes to lease: enough that the channel does not wait for the store, few enough that none waits long.
    fn room(&self) -> usize {
        let concurrency = self.handle.habits.concurrency.max(1);
        if self.handle.habits.for_people {
            // All that are due, because they may become one message.
            return if self.ready.len() < concurrency { BATCH_MAX } else { 0 };
        }
        let busy = self.ready.len() + self.sending.len();
        let room = (2 * concurrency).saturating_sub(busy);
        if room * 2 < concurrency { 0 } else { room }
    }

    async fn lease(&mut self, now: Time, limit: usize) -> Leased {
        let leased = self.sources.outbox.lease(&self.handle.name, now, LEASE, limit).await;
        self.store_answered(leased.as_ref().err().cloned());
        let leased = leased.unwrap_or_else(|_| Leased { lanes: Vec::new(), next: Some(after(now, STORE_RETRY)) });
        self.next = leased.next;
        leased
    }

    /// Plans a lane of a program, which does not depend on the approval.
    fn plan_one(&mut self, lane: &Lane, now: Time) {
        match plan(lane, self.handle.habits, false) {
            Step::Send(planned) | Step::Ask(planned) => self.enqueue(part(lane, planned, false), now),
            Step::Skip(settlement) => self.settlement(lane.approval, settlement),
            Step::Nothing => {}
        }
    }

    /// Plans lanes of a channel that people read: what is still worth their attention, and what is sent together.
    async fn plan_for_people(&mut self, lanes: Vec<Lane>, now: Time) {
        let approvals = Arc::clone(&self.sources.approvals);
        let read = |lane: Lane| async { (approvals.get(lane.approval).await, lane) };
        let lanes: Vec<_> = stream::iter(lanes).map(read).buffered(READS).collect().await;
        let mut candidates = Vec::new();
        for (approval, lane) in lanes {
            let approval = match approval {
                Ok(approval) => approval,
                Err(error) => {
                    self.unreadable(&lane, now, &error);
                    continue;
                }
            };
            let asking = asking(&approval);
            match plan(&lane, self.handle.habits, approval.status.is_terminal()) {
                Step::Send(planned) => {
                    if planned.head.kind == NotificationKind::Requested {
                        self.attention.forget(&asking); // it may have been held
                    }
                    self.enqueue(part(&lane, planned, false), now);
                }
                Step::Ask(planned) => {
                    candidates.push(Candidate { part: part(&lane, planned, true), asking, approval });
                }
                Step::Skip(settlement) => {
                    self.attention.forget(&asking);
                    self.sources.metrics.deliveries_superseded(&self.handle.name, lane.waiting.len() as u64);
                    self.settlement(lane.approval, settlement);
                }
                Step::Nothing => {}
            }
        }
        let asked: Vec<_> = candidates.iter().map(|candidate| candidate.asking.clone()).collect();
        for admitted in self.attention.admit(&asked, now) {
            match admitted {
                Admitted::Held(id, until) => {
                    let revision = take(&mut candidates, id).map(|candidate| candidate.part.planned.head.revision);
                    revision.into_iter().for_each(|revision| {
                        self.settlement(id, Settlement::Postponed { revision, until });
                    });
                }
                Admitted::Alone(id) => {
                    take(&mut candidates, id).into_iter().for_each(|candidate| self.enqueue(candidate.part, now));
                }
                Admitted::Together(ids) => {
                    let together: Vec<_> = ids.into_iter().filter_map(|id| take(&mut candidates, id)).collect();
                    let bundle = Some(bundle(&together));
                    let parts = together.into_iter().map(|candidate| candidate.part).collect();
                    self.ready.push_back(Outgoing { parts, bundle, start_by: after(now, START_WITHIN), probe: false });
                }
            }
        }
    }

    fn enqueue(&mut self, part: Part, now: Time) {
        let (parts, start_by) = (vec![part], after(now, START_WITHIN));
        self.ready.push_back(Outgoing { parts, bundle: None, start_by, probe: false });
    }

    /// The approval of a lane cannot be read.
    fn unreadable(&mut self, lane: &Lane, now: Time, error: &StoreError) {
        if let Step::Send(planned) | Step::Ask(planned) = plan(lane, self.handle.habits, false) {
            self.no_message(&part(lane, planned, false), now, error);
        }
    }

    /// Gives up deliveries that have waited too long for a receiver that does not work. The others go on waiting.
    async fn expire(&mut self, now: Time, probe_at: Time) {
        if !self.expiring {
            return;
        }
        let reason = self.handle.status().last_failure.map(|(_, reason)| reason).unwrap_or_default();
        let lanes = self.lease(now, BATCH_MAX).await.lanes;
        let (mut young, full) = (false, lanes.len() == BATCH_MAX);
        for lane in lanes {
            let Some(head) = lane.waiting.front() else { continue };
            if after(self.since(head), GIVE_UP_AFTER) <= now {
                self.give_up(&lane, now, &reason);
            } else {
                young = true;
                let settlement = Settlement::Postponed { revision: head.revision, until: probe_at };
                self.settlement(lane.approval, settlement);
            }
        }
        self.expiring = full && !young;
    }

    /// The head of a lane is dead without an attempt.
    fn give_up(&mut self, lane: &Lane, now: Time, reason: &str) {
        let Some(head) = lane.waiting.front() else { return };
        self.dead(&lane.id(head), now, reason);
        self.settlement(lane.approval, Settlement::Dead { revision: head.revision, error: reason.to_owned() });
    }

    /// Ends the lease of a lane that is due still.
    fn return_lease(&mut self, lane: &Lane) {
        let Some(head) = lane.waiting.front() else { return };
        let settlement = Settlement::Postponed { revision: head.revision, until: head.not_before };
        self.settlement(lane.approval, settlement);
    }

    /// When a delivery could first be sent, at the latest: every event waits behind the request, whose delay it shares.
    pub(super) fn since(&self, delivery: &Delivery) -> Time {
        after(delivery.started_at(), self.handle.delay)
    }
}

fn part(lane: &Lane, planned: Planned, asked: bool) -> Part {
    let up_to = |newest| lane.waiting.iter().filter(|delivery| delivery.revision <= newest).count() as u64;
    let (covered, older) = (up_to(planned.up_to), up_to(planned.delivery.revision));
    let (covered, older) = (covered.saturating_sub(1), older.saturating_sub(1));
    Part { approval: lane.approval, covered, older, state: lane.state.clone(), planned, asked }
}

fn asking(approval: &Approval) -> Asking {
    let request = &approval.request;
    let urgent = approval.priority() == Priority::Urgent;
    Asking { approval: approval.id, agent: agent_key(&request.caller, &request.agent.name), urgent }
}

fn take(candidates: &mut Vec<Candidate>, id: ApprovalId) -> Option<Candidate> {
    let index = candidates.iter().position(|candidate| candidate.asking.approval == id)?;
    Some(candidates.swap_remove(index))
}

fn bundle(candidates: &[Candidate]) -> Bundle {
    let first = &candidates[0];
    let one_agent = candidates.iter().all(|candidate| candidate.asking.agent == first.asking.agent);
    let request = &first.approval.request;
    let name = if request.agent.name.is_empty() { &request.caller.subject } else { &request.agent.name };
    let mut tools = Vec::new();
    for candidate in candidates {
        let tool = &candidate.approval.request.tool_name;
        if !tools.contains(tool) {
            tools.push(tool.clone());
        }
    }
    let created = candidates.iter().map(|candidate| candidate.approval.created_at).min();
    Bundle {
        agent: one_agent.then(|| name.clone()),
        tools,
        approvals: candidates.iter().map(|candidate| candidate.asking.approval).collect(),
        since: created.unwrap_or(first.approval.created_at),
    }
}
