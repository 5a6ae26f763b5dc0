//! Cancel: the requester withdraws a pending request.

use super::{requester, undecided};
use crate::domain::{Actor, Approval, EventKind, Refusal, Status};

pub(super) fn cancel(approval: &Approval, actor: &Actor, reason: &str) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, actor)?;
    undecided(approval)?;
    let (status, comment, seen) = (Status::Cancelled, reason.to_owned(), approval.revision);
    Ok(vec![EventKind::Decided { status, comment, seen, digest: approval.digest, counted_for: Vec::new() }])
}

#[cfg(test)]
mod tests {
    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn refusals() {
        check_refusals([
            ("cancel after approve", approved(), cancel(agent()), decided_by_reviewer()),
            (
                "cancel what the policy rejected",
                opened(verdict(Effect::AutoReject)),
                cancel(agent()),
                decided(Status::AutoRejected, Actor::policy("1"), "", 0, 0, 1),
            ),
            ("another cancels", pending(), cancel(reviewer(1)), Refusal::NotRequester),
            ("another cancels, too late", approved(), cancel(reviewer(1)), Refusal::NotRequester),
        ]);
    }
}
