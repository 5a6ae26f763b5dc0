//! The use-cases on the in-memory store, with a clock and a policy that the tests control.

mod deciding;
mod disconnecting;
mod expiring;
mod following;
mod judging;
mod matrix;
mod provenance;
mod queueing;
mod reading_once;
mod recalling;
mod reviewing;
mod revoking;
mod scripted;
mod searching;
mod seeing;
mod sorting;
mod stopping;
mod waiting;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use self::scripted::Scripted;
use super::*;
use crate::{
    clock::ManualClock,
    control::Control,
    domain::{
        Actor, ActorKind, Cancellation, Choice, NewClaim, NewDecision, NewReport, NewRequest, NewRevocation, Refusal,
        RepeatedField, Role, Seen, Status, Surface,
        samples::{arguments, at},
    },
    identity::AccessDenied,
    store::{ApprovalStore as _, Filter, Order, Query},
    test_support::{Staged, agent, member, operator, poll, principal, reviewer, settle},
};

const HEARTBEAT: Duration = Duration::from_secs(15);
const STREAM_AGE: Duration = Duration::from_secs(3_600);

/// The use-cases and their environment.
struct World {
    clock: Arc<ManualClock>,
    store: Arc<Staged>,
    approvals: Arc<Approvals>,
}

impl World {
    fn new() -> Self {
        Self::with(Settings { heartbeat: HEARTBEAT, max_stream_age: STREAM_AGE, pending_per_caller: 100_000 })
    }

    /// With streams that send no Progress messages.
    fn without_heartbeats() -> Self {
        Self::with(Settings { heartbeat: STREAM_AGE, max_stream_age: STREAM_AGE, pending_per_caller: 100_000 })
    }

    fn with(settings: Settings) -> Self {
        let (clock, store) = (Arc::new(ManualClock::new(at(0))), Arc::new(Staged::default()));
        let approvals = Approvals::new(
            Control::new(Arc::clone(&store) as Arc<dyn Store>),
            Arc::new(Scripted),
            Arc::clone(&clock) as Arc<dyn Clock>,
            settings,
        );
        Self { clock, store, approvals }
    }

    /// The use-cases of a restarted server on the same store.
    fn restarted(&self) -> Arc<Approvals> {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Approvals::new(Control::new(store), Arc::new(Scripted), clock, self.approvals.settings)
    }

    /// Requests as the agent, and follows.
    async fn request(&self, new: NewRequest, after: Revision) -> Result<Follower, Error> {
        Arc::clone(&self.approvals).request(agent(), new, after).await
    }

    /// Requests approval of a call with these arguments, without following it.
    async fn ask(&self, asked: Value) -> ApprovalId {
        self.ask_for(asking(asked)).await
    }

    async fn ask_for(&self, new: NewRequest) -> ApprovalId {
        update(&mut self.request(new, 0).await.unwrap()).await.0.id
    }

    /// Follows as the agent.
    async fn watch(&self, id: ApprovalId, after: Revision) -> Result<Follower, Error> {
        Arc::clone(&self.approvals).watch(agent(), id, after).await
    }

    /// Votes as a reviewer who has read the newest revision.
    async fn vote(&self, reviewer: usize, id: ApprovalId, choice: Choice) -> Approval {
        self.approvals.decide(&self::reviewer(reviewer), self.vote_on(id, choice).await).await.unwrap()
    }

    async fn vote_on(&self, id: ApprovalId, choice: Choice) -> NewDecision {
        let seen = Seen::Revision(self.store.get(id).await.unwrap().revision);
        NewDecision {
            id,
            request_id: None,
            choice,
            seen,
            comment: String::new(),
            edit: None,
            on_behalf_of: None,
            surface: Surface::Grpc,
            opened: Vec::new(),
        }
    }

    async fn edit(&self, id: ApprovalId, edited: Value) -> NewDecision {
        NewDecision { edit: Some(arguments(&edited)), ..self.vote_on(id, Choice::Approve).await }
    }

    async fn status(&self, id: ApprovalId) -> Status {
        self.store.get(id).await.unwrap().status
    }
}

/// A request for `send_email` without a `request_id`, with a timeout of 300 s.
fn asking(asked: Value) -> NewRequest {
    NewRequest {
        request_id: None,
        tool_name: "send_email".into(),
        arguments: arguments(&asked),
        agent: crate::domain::Agent { name: "bot".into(), ..Default::default() },
        reason: String::new(),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        timeout: Duration::from_secs(300),
        schema: None,
        cancel_on_disconnect: false,
        on_behalf_of: None,
    }
}

fn asking_as(request_id: &str, asked: Value) -> NewRequest {
    NewRequest { request_id: Some(request_id.into()), ..asking(asked) }
}

/// The next message, which must be an update: the approval, and the revisions of its events.
async fn update(follower: &mut Follower) -> (Arc<Approval>, Vec<Revision>) {
    match follower.next().await.expect("the stream has ended").unwrap() {
        Message::Update { approval, events } => (approval, events.iter().map(|event| event.revision).collect()),
        Message::Progress { .. } => panic!("Progress instead of an update"),
    }
}

/// Whether there is no message to send.
fn quiet(follower: &mut Follower) -> bool {
    poll(follower.next()).is_none()
}
