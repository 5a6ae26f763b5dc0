mod largest;
mod redacted;

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    domain::{
        Assurance, Choice, Claiming, Command, Deciding, Edit, Event, EventKind, ExecutionResult, Reporting, Request,
        Revoking, Seen, Status, Surface, request,
        samples::{
            a_request, agent as an_agent, arguments, at, claim_id, decide, from_desk, id, quorum, reviewer, verdict,
        },
        step,
    },
    proto::v1::event::Kind,
};

/// An approval that was voted on, edited, approved, claimed and reported, with all its events.
fn whole_life() -> (Approval, Vec<Event>) {
    let (asked, asked_arguments) = a_request("r1");
    let schema = Some(Arc::from(r#"{"type":"object"}"#));
    let asked = Request { schema, cancel_on_disconnect: true, ..asked };
    let (mut approval, first) = request(id(0, 1), Arc::new(asked), asked_arguments, quorum(2), at(0)).unwrap();
    let mut events = vec![first];
    let commands: [fn(&Approval) -> Command; 5] = [
        |_| Command::Decide(decide(reviewer(1), Choice::Approve, Seen::Revision(1))),
        |_| {
            let edit = Edit { arguments: arguments(&json!({"to": "bob", "n": [1, 2.5]})), verdict: quorum(2) };
            let deciding = decide(reviewer(2), Choice::Approve, Seen::Revision(2));
            Command::Decide(Deciding { edit: Some(edit), ..deciding })
        },
        |approval| Command::Decide(decide(reviewer(3), Choice::Approve, Seen::Digest(approval.digest))),
        |approval| {
            let (actor, digest) = (an_agent(), approval.digest);
            Command::Claim(Claiming { actor, request_id: None, claim_id: claim_id(1), digest })
        },
        |_| {
            let (actor, message) = (an_agent(), "boom".to_owned());
            let result = ExecutionResult::Failed;
            Command::Report(Reporting { actor, request_id: None, claim_id: claim_id(1), result, message })
        },
    ];
    for (command, seconds) in commands.iter().zip(10..) {
        let step = step(&approval, &command(&approval), at(seconds));
        step.outcome.unwrap();
        approval = step.approval;
        events.extend(step.events);
    }
    (approval, events)
}

#[test]
fn an_approval_has_all_its_fields() {
    let (domain, _) = whole_life();
    let wire = approval(&domain);
    assert_eq!(wire.id, domain.id.to_string());
    assert_eq!((wire.revision, wire.status()), (7, v1::ApprovalStatus::Approved));
    assert_eq!(
        (wire.request_id.as_str(), wire.tool_name.as_str(), wire.reason.as_str()),
        ("r1", "send_email", "because")
    );
    let caller = wire.caller.unwrap();
    assert_eq!(
        (caller.kind(), caller.issuer.as_str(), caller.subject.as_str()),
        (v1::ActorKind::Agent, "test", "agent")
    );
    assert_eq!(wire.arguments.unwrap(), structs::from_json(r#"{"n":[1,2.5],"to":"bob"}"#));
    assert_eq!(wire.digest, domain.digest.to_string());
    let agent = wire.agent.unwrap();
    assert_eq!((agent.name.as_str(), agent.run_id.as_str(), agent.chain), ("bot", "run-1", vec!["planner".to_owned()]));
    assert_eq!(wire.labels, [("team".to_owned(), "billing".to_owned())].into());
    assert_eq!(wire.arguments_schema.unwrap(), structs::from_json(r#"{"type":"object"}"#));
    assert_eq!((wire.timeout.unwrap().seconds, wire.claim_window.unwrap().seconds), (300, 300));
    let times =
        [wire.create_time, wire.update_time, wire.deadline].map(|time| time.unwrap().seconds - at(0).timestamp());
    assert_eq!(times, [0, 14, 300]);
    let policy = wire.policy.unwrap();
    assert_eq!((policy.policy_version.as_str(), policy.rule.as_str()), ("1", "rule"));
    assert_eq!(
        (policy.effect(), policy.trace[0].outcome()),
        (v1::PolicyEffect::RequireApproval, v1::RuleOutcome::Matched)
    );
    assert_eq!(wire.quorum, 2);
    let voters: Vec<_> = wire.votes.iter().map(|vote| vote.decided_by.clone().unwrap().subject).collect();
    assert_eq!(voters, ["reviewer-2", "reviewer-3"]);
    assert!(wire.votes.iter().all(|vote| vote.choice() == v1::VoteChoice::Approve && vote.digest == wire.digest));
    let decision = wire.decision.unwrap();
    assert_eq!((decision.status(), decision.revision, decision.revision_seen), (v1::ApprovalStatus::Approved, 5, 3));
    assert_eq!((decision.comment.as_str(), decision.digest), ("seen", wire.digest));
    let claim = wire.claim.unwrap();
    assert_eq!(claim.id, claim_id(1).to_string());
    let outcome = claim.outcome.unwrap();
    assert_eq!((outcome.result(), outcome.message.as_str()), (v1::ExecutionResult::Failed, "boom"));
    assert!(wire.cancel_on_disconnect);
}

#[test]
fn what_is_absent_is_unset() {
    let (asked, arguments) = a_request("r1");
    let asked = Request { agent: Agent::default(), ..asked };
    let (domain, _) = request(id(0, 1), Arc::new(asked), arguments, quorum(1), at(0)).unwrap();
    let wire = approval(&domain);
    assert!(wire.agent.is_none() && wire.arguments_schema.is_none() && wire.decision.is_none() && wire.claim.is_none());
    assert_eq!(wire.status(), v1::ApprovalStatus::Pending);
}

#[test]
fn the_policy_needs_no_votes() {
    let (asked, arguments) = a_request("r1");
    let (domain, event) = request(id(0, 1), Arc::new(asked), arguments, verdict(Effect::AutoReject), at(0)).unwrap();
    let wire = approval(&domain);
    assert_eq!((wire.status(), wire.quorum), (v1::ApprovalStatus::AutoRejected, 0));
    assert_eq!(wire.decision.unwrap().decided_by.unwrap().kind(), v1::ActorKind::Policy);
    let Some(Kind::Requested(requested)) = super::event(&event).kind else { panic!() };
    assert_eq!(requested.status(), v1::ApprovalStatus::AutoRejected);
}

#[test]
fn a_remembered_rejection_is_shown_with_the_decision() {
    let remember_rejection = Some(Duration::from_secs(60));
    let asks = verdict(Effect::RequireApproval(Requirement { remember_rejection, ..Requirement::any(1) }));
    let (asked, arguments) = a_request("r1");
    let (pending, _) = request(id(0, 1), Arc::new(asked), arguments, Arc::clone(&asks), at(0)).unwrap();
    let reject = Command::Decide(decide(reviewer(1), Choice::Reject, Seen::Revision(1)));
    let rejected = step(&pending, &reject, at(10)).approval;
    assert_eq!(approval(&rejected).decision.unwrap().remembered_rejection, None, "it is the rejection itself");

    let (again, arguments) = a_request("r2");
    let answer = rejected.remembered_for(&again, &asks, at(20)).unwrap();
    let (domain, _) = request(id(20, 2), Arc::new(again), arguments, Arc::new(answer), at(20)).unwrap();
    let wire = approval(&domain);
    let policy = wire.policy.as_ref().unwrap();
    assert_eq!((policy.effect(), policy.rule.as_str()), (v1::PolicyEffect::AutoReject, "_remembered_rejection"));
    assert!(wire.panels.is_empty(), "nobody is asked");
    let decision = wire.decision.clone().unwrap();
    assert_eq!((decision.comment.as_str(), decision.decided_by.unwrap().kind()), ("seen", v1::ActorKind::Policy));
    let remembered = decision.remembered_rejection.unwrap();
    assert_eq!((remembered.approval_id, remembered.comment.as_str()), (rejected.id.to_string(), "seen"));
    assert_eq!(remembered.decided_by.unwrap().subject, "reviewer-1");
}

#[test]
fn events_name_the_arguments_of_their_time() {
    let (domain, events) = whole_life();
    let (asked, edited) = (domain.request.digest.to_string(), domain.digest.to_string());
    assert_ne!(asked, edited);
    let wire: Vec<_> = events.iter().map(event).collect();
    let digests: Vec<_> = wire
        .iter()
        .map(|event| match event.kind.clone().unwrap() {
            Kind::Requested(requested) => ("requested", requested.digest),
            Kind::Voted(vote) => ("voted", vote.digest),
            Kind::Edited(edit) => ("edited", edit.digest),
            Kind::Decided(decision) => ("decided", decision.digest),
            Kind::Escalated(escalated) => ("escalated", escalated.rule),
            Kind::Claimed(claimed) => ("claimed", claimed.digest),
            Kind::Reported(outcome) => ("reported", outcome.message),
            Kind::Revoked(revoked) => ("revoked", revoked.reason),
        })
        .collect();
    let expected = [
        ("requested", &asked),
        ("voted", &asked),
        ("edited", &edited),
        ("voted", &edited),
        ("decided", &edited),
        ("claimed", &edited),
        ("reported", &"boom".to_owned()),
    ];
    assert_eq!(digests, expected.map(|(name, digest)| (name, digest.clone())));
    for (index, (wire, event)) in wire.iter().zip(&events).enumerate() {
        assert_eq!(wire.revision, index as u64 + 1);
        assert_eq!(wire.event_time.unwrap(), moment(event.at));
        assert_eq!(wire.actor.clone().unwrap(), actor(&event.actor));
    }
    assert!(matches!(events[2].kind, EventKind::Edited { .. }));
    // The requested arguments are shown even after an edit.
    let Some(Kind::Requested(requested)) = &wire[0].kind else { panic!() };
    assert_eq!(requested.arguments, Some(structs::from_json(r#"{"to":"alice@company.com"}"#)));
    assert_eq!(approval(&domain).arguments, Some(structs::from_json(r#"{"n":[1,2.5],"to":"bob"}"#)));
}

/// The server says how a vote arrived: in the vote and the decision, and with the events that have neither.
#[test]
fn votes_say_where_they_come_from() {
    let vote = from_desk(Command::Decide(decide(reviewer(1), Choice::Approve, Seen::Revision(1))));
    let edit = Edit { arguments: arguments(&json!({"to": "bob"})), verdict: quorum(2) };
    let deciding = decide(reviewer(2), Choice::Approve, Seen::Revision(2));
    let edit = from_desk(Command::Decide(Deciding { edit: Some(edit), ..deciding }));
    let last = from_desk(Command::Decide(decide(reviewer(3), Choice::Approve, Seen::Revision(4))));
    let revoking = Revoking {
        actor: an_agent(),
        groups: None,
        operator: false,
        request_id: None,
        reason: String::new(),
        provenance: None,
    };
    let revoke = from_desk(Command::Revoke(revoking));
    let (asked, asked_arguments) = a_request("r1");
    let (mut domain, first) = request(id(0, 1), Arc::new(asked), asked_arguments, quorum(2), at(0)).unwrap();
    let mut events = vec![event(&first)];
    for command in [vote, edit, last, revoke] {
        let step = step(&domain, &command, at(1));
        step.outcome.unwrap();
        domain = step.approval;
        events.extend(step.events.iter().map(event));
    }
    let desk = (v1::DecisionSurface::Desk, v1::Assurance::Session, vec!["raw".to_owned()]);
    let wire = approval(&domain);
    for vote in &wire.votes {
        assert_eq!((vote.surface(), vote.assurance(), vote.opened.clone()), desk);
    }
    let decision = wire.decision.unwrap();
    assert_eq!((decision.surface(), decision.assurance(), decision.opened.clone()), desk);
    let none = (v1::DecisionSurface::Unspecified, v1::Assurance::Unspecified, Vec::new());
    let said: Vec<_> = events
        .iter()
        .map(|event| {
            let own = (event.surface(), event.assurance(), event.opened.clone());
            match event.kind.as_ref().unwrap() {
                Kind::Requested(_) => ("requested", own, none.clone()),
                Kind::Voted(vote) => ("voted", own, (vote.surface(), vote.assurance(), vote.opened.clone())),
                Kind::Edited(_) => ("edited", own, none.clone()),
                Kind::Decided(it) => ("decided", own, (it.surface(), it.assurance(), it.opened.clone())),
                Kind::Revoked(_) => ("revoked", own, none.clone()),
                other => panic!("{other:?}"),
            }
        })
        .collect();
    let expected = [
        ("requested", &none, &none),
        ("voted", &none, &desk),
        ("edited", &desk, &none),
        ("voted", &none, &desk),
        ("decided", &none, &desk),
        ("revoked", &desk, &none),
    ];
    assert_eq!(said, expected.map(|(kind, own, inner)| (kind, own.clone(), inner.clone())));

    // A vote from before the server recorded it.
    let (before, _) = whole_life();
    let wire = approval(&before);
    assert!(wire.votes.iter().all(|vote| vote.surface == 0 && vote.assurance == 0 && vote.opened.is_empty()));
    assert_eq!(wire.decision.unwrap().surface(), v1::DecisionSurface::Unspecified);
}

#[test]
fn surfaces_and_assurances_keep_their_names() {
    for (surface, name) in
        [(Surface::Grpc, "GRPC"), (Surface::Desk, "DESK"), (Surface::Slack, "SLACK"), (Surface::Link, "LINK")]
    {
        assert_eq!(surface.to_wire().as_str_name().strip_prefix("DECISION_SURFACE_"), Some(name));
    }
    for (assurance, name) in [
        (Assurance::Session, "SESSION"),
        (Assurance::Chat, "CHAT"),
        (Assurance::Link, "LINK"),
        (Assurance::Token, "TOKEN"),
    ] {
        assert_eq!(assurance.to_wire().as_str_name().strip_prefix("ASSURANCE_"), Some(name));
    }
}

#[test]
fn statuses_keep_their_names() {
    for one in Status::ALL {
        assert_eq!(one.to_wire().as_str_name().strip_prefix("APPROVAL_STATUS_"), Some(one.name()));
    }
}

#[test]
fn spans_and_moments_stay_in_range() {
    assert_eq!(span(Duration::MAX).seconds, 315_576_000_000);
    assert_eq!(span(Duration::from_micros(1_500_000)), prost_types::Duration { seconds: 1, nanos: 500_000_000 });
    assert_eq!(between(at(5), at(3)), prost_types::Duration { seconds: 0, nanos: 0 });
}
