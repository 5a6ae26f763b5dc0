//! Who may see and do what.

use super::*;
use crate::domain::{ClaimId, Digest, ExecutionResult};

#[tokio::test]
async fn what_an_agent_did_not_ask_for_does_not_exist_for_it() {
    let world = World::new();
    let approvals = &world.approvals;
    let stranger = principal(Role::Agent, ActorKind::Agent, "stranger");
    let claim_id = ClaimId::new(uuid::Uuid::nil());
    let result = ExecutionResult::Succeeded;
    for asked in [json!({}), json!({"effect": "approve"}), json!({"effect": "reject"})] {
        let digest = Digest::of("send_email", &arguments(&asked));
        let stored = world.ask(asked).await;
        let nowhere = ApprovalId::new(uuid::Uuid::nil());
        for id in [stored, nowhere] {
            let unknown = Some(Error::NotFound(id));
            assert_eq!(approvals.get(&stranger, id).await.err(), unknown);
            assert_eq!(approvals.wait(&stranger, id, 0, Duration::ZERO).await.err(), unknown);
            assert_eq!(approvals.wait(&stranger, id, 99, Duration::ZERO).await.err(), unknown);
            assert_eq!(Arc::clone(approvals).watch(stranger.clone(), id, 99).await.err(), unknown);
            let cancel = Cancellation { id, request_id: None, reason: String::new() };
            assert_eq!(approvals.cancel(&stranger, cancel).await.err(), unknown);
            let claim = NewClaim { id, request_id: None, digest };
            assert_eq!(approvals.claim(&stranger, claim).await.err(), unknown);
            let report = NewReport { id, request_id: None, claim_id, result, message: String::new() };
            assert_eq!(approvals.report(&stranger, report).await.err(), unknown);
        }
        assert_eq!(world.store.get(stored).await.unwrap().revision, 1);
    }
}

#[tokio::test]
async fn an_agent_lists_its_own_and_others_list_all() {
    let world = World::new();
    let stranger = principal(Role::Agent, ActorKind::Agent, "stranger");
    let mine = world.ask(json!({})).await;
    let mut follower = Arc::clone(&world.approvals).request(stranger.clone(), asking(json!({})), 0).await.unwrap();
    let theirs = update(&mut follower).await.0.id;
    let listed = |caller: Principal, filter: Option<&str>| {
        let filter = Filter { caller: filter.map(ToOwned::to_owned), ..Filter::default() };
        let query = Query { filter, order: Order::OldestFirst, after: None, limit: 10 };
        let approvals = Arc::clone(&world.approvals);
        async move {
            let page = approvals.list(&caller, Method::ListApprovals, query).await.unwrap();
            page.approvals.iter().map(|approval| approval.id).collect::<Vec<_>>()
        }
    };
    for (caller, filter, expected) in [
        (agent(), None, vec![mine]),
        (agent(), Some("test/agent"), vec![mine]),
        (agent(), Some("test/stranger"), vec![]),
        (stranger, None, vec![theirs]),
        (reviewer(1), None, vec![mine, theirs]),
        (reviewer(1), Some("test/stranger"), vec![theirs]),
        (operator(), None, vec![mine, theirs]),
    ] {
        assert_eq!(listed(caller.clone(), filter).await, expected, "{caller:?} {filter:?}");
    }
}

/// Every call, by every role: refused for its role alone, before anything is looked up.
#[tokio::test]
async fn roles_bound_what_can_be_called() {
    const A: u8 = 1;
    const R: u8 = 2;
    const O: u8 = 4;
    let world = World::new();
    let id = ApprovalId::new(uuid::Uuid::nil());
    let digest = Digest::of("t", &arguments(&json!({})));
    for (bit, caller) in [(A, agent()), (R, reviewer(1)), (O, operator())] {
        let query = || Query { filter: Filter::default(), order: Order::OldestFirst, after: None, limit: 1 };
        let approvals = || Arc::clone(&world.approvals);
        let decision = NewDecision {
            id,
            request_id: None,
            choice: Choice::Reject,
            seen: Seen::Revision(1),
            comment: String::new(),
            edit: None,
        };
        let cancel = Cancellation { id, request_id: None, reason: String::new() };
        let claim = NewClaim { id, request_id: None, digest };
        let claim_id = ClaimId::new(uuid::Uuid::nil());
        let result = ExecutionResult::Failed;
        let report = NewReport { id, request_id: None, claim_id, result, message: String::new() };
        let outcomes = [
            (A, approvals().request(caller.clone(), asking(json!({})), 0).await.err()),
            (A | R | O, approvals().watch(caller.clone(), id, 0).await.err()),
            (A | R | O, approvals().get(&caller, id).await.err()),
            (A | R | O, approvals().wait(&caller, id, 0, Duration::ZERO).await.err()),
            (R | O, approvals().list(&caller, Method::ListPending, query()).await.err()),
            (R | O, approvals().queue(&caller, Filter::default()).err()),
            (A | R | O, approvals().list(&caller, Method::ListApprovals, query()).await.err()),
            (R, approvals().decide(&caller, decision).await.err()),
            (A, approvals().cancel(&caller, cancel).await.err()),
            (A, approvals().claim(&caller, claim).await.err()),
            (A, approvals().report(&caller, report).await.err()),
        ];
        for ((allowed, error), method) in outcomes.into_iter().zip(Method::ALL) {
            let refused = Error::RoleNotAllowed { role: caller.role.name(), method: method.name() };
            assert_eq!(error == Some(refused), allowed & bit == 0, "{} {}", caller.role, method.name());
        }
    }
}

#[tokio::test]
async fn reviewers_see_everything_and_agents_never_decide() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    for caller in [reviewer(1), operator()] {
        assert_eq!(world.approvals.get(&caller, id).await.unwrap().id, id);
        let mut follower = Arc::clone(&world.approvals).watch(caller, id, 0).await.unwrap();
        assert_eq!(update(&mut follower).await.0.id, id);
    }
    // One person with two hats.
    let requester = principal(Role::Reviewer, ActorKind::Person, "agent");
    let own = world.approvals.decide(&requester, world.vote_on(id, Choice::Approve).await).await;
    assert_eq!(own, Err(Error::Store(Refusal::SelfDecision.into())));
}
