//! All permissions: role by call by relation to the approval.

use super::*;
use crate::domain::{ClaimId, Digest, ExecutionResult, Role};

/// The caller's relation to the approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The caller requested it.
    Own,
    /// The policy asks a group of the caller.
    Eligible,
    /// Neither.
    Other,
}

/// The calls on one approval, and for each role the approvals that it may use. Written by hand: the server's table must
/// match it.
const MATRIX: [(Method, [&[Whose]; 4]); 9] = {
    use Whose::{Eligible, Other, Own};
    const NONE: &[Whose] = &[];
    const ALL: &[Whose] = &[Own, Eligible, Other];
    // agent, reviewer, auditor, operator
    [
        (Method::WatchApproval, [&[Own], &[Eligible], ALL, NONE]),
        (Method::GetApproval, [&[Own], &[Eligible], ALL, NONE]),
        (Method::WaitApproval, [&[Own], &[Eligible], ALL, NONE]),
        (Method::ListApprovals, [&[Own], &[Eligible], ALL, NONE]),
        (Method::ListPending, [NONE, &[Eligible], ALL, NONE]),
        (Method::WatchPending, [NONE, &[Eligible], ALL, NONE]),
        (Method::Decide, [NONE, &[Eligible], NONE, NONE]),
        (Method::CancelApproval, [&[Own], NONE, NONE, NONE]),
        (Method::RevokeApproval, [&[Own], &[Eligible], NONE, ALL]),
    ]
};

/// Calls without an approval, or that need an approved one, and the roles that may make them at all.
const OTHERS: [(Method, [bool; 4]); 25] = [
    (Method::RequestApproval, [true, false, false, false]),
    (Method::ClaimExecution, [true, false, false, false]),
    (Method::ReportExecution, [true, false, false, false]),
    (Method::GetPolicy, [false, true, true, true]),
    (Method::ListPolicyVersions, [false, true, true, true]),
    (Method::SetPolicy, [false, false, false, true]),
    (Method::TestPolicy, [false, false, false, true]),
    (Method::CreateToken, [false, false, false, true]),
    (Method::ListTokens, [false, false, true, true]),
    (Method::RevokeToken, [false, false, false, true]),
    (Method::GetCaller, [true, true, true, true]),
    (Method::Freeze, [false, false, false, true]),
    (Method::Thaw, [false, false, false, true]),
    (Method::ListFreezes, [false, false, true, true]),
    (Method::GetStatus, [false, false, true, true]),
    (Method::ListSessions, [false, false, true, true]),
    (Method::EndSessions, [false, false, false, true]),
    (Method::BlockSubject, [false, false, false, true]),
    (Method::UnblockSubject, [false, false, false, true]),
    (Method::ListBlockedSubjects, [false, false, true, true]),
    (Method::ListChannels, [false, false, true, true]),
    (Method::ListDeliveries, [false, false, true, true]),
    (Method::RetryDelivery, [false, false, false, true]),
    (Method::TestChannel, [false, false, false, true]),
    (Method::Backup, [false, false, false, true]),
];

/// The result of a call on an approval.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// Allowed, or refused for a reason other than the caller.
    Reached,
    /// As if it did not exist.
    Hidden,
    /// Not allowed for this role.
    Forbidden,
}

fn told<T>(id: ApprovalId, method: Method, outcome: Result<T, Error>) -> Told {
    match outcome {
        Err(Error::NotFound(hidden)) if hidden == id => Told::Hidden,
        Err(Error::Access(AccessDenied::RoleNotAllowed { method: refused, .. })) if refused == method.name() => {
            Told::Forbidden
        }
        _ => Told::Reached,
    }
}

async fn listed(world: &World, caller: &Principal, method: Method, id: ApprovalId) -> Told {
    let query = Query { filter: Filter::default(), order: Order::OldestFirst, after: None, limit: 50 };
    match world.approvals.list(caller, method, query, false).await {
        Ok(page) if page.approvals.iter().any(|approval| approval.id == id) => Told::Reached,
        Ok(_) => Told::Hidden,
        error => told(id, method, error),
    }
}

async fn watched(world: &World, caller: &Arc<Principal>, id: ApprovalId) -> Told {
    let mut queue = match Arc::clone(&world.approvals).queue(Arc::clone(caller), Filter::default(), false) {
        Ok(queue) => queue,
        error => return told(id, Method::WatchPending, error),
    };
    loop {
        match queue.next().await.unwrap() {
            QueueChange::Pending(approval) if approval.id == id => return Told::Reached,
            QueueChange::SnapshotComplete(_) => return Told::Hidden,
            _ => {}
        }
    }
}

