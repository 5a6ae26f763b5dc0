use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{
    Choice, Command, Edit, Escalation, EventKind, Priority, ReplayError, Requirement, Reviewer, Seen, request,
    samples::*, step,
};

/// A verdict that needs this many votes, and remembers rejections for this many seconds.
fn remembering(votes: u32, seconds: u64) -> Arc<Verdict> {
    let remember_rejection = Some(Duration::from_secs(seconds));
    verdict(Effect::RequireApproval(Requirement { remember_rejection, ..Requirement::any(votes) }))
}

fn run(mut approval: Approval, command: Command, seconds: i64) -> Approval {
    let step = step(&approval, &command, at(seconds));
    step.outcome.unwrap();
    approval = step.approval;
    approval
}

fn vote(n: usize, choice: Choice) -> Command {
    Command::Decide(decide(reviewer(n), choice, Seen::Revision(1)))
}

/// Rejected at `at(10)`, and remembered for 60 s.
fn rejected() -> Approval {
    run(opened(remembering(1, 60)), vote(1, Choice::Reject), 10)
}

fn asked() -> Request {
    a_request("r2").0
}

#[test]
fn a_rejection_answers_the_same_call_until_its_window_is_over() {
    let (rejected, asking) = (rejected(), quorum(1));
    let microsecond = TimeDelta::microseconds(1);
    assert_eq!(rejected.remembered().unwrap().1, at(70));
    // A call that was made before the rejection, and is recorded after it, is rejected as well.
    for now in [at(0), at(10), at(70) - microsecond] {
        let answer = rejected.remembered_for(&asked(), &asking, now).unwrap();
        assert_eq!((&answer.effect, answer.rule.as_str()), (&Effect::AutoReject, "_remembered_rejection"));
        assert_eq!((answer.message.as_str(), &answer.policy_version), ("seen", &asking.policy_version));
        let last = answer.trace.last().unwrap();
        assert_eq!((&*last.rule, last.outcome), ("_remembered_rejection", RuleOutcome::Matched));
        let remembered = answer.remembered_rejection.unwrap();
        assert_eq!((remembered.approval_id, &remembered.decided_by), (rejected.id, &reviewer(1)));
    }
    for now in [at(70), at(71)] {
        assert_eq!(rejected.remembered_for(&asked(), &asking, now), None);
    }
}

#[test]
fn another_call_asks() {
    let rejected = rejected();
    let others: [fn(&mut Request); 6] = [
        |request| request.agent.run_id = "run-2".into(),
        |request| request.agent.run_id = String::new(),
        |request| request.caller.subject = "agent2".into(),
        |request| request.caller.issuer = "test2".into(),
        |request| request.tool_name = "other".into(),
        |request| request.digest = Digest::of("send_email", &arguments(&json!({"to": "eve"}))),
    ];
    for change in others {
        let mut other = asked();
        change(&mut other);
        assert_eq!(rejected.remembered_for(&other, &quorum(1), at(20)), None, "{other:?}");
    }
    // With other fields it is still the same call.
    let same: [fn(&mut Request); 5] = [
        |request| request.reason = "please".into(),
        |request| request.labels.clear(),
        |request| request.agent.name = "another".into(),
        |request| request.on_behalf_of = Some(reviewer(7)),
        |request| request.caller.kind = crate::domain::ActorKind::Service,
    ];
    for change in same {
        let mut again = asked();
        change(&mut again);
        assert!(rejected.remembered_for(&again, &quorum(1), at(20)).is_some(), "{again:?}");
    }
}

