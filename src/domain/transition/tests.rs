//! Refusal by refusal, and the moments at which one thing turns into another.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use serde_json::json;

use crate::domain::{samples::*, *};

/// The approval after commands that are all allowed.
fn run(mut approval: Approval, commands: impl IntoIterator<Item = (Command, i64)>) -> Approval {
    for (command, seconds) in commands {
        let step = step(&approval, &command, at(seconds));
        assert!(step.outcome.is_ok(), "{command:?}: {:?}", step.outcome);
        approval = step.approval;
    }
    approval
}

fn voted(n: usize, choice: Choice, seen: Seen) -> Command {
    Command::Decide(decide(reviewer(n), choice, seen))
}

fn approve(n: usize) -> Command {
    voted(n, Choice::Approve, Seen::Revision(1))
}

fn reject(n: usize) -> Command {
    voted(n, Choice::Reject, Seen::Revision(1))
}

fn edit(n: usize, seen: Revision, to: &str, verdict: Arc<Verdict>) -> Command {
    let edit = Edit { arguments: arguments(&json!({ "to": to })), verdict };
    Command::Decide(Deciding { edit: Some(edit), ..decide(reviewer(n), Choice::Approve, Seen::Revision(seen)) })
}

fn cancel(actor: Actor) -> Command {
    Command::Cancel { actor, request_id: None, reason: "no more".into() }
}

fn claim(actor: Actor, n: u64, digest: Digest) -> Command {
    Command::Claim(Claiming { actor, request_id: None, claim_id: claim_id(n), digest })
}

fn report(actor: Actor, n: u64) -> Command {
    let result = ExecutionResult::Failed;
    Command::Report(Reporting { actor, request_id: None, claim_id: claim_id(n), result, message: "no".into() })
}

fn keyed(mut command: Command, key: &str) -> Command {
    match &mut command {
        Command::Decide(Deciding { request_id, .. })
        | Command::Cancel { request_id, .. }
        | Command::Claim(Claiming { request_id, .. })
        | Command::Report(Reporting { request_id, .. }) => *request_id = Some(key.into()),
        Command::Tick => {}
    }
    command
}

fn within(seconds: u64, quorum: u32) -> Arc<Verdict> {
    let timeout = Some(Duration::from_secs(seconds));
    verdict(Effect::RequireApproval(Requirement::any(quorum).within(timeout)))
}

fn asked() -> Digest {
    opened(quorum(1)).digest
}

fn edited(to: &str) -> Digest {
    Digest::of("send_email", &arguments(&json!({ "to": to })))
}

/// The agent under another kind: still the agent.
fn disguised() -> Actor {
    actor(ActorKind::Person, "agent")
}

