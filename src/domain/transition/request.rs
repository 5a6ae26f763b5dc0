//! Request: opens an approval.

use std::sync::Arc;

use crate::domain::{Approval, ApprovalId, Arguments, Event, EventKind, ReplayError, Request, Time, Verdict, after};

/// Opens an approval: returns it, and the event for the new request.
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
        provenance: None,
        receipt: None,
        kind: EventKind::Requested { deadline: after(now, request.timeout.min(limit)), request, arguments, verdict },
    };
    Approval::replay(id, [&event]).map(|approval| (approval, event))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn a_request_must_have_the_digest_of_its_arguments() {
        let (mut asked, arguments) = a_request("r1");
        asked.digest = edited("eve");
        let opened = request(id(0, 1), Arc::new(asked), arguments, quorum(1), at(0));
        assert_eq!(opened, Err(ReplayError::NotARequest));
    }

    #[test]
    fn the_policys_timeout_limits_the_callers() {
        for (verdict, seconds) in [(quorum(1), 300), (within(100, 1), 100), (within(1_000, 1), 300)] {
            assert_eq!(opened(verdict).deadline, at(seconds));
        }
    }
}
