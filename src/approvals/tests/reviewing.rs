//! The reviewers whom the policy asks, their number, and what happens when they take too long.

use super::*;
use crate::domain::{ActorKind, DecidesFor, Event, EventKind, OutsideScope, Permission, Priority, Role};

fn finance(n: usize) -> Arc<Principal> {
    member(n, &["finance"])
}

async fn vote(world: &World, who: &Principal, id: ApprovalId, choice: Choice) -> Result<Status, Error> {
    world.approvals.decide(who, world.vote_on(id, choice).await).await.map(|approval| approval.status)
}

fn refused(refusal: Refusal) -> Result<Status, Error> {
    Err(Error::Store(refusal.into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_of_a_group_under_concurrent_votes() {
    for _ in 0..50 {
        let world = World::new();
        let id = world.ask(json!({"reviewers": "group:finance", "quorum": 2})).await;
        // Three members of the group, one of them twice, one from elsewhere, and one who rejects.
        let voters = [
            (finance(1), Choice::Approve),
            (finance(1), Choice::Approve),
            (finance(2), Choice::Approve),
            (member(3, &["legal"]), Choice::Approve),
            (finance(4), Choice::Reject),
        ];
        let votes = voters.iter().map(|(who, choice)| vote(&world, who, id, *choice));
        let outcomes = futures_util::future::join_all(votes).await;
        assert_eq!(outcomes[3], Err(Error::NotFound(id)), "who is not asked sees nothing");
        let approval = world.store.get(id).await.unwrap();
        let decision = approval.decision.as_ref().unwrap();
        match approval.status {
            Status::Approved => assert_eq!((approval.approvals(), approval.rejections()), (2, 0)),
            Status::Rejected => assert_eq!(decision.actor, finance(4).actor),
            status => panic!("{status:?}"),
        }
        let names: BTreeSet<_> = approval.votes.iter().map(|vote| vote.actor.subject.as_str()).collect();
        assert_eq!(names.len(), approval.votes.len(), "one vote for each reviewer");
        assert!(approval.votes.iter().all(|vote| vote.counted_for.iter().any(|rule| **rule == *"rule")));
        let decided = outcomes.iter().filter(|outcome| **outcome == Ok(approval.status)).count();
        assert_eq!(decided, 1, "one vote decides: {outcomes:?}");
    }
}

#[tokio::test]
async fn rejections_up_to_a_threshold_only_count() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 2, "rejects": 2})).await;
    assert_eq!(vote(&world, &reviewer(1), id, Choice::Approve).await, Ok(Status::Pending));
    assert_eq!(vote(&world, &reviewer(2), id, Choice::Reject).await, Ok(Status::Pending));
    assert_eq!(vote(&world, &reviewer(2), id, Choice::Reject).await, refused(Refusal::AlreadyVoted));
    assert_eq!(vote(&world, &reviewer(2), id, Choice::Approve).await, refused(Refusal::AlreadyVoted));
    // A reviewer who approved may change their mind and reject.
    assert_eq!(vote(&world, &reviewer(1), id, Choice::Reject).await, Ok(Status::Rejected));
    let approval = world.store.get(id).await.unwrap();
    assert_eq!((approval.approvals(), approval.rejections()), (0, 2));
}

#[tokio::test]
async fn comments_and_edits_are_as_the_policy_wants_them() {
    let world = World::new();
    let id = world.ask(json!({"comment": true, "edits": false})).await;
    assert_eq!(vote(&world, &reviewer(1), id, Choice::Reject).await, refused(Refusal::CommentRequired));
    let blank = NewDecision { comment: " \n".into(), ..world.vote_on(id, Choice::Approve).await };
    assert_eq!(
        world.approvals.decide(&reviewer(1), blank).await.map(|done| done.status),
        refused(Refusal::CommentRequired)
    );
    let edit = NewDecision { comment: "so".into(), ..world.edit(id, json!({"n": 1})).await };
    assert_eq!(
        world.approvals.decide(&reviewer(1), edit).await.map(|done| done.status),
        refused(Refusal::EditsNotAllowed)
    );
    let fine = NewDecision { comment: "fine".into(), ..world.vote_on(id, Choice::Approve).await };
    assert_eq!(world.approvals.decide(&reviewer(1), fine).await.map(|done| done.status), Ok(Status::Approved));
}

