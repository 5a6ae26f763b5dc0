//! Who may read and do what.

use super::*;
use crate::domain::{ClaimId, Digest, ExecutionResult};

#[tokio::test]
async fn what_an_agent_did_not_ask_for_does_not_exist_for_it() {
    let world = World::new();
    let approvals = &world.approvals;
    let stranger = principal(&[Role::Agent], ActorKind::Agent, "stranger");
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
    let stranger = principal(&[Role::Agent], ActorKind::Agent, "stranger");
    let mine = world.ask(json!({})).await;
    let mut follower = Arc::clone(&world.approvals).request(stranger.clone(), asking(json!({})), 0).await.unwrap();
    let theirs = update(&mut follower).await.0.id;
    let listed = |caller: Arc<Principal>, filter: Option<&str>| {
        let filter = Filter { caller: filter.map(ToOwned::to_owned), ..Filter::default() };
        let query = Query { filter, order: Order::OldestFirst, after: None, limit: 10 };
        let approvals = Arc::clone(&world.approvals);
        async move {
            let page = approvals.list(&caller, Method::ListApprovals, query, false).await.unwrap();
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

#[tokio::test]
async fn reviewers_see_what_they_are_asked_and_the_requester_never_decides() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    for caller in [reviewer(1), operator()] {
        assert_eq!(world.approvals.get(&caller, id).await.unwrap().id, id);
        let mut follower = Arc::clone(&world.approvals).watch(caller, id, 0).await.unwrap();
        assert_eq!(update(&mut follower).await.0.id, id);
    }
    // One person with two roles.
    let requester = principal(&[Role::Reviewer], ActorKind::Person, "agent");
    let own = world.approvals.decide(&requester, world.vote_on(id, Choice::Approve).await).await;
    assert_eq!(own, Err(Error::Store(Refusal::SelfDecision.into())));
}
