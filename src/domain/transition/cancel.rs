//! The requester withdraws.

use super::{requester, undecided};
use crate::domain::{Actor, Approval, EventKind, Refusal, Status};

pub(super) fn cancel(approval: &Approval, actor: &Actor, reason: &str) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, actor)?;
    undecided(approval)?;
    let (status, comment, seen) = (Status::Cancelled, reason.to_owned(), approval.revision);
    Ok(vec![EventKind::Decided { status, comment, seen, digest: approval.digest, counted_for: Vec::new() }])
}
