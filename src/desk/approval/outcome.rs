//! What became of an approval: the decision, its revocation, the claim, and the result of the call.

use super::{
    panels::how,
    told::{Told, Who},
};
use crate::{
    desk::{
        moment::{Countdown, Moment},
        texts::{approval as texts, status_word},
    },
    domain::{Approval, Decision, ExecutionResult, Role, Status, Time},
    identity::{Method, Principal},
};

/// A decided approval, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
    pub(super) by: Who,
    pub(super) via: Option<Who>,
    pub(super) at: Moment,
    pub(super) how: String,
    pub(super) comment: Told,
    /// An earlier rejection of the same call that decided this one.
    pub(super) remembered: Option<(String, Who)>,
    /// The freeze that rejected it.
    pub(super) frozen: Option<Stop>,
    pub(super) revoked: Option<(Who, Moment, Told)>,
    pub(super) claim: Option<Claimed>,
    /// The time left to claim it.
    pub(super) window: Option<Countdown>,
    /// When it could no longer be claimed.
    pub(super) closed: Option<Moment>,
    /// Whether the viewer can revoke it now.
    pub(super) revocable: bool,
}

/// A claimed call.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) by: Who,
    pub(super) at: Moment,
    pub(super) result: Option<Reported>,
}

/// The reported result of a call.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    pub(super) word: &'static str,
    pub(super) failed: bool,
    pub(super) message: Told,
    pub(super) at: Moment,
}

/// A freeze.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) by: Who,
    pub(super) at: Moment,
    pub(super) reason: Told,
}

impl Outcome {
    /// `None` while it is pending.
    pub(super) fn of(approval: &Approval, viewer: &Principal, now: Time) -> Option<Self> {
        let decision: &Decision = approval.decision.as_ref()?;
        let (sign, word) = status(decision.status);
        let untouched = approval.claim.is_none() && approval.revocation.is_none();
        let until = approval.claimable_until().filter(|_| untouched);
        let is_open = until.is_some_and(|until| until > now);
        let remembered = approval.verdict.remembered_rejection.as_ref();
        let claimed = |claim: &crate::domain::Claim| Claimed {
            by: Who(claim.actor.clone()),
            at: Moment(claim.at),
            result: claim.outcome.as_ref().map(|outcome| Reported {
                word: match outcome.result {
                    ExecutionResult::Succeeded => texts::SUCCEEDED,
                    ExecutionResult::Failed => texts::FAILED,
                },
                failed: outcome.result == ExecutionResult::Failed,
                message: Told::new(outcome.message.as_str()),
                at: Moment(outcome.at),
            }),
        };
        Some(Self {
            sign,
            word,
            by: Who(decision.actor.clone()),
            via: decision.via.clone().map(Who),
            at: Moment(decision.at),
            how: how(decision.provenance.as_ref()),
            comment: Told::new(decision.comment.as_str()),
            remembered: remembered.map(|one| (one.approval_id.to_string(), Who(one.decided_by.clone()))),
            frozen: approval.verdict.frozen.as_ref().map(Stop::of),
            revoked: approval
                .revocation
                .as_ref()
                .map(|one| (Who(one.actor.clone()), Moment(one.at), Told::new(one.reason.as_str()))),
            claim: approval.claim.as_ref().map(claimed),
            window: until.filter(|_| is_open).map(|deadline| Countdown { deadline, now }),
            closed: until.filter(|_| !is_open).map(Moment),
            revocable: is_open && may_revoke(approval, viewer),
        })
    }
}

impl Stop {
    pub(super) fn of(frozen: &crate::domain::Frozen) -> Self {
        let crate::domain::Frozen { actor, reason, at, .. } = frozen;
        Self { by: Who(actor.clone()), at: Moment(*at), reason: Told::new(reason.as_str()) }
    }
}

/// Whether anything can still become of it: it waits, or it is approved and neither revoked nor reported.
pub(super) fn may_change(approval: &Approval) -> bool {
    let reported = approval.claim.as_ref().is_some_and(|claim| claim.outcome.is_some());
    !approval.status.is_terminal() || (approval.status.is_approved() && approval.revocation.is_none() && !reported)
}

/// Whether the viewer is one of those who can revoke it: the requester, a reviewer whom the policy asks, an operator.
fn may_revoke(approval: &Approval, viewer: &Principal) -> bool {
    let asked =
        viewer.roles.contains(&Role::Reviewer) && !approval.counts_for(&viewer.actor, &viewer.groups).is_empty();
    let caller = approval.request.caller.is(&viewer.actor);
    viewer.may(Method::RevokeApproval) && (asked || caller || viewer.roles.contains(&Role::Operator))
}

/// The sign and the word of a status.
pub(super) const fn status(status: Status) -> (&'static str, &'static str) {
    let sign = match status {
        Status::Pending => "…",
        Status::Approved | Status::AutoApproved => "✓",
        Status::Rejected | Status::AutoRejected => "✕",
        Status::TimedOut => "⌛",
        Status::Cancelled => "–",
    };
    (sign, status_word(status))
}
