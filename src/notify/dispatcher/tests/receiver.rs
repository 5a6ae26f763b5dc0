//! A receiver that the tests control, and that notices what must never happen.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Mutex,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    domain::{ApprovalId, ChannelState, NotificationKind, Revision},
    notify::{Channel, Habits, Message, SendError, Sent, Subject},
};

/// How a receiver answers one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accept,
    /// Accepts, and returns a state.
    Keep,
    /// Begins the message, and returns a state.
    Begin,
    /// Needs no message.
    Skip,
    Fail,
    FailFor(u64),
    Reject,
    Gone,
    Panic,
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Event { id: String, approval: ApprovalId, kind: NotificationKind, revision: Revision, state: Option<String> },
    Bundle { id: String, approvals: Vec<ApprovalId> },
    Test,
}

#[derive(Debug)]
pub(super) struct Receiver {
    habits: Habits,
    pub(super) received: Mutex<Vec<Received>>,
    /// Ids of all attempts.
    pub(super) attempts: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<Answer>>,
    /// The answer when there is no other one.
    default: Mutex<Answer>,
    hangs: watch::Sender<bool>,
    in_flight: Mutex<BTreeSet<ApprovalId>>,
    pub(super) most_in_flight: Mutex<usize>,
}

impl Receiver {
    pub(super) fn new(habits: Habits) -> Self {
        Self {
            habits,
            received: Mutex::default(),
            attempts: Mutex::default(),
            answers: Mutex::default(),
            default: Mutex::new(if habits.replaces { Answer::Keep } else { Answer::Accept }),
            hangs: watch::Sender::new(false),
            in_flight: Mutex::default(),
            most_in_flight: Mutex::default(),
        }
    }

    /// The next answers.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// All further answers.
    pub(super) fn always(&self, answer: Answer) {
        *self.default.lock().unwrap() = answer;
    }

    /// Whether it leaves messages without an answer.
    pub(super) fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }

    /// Takes what it received.
    pub(super) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }

    /// Takes the kinds and approvals of what it received. Must not be bundles.
    pub(super) fn kinds(&self) -> Vec<(ApprovalId, NotificationKind)> {
        let kind = |received| match received {
            Received::Event { approval, kind, .. } => (approval, kind),
            other => panic!("{other:?}"),
        };
        self.take().into_iter().map(kind).collect()
    }

    pub(super) fn attempts(&self) -> usize {
        self.attempts.lock().unwrap().len()
    }
}

/// Removes approvals from those in flight, even if the send is cancelled.
struct InFlight<'a>(&'a Receiver, Vec<ApprovalId>);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut in_flight = self.0.in_flight.lock().unwrap();
        in_flight.retain(|id| !self.1.contains(id));
    }
}

#[async_trait]
impl Channel for Receiver {
    fn habits(&self) -> Habits {
        self.habits
    }

    async fn send(&self, message: &Message, state: Option<&ChannelState>) -> Result<Sent, SendError> {
        let id = message.id.clone();
        self.attempts.lock().unwrap().push(id.clone());
        let (received, ids) = match &message.subject {
            Subject::Approval { kind, revision, approval, .. } => {
                let (approval, state) = (approval.id, state.map(|state| state.0.clone()));
                (Received::Event { id, approval, kind: *kind, revision: *revision, state }, vec![approval])
            }
            Subject::Bundle(bundle) => {
                let approvals = bundle.approvals.clone();
                (Received::Bundle { id, approvals: approvals.clone() }, approvals)
            }
            Subject::Test => (Received::Test, Vec::new()),
        };
        for id in &ids {
            assert!(self.in_flight.lock().unwrap().insert(*id), "two messages about {id} in flight");
        }
        let _in_flight = InFlight(self, ids);
        let most = self.in_flight.lock().unwrap().len();
        let highest = (*self.most_in_flight.lock().unwrap()).max(most);
        *self.most_in_flight.lock().unwrap() = highest;
        tokio::task::yield_now().await;
        let _ = self.hangs.subscribe().wait_for(|hangs| !hangs).await;
        let next = self.answers.lock().unwrap().pop_front();
        let answer = next.unwrap_or(*self.default.lock().unwrap());
        let reason = || "the receiver does not like it".to_owned();
        let state = match answer {
            Answer::Skip => return Ok(Sent { skipped: true, ..Sent::default() }),
            Answer::Accept => None,
            Answer::Keep | Answer::Begin => Some(ChannelState("ts".into())),
            Answer::Fail => return Err(SendError::Retry { reason: reason(), after: None }),
            Answer::FailFor(seconds) => {
                return Err(SendError::Retry { reason: reason(), after: Some(Duration::from_secs(seconds)) });
            }
            Answer::Reject => return Err(SendError::Rejected { reason: reason() }),
            Answer::Gone => return Err(SendError::Gone { reason: reason() }),
            Answer::Panic => panic!("a defect of the channel"),
        };
        self.received.lock().unwrap().push(received);
        Ok(Sent { state, answer: "ok".into(), begun: answer == Answer::Begin && self.habits.replaces, skipped: false })
    }
}