#[test]
fn every_refusal() {
    let pending = || opened(quorum(2));
    let approved = || run(opened(quorum(1)), [(approve(1), 10)]);
    let claimed = || run(approved(), [(claim(agent(), 1, asked()), 20)]);
    let reported = || run(claimed(), [(report(agent(), 1), 30)]);
    let automatic = |effect| opened(verdict(effect));
    let decided = |status, actor, comment: &str, seconds, seen, revision| {
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
        }))
    };
    let by_reviewer = || decided(Status::Approved, reviewer(1), "seen", 10, 1, 2);
    let stale = |approval: &Approval| Refusal::Stale { revision: approval.revision, digest: approval.digest };
    let taken = |outcome| Box::new(Claim { id: claim_id(1), actor: agent(), at: at(20), outcome });
    let outcome = Outcome { result: ExecutionResult::Failed, message: "no".into(), at: at(30) };
    let many_edits = (1..=u64::from(MAX_EDITS))
        .map(|n| (edit(1, n * 2 - 1, &n.to_string(), quorum(9)), 1))
        .fold(opened(quorum(9)), |approval, command| run(approval, [command]));
    let last = many_edits.revision;
    let lacking = Panel { rule: "legal".into(), reviewers: vec!["group:legal".parse().unwrap()], quorum: 1 };
    let any = Requirement::any(1);
    let panels = any.panels.iter().cloned().chain([lacking]).collect();
    let crowded = opened(verdict(Effect::RequireApproval(Requirement { panels, ..any })));
    let many_votes = run(crowded, (1..=MAX_VOTES as usize).map(|n| (approve(n), 1)));
    let after_edit = run(pending(), [(edit(1, 1, "bob", quorum(3)), 5)]);
    let forbidden = {
        let verdict = Verdict { message: "never".into(), ..Verdict::clone(&verdict(Effect::AutoReject)) };
        edit(1, 1, "eve", Arc::new(verdict))
    };
    let reused = || Refusal::RequestIdReused { request_id: "k".into(), approval: id(0, 1) };
    let keyed_vote = || run(pending(), [(keyed(approve(1), "k"), 5)]);

    for (name, approval, command, refusal) in [
        // AlreadyDecided: by whoever was first.
        ("approve after approve", approved(), approve(2), by_reviewer()),
        ("reject after approve", approved(), reject(2), by_reviewer()),
        ("the same again, without a key", approved(), approve(1), by_reviewer()),
        ("cancel after approve", approved(), cancel(agent()), by_reviewer()),
        ("edit after approve", approved(), edit(2, 1, "bob", quorum(1)), by_reviewer()),
        (
            "approve after reject",
            run(pending(), [(reject(1), 10)]),
            approve(2),
            decided(Status::Rejected, reviewer(1), "seen", 10, 1, 2),
        ),
        (
            "approve after cancel",
            run(pending(), [(cancel(agent()), 10)]),
            approve(2),
            decided(Status::Cancelled, agent(), "no more", 10, 1, 2),
        ),
        (
            "approve after the deadline fired",
            run(pending(), [(Command::Tick, 300)]),
            approve(2),
            decided(Status::TimedOut, Actor::deadline(), "No decision before the deadline.", 300, 0, 2),
        ),
        (
            "approve what the policy approved",
            automatic(Effect::AutoApprove),
            approve(1),
            decided(Status::AutoApproved, Actor::policy("1"), "", 0, 0, 1),
        ),
        (
            "cancel what the policy rejected",
            automatic(Effect::AutoReject),
            cancel(agent()),
            decided(Status::AutoRejected, Actor::policy("1"), "", 0, 0, 1),
        ),
        // Who may do what.
        (
            "the requester decides",
            pending(),
            Command::Decide(decide(agent(), Choice::Approve, Seen::Revision(1))),
            Refusal::SelfDecision,
        ),
        (
            "the requester rejects, as a person",
            pending(),
            Command::Decide(decide(disguised(), Choice::Reject, Seen::Revision(1))),
            Refusal::SelfDecision,
        ),
        (
            "the requester decides, too late",
            approved(),
            Command::Decide(decide(agent(), Choice::Approve, Seen::Revision(1))),
            Refusal::SelfDecision,
        ),
        ("another cancels", pending(), cancel(reviewer(1)), Refusal::NotRequester),
        ("another cancels, too late", approved(), cancel(reviewer(1)), Refusal::NotRequester),
        ("another claims", approved(), claim(reviewer(1), 1, asked()), Refusal::NotRequester),
        // Stale.
        ("seen before it was", pending(), voted(1, Choice::Approve, Seen::Revision(2)), stale(&pending())),
        ("seen nothing", pending(), voted(1, Choice::Reject, Seen::Revision(0)), stale(&pending())),
        ("seen something else", pending(), voted(1, Choice::Approve, Seen::Digest(edited("bob"))), stale(&pending())),
        ("seen before the edit", after_edit.clone(), approve(2), stale(&after_edit)),
        (
            "seen the digest before the edit",
            after_edit.clone(),
            voted(2, Choice::Reject, Seen::Digest(asked())),
            stale(&after_edit),
        ),
        // Votes and edits.
        ("votes twice", run(pending(), [(approve(1), 5)]), approve(1), Refusal::AlreadyVoted),
        (
            "brings the one vote that is needed",
            opened(quorum(1)),
            Command::Decide(Deciding {
                via: Some(reviewer(2)),
                needs_others: true,
                ..decide(reviewer(1), Choice::Approve, Seen::Revision(1))
            }),
            Refusal::NeedsOthers,
        ),
        (
            "votes after its own edit",
            after_edit.clone(),
            voted(1, Choice::Approve, Seen::Digest(edited("bob"))),
            Refusal::AlreadyVoted,
        ),
        ("too many votes", many_votes, approve(99), Refusal::TooManyVotes { limit: MAX_VOTES }),
        (
            "forbidden arguments",
            pending(),
            forbidden,
            Refusal::EditForbidden { rule: "rule".into(), message: "never".into() },
        ),
        ("too many edits", many_edits, edit(2, last, "more", quorum(9)), Refusal::TooManyEdits { limit: MAX_EDITS }),
        // Claims.
        ("claims what is pending", pending(), claim(agent(), 1, asked()), Refusal::NotApproved(Status::Pending)),
        (
            "claims what was rejected",
            run(pending(), [(reject(1), 5)]),
            claim(agent(), 1, asked()),
            Refusal::NotApproved(Status::Rejected),
        ),
        (
            "claims what the policy rejected",
            automatic(Effect::AutoReject),
            claim(agent(), 1, asked()),
            Refusal::NotApproved(Status::AutoRejected),
        ),
        (
            "claims other arguments",
            approved(),
            claim(agent(), 1, edited("bob")),
            Refusal::DigestMismatch { approved: asked() },
        ),
        (
            "claims what was asked, not what was approved",
            run(opened(quorum(1)), [(edit(1, 1, "bob", quorum(1)), 10)]),
            claim(agent(), 1, asked()),
            Refusal::DigestMismatch { approved: edited("bob") },
        ),
        ("claims twice", claimed(), claim(agent(), 2, asked()), Refusal::AlreadyClaimed(taken(None))),
        (
            "claims what was run",
            reported(),
            claim(agent(), 2, asked()),
            Refusal::AlreadyClaimed(taken(Some(outcome.clone()))),
        ),
        // Reports.
        ("reports without a claim", approved(), report(agent(), 1), Refusal::NotClaimed),
        ("reports another claim", claimed(), report(agent(), 2), Refusal::NotClaimed),
        ("another reports", claimed(), report(reviewer(1), 1), Refusal::NotRequester),
        ("reports twice", reported(), report(agent(), 1), Refusal::AlreadyReported(Box::new(outcome))),
        // One key, two calls.
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
    ] {
        let step = step(&approval, &command, at(40));
        assert_eq!(step.outcome, Err(refusal), "{name}");
        assert_eq!((step.events, step.approval), (Vec::new(), approval), "{name}");
    }
}

