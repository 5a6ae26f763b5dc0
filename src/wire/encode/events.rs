use super::{actor, moment, policy, provenance};
use crate::{
    domain::{Escalation, Event, EventKind},
    proto::v1::{self, event::Kind},
    wire::{enums::Code as _, structs},
};

/// Encodes an event.
#[must_use]
pub fn event(event: &Event) -> v1::Event {
    let time = moment(event.at);
    let (surface, assurance, opened) = provenance(event.provenance.as_ref());
    let kind = match &event.kind {
        EventKind::Requested { request, arguments, verdict, .. } => Kind::Requested(v1::event::Requested {
            digest: request.digest.to_string(),
            status: verdict.effect.status().to_wire().into(),
            arguments: Some(structs::from_json(arguments.as_json())),
        }),
        EventKind::Voted { choice: way, comment, seen, digest, counted_for } => Kind::Voted(v1::Vote {
            decided_by: Some(actor(&event.actor)),
            choice: way.to_wire().into(),
            comment: comment.clone(),
            vote_time: Some(time),
            revision_seen: *seen,
            digest: digest.to_string(),
            submitted_by: event.via.as_ref().map(actor),
            counted_for: counted_for.iter().map(ToString::to_string).collect(),
            surface,
            assurance,
            opened: opened.clone(),
        }),
        EventKind::Edited { arguments, digest, verdict, seen, .. } => Kind::Edited(v1::event::Edited {
            arguments: Some(structs::from_json(arguments.as_json())),
            digest: digest.to_string(),
            policy: Some(policy(verdict)),
            revision_seen: *seen,
        }),
        EventKind::Decided { status: reached, comment, seen, digest, .. } => Kind::Decided(v1::Decision {
            status: reached.to_wire().into(),
            decided_by: Some(actor(&event.actor)),
            comment: comment.clone(),
            decide_time: Some(time),
            revision_seen: *seen,
            digest: digest.to_string(),
            revision: event.revision,
            submitted_by: event.via.as_ref().map(actor),
            remembered_rejection: None,
            surface,
            assurance,
            opened: opened.clone(),
        }),
        EventKind::Escalated(Escalation { rule, reviewers, priority: raised, notify, .. }) => {
            Kind::Escalated(v1::event::Escalated {
                rule: rule.to_string(),
                reviewers: reviewers.iter().map(ToString::to_string).collect(),
                priority: raised.to_wire().into(),
                notify: notify.iter().map(ToString::to_string).collect(),
            })
        }
        EventKind::Claimed { claim_id, digest } => {
            Kind::Claimed(v1::event::Claimed { claim_id: claim_id.to_string(), digest: digest.to_string() })
        }
        EventKind::Reported { result: what, message } => Kind::Reported(v1::ExecutionOutcome {
            result: what.to_wire().into(),
            message: message.clone(),
            report_time: Some(time),
        }),
        EventKind::Revoked { reason } => Kind::Revoked(v1::event::Revoked { reason: reason.clone() }),
    };
    let (revision, event_time, actor) = (event.revision, Some(time), Some(actor(&event.actor)));
    // A vote and a decision have them in their own messages.
    let (surface, assurance, opened) = match kind {
        Kind::Edited(_) | Kind::Revoked(_) => (surface, assurance, opened),
        _ => Default::default(),
    };
    v1::Event { revision, event_time, actor, kind: Some(kind), surface, assurance, opened }
}
