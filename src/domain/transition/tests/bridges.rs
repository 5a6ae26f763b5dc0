//! Credentials that can name any voter: a thief of them must not approve alone.

use std::sync::Arc;

use serde_json::json;

use crate::domain::{samples::*, *};

fn bridge() -> Actor {
    actor(ActorKind::Service, "bridge")
}

/// A vote that the bridge submits, or casts itself if `voter` is the bridge.
fn brought(voter: Actor, choice: Choice) -> Deciding {
    let via = (!voter.is(&bridge())).then(bridge);
    Deciding { via, needs_others: true, ..decide(voter, choice, Seen::Revision(1)) }
}

fn approve(n: usize) -> Deciding {
    brought(reviewer(n), Choice::Approve)
}

/// A vote in person.
fn own(n: usize) -> Deciding {
    decide(reviewer(n), Choice::Approve, Seen::Revision(1))
}

/// Outcomes of votes, one after the other. Checks that their history can be replayed.
fn run(verdict: Arc<Verdict>, votes: impl IntoIterator<Item = Deciding>) -> (Approval, Vec<Result<Status, Refusal>>) {
    let (request, arguments) = a_request("r1");
    let (mut approval, first) = request_of(request, arguments, verdict);
    let (mut events, mut outcomes) = (vec![first], Vec::new());
    for vote in votes {
        let step = step(&approval, &Command::Decide(vote), at(1));
        outcomes.push(step.outcome.map(|_| step.approval.status));
        events.extend(step.events);
        approval = step.approval;
    }
    assert_eq!(Approval::replay(approval.id, &events).as_ref(), Ok(&approval));
    (approval, outcomes)
}

fn request_of(asked: Request, arguments: Arguments, verdict: Arc<Verdict>) -> (Approval, Event) {
    request(id(0, 1), Arc::new(asked), arguments, verdict, at(0)).unwrap()
}

const PENDING: Result<Status, Refusal> = Ok(Status::Pending);
const APPROVED: Result<Status, Refusal> = Ok(Status::Approved);
const ALONE: Result<Status, Refusal> = Err(Refusal::NeedsOthers);

#[test]
fn a_bridge_approves_nothing_alone() {
    for (what, quorum_of, votes, expected) in [
        ("one vote is enough", 1, vec![approve(1)], vec![ALONE]),
        ("one brings many people", 2, vec![approve(1), approve(2), approve(3)], vec![PENDING, ALONE, ALONE]),
        ("and votes itself too", 2, vec![approve(1), brought(bridge(), Choice::Approve)], vec![PENDING, ALONE]),
        ("itself first", 2, vec![brought(bridge(), Choice::Approve), approve(1)], vec![PENDING, ALONE]),
        ("one of two", 2, vec![approve(1), own(2)], vec![PENDING, APPROVED]),
        ("the other one of two", 2, vec![own(2), approve(1)], vec![PENDING, APPROVED]),
        ("one of three", 3, vec![approve(1), own(2), approve(3), own(4)], vec![PENDING, PENDING, ALONE, APPROVED]),
        ("in person, where one is enough", 1, vec![brought(bridge(), Choice::Approve)], vec![ALONE]),
        ("the same person twice", 2, vec![approve(1), approve(1)], vec![PENDING, Err(Refusal::AlreadyVoted)]),
        ("who voted in person", 3, vec![own(1), approve(1)], vec![PENDING, Err(Refusal::AlreadyVoted)]),
    ] {
        assert_eq!(run(quorum(quorum_of), votes).1, expected, "{what}");
    }
}

#[test]
fn a_bridge_that_may_decide_alone_brings_every_vote() {
    let free = |n| Deciding { needs_others: false, ..approve(n) };
    assert_eq!(run(quorum(1), [free(1)]).1, [APPROVED]);
    assert_eq!(run(quorum(2), [free(1), free(2)]).1, [PENDING, APPROVED]);
}

#[test]
fn a_rejection_needs_nobody_else() {
    let (rejected, outcomes) = run(quorum(1), [brought(reviewer(1), Choice::Reject)]);
    assert_eq!(outcomes, [Ok(Status::Rejected)]);
    assert_eq!(rejected.decision.unwrap().via, Some(bridge()));
}

