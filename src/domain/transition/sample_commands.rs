//! Commands for the tests of each command's rules.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::domain::{samples::*, *};

/// The approval after commands that are all allowed.
pub(super) fn run(mut approval: Approval, commands: impl IntoIterator<Item = (Command, i64)>) -> Approval {
    for (command, seconds) in commands {
        let step = step(&approval, &command, at(seconds));
        assert!(step.outcome.is_ok(), "{command:?}: {:?}", step.outcome);
        approval = step.approval;
    }
    approval
}

pub(super) fn voted(n: usize, choice: Choice, seen: Seen) -> Command {
    Command::Decide(decide(reviewer(n), choice, seen))
}

pub(super) fn approve(n: usize) -> Command {
    voted(n, Choice::Approve, Seen::Revision(1))
}

pub(super) fn reject(n: usize) -> Command {
    voted(n, Choice::Reject, Seen::Revision(1))
}

pub(super) fn edit(n: usize, seen: Revision, to: &str, verdict: Arc<Verdict>) -> Command {
    let edit = Edit { arguments: arguments(&json!({ "to": to })), verdict };
    Command::Decide(Deciding { edit: Some(edit), ..decide(reviewer(n), Choice::Approve, Seen::Revision(seen)) })
}

pub(super) fn cancel(actor: Actor) -> Command {
    Command::Cancel { actor, request_id: None, reason: "no more".into() }
}

pub(super) fn claim(actor: Actor, n: u64, digest: Digest) -> Command {
    Command::Claim(Claiming { actor, request_id: None, claim_id: claim_id(n), digest })
}

pub(super) fn report(actor: Actor, n: u64) -> Command {
    let result = ExecutionResult::Failed;
    Command::Report(Reporting { actor, request_id: None, claim_id: claim_id(n), result, message: "no".into() })
}

pub(super) fn within(seconds: u64, quorum: u32) -> Arc<Verdict> {
    let timeout = Some(Duration::from_secs(seconds));
    verdict(Effect::RequireApproval(Requirement::any(quorum).within(timeout)))
}

pub(super) fn asked() -> Digest {
    opened(quorum(1)).digest
}

pub(super) fn edited(to: &str) -> Digest {
    Digest::of("send_email", &arguments(&json!({ "to": to })))
}

/// Checks that commands are refused, at `at(40)`, and that nothing is recorded for them.
pub(super) fn check_refusals(cases: impl IntoIterator<Item = (&'static str, Approval, Command, Refusal)>) {
    for (name, approval, command, refusal) in cases {
        let step = step(&approval, &command, at(40));
        assert_eq!(step.outcome, Err(refusal), "{name}");
        assert_eq!((step.events, step.approval), (Vec::new(), approval), "{name}");
    }
}

/// Two approving votes are needed.
pub(super) fn pending() -> Approval {
    opened(quorum(2))
}

/// Approved by one vote, at `at(10)`.
pub(super) fn approved() -> Approval {
    run(opened(quorum(1)), [(approve(1), 10)])
}

/// Approved, and claimed at `at(20)`.
pub(super) fn claimed() -> Approval {
    run(approved(), [(claim(agent(), 1, asked()), 20)])
}

/// Claimed, and reported at `at(30)`.
pub(super) fn reported() -> Approval {
    run(claimed(), [(report(agent(), 1), 30)])
}

/// Pending, with an edit by one reviewer at `at(5)`.
pub(super) fn edited_once() -> Approval {
    run(pending(), [(edit(1, 1, "bob", quorum(3)), 5)])
}

/// The refusal of what comes after a decision on the arguments as asked.
pub(super) fn decided(
    status: Status,
    actor: Actor,
    comment: &str,
    seconds: i64,
    seen: Revision,
    revision: Revision,
) -> Refusal {
    let (comment, at) = (comment.to_owned(), at(seconds));
    Refusal::AlreadyDecided(Box::new(Decision {
        status,
        actor,
        via: None,
        comment,
        at,
        seen,
        digest: asked(),
        revision,
        provenance: None,
    }))
}

/// The same, for [`approved`].
pub(super) fn decided_by_reviewer() -> Refusal {
    decided(Status::Approved, reviewer(1), "seen", 10, 1, 2)
}

/// The refusal of a look at something else than the approval's arguments.
pub(super) fn stale(approval: &Approval) -> Refusal {
    Refusal::Stale { revision: approval.revision, digest: approval.digest }
}
