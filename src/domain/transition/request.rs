//! A request opens an approval.

use std::sync::Arc;

use crate::domain::{Approval, ApprovalId, Arguments, Event, EventKind, ReplayError, Request, Time, Verdict, after};

/// Opens an approval: the event for a new request, and the approval that it makes.
///
/// # Errors
/// When the request's digest is not that of its arguments.
pub fn request(
    id: ApprovalId,
    request: Arc<Request>,
    arguments: Arguments,
    verdict: Arc<Verdict>,
    now: Time,
) -> Result<(Approval, Event), ReplayError> {
    let limit = verdict.effect.requirement().timeout.unwrap_or(request.timeout);
    let event = Event {
        revision: 1,
        at: now,
        actor: request.caller.clone(),
        via: None,
        needs_others: false,
        receipt: None,
        kind: EventKind::Requested { deadline: after(now, request.timeout.min(limit)), request, arguments, verdict },
    };
    Approval::replay(id, [&event]).map(|approval| (approval, event))
}