#[test]
fn the_deadline_is_the_first_moment_too_late() {
    let deadline = at(300);
    let microsecond = TimeDelta::microseconds(1);
    for (command, status) in
        [(approve(1), Status::Approved), (reject(1), Status::Rejected), (cancel(agent()), Status::Cancelled)]
    {
        let opened = opened(quorum(1));
        assert_eq!(opened.deadline, deadline);
        assert_eq!(step(&opened, &command, deadline - microsecond).approval.status, status);
        for late in [deadline, deadline + microsecond, at(1_000_000)] {
            let step = step(&opened, &command, late);
            let decision = step.approval.decision.clone().unwrap();
            assert_eq!((decision.status, &decision.actor, decision.at), (Status::TimedOut, &Actor::deadline(), late));
            assert_eq!(step.outcome, Err(Refusal::AlreadyDecided(Box::new(decision))));
            assert_eq!(step.events.len(), 1);
        }
    }
    let opened = opened(quorum(1));
    let early = step(&opened, &Command::Tick, deadline - microsecond);
    assert_eq!((early.outcome, early.events.len(), early.approval.status), (Ok(1), 0, Status::Pending));
    let fired = step(&opened, &Command::Tick, deadline);
    assert_eq!((fired.outcome, fired.approval.status), (Ok(2), Status::TimedOut));
    let again = step(&fired.approval, &Command::Tick, at(400));
    assert_eq!((again.events.len(), again.approval), (0, fired.approval));
}

#[test]
fn the_policys_timeout_limits_the_callers() {
    for (verdict, seconds) in [(quorum(1), 300), (within(100, 1), 100), (within(1_000, 1), 300)] {
        assert_eq!(opened(verdict).deadline, at(seconds));
    }
}

#[test]
fn the_claim_window_is_as_long_as_the_policy_says() {
    let microsecond = TimeDelta::microseconds(1);
    let by_people = run(opened(quorum(1)), [(approve(1), 10)]);
    let by_policy = opened(verdict(Effect::AutoApprove));
    for (approval, closed_at) in [(by_people, at(310)), (by_policy, at(300))] {
        assert_eq!(approval.claimable_until(), Some(closed_at));
        let claim = claim(agent(), 1, asked());
        assert!(step(&approval, &claim, closed_at - microsecond).outcome.is_ok());
        for late in [closed_at, closed_at + microsecond] {
            assert_eq!(step(&approval, &claim, late).outcome, Err(Refusal::ClaimWindowClosed { closed_at }));
        }
        // What was claimed in time may be reported at any time.
        let claimed = step(&approval, &claim, closed_at - microsecond).approval;
        assert!(step(&claimed, &report(agent(), 1), at(1_000_000)).outcome.is_ok());
    }
    let edited = Verdict { claim_window: Duration::from_secs(7), ..Verdict::clone(&quorum(1)) };
    let approved = run(opened(quorum(1)), [(edit(1, 1, "bob", Arc::new(edited)), 10)]);
    assert_eq!(approved.claimable_until(), Some(at(17)), "the verdict on what was approved counts");
}