#[test]
fn only_a_reviewers_rejection_is_remembered() {
    let cancel = Command::Cancel { actor: agent(), request_id: None, reason: String::new() };
    let pending = || opened(remembering(2, 60));
    let others = [
        pending(),
        run(opened(remembering(1, 60)), vote(1, Choice::Approve), 10),
        run(pending(), cancel, 10),
        run(pending(), Command::Tick, 300),
        opened(verdict(Effect::AutoReject)),
        opened(verdict(Effect::AutoApprove)),
        run(opened(quorum(1)), vote(1, Choice::Reject), 10),
    ];
    for other in others {
        assert_eq!(other.remembered(), None, "{:?}", other.status);
        assert_eq!(other.remembered_for(&asked(), &quorum(1), at(10)), None);
    }
    // The rejection threshold applies.
    let two = Requirement { reject_threshold: 2, ..remembering(1, 60).effect.requirement().clone() };
    let once = run(opened(verdict(Effect::RequireApproval(two))), vote(1, Choice::Reject), 5);
    assert_eq!(once.remembered(), None);
    let twice = run(once, vote(2, Choice::Reject), 7);
    assert_eq!(twice.remembered().unwrap().1, at(67));
}

#[test]
fn the_present_policy_can_only_be_stricter() {
    let rejected = rejected();
    let own = verdict(Effect::AutoReject);
    assert_eq!(rejected.remembered_for(&asked(), &own, at(20)), None, "it rejects by itself, with its own rule");
    for other in [verdict(Effect::AutoApprove), quorum(1), remembering(9, 1)] {
        let answer = rejected.remembered_for(&asked(), &other, at(69)).unwrap();
        assert_eq!(answer.effect, Effect::AutoReject, "{other:?}");
    }
}

#[test]
fn what_was_edited_and_then_rejected_is_remembered_as_it_was_asked() {
    let edit = |verdict| {
        let edit = Some(Edit { arguments: arguments(&json!({"to": "bob"})), verdict });
        Command::Decide(crate::domain::Deciding { edit, ..decide(reviewer(1), Choice::Approve, Seen::Revision(1)) })
    };
    let reject = |approval: Approval| {
        let seen = Seen::Digest(approval.digest);
        run(approval, Command::Decide(decide(reviewer(2), Choice::Reject, seen)), 10)
    };
    let edited = reject(run(opened(remembering(2, 60)), edit(remembering(2, 30)), 5));
    assert_eq!(edited.remembered(), Some((asked().call_in_run().unwrap(), at(40))), "the verdict of the edit counts");
    assert!(edited.remembered_for(&asked(), &quorum(1), at(39)).is_some());
    let mut as_edited = asked();
    as_edited.digest = edited.digest;
    assert_eq!(edited.remembered_for(&as_edited, &quorum(1), at(39)), None, "nobody asked for that");
    let forgets = reject(run(opened(remembering(2, 60)), edit(quorum(2)), 5));
    assert_eq!(forgets.remembered(), None);
}

#[test]
fn those_who_were_asked_see_what_their_rejection_decides() {
    let finance: Vec<Reviewer> = vec!["group:finance".parse().unwrap()];
    let escalation = Escalation {
        rule: "pay".into(),
        after: Duration::from_secs(5),
        reviewers: vec!["user:test/reviewer-9".parse().unwrap()],
        priority: Priority::Normal,
        notify: Vec::new(),
    };
    let requirement = Requirement {
        panels: vec![Panel { rule: "pay".into(), reviewers: finance, quorum: 1 }],
        escalations: vec![escalation],
        remember_rejection: Some(Duration::from_secs(60)),
        ..Requirement::any(1)
    };
    let groups = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let seen_by = |seconds| {
        let mut deciding = decide(reviewer(1), Choice::Reject, Seen::Revision(1));
        deciding.groups = groups(&["finance"]);
        let asked_first = opened(verdict(Effect::RequireApproval(requirement.clone())));
        let rejected = run(asked_first, Command::Decide(deciding), seconds);
        let answer = rejected.remembered_for(&asked(), &quorum(1), at(20)).unwrap();
        let again = opened(Arc::new(answer));
        assert_eq!(again.status, Status::AutoRejected);
        [
            again.is_shown_to(&reviewer(2), &groups(&["finance"])),
            again.is_shown_to(&reviewer(9), &groups(&[])),
            again.is_shown_to(&reviewer(2), &groups(&["legal"])),
        ]
    };
    assert_eq!(seen_by(4), [true, false, false]);
    assert_eq!(seen_by(6), [true, true, false], "whoever was added by an escalation was asked");
    for policy in [Effect::AutoApprove, Effect::AutoReject] {
        assert!(!opened(verdict(policy)).is_shown_to(&reviewer(2), &groups(&["finance"])), "nobody was asked");
    }
}