#[tokio::test]
async fn an_edit_is_judged_anew_and_asks_whom_that_asks() {
    let world = World::new();
    let id = world.ask(json!({"reviewers": "group:finance", "quorum": 2})).await;
    assert_eq!(vote(&world, &finance(1), id, Choice::Approve).await, Ok(Status::Pending));
    // The policy forbids the edit.
    let forbidden = world.edit(id, json!({"effect": "reject"})).await;
    let error = world.approvals.decide(&finance(2), forbidden).await.err();
    assert!(matches!(error, Some(Error::Store(StoreError::Refused(Refusal::EditForbidden { .. })))), "{error:?}");
    // The policy asks other reviewers about the edit: neither the editor's vote nor earlier ones count.
    let edit = world.edit(id, json!({"reviewers": "group:legal"})).await;
    let edited = world.approvals.decide(&finance(2), edit).await.unwrap();
    assert_eq!((edited.status, edited.votes.len()), (Status::Pending, 0));
    assert_eq!(vote(&world, &finance(1), id, Choice::Approve).await, Err(Error::NotFound(id)));
    assert_eq!(vote(&world, &member(3, &["legal"]), id, Choice::Approve).await, Ok(Status::Approved));
}

#[tokio::test]
async fn an_escalation_asks_more_people_at_its_time_and_after_a_restart() {
    let world = World::new();
    let asked = json!({"reviewers": "group:finance", "escalate_after": 60, "escalate_to": "group:directors"});
    let id = world.ask(asked).await;
    let director = member(9, &["directors"]);
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(world.approvals.do_due(10).await.unwrap(), Some(at(60)));
    assert_eq!(vote(&world, &director, id, Choice::Approve).await, Err(Error::NotFound(id)));
    // The server was down when the escalation became due: its first pass runs it, once.
    world.clock.advance(Duration::from_secs(30));
    let restarted = world.restarted();
    restarted.do_due(10).await.unwrap();
    assert_eq!(restarted.do_due(10).await.unwrap(), Some(at(300)), "only the deadline is left");
    let approval = world.store.get(id).await.unwrap();
    assert_eq!((approval.priority(), approval.revision, approval.status), (Priority::High, 2, Status::Pending));
    let events = world.store.events(id, 1, 9).await.unwrap();
    let [Event { actor, kind: EventKind::Escalated(escalation), .. }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((actor, escalation.reviewers[0].to_string().as_str()), (&Actor::escalation(), "group:directors"));
    assert_eq!(vote(&world, &director, id, Choice::Approve).await, Ok(Status::Approved));
}

#[tokio::test]
async fn an_overdue_escalation_comes_before_the_vote_that_finds_it() {
    let world = World::new();
    let asked = json!({"reviewers": "group:finance", "escalate_after": 60, "escalate_to": "group:directors"});
    let id = world.ask(asked).await;
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(vote(&world, &finance(1), id, Choice::Approve).await, Ok(Status::Approved));
    let events = world.store.events(id, 1, 9).await.unwrap();
    assert!(matches!(events[0].kind, EventKind::Escalated(_)) && events.len() == 2, "{events:?}");
}

#[tokio::test]
async fn neither_the_asker_nor_whom_it_asks_for_decides() {
    let world = World::new();
    let alice = reviewer(1).actor.clone();
    let new = || NewRequest { on_behalf_of: Some(alice.clone()), ..asking(json!({"quorum": 2})) };
    let without = Arc::clone(&world.approvals).request(agent(), new(), 0).await.err();
    assert_eq!(without, Some(AccessDenied::PermissionRequired(Permission::AskForOthers).into()));
    let trusted = Principal { permissions: [Permission::AskForOthers].into(), ..Principal::clone(&agent()) };
    let mut follower = Arc::clone(&world.approvals).request(Arc::new(trusted), new(), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    assert_eq!(vote(&world, &reviewer(1), id, Choice::Approve).await, refused(Refusal::SelfDecision));
    assert_eq!(vote(&world, &reviewer(1), id, Choice::Reject).await, refused(Refusal::SelfDecision));
    // A second token of the requester, whatever kind it claims.
    let again = principal(&[Role::Reviewer], ActorKind::Person, &agent().actor.subject);
    assert_eq!(vote(&world, &again, id, Choice::Approve).await, refused(Refusal::SelfDecision));
    assert_eq!(vote(&world, &reviewer(2), id, Choice::Approve).await, Ok(Status::Pending));
}

#[tokio::test]
async fn a_bridge_brings_decisions_of_others_only_with_permission() {
    let world = World::new();
    let id = world.ask(json!({"reviewers": "group:finance", "chat": true})).await;
    let bridge = principal(&[Role::Reviewer], ActorKind::Service, "chat");
    let brought = |actor: &Actor, groups: &[&str], vote: NewDecision| {
        let groups = groups.iter().map(ToString::to_string).collect();
        NewDecision { on_behalf_of: Some((actor.clone(), groups)), ..vote }
    };
    let alice = reviewer(1).actor.clone();
    let decision = world.vote_on(id, Choice::Approve).await;
    let refused = world.approvals.decide(&bridge, brought(&alice, &["finance"], decision.clone())).await.err();
    assert_eq!(refused, Some(AccessDenied::PermissionRequired(Permission::DecideForOthers).into()));
    // The permission without a scope, as in tokens of earlier versions, allows no one.
    let bridge = Principal { permissions: [Permission::DecideForOthers].into(), ..Principal::clone(&bridge) };
    let refused = world.approvals.decide(&bridge, brought(&alice, &["finance"], decision.clone())).await.err();
    assert_eq!(refused, Some(AccessDenied::OutsideScope(OutsideScope::Anybody).into()));
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let decides_for = DecidesFor { issuers: names(&["test"]), groups: names(&["finance", "legal"]) };
    let bridge = Principal { decides_for, ..bridge };
    let stranger = Actor { issuer: "https://idp".into(), ..alice.clone() };
    let refused = world.approvals.decide(&bridge, brought(&stranger, &["finance"], decision.clone())).await.err();
    assert_eq!(refused, Some(AccessDenied::OutsideScope(OutsideScope::Issuer("https://idp".into())).into()));
    let refused = world.approvals.decide(&bridge, brought(&alice, &["finance", "root"], decision.clone())).await.err();
    assert_eq!(refused, Some(AccessDenied::OutsideScope(OutsideScope::Group("root".into())).into()));
    // One vote is enough here, so it would decide alone.
    let refused = world.approvals.decide(&bridge, brought(&alice, &["finance"], decision.clone())).await.err();
    assert_eq!(refused, Some(Error::Store(Refusal::NeedsOthers.into())));
    let permissions = [Permission::DecideForOthers, Permission::DecideAlone].into();
    let bridge = Principal { permissions, ..bridge };
    let elsewhere = world.approvals.decide(&bridge, brought(&alice, &["legal"], decision.clone())).await.err();
    assert_eq!(elsewhere, Some(Error::NotFound(id)), "the person must be asked, not the bridge");
    let asker = world.approvals.decide(&bridge, brought(&agent().actor, &["finance"], decision.clone())).await.err();
    assert_eq!(asker, Some(Error::Store(Refusal::SelfDecision.into())));
    let done = world.approvals.decide(&bridge, brought(&alice, &["finance"], decision)).await.unwrap();
    let decided = done.decision.as_ref().unwrap();
    assert_eq!((&decided.actor, decided.via.as_ref()), (&alice, Some(&bridge.actor)));
    assert_eq!(done.votes[0].via.as_ref(), Some(&bridge.actor));
}

#[tokio::test]
async fn lists_and_queues_show_what_can_be_decided_now() {
    let world = World::new();
    let mine = world.ask(json!({"reviewers": "group:finance", "quorum": 2})).await;
    let theirs = world.ask(json!({"reviewers": "group:legal"})).await;
    let ids = async |who: &Principal, decidable| {
        let query = Query { filter: Filter::pending(), order: Order::OldestFirst, after: None, limit: 10 };
        let page = world.approvals.list(who, Method::ListPending, query, decidable).await.unwrap();
        page.approvals.iter().map(|approval| approval.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&finance(1), false).await, [mine]);
    assert_eq!(ids(&operator(), false).await, [mine, theirs]);
    assert_eq!(ids(&operator(), true).await, [], "who sees all need not be asked");
    let mut queue = Arc::clone(&world.approvals).queue(finance(1), Filter::default(), true).unwrap();
    assert!(matches!(queue.next().await.unwrap(), QueueChange::Pending(approval) if approval.id == mine));
    assert_eq!(queue.next().await.unwrap(), QueueChange::SnapshotComplete(1));
    assert_eq!(vote(&world, &finance(1), mine, Choice::Approve).await, Ok(Status::Pending));
    assert_eq!(queue.next().await.unwrap(), QueueChange::Removed(mine, Some(Status::Pending)));
    assert_eq!((ids(&finance(1), true).await, ids(&finance(1), false).await), (vec![], vec![mine]));
    assert_eq!(ids(&finance(2), true).await, [mine]);
}

#[tokio::test]
async fn a_reviewer_whom_an_edit_leaves_out_sees_no_more() {
    let world = World::new();
    let id = world.ask(json!({"reviewers": "group:finance"})).await;
    let mut watching = Arc::clone(&world.approvals).watch(finance(1), id, 0).await.unwrap();
    assert_eq!(update(&mut watching).await.0.id, id);
    let mut queue = Arc::clone(&world.approvals).queue(finance(1), Filter::default(), false).unwrap();
    assert!(matches!(queue.next().await.unwrap(), QueueChange::Pending(_)));
    assert_eq!(queue.next().await.unwrap(), QueueChange::SnapshotComplete(1));
    let edit = world.edit(id, json!({"reviewers": "group:legal"})).await;
    world.approvals.decide(&finance(2), edit).await.unwrap();
    assert_eq!(watching.next().await.unwrap().err(), Some(Error::NotFound(id)));
    assert_eq!(queue.next().await.unwrap(), QueueChange::Removed(id, Some(Status::Pending)));
}

#[tokio::test]
async fn an_edit_does_not_get_around_what_its_arguments_demand() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    for (to, refusal) in
        [(json!({"comment": true}), Refusal::CommentRequired), (json!({"edits": false}), Refusal::EditsNotAllowed)]
    {
        let edit = world.edit(id, to).await;
        assert_eq!(world.approvals.decide(&reviewer(1), edit).await.err(), Some(Error::Store(refusal.into())));
    }
    let edit = NewDecision { comment: "so".into(), ..world.edit(id, json!({"comment": true})).await };
    assert_eq!(world.approvals.decide(&reviewer(1), edit).await.map(|done| done.status), Ok(Status::Approved));
}

#[tokio::test]
async fn a_repeated_edit_is_answered_though_it_left_its_editor_out() {
    let world = World::new();
    let id = world.ask(json!({"reviewers": "group:finance"})).await;
    let edit = world.edit(id, json!({"reviewers": "group:legal"})).await;
    let edit = NewDecision { request_id: Some("once".into()), ..edit };
    let first = world.approvals.decide(&finance(1), edit.clone()).await.unwrap();
    assert_eq!(world.approvals.decide(&finance(1), edit).await, Ok(first));
}

#[tokio::test]
async fn many_votes_keep_nobody_from_deciding() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 32, "rejects": 2})).await;
    for n in 1..=31 {
        assert_eq!(vote(&world, &reviewer(n), id, Choice::Approve).await, Ok(Status::Pending));
    }
    assert_eq!(vote(&world, &reviewer(32), id, Choice::Reject).await, Ok(Status::Pending));
    assert_eq!(vote(&world, &reviewer(1), id, Choice::Reject).await, Ok(Status::Rejected), "it replaces, and decides");
}