#[test]
fn a_clock_set_back_does_not_reorder_history() {
    let voted = run(opened(quorum(2)), [(approve(1), 100)]);
    let step = step(&voted, &approve(2), at(50));
    assert_eq!(step.outcome, Ok(3));
    assert_eq!((step.events[0].at, step.approval.updated_at), (at(100), at(100)));
    assert_eq!(step.approval.decision.as_ref().unwrap().at, at(100));
    // Nor does it reopen what ran out.
    let late = run(opened(quorum(1)), [(Command::Tick, 300)]);
    assert!(matches!(crate::domain::step(&late, &approve(1), at(10)).outcome, Err(Refusal::AlreadyDecided(_))));
}

#[test]
fn an_edit_starts_the_vote_anew() {
    let twice = run(opened(quorum(3)), [(approve(1), 1), (approve(2), 2)]);
    assert_eq!(twice.approvals(), 2);
    let step = step(&twice, &edit(2, 3, "bob", quorum(2)), at(3));
    assert_eq!(step.outcome, Ok(5));
    let edited_to = edited("bob");
    let now = &step.approval;
    assert_eq!((now.status, now.digest, now.arguments_revision, now.edits), (Status::Pending, edited_to, 4, 1));
    let voters: Vec<_> = now.votes.iter().map(|vote| (&vote.actor, vote.digest)).collect();
    assert_eq!(voters, [(&reviewer(2), edited_to)]);
    assert_eq!(now.request.digest, asked(), "what was asked stays on record");
    let decided = run(step.approval, [(voted(1, Choice::Approve, Seen::Digest(edited_to)), 4)]);
    let decision = decided.decision.unwrap();
    assert_eq!((decision.status, decision.digest, decision.seen), (Status::Approved, edited_to, 4));

    let same = run(opened(quorum(2)), [(approve(1), 1), (edit(2, 1, "alice@company.com", quorum(9)), 2)]);
    assert_eq!((same.status, same.edits, same.revision), (Status::Approved, 0, 3), "the same arguments are no edit");
}

#[test]
fn an_edit_only_brings_the_deadline_forward() {
    for (verdict, now, deadline) in
        [(within(50, 2), 10, 60), (within(290, 2), 10, 300), (within(291, 2), 10, 300), (quorum(2), 10, 300)]
    {
        let edited = run(opened(quorum(2)), [(edit(1, 1, "bob", verdict), now)]);
        assert_eq!(edited.deadline, at(deadline));
        assert_eq!(edited.status, Status::Pending);
        let late = step(&edited, &voted(2, Choice::Approve, Seen::Revision(2)), at(deadline));
        assert_eq!(late.approval.status, Status::TimedOut);
    }
    let shortened = run(opened(within(100, 2)), [(edit(1, 1, "bob", within(20, 2)), 10)]);
    let again = run(shortened, [(edit(2, 3, "eve", within(90, 2)), 20)]);
    assert_eq!(again.deadline, at(30), "a later edit does not give back what an earlier one took");
}

#[test]
fn the_looks_that_count() {
    let voted_once = run(opened(quorum(2)), [(approve(1), 1)]);
    for (seen, recorded) in [(Seen::Revision(1), 1), (Seen::Revision(2), 2), (Seen::Digest(asked()), 1)] {
        let decided = run(voted_once.clone(), [(voted(2, Choice::Approve, seen), 2)]);
        assert_eq!(decided.decision.unwrap().seen, recorded, "votes do not outdate a look, edits do");
    }
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

    // A refused call leaves its key free.
    let refused = step(&voted, &keyed(voted_at(3, 99), "k3"), at(3));
    assert!(matches!(refused.outcome, Err(Refusal::Stale { .. })));
    let approved = run(refused.approval, [(keyed(voted_at(3, 3), "k3"), 3)]);
    assert_eq!(approved.status, Status::Approved);

    // The key of an edit that decides names the decision, not the edit.
    let edited = keyed(edit(1, 1, "bob", quorum(1)), "e");
    let decided = run(opened(quorum(1)), [(edited.clone(), 1)]);
    assert_eq!((decided.revision, step(&decided, &edited, at(2)).outcome), (3, Ok(3)));

    // A repeated claim is the first one, whatever name the server made up this time.
    let claimed = run(decided, [(keyed(claim(agent(), 1, edited_digest()), "c"), 3)]);
    let again = step(&claimed, &keyed(claim(agent(), 2, edited_digest()), "c"), at(4));
    assert_eq!((again.outcome, again.approval.claim.unwrap().id), (Ok(4), claim_id(1)));
}

