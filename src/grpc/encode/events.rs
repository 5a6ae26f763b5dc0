use super::{actor, choice, moment, policy, result, status};
use crate::{
    domain::{Approval, Digest, Event, EventKind, Revision},
    grpc::structs,
    proto::v1::{self, event::Kind},
};

/// Encodes the events of one approval, in order. On the wire a vote, a decision and a claim name the digest of the
/// arguments that they are for; an event does not hold it, as it follows from the events before.
#[derive(Clone, Copy, Debug)]
pub struct EventEncoder {
    digest: Digest,
}

impl EventEncoder {
    /// Starts before the first event.
    #[must_use]
    pub fn from_start(approval: &Approval) -> Self {
        Self { digest: approval.request.digest }
    }

    /// Starts after revision `after`. `None` when the arguments were edited since: then the digest of that time is
    /// known from the events up to `after` only, and these must be read and passed to [`skip`](Self::skip).
    #[must_use]
    pub fn after(approval: &Approval, after: Revision) -> Option<Self> {
        if after == 0 || approval.edits == 0 {
            return Some(Self::from_start(approval));
        }
        (approval.arguments_revision <= after).then_some(Self { digest: approval.digest })
    }

    /// Takes note of an event that is not to be sent.
    pub fn skip(&mut self, event: &Event) {
        if let EventKind::Edited { digest, .. } = event.kind {
            self.digest = digest;
        }
    }

    /// The next event.
    #[must_use]
    pub fn encode(&mut self, event: &Event) -> v1::Event {
        self.skip(event);
        let time = moment(event.at);
        let kind = match &event.kind {
            EventKind::Requested { request, verdict, .. } => Kind::Requested(v1::event::Requested {
                digest: request.digest.to_string(),
                status: status(verdict.effect.status()).into(),
            }),
            EventKind::Voted { choice: way, comment, seen } => Kind::Voted(v1::Vote {
                decided_by: Some(actor(&event.actor)),
                choice: choice(*way).into(),
                comment: comment.clone(),
                vote_time: Some(time),
                revision_seen: *seen,
                digest: self.digest.to_string(),
            }),
            EventKind::Edited { arguments, digest, verdict, seen, .. } => Kind::Edited(v1::event::Edited {
                arguments: Some(structs::from_json(arguments.as_json())),
                digest: digest.to_string(),
                policy: Some(policy(verdict)),
                revision_seen: *seen,
            }),
            EventKind::Decided { status: reached, comment, seen } => Kind::Decided(v1::Decision {
                status: status(*reached).into(),
                decided_by: Some(actor(&event.actor)),
                comment: comment.clone(),
                decide_time: Some(time),
                revision_seen: *seen,
                digest: self.digest.to_string(),
                revision: event.revision,
            }),
            EventKind::Claimed { claim_id } => {
                Kind::Claimed(v1::event::Claimed { claim_id: claim_id.to_string(), digest: self.digest.to_string() })
            }
            EventKind::Reported { result: what, message } => Kind::Reported(v1::ExecutionOutcome {
                result: result(*what).into(),
                message: message.clone(),
                report_time: Some(time),
            }),
        };
        v1::Event {
            revision: event.revision,
            event_time: Some(time),
            actor: Some(actor(&event.actor)),
            kind: Some(kind),
        }
    }
}