async fn call(world: &World, caller: &Arc<Principal>, method: Method, id: ApprovalId) -> Told {
    let approvals = &world.approvals;
    let digest = Digest::of("send_email", &arguments(&json!({})));
    match method {
        Method::WatchApproval => told(id, method, Arc::clone(approvals).watch(Arc::clone(caller), id, 0).await),
        Method::GetApproval => told(id, method, approvals.get(caller, id).await),
        Method::WaitApproval => told(id, method, approvals.wait(caller, id, 0, Duration::ZERO).await),
        Method::ListApprovals | Method::ListPending => listed(world, caller, method, id).await,
        Method::WatchPending => watched(world, caller, id).await,
        Method::Decide => told(id, method, approvals.decide(caller, world.vote_on(id, Choice::Reject).await).await),
        Method::CancelApproval => {
            let cancel = Cancellation { id, request_id: None, reason: String::new() };
            told(id, method, approvals.cancel(caller, cancel).await)
        }
        Method::RevokeApproval => {
            let (surface, opened) = (Surface::Grpc, Vec::new());
            let revocation = NewRevocation { id, request_id: None, reason: String::new(), surface, opened };
            told(id, method, approvals.revoke(caller, revocation).await)
        }
        Method::ClaimExecution => {
            told(id, method, approvals.claim(caller, NewClaim { id, request_id: None, digest }).await)
        }
        Method::ReportExecution => {
            let (claim_id, message) = (ClaimId::new(uuid::Uuid::nil()), String::new());
            let report = NewReport { id, request_id: None, claim_id, result: ExecutionResult::Failed, message };
            told(id, method, approvals.report(caller, report).await)
        }
        Method::RequestApproval => {
            told(id, method, Arc::clone(approvals).request(Arc::clone(caller), asking(json!({})), 0).await)
        }
        Method::GetPolicy
        | Method::ListPolicyVersions
        | Method::SetPolicy
        | Method::TestPolicy
        | Method::CreateToken
        | Method::ListTokens
        | Method::RevokeToken
        | Method::GetCaller
        | Method::Freeze
        | Method::Thaw
        | Method::ListFreezes
        | Method::GetStatus
        | Method::ListSessions
        | Method::EndSessions
        | Method::BlockSubject
        | Method::UnblockSubject
        | Method::ListBlockedSubjects
        | Method::ListChannels
        | Method::ListDeliveries
        | Method::RetryDelivery
        | Method::TestChannel
        | Method::Backup => told(id, method, caller.require_role(method).map_err(Error::from)),
    }
}

/// A principal with one role, and approvals of each kind for it.
async fn scene(role: Role, whose: Whose) -> (World, Arc<Principal>, ApprovalId) {
    let world = World::new();
    let groups = ["finance".to_owned()].into();
    let caller = Principal { groups, ..Principal::clone(&principal(&[role], ActorKind::Person, "caller")) };
    let asker = match whose {
        Whose::Own => Principal { roles: [Role::Agent].into(), groups: BTreeSet::new(), ..caller.clone() },
        Whose::Eligible | Whose::Other => Principal::clone(&agent()),
    };
    let asked = json!({"reviewers": if whose == Whose::Eligible { "group:finance" } else { "group:legal" }});
    let mut follower = Arc::clone(&world.approvals).request(Arc::new(asker), asking(asked), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    (world, Arc::new(caller), id)
}

#[tokio::test]
async fn role_by_call_by_whose_it_is() {
    let all: Vec<_> = MATRIX.iter().map(|row| row.0).chain(OTHERS.iter().map(|row| row.0)).collect();
    assert!(Method::ALL.iter().all(|method| all.contains(method)), "every call has a row");
    for (method, roles) in MATRIX {
        for (role, reached) in Role::ALL.into_iter().zip(roles) {
            for whose in [Whose::Own, Whose::Eligible, Whose::Other] {
                let (world, caller, id) = scene(role, whose).await;
                let expected = match reached {
                    [] => Told::Forbidden,
                    reached if reached.contains(&whose) => Told::Reached,
                    _ => Told::Hidden,
                };
                assert_eq!(call(&world, &caller, method, id).await, expected, "{role} {method:?} {whose:?}");
            }
        }
    }
    for (method, roles) in OTHERS {
        for (role, allowed) in Role::ALL.into_iter().zip(roles) {
            let (world, caller, id) = scene(role, Whose::Own).await;
            let expected = if allowed { Told::Reached } else { Told::Forbidden };
            assert_eq!(call(&world, &caller, method, id).await, expected, "{role} {method:?}");
        }
    }
}

/// Nobody was asked about a call that the policy decided.
#[tokio::test]
async fn a_reviewer_sees_nothing_that_the_policy_decided() {
    let world = World::new();
    for effect in ["approve", "reject"] {
        let id = world.ask(json!({ "effect": effect })).await;
        assert_eq!(call(&world, &reviewer(1), Method::GetApproval, id).await, Told::Hidden);
        assert_eq!(call(&world, &reviewer(1), Method::ListApprovals, id).await, Told::Hidden);
        assert_eq!(call(&world, &operator(), Method::GetApproval, id).await, Told::Reached);
    }
}

/// A missing and an invisible approval cannot be told apart.
#[tokio::test]
async fn hidden_is_as_if_it_were_not_there() {
    let nowhere = ApprovalId::new(uuid::Uuid::from_u64_pair(1, 1));
    for role in [Role::Agent, Role::Reviewer] {
        for method in Method::ALL {
            let (world, caller, id) = scene(role, Whose::Other).await;
            if matches!(method, Method::RequestApproval | Method::Decide) {
                continue; // about nothing, or refused by the digest of what is there: see below
            }
            let (hidden, absent) =
                (call(&world, &caller, method, id).await, call(&world, &caller, method, nowhere).await);
            assert_eq!(hidden, absent, "{role} {method:?}");
        }
    }
    // A second role that is of no use here does not reveal it either.
    let (world, caller, id) = scene(Role::Agent, Whose::Other).await;
    let both = Principal { roles: [Role::Agent, Role::Reviewer].into(), ..Principal::clone(&caller) };
    let cancel = Cancellation { id, request_id: None, reason: String::new() };
    assert_eq!(world.approvals.cancel(&both, cancel).await, Err(Error::NotFound(id)));

    let (world, caller, id) = scene(Role::Reviewer, Whose::Other).await;
    let vote = world.vote_on(id, Choice::Approve).await;
    assert_eq!(world.approvals.decide(&caller, vote.clone()).await, Err(Error::NotFound(id)));
    let absent = NewDecision { id: nowhere, ..vote };
    assert_eq!(world.approvals.decide(&caller, absent).await, Err(Error::NotFound(nowhere)));
}