#[test]
fn a_repeated_claim_is_granted_only_while_its_reply_may_have_been_lost() {
    let repeated = || keyed(claim(agent(), 2, asked()), "c");
    let claimed = run(opened(quorum(1)), [(approve(1), 10), (keyed(claim(agent(), 1, asked()), "c"), 20)]);
    let closed_at = claimed.claimable_until().unwrap();
    let taken = |approval: &Approval| Err(Refusal::AlreadyClaimed(Box::new(approval.claim.clone().unwrap())));

    let last = step(&claimed, &repeated(), closed_at - chrono::TimeDelta::microseconds(1));
    assert_eq!((last.outcome, last.events.len()), (Ok(3), 0));
    let late = step(&claimed, &repeated(), closed_at);
    assert_eq!((late.outcome, late.events.len()), (taken(&claimed), 0));

    let reported = run(claimed, [(keyed(report(agent(), 1), "r"), 30)]);
    assert!(reported.claim.as_ref().unwrap().outcome.is_some());
    assert_eq!(step(&reported, &repeated(), at(30)).outcome, taken(&reported), "it ran: what is known is told");
    // The report grants nothing: its repetition is answered at any time.
    assert_eq!(step(&reported, &keyed(report(agent(), 1), "r"), at(1_000_000)).outcome, Ok(4));
    // Somebody else's use of the key is none of this.
    let other = keyed(claim(agent(), 2, edited("bob")), "c");
    assert!(matches!(step(&reported, &other, at(30)).outcome, Err(Refusal::RequestIdReused { .. })));
}

fn voted_at(n: usize, seen: Revision) -> Command {
    voted(n, Choice::Approve, Seen::Revision(seen))
}

fn edited_digest() -> Digest {
    edited("bob")
}

#[test]
fn a_quorum_counts_people() {
    let mut approval = opened(quorum(MAX_VOTES));
    for n in 1..=MAX_VOTES as usize {
        assert_eq!(approval.status, Status::Pending);
        assert_eq!(approval.approvals() as usize, n - 1);
        approval = run(approval, [(approve(n), 1)]);
    }
    assert_eq!((approval.status, approval.approvals()), (Status::Approved, MAX_VOTES));
    // One rejection is enough, also of somebody who approved before.
    let rejected = run(opened(quorum(3)), [(approve(1), 1), (approve(2), 1), (reject(1), 2)]);
    assert_eq!((rejected.status, rejected.votes.len()), (Status::Rejected, 2), "one vote for each");
    assert_eq!(rejected.decision.unwrap().actor, reviewer(1));
}

#[test]
fn a_request_must_have_the_digest_of_its_arguments() {
    let (mut asked, arguments) = a_request("r1");
    asked.digest = edited("eve");
    let opened = request(id(0, 1), Arc::new(asked), arguments, quorum(1), at(0));
    assert_eq!(opened, Err(ReplayError::NotARequest));
}

#[test]
fn votes_that_a_rule_lacks_always_have_room() {
    let panel = |name: &str| Panel {
        rule: name.into(),
        reviewers: vec![format!("group:{name}").parse().unwrap()],
        quorum: MAX_VOTES,
    };
    let panels = vec![panel("finance"), panel("legal")];
    let mut approval = opened(verdict(Effect::RequireApproval(Requirement { panels, ..Requirement::any(1) })));
    let vote = |n: usize, group: &str| {
        let groups = [group.to_owned()].into();
        Command::Decide(Deciding { groups, ..decide(reviewer(n), Choice::Approve, Seen::Revision(1)) })
    };
    let most = MAX_VOTES as usize;
    approval = run(approval, (0..most).map(|n| (vote(n, "finance"), 1)));
    let one_more = step(&approval, &vote(most, "finance"), at(1)).outcome;
    assert_eq!(one_more, Err(Refusal::TooManyVotes { limit: MAX_VOTES }));
    approval = run(approval, (0..most).map(|n| (vote(100 + n, "legal"), 1)));
    assert_eq!((approval.status, approval.votes.len()), (Status::Approved, 2 * most));
}