#[tokio::test]
async fn an_edit_keeps_those_whom_an_escalation_has_added() {
    let world = World::new();
    let asked =
        |n| json!({"n": n, "reviewers": "group:finance", "escalate_after": 60, "escalate_to": "group:directors"});
    let id = world.ask(asked(1)).await;
    world.clock.advance(Duration::from_secs(61));
    world.approvals.do_due(10).await.unwrap();
    let edit = world.edit(id, asked(2)).await;
    let decided = world.approvals.decide(&member(9, &["directors"]), edit).await.unwrap();
    assert_eq!((decided.status, decided.priority()), (Status::Approved, Priority::High));
}

#[tokio::test]
async fn who_approved_early_can_approve_for_a_rule_that_asks_them_later() {
    for (beside, then) in [(1, Status::Approved), (2, Status::Pending)] {
        let world = World::new();
        let (after, to) = (60, "group:directors");
        let asked = json!({"beside": beside, "reviewers": "group:finance", "escalate_after": after, "escalate_to": to});
        let id = world.ask(asked).await;
        let director = member(9, &["directors"]);
        assert_eq!(vote(&world, &director, id, Choice::Approve).await, Ok(Status::Pending));
        assert_eq!(vote(&world, &director, id, Choice::Approve).await, refused(Refusal::AlreadyVoted));
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(vote(&world, &director, id, Choice::Approve).await, Ok(then), "nobody counts twice for a rule");
        let approval = world.store.get(id).await.unwrap();
        assert_eq!((approval.votes.len(), approval.votes[0].counted_for.len()), (1, 2), "one vote, for both");
    }
}