#[test]
fn no_history_has_a_remembered_rejection_that_is_none() {
    let answer = rejected().remembered_for(&asked(), &quorum(1), at(20)).unwrap();
    let with = |change: fn(&mut Verdict)| {
        let mut changed = answer.clone();
        change(&mut changed);
        let (request, arguments) = a_request("r2");
        self::request(id(0, 2), Arc::new(request), arguments, Arc::new(changed), at(20)).map(|(approval, _)| approval)
    };
    assert_eq!(with(|_| {}).unwrap().remembered(), None, "it is not prolonged");
    let impossible = Err(ReplayError::Impossible(1));
    assert_eq!(with(|verdict| verdict.effect = Effect::AutoApprove), impossible);
    assert_eq!(with(|verdict| verdict.effect = quorum(1).effect.clone()), impossible);
    assert_eq!(with(|verdict| verdict.rule = "other".into()), impossible);

    let pending = opened(quorum(2));
    let edited = arguments(&json!({"to": "bob"}));
    let digest = Digest::of("send_email", &edited);
    let (deadline, verdict) = (pending.deadline, Arc::new(answer));
    let kind = EventKind::Edited { arguments: edited, digest, verdict, deadline, seen: 1 };
    let first = pending.first_event().unwrap();
    let edit = crate::domain::Event { revision: 2, actor: reviewer(1), kind, ..first.clone() };
    assert_eq!(Approval::replay(pending.id, [&first, &edit]), Err(ReplayError::Impossible(2)));
}

proptest! {
    /// For any history of the first call and any policy: a remembered rejection rejects, comes only from a rejection
    /// within its window, and is not remembered itself.
    #[test]
    fn a_remembered_rejection_never_turns_into_an_approval(
        moves in prop::collection::vec((0..6u8, 0..40i64), 1..6),
        (effect, window, later) in (0..3u8, 0..90u64, 0..200i64),
    ) {
        let mut first = opened(if window == 0 { quorum(2) } else { remembering(2, window) });
        let mut clock = 0;
        for (a_move, seconds) in moves {
            clock += seconds;
            let command = match a_move {
                0 => Command::Tick,
                1 => Command::Cancel { actor: agent(), request_id: None, reason: String::new() },
                n @ 2..=3 => vote(n.into(), Choice::Approve),
                n => vote(n.into(), Choice::Reject),
            };
            first = step(&first, &command, at(clock)).approval;
        }
        let now = at(clock + later);
        let present = match effect {
            0 => verdict(Effect::AutoApprove),
            1 => verdict(Effect::AutoReject),
            _ => remembering(1, 3_600),
        };
        let answer = first.remembered_for(&asked(), &present, now);
        let decided = first.decision.as_ref().filter(|_| first.status == Status::Rejected);
        let within = decided.is_some_and(|decision| now < time::after(decision.at, Duration::from_secs(window)));
        prop_assert_eq!(answer.is_some(), within && effect != 1);
        if let Some(answer) = answer {
            let (request, arguments) = a_request("r2");
            let (again, event) = self::request(id(9, 9), Arc::new(request), arguments, Arc::new(answer), now).unwrap();
            prop_assert_eq!(again.status, Status::AutoRejected);
            prop_assert_eq!(again.claimable_until(), None);
            prop_assert_eq!(again.remembered(), None);
            prop_assert_eq!(Approval::replay(again.id, [&event]), Ok(again));
        }
    }
}
