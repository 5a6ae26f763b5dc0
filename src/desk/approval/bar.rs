//! What the viewer can decide now, and why not what they cannot.

use crate::{
    desk::texts::approval as texts,
    domain::{Approval, Choice, MAX_EDITS, Priority, Time},
    identity::{Method, Principal},
};

/// The decision bar of one page.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// Why nothing can be decided. `None`: something can.
    pub(super) closed: Option<String>,
    pub(super) approve: Act,
    pub(super) reject: Act,
    pub(super) edit: Act,
    /// Whether every vote needs a comment.
    pub(super) comment_required: bool,
    /// Usual reasons to reject.
    pub(super) reasons: Vec<String>,
    /// Whether Approve asks a second time.
    pub(super) confirms: bool,
    /// What the viewer wrote so far.
    pub(super) comment: String,
    /// The reason that the viewer chose so far.
    pub(super) reason: String,
    /// The idempotency key of the next decision.
    pub(super) key: String,
}

/// Whether a button can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Possible,
    Not(String),
}

impl Act {
    pub(super) fn is_possible(&self) -> bool {
        *self == Self::Possible
    }

    /// Why not; empty if it is possible.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Possible => "",
            Self::Not(why) => why,
        }
    }
}

impl Bar {
    /// The bar of an approval with this many warnings.
    pub(super) fn of(approval: &Approval, viewer: &Principal, now: Time, warnings: usize, reasons: &[String]) -> Self {
        let closed = closed(approval, viewer, now);
        let (actor, groups) = (&viewer.actor, &viewer.groups);
        let vote = approval.votes.iter().find(|vote| vote.actor.is(actor));
        let approve = if approval.is_decidable_by(actor, groups, viewer.needs_others()) {
            Act::Possible
        } else {
            Act::Not(match vote.map(|vote| vote.choice) {
                Some(Choice::Approve) => texts::YOU_APPROVED.to_owned(),
                Some(Choice::Reject) => texts::YOU_REJECTED.to_owned(),
                None => texts::NEEDS_OTHERS.to_owned(),
            })
        };
        let rejected = vote.is_some_and(|vote| vote.choice == Choice::Reject);
        let reject = if rejected { Act::Not(texts::YOU_REJECTED.to_owned()) } else { Act::Possible };
        let edit = if !approval.requirement().allow_edits {
            Act::Not(texts::NO_EDITS.to_owned())
        } else if approval.edits >= MAX_EDITS {
            Act::Not(texts::too_many_edits(MAX_EDITS))
        } else {
            Act::Possible
        };
        Self {
            closed,
            approve,
            reject,
            edit,
            comment_required: approval.requirement().comment_required,
            reasons: reasons.to_vec(),
            confirms: confirms(approval, warnings),
            comment: String::new(),
            reason: String::new(),
            key: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// With what the viewer had entered before the page was made again.
    pub(super) fn with(self, comment: &str, reason: &str) -> Self {
        Self { comment: comment.to_owned(), reason: reason.to_owned(), ..self }
    }

    /// Whether the viewer can edit now.
    pub(super) fn can_edit(&self) -> bool {
        self.closed.is_none() && self.edit.is_possible()
    }

    /// Equal for bars that look the same. A script replaces the bar only when it differs, so that nothing moves under a
    /// finger.
    pub(super) fn state(&self) -> String {
        let closed = self.closed.as_deref().unwrap_or("open");
        let acts = [&self.approve, &self.reject, &self.edit].map(|act| act.why().to_owned());
        format!("{closed}|{}|{}|{}", acts.join("|"), self.comment_required, self.confirms)
    }

    /// What cannot be done, and why, one sentence for each reason.
    pub(super) fn refusals(&self) -> Vec<&str> {
        let mut refusals: Vec<_> =
            [&self.approve, &self.reject, &self.edit].into_iter().map(Act::why).filter(|why| !why.is_empty()).collect();
        refusals.dedup();
        refusals
    }
}

/// Whether Approve asks a second time.
pub(super) fn confirms(approval: &Approval, warnings: usize) -> bool {
    warnings > 0 || approval.priority() == Priority::Urgent
}

fn closed(approval: &Approval, viewer: &Principal, now: Time) -> Option<String> {
    if approval.status.is_terminal() {
        return Some(String::new()); // the outcome says it all
    }
    if approval.deadline <= now {
        return Some(texts::DEADLINE_PASSED.to_owned());
    }
    if !viewer.may(Method::Decide) {
        return Some(texts::role_cannot_decide(&viewer.role_names()));
    }
    if approval.is_asked_by(&viewer.actor) {
        return Some(texts::SELF_DECISION.to_owned());
    }
    if approval.counts_for(&viewer.actor, &viewer.groups).is_empty() {
        return Some(texts::NOT_ASKED.to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::{Command, Effect, Requirement, Seen, samples::*, step},
        test_support,
    };

    fn bar(approval: &Approval, viewer: &Principal) -> Bar {
        Bar::of(approval, viewer, at(1), 0, &[])
    }

    #[test]
    fn what_cannot_be_decided_says_why() {
        let approval = opened(quorum(2));
        let reviewer = test_support::reviewer(1);
        let fine = bar(&approval, &reviewer);
        assert_eq!((fine.closed.as_deref(), fine.refusals()), (None, vec![]));
        let closed = |approval: &Approval, viewer: &Principal, now| Bar::of(approval, viewer, now, 0, &[]).closed;
        assert_eq!(closed(&approval, &reviewer, at(300)).as_deref(), Some(texts::DEADLINE_PASSED));
        assert_eq!(
            closed(&approval, &test_support::operator(), at(1)),
            Some(texts::role_cannot_decide("auditor, operator"))
        );
        let mut own = Principal::clone(&reviewer);
        own.actor = agent();
        assert_eq!(closed(&approval, &own, at(1)).as_deref(), Some(texts::SELF_DECISION));
        let mut legal = Requirement::any(1);
        legal.panels[0].reviewers = vec!["group:legal".parse().unwrap()];
        legal.allow_edits = false;
        let others = opened(verdict(Effect::RequireApproval(legal)));
        assert_eq!(closed(&others, &reviewer, at(1)).as_deref(), Some(texts::NOT_ASKED));
        assert_eq!(bar(&others, &test_support::member(1, &["legal"])).refusals(), [texts::NO_EDITS]);
    }

    #[test]
    fn who_approved_can_still_reject_and_edit() {
        let reviewer = test_support::reviewer(1);
        let voted = |choice| {
            let mut requirement = Requirement::any(2);
            requirement.reject_threshold = 2;
            let open = opened(verdict(Effect::RequireApproval(requirement)));
            let command = Command::Decide(decide(reviewer.actor.clone(), choice, Seen::Revision(1)));
            step(&open, &command, at(1)).approval
        };
        let approved = bar(&voted(Choice::Approve), &reviewer);
        assert_eq!(approved.closed, None);
        assert_eq!((approved.approve.why(), approved.reject.why()), (texts::YOU_APPROVED, ""));
        let rejected = bar(&voted(Choice::Reject), &reviewer);
        assert_eq!((rejected.approve.why(), rejected.reject.why()), (texts::YOU_REJECTED, texts::YOU_REJECTED));
        assert_eq!(rejected.refusals().len(), 1);
    }

    #[test]
    fn urgent_requests_and_warnings_ask_twice() {
        let approval = opened(quorum(1));
        assert!(!confirms(&approval, 0) && confirms(&approval, 1));
        let mut requirement = Requirement::any(1);
        requirement.escalations = vec![crate::domain::Escalation {
            rule: Arc::from(""),
            after: std::time::Duration::from_secs(1),
            reviewers: Vec::new(),
            priority: Priority::Urgent,
            notify: Vec::new(),
        }];
        let open = opened(verdict(Effect::RequireApproval(requirement)));
        assert!(!confirms(&open, 0));
        assert!(confirms(&step(&open, &Command::Tick, at(2)).approval, 0));
    }
}
