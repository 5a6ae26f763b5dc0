//! The events of an approval, in words.

use super::{
    outcome::status,
    panels::{choice, how},
    told::{Told, Who},
};
use crate::{
    desk::{moment::Moment, texts::approval as texts},
    domain::{Event, EventKind, ExecutionResult},
};

/// One event.
#[derive(Clone, Debug)]
pub(super) struct EventRow {
    pub(super) revision: u64,
    pub(super) at: Moment,
    pub(super) what: String,
    pub(super) who: Who,
    pub(super) via: Option<Who>,
    pub(super) comment: Told,
    /// The digest of the arguments that it set or was about.
    pub(super) digest: String,
    pub(super) how: String,
}

/// The events, the oldest first.
pub(super) fn rows(events: &[Event]) -> Vec<EventRow> {
    events.iter().map(row).collect()
}

fn row(event: &Event) -> EventRow {
    let (what, comment, digest) = match &event.kind {
        EventKind::Requested { request, .. } => (texts::REQUESTED.to_owned(), "", Some(request.digest)),
        EventKind::Voted { choice: voted, comment, digest, .. } => {
            (texts::voted(choice(*voted).1), comment.as_str(), Some(*digest))
        }
        EventKind::Edited { digest, .. } => (texts::EDITED.to_owned(), "", Some(*digest)),
        EventKind::Decided { status: reached, comment, digest, .. } => {
            (status(*reached).1.to_owned(), comment.as_str(), Some(*digest))
        }
        EventKind::Escalated(escalation) => {
            let reviewers: Vec<_> = escalation.reviewers.iter().map(ToString::to_string).collect();
            (texts::escalated(&escalation.rule, escalation.priority.name(), &reviewers.join(", ")), "", None)
        }
        EventKind::Claimed { digest, .. } => (texts::CLAIMED.to_owned(), "", Some(*digest)),
        EventKind::Reported { result, message } => {
            let word = match result {
                ExecutionResult::Succeeded => texts::REPORTED_SUCCESS,
                ExecutionResult::Failed => texts::REPORTED_FAILURE,
            };
            (word.to_owned(), message.as_str(), None)
        }
        EventKind::Revoked { reason } => (texts::REVOKED.to_owned(), reason.as_str(), None),
    };
    EventRow {
        revision: event.revision,
        at: Moment(event.at),
        what,
        who: Who(event.actor.clone()),
        via: event.via.clone().map(Who),
        comment: Told::new(comment),
        digest: digest.map(|digest| digest.to_string()).unwrap_or_default(),
        how: how(event.provenance.as_ref()),
    }
}
