//! One attempt to send a message.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;

use super::{Sources, handle::Handle, plan::Planned, silence};
use crate::{
    clock,
    domain::{ApprovalId, ChannelState, DeliveryId, Time},
    notify::{Bundle, Links, Message, SendError, Sent, Subject, channel::SEND_TIMEOUT},
    store::StoreError,
};

/// A message to send, and the deliveries that it settles.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// One delivery, or those of a bundle.
    pub(super) parts: Vec<Part>,
    /// What a bundle says. `None` for the message of one delivery.
    pub(super) bundle: Option<Bundle>,
    /// Later its lease could end before the attempt does.
    pub(super) start_by: Time,
    /// Whether it probes a channel that failed.
    pub(super) probe: bool,
}

/// One delivery of a message.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) approval: ApprovalId,
    pub(super) planned: Planned,
    /// The lane's state.
    pub(super) state: Option<ChannelState>,
    /// Number of deliveries that are settled with it.
    pub(super) covered: u64,
    /// Number of these that are older than the one that is sent.
    pub(super) older: u64,
    /// Whether people's attention was asked for.
    pub(super) asked: bool,
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The receiver has the message.
    Sent(Sent),
    /// It does not.
    Failed(SendError),
    /// The approval was forgotten: nothing can be sent about it.
    Forgotten,
    /// The approval cannot be read.
    Unreadable(StoreError),
}

/// Sends a message. A defect of a channel fails one delivery, not the server.
pub(super) async fn attempt(sources: Arc<Sources>, handle: Arc<Handle>, outgoing: Outgoing) -> (Outgoing, Outcome) {
    let started = sources.clock.instant();
    let sending = AssertUnwindSafe(send(&sources, &handle, &outgoing)).catch_unwind();
    let outcome = match clock::timeout(&*sources.clock, SEND_TIMEOUT, sending).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => {
            Outcome::Failed(SendError::Rejected { reason: "an internal error of the channel; see the log".to_owned() })
        }
        Err(clock::Elapsed) => Outcome::Failed(no_answer()),
    };
    if matches!(outcome, Outcome::Sent(_) | Outcome::Failed(_)) {
        sources.metrics.message_attempted(&handle.name, sources.clock.instant() - started);
    }
    (outgoing, outcome)
}

/// An attempt took too long.
pub(super) fn no_answer() -> SendError {
    SendError::Retry { reason: format!("there was no answer within {} s", SEND_TIMEOUT.as_secs()), after: None }
}

async fn send(sources: &Sources, handle: &Handle, outgoing: &Outgoing) -> Outcome {
    let (message, state) = match message(sources, handle, outgoing).await {
        Ok(message) => message,
        Err(StoreError::NotFound) => return Outcome::Forgotten,
        Err(error) => return Outcome::Unreadable(error),
    };
    match handle.channel.send(&message, state.as_ref()).await {
        Ok(sent) => Outcome::Sent(sent),
        Err(error) => Outcome::Failed(error),
    }
}

async fn message(
    sources: &Sources,
    handle: &Handle,
    outgoing: &Outgoing,
) -> Result<(Message, Option<ChannelState>), StoreError> {
    let part = &outgoing.parts[0];
    let delivery = &part.planned.delivery;
    let id = DeliveryId { approval: part.approval, revision: delivery.revision, channel: handle.name.clone() };
    let links: Links = sources.links.clone();
    if let Some(bundle) = &outgoing.bundle {
        let mut message = Message::about(&id, Subject::Bundle(bundle.clone()), sources.clock.now(), links);
        // The first request of the bundle may have been tried in another message.
        message.id = format!("{}_bundle_{}", message.id, bundle.approvals.len());
        return Ok((message, None));
    }
    let approval = sources.approvals.get(part.approval).await?;
    let view = sources.policies.display(&approval).await.redacted(&approval);
    let subject = Subject::Approval {
        kind: delivery.kind,
        revision: delivery.revision,
        at: delivery.created_at,
        approval: Box::new(view),
    };
    Ok((Message::about(&id, subject, sources.clock.now(), links), silence::own(part.state.clone())))
}
