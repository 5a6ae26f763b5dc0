//! What people's attention is spent on: which requests are sent now, which together, and which wait.
//!
//! Only the first message about a request is judged here. Later ones update it, or tell how it ended.

use std::collections::{BTreeMap, BTreeSet};

use super::{bundle::Windows, interruptions::Interruptions};
use crate::domain::{Actor, ApprovalId, Time};

/// A request that could be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asking {
    /// The approval.
    pub(super) approval: ApprovalId,
    /// The agent that asks.
    pub(super) agent: AgentKey,
    /// Urgent requests never wait.
    pub(super) urgent: bool,
}

/// An agent, as far as people can tell them apart: the caller, and the name that the caller gives it.
pub(super) type AgentKey = (Caller, String);

/// A caller's issuer and subject.
type Caller = (String, String);

/// What happens to requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is sent by itself.
    Alone(ApprovalId),
    /// They are sent in one message, two at least.
    Together(Vec<ApprovalId>),
    /// It waits.
    Held(ApprovalId, Time),
}

/// The attention of the people behind one channel. In memory: after a restart, requests may be sent earlier.
#[derive(Debug)]
pub(super) struct Attention {
    windows: Windows<AgentKey>,
    interruptions: Interruptions<Caller>,
    /// Requests that wait for an interruption. They will be sent in one message.
    crowd: BTreeSet<ApprovalId>,
    /// Requests whose message was counted, and failed. They are not judged again.
    counted: BTreeSet<ApprovalId>,
}

/// The key of an agent.
pub(super) fn agent_key(caller: &Actor, agent: &str) -> AgentKey {
    ((caller.issuer.clone(), caller.subject.clone()), agent.to_owned())
}

impl Attention {
    /// With at most so many interruptions in a quarter of an hour.
    pub(super) fn new(interruptions: u32) -> Self {
        Self {
            windows: Windows::new(),
            interruptions: Interruptions::new(interruptions),
            crowd: BTreeSet::new(),
            counted: BTreeSet::new(),
        }
    }

    /// Decides about requests that are due now, in order of arrival.
    pub(super) fn admit(&mut self, requests: &[Asking], now: Time) -> Vec<Admitted> {
        let mut admitted = Vec::new();
        let (mut crowd, mut callers) = (Vec::new(), BTreeSet::new());
        let mut by_agent: BTreeMap<&AgentKey, Vec<ApprovalId>> = BTreeMap::new();
        for asking in requests {
            let Asking { approval, agent, urgent } = asking;
            if *urgent || self.counted.remove(approval) {
                self.forget(asking);
                admitted.push(Admitted::Alone(*approval));
            } else if self.crowd.contains(approval) {
                crowd.push(*approval);
                callers.insert(agent.0.clone());
            } else {
                by_agent.entry(agent).or_default().push(*approval);
            }
        }
        if !crowd.is_empty() {
            self.message(callers, crowd, now, &mut admitted);
        }
        for (agent, requests) in by_agent {
            let opened = self.windows.open(agent.clone(), requests, now);
            if !opened.together.is_empty() {
                self.message([agent.0.clone()].into(), opened.together, now, &mut admitted);
            }
            admitted.extend(opened.held.into_iter().map(|approval| Admitted::Held(approval, opened.until)));
        }
        admitted
    }

    /// A request ended before it was sent.
    pub(super) fn forget(&mut self, Asking { approval, agent, .. }: &Asking) {
        self.windows.forget(agent, *approval);
        self.crowd.remove(approval);
        self.counted.remove(approval);
    }

    /// A delivery about this request is dead. If an operator retries it, it is judged anew.
    pub(super) fn given_up(&mut self, request: ApprovalId) {
        self.crowd.remove(&request);
        self.counted.remove(&request);
    }

    /// The first message about these requests failed, and will be tried again.
    pub(super) fn failed(&mut self, requests: &[ApprovalId]) {
        if let [only] = requests {
            self.counted.insert(*only);
        } else {
            self.interruptions.give_back();
            self.crowd.extend(requests);
        }
    }

    /// One message about these requests, unless people were interrupted too often.
    fn message(
        &mut self,
        callers: BTreeSet<Caller>,
        requests: Vec<ApprovalId>,
        now: Time,
        admitted: &mut Vec<Admitted>,
    ) {
        match self.interruptions.take(callers, now) {
            Ok(()) => {
                self.crowd.retain(|waiting| !requests.contains(waiting));
                admitted.push(match requests[..] {
                    [only] => Admitted::Alone(only),
                    _ => Admitted::Together(requests),
                });
            }
            Err(until) => {
                self.crowd.extend(&requests);
                admitted.extend(requests.into_iter().map(|request| Admitted::Held(request, until)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
