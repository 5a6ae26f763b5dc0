//! Rules of all commands: the clock, and repetitions.

mod assurance;
mod bridges;

use super::sample_commands::*;
use crate::domain::{samples::*, *};

#[test]
fn a_clock_set_back_does_not_reorder_history() {
    let voted = run(opened(quorum(2)), [(approve(1), 100)]);
    let step = step(&voted, &approve(2), at(50));
    assert_eq!(step.outcome, Ok(3));
    assert_eq!((step.events[0].at, step.approval.updated_at), (at(100), at(100)));
    assert_eq!(step.approval.decision.as_ref().unwrap().at, at(100));
    // It does not reopen an expired approval either.
    let late = run(opened(quorum(1)), [(Command::Tick, 300)]);
    assert!(matches!(crate::domain::step(&late, &approve(1), at(10)).outcome, Err(Refusal::AlreadyDecided(_))));
}

#[test]
fn events_of_people_say_how_their_call_arrived() {
    let revoke = |request_id| {
        Command::Revoke(Revoking {
            actor: agent(),
            groups: None,
            operator: false,
            request_id,
            reason: String::new(),
            provenance: None,
        })
    };
    let mut approval = opened(quorum(2));
    let mut said = Vec::new();
    for command in [
        approve(1),
        from_desk(edit(1, 1, "bob", quorum(3))),
        from_desk(voted(2, Choice::Approve, Seen::Revision(4))),
        from_desk(voted(3, Choice::Approve, Seen::Revision(4))),
        from_desk(revoke(None)),
    ] {
        let step = step(&approval, &command, at(1));
        assert!(step.outcome.is_ok());
        said.extend(step.events.iter().map(|event| event.provenance.is_some()));
        approval = step.approval;
    }
    assert_eq!(said, [false, true, true, true, true, true]);
    let desk = Some(at_the_desk());
    assert!(approval.votes.iter().all(|vote| vote.provenance == desk) && approval.votes.len() == 3);
    assert_eq!(approval.decision.as_ref().unwrap().provenance, desk);

    let timed_out = run(run(pending(), [(from_desk(approve(1)), 1)]), [(Command::Tick, 300)]);
    assert_eq!(timed_out.decision.unwrap().provenance, None, "nobody decided");
    let cancelled = run(pending(), [(cancel(agent()), 1)]);
    assert_eq!(cancelled.decision.unwrap().provenance, None);
}

#[test]
fn the_same_decision_from_another_surface_is_a_repetition() {
    let first = run(pending(), [(keyed(from_desk(approve(1)), "k"), 5)]);
    let mut elsewhere = keyed(approve(1), "k");
    if let Command::Decide(deciding) = &mut elsewhere {
        deciding.provenance = Some(Provenance { surface: Surface::Slack, assurance: Assurance::Chat, opened: vec![] });
    }
    let again = step(&first, &elsewhere, at(6));
    assert_eq!((again.outcome, again.events, &again.approval), (Ok(2), Vec::new(), &first));
    assert_eq!(again.approval.votes[0].provenance, Some(at_the_desk()), "the first record stands");
}

#[test]
fn a_key_names_one_call() {
    let reused = || Refusal::RequestIdReused { request_id: "k".into(), approval: id(0, 1), field: None };
    let keyed_vote = || run(pending(), [(keyed(approve(1), "k"), 5)]);
    check_refusals([
        ("a key for another choice", keyed_vote(), keyed(reject(1), "k"), reused()),
        ("a key for an edit", keyed_vote(), keyed(edit(1, 1, "bob", quorum(1)), "k"), reused()),
        (
            "a key for another look",
            keyed_vote(),
            keyed(voted(1, Choice::Approve, Seen::Digest(asked())), "k"),
            reused(),
        ),
        ("a key for another command", keyed_vote(), keyed(cancel(reviewer(1)), "k"), reused()),
        (
            "a key for a report instead of a claim",
            run(approved(), [(keyed(claim(agent(), 1, asked()), "k"), 20)]),
            keyed(report(agent(), 1), "k"),
            reused(),
        ),
        (
            "a key for a claim of other arguments",
            run(approved(), [(keyed(claim(agent(), 1, asked()), "k"), 20)]),
            keyed(claim(agent(), 1, edited("bob")), "k"),
            reused(),
        ),
    ]);
}

#[test]
fn keys_are_the_callers_own() {
    let first = keyed(approve(1), "k");
    let voted = run(opened(quorum(3)), [(first.clone(), 1), (keyed(approve(2), "k"), 2)]);
    assert_eq!(voted.approvals(), 2, "another caller may use the same key");
    for (command, revision) in [(first, 2), (keyed(approve(2), "k"), 3)] {
        let again = step(&voted, &command, at(1_000));
        assert_eq!((again.outcome, again.events, &again.approval), (Ok(revision), Vec::new(), &voted));
    }

    // A refused call does not use its key.
    let refused = step(&voted, &keyed(voted_at(3, 99), "k3"), at(3));
    assert!(matches!(refused.outcome, Err(Refusal::Stale { .. })));
    let approved = run(refused.approval, [(keyed(voted_at(3, 3), "k3"), 3)]);
    assert_eq!(approved.status, Status::Approved);

    // The key of an edit that decides belongs to the decision, not the edit.
    let edited = keyed(edit(1, 1, "bob", quorum(1)), "e");
    let decided = run(opened(quorum(1)), [(edited.clone(), 1)]);
    assert_eq!((decided.revision, step(&decided, &edited, at(2)).outcome), (3, Ok(3)));

    // A repeated claim returns the first one, although the server generated a new id.
    let claimed = run(decided, [(keyed(claim(agent(), 1, edited_digest()), "c"), 3)]);
    let again = step(&claimed, &keyed(claim(agent(), 2, edited_digest()), "c"), at(4));
    assert_eq!((again.outcome, again.approval.claim.unwrap().id), (Ok(4), claim_id(1)));
}

fn voted_at(n: usize, seen: Revision) -> Command {
    voted(n, Choice::Approve, Seen::Revision(seen))
}

fn edited_digest() -> Digest {
    edited("bob")
}