#[test]
fn each_rule_counts_one_of_its_votes() {
    let panel = |name: &str, quorum| Panel { rule: name.into(), reviewers: Vec::new(), quorum };
    let panels = vec![panel("one", 1), panel("two", 2)];
    let verdict = verdict(Effect::RequireApproval(Requirement { panels, ..Requirement::any(1) }));
    let (approval, outcomes) = run(verdict, [approve(1), approve(2), own(3)]);
    assert_eq!(outcomes, [PENDING, ALONE, APPROVED]);
    let counted: Vec<_> = approval.votes.iter().map(|vote| vote.counted_for.join(" ")).collect();
    assert_eq!(counted, ["two", "one two"]);
}

#[test]
fn an_edit_gives_a_bridge_no_second_vote() {
    let edit = |verdict| Edit { arguments: arguments(&json!({"to": "eve"})), verdict };
    let editing = |n, verdict| Deciding { edit: Some(edit(verdict)), ..approve(n) };
    // If one vote is enough, it cannot even edit: that vote would be the only check.
    assert_eq!(run(quorum(1), [editing(1, quorum(1))]).1, [ALONE]);
    // If the new arguments need only one vote, it edits without voting.
    let (approval, outcomes) = run(quorum(2), [editing(1, quorum(1))]);
    assert_eq!((outcomes, approval.votes.len(), approval.edits), (vec![PENDING], 0, 1));
    let itself = brought(bridge(), Choice::Approve);
    let votes = [editing(1, quorum(1)), Deciding { seen: Seen::Revision(2), ..itself.clone() }];
    assert_eq!(run(quorum(2), votes).1, [PENDING, ALONE], "nor does it vote in person then");
    let edited_itself = Deciding { edit: Some(edit(quorum(1))), ..itself };
    let (approval, outcomes) = run(quorum(2), [edited_itself]);
    assert_eq!((outcomes, approval.votes.len()), (vec![PENDING], 0), "nor with the edit");
    let (approval, _) = run(quorum(2), [own(2), editing(1, quorum(2))]);
    assert_eq!((approval.status, approval.votes.len()), (Status::Pending, 1));
}

#[test]
fn a_history_in_which_a_bridge_decides_alone_is_impossible() {
    let (asked, arguments) = a_request("r1");
    let (approval, first) = request_of(asked, arguments, quorum(1));
    let free = Deciding { needs_others: false, ..approve(1) };
    let decided = step(&approval, &Command::Decide(free), at(1)).events.remove(0);
    // As recorded before this limit existed, and as with credentials that may decide alone.
    assert!(Approval::replay(approval.id, [&first, &decided]).is_ok());
    let json = serde_json::to_value(&decided).unwrap();
    assert!(json.get("needs_others").is_none(), "{json}");
    let alone = Event { needs_others: true, ..decided };
    assert_eq!(serde_json::to_value(&alone).unwrap()["needs_others"], true);
    assert_eq!(Approval::replay(approval.id, [&first, &alone]), Err(ReplayError::Impossible(2)));

    let (asked, arguments) = a_request("r1");
    let (approval, first) = request_of(asked, arguments, quorum(2));
    let vote = |approval: &Approval, n| {
        let vote = Deciding { needs_others: false, ..approve(n) };
        let step = step(approval, &Command::Decide(vote), at(1));
        (step.approval, Event { needs_others: true, ..step.events[0].clone() })
    };
    let (one, first_vote) = vote(&approval, 1);
    let (_, second_vote) = vote(&one, 2);
    assert!(Approval::replay(approval.id, [&first, &first_vote]).is_ok());
    let forged = Approval::replay(approval.id, [&first, &first_vote, &second_vote]);
    assert_eq!(forged, Err(ReplayError::Impossible(3)));
}

/// Approvals are listed as decidable if a vote in person would count.
#[test]
fn what_a_bridge_may_decide_is_what_its_own_vote_counts_for() {
    let nobody = std::collections::BTreeSet::new();
    for (quorum_of, before) in [(1, None), (2, None), (2, Some(approve(1))), (2, Some(own(1))), (3, Some(approve(1)))] {
        let (approval, _) = run(quorum(quorum_of), before.clone());
        let vote = step(&approval, &Command::Decide(brought(bridge(), Choice::Approve)), at(1)).outcome;
        let context = format!("quorum {quorum_of}, after {before:?}: {vote:?}");
        assert_eq!(approval.is_decidable_by(&bridge(), &nobody, true), vote.is_ok(), "{context}");
        assert!(approval.is_decidable_by(&bridge(), &nobody, false), "{context}");
    }
}
