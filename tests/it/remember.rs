//! Remembered rejections: the same call again in the same run.

use std::time::Duration;

use futures_util::future::join_all;
use signoff::proto::v1::{
    self as pb, ActorKind, Agent, Approval, ApprovalStatus, CreateTokenRequest, DecideRequest, GetApprovalRequest,
    ListApprovalsRequest, Policy, PolicyRule, RequestApprovalRequest, RequireApproval, Role, SetPolicyRequest,
    VoteChoice, WatchApprovalRequest, policy_rule::Effect,
};
use tonic::{Code, Status};

use crate::{
    calls::{arguments, ask, decide, next_update, open},
    checks::{get, refused},
    load::Random,
    server::{Client, Server, soon},
};

/// Kills while a call is rejected and requested again.
const KILLS: usize = 8;

async fn set(server: &Server, effect: Effect) {
    let rule = PolicyRule {
        name: "mail".into(),
        tools: vec!["send_email".into()],
        effect: Some(effect),
        ..PolicyRule::default()
    };
    let policy = Some(Policy { rules: vec![rule], ..Policy::default() });
    let set = SetPolicyRequest { policy, ..SetPolicyRequest::default() };
    soon("the policy is set", server.policies(&server.tokens().operator).set_policy(set)).await.unwrap();
    server.policy_is_live_everywhere().await;
}

/// Requires approval by the group finance, and remembers rejections.
fn remembering() -> Effect {
    Effect::RequireApproval(RequireApproval {
        reviewers: vec!["group:finance".into()],
        remember_rejection: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..RequireApproval::default()
    })
}

/// A call in a run.
fn asking(request_id: &str, run_id: &str) -> RequestApprovalRequest {
    let agent = Some(Agent { name: "mail-bot".into(), run_id: run_id.into(), ..Agent::default() });
    RequestApprovalRequest { agent, ..ask(request_id) }
}

async fn asked(server: &Server, request: RequestApprovalRequest) -> Approval {
    open(&mut server.agent(), request).await.unwrap().1
}

/// The secret of a new reviewer in a group.
async fn reviewer(server: &Server, name: &str, group: &str) -> String {
    let token = CreateTokenRequest {
        subject: name.into(),
        kind: ActorKind::Person.into(),
        roles: vec![Role::Reviewer.into()],
        groups: vec![group.into()],
        ..CreateTokenRequest::default()
    };
    server.access(&server.tokens().operator).create_token(token).await.unwrap().into_inner().secret
}

async fn reject(client: &mut Client, approval: &Approval, comment: &str) -> Result<Approval, Status> {
    let vote = DecideRequest { comment: comment.into(), ..decide(approval, "", VoteChoice::Reject) };
    Ok(client.decide(vote).await?.into_inner().approval.expect("the approval"))
}

/// Checks that an approval was rejected because of a remembered rejection.
#[track_caller]
fn answered_by(approval: &Approval, rejected: &Approval) {
    assert_eq!(approval.status(), ApprovalStatus::AutoRejected, "{approval:?}");
    let (policy, decision) = (approval.policy.as_ref().unwrap(), approval.decision.as_ref().unwrap());
    let (first, by_policy) = (rejected.decision.as_ref().unwrap(), decision.decided_by.as_ref().unwrap());
    assert_eq!((policy.rule.as_str(), &policy.message), ("_remembered_rejection", &first.comment));
    assert_eq!((by_policy.kind(), &decision.comment), (ActorKind::Policy, &first.comment));
    let remembered = decision.remembered_rejection.as_ref().expect("the rejection");
    assert_eq!((&remembered.approval_id, &remembered.comment), (&rejected.id, &first.comment));
    assert_eq!(remembered.decided_by, first.decided_by);
}

#[tokio::test]
async fn reviewers_are_not_asked_twice_about_the_same_call_in_a_run() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]).await;
    set(&server, remembering()).await;
    let (alice, bob) = (reviewer(&server, "alice", "finance").await, reviewer(&server, "bob", "finance").await);
    let carol = reviewer(&server, "carol", "legal").await;
    let first = asked(&server, asking("1", "run")).await;
    let rejected = reject(&mut server.client(&alice), &first, "Use the staging list.").await.unwrap();
    assert_eq!(rejected.decision.as_ref().unwrap().remembered_rejection, None);

    let again = asked(&server, asking("2", "run")).await;
    answered_by(&again, &rejected);
    assert_eq!(asked(&server, asking("2", "run")).await, again, "its repetition is answered from the record");
    // Neither another reason nor a policy that would approve it now undoes the rejection.
    set(&server, Effect::AutoApprove(pb::AutoApprove {})).await;
    server.kill().await;
    server = Server::start(data.path(), &[]).await;
    let labels = [("env".to_owned(), "test".to_owned())].into();
    let reworded = RequestApprovalRequest { reason: "Please!".into(), labels, ..asking("3", "run") };
    let third = asked(&server, reworded).await;
    answered_by(&third, &rejected);
    assert_eq!(third.policy.as_ref().unwrap().policy_version, "2", "the policy that judged it is the live one");
    set(&server, Effect::AutoReject(pb::AutoReject { message: "Never.".into() })).await;
    let fourth = asked(&server, asking("4", "run")).await;
    assert_eq!((fourth.status(), fourth.policy.unwrap().rule.as_str()), (ApprovalStatus::AutoRejected, "mail"));
    assert_eq!(fourth.decision.unwrap().remembered_rejection, None);

    // Another call, or the same call in another run, needs approval.
    set(&server, remembering()).await;
    let eve = RequestApprovalRequest { arguments: Some(arguments(&[("to", "eve")])), ..asking("5", "run") };
    for other in [eve, asking("6", "another run"), ask("7"), ask("8")] {
        assert_eq!(asked(&server, other).await.status(), ApprovalStatus::Pending);
    }

    // Only the reviewers of the rejected approval see it. It is not pending.
    for (secret, sees) in [(&alice, true), (&bob, true), (&carol, false), (&server.tokens().operator, true)] {
        let mut client = server.client(secret);
        let request = GetApprovalRequest { approval_id: again.id.clone(), include_events: true };
        let listed = client.list_approvals(ListApprovalsRequest::default()).await.unwrap().into_inner().approvals;
        assert_eq!(listed.iter().any(|one| one.id == again.id), sees);
        match client.get_approval(request).await {
            Ok(answer) => assert_eq!((answer.into_inner().approval, sees), (Some(again.clone()), true)),
            Err(status) => {
                assert!(!sees, "{status:?}");
                refused(&status, Code::NotFound, "APPROVAL_NOT_FOUND");
            }
        }
    }
    let watch = WatchApprovalRequest { approval_id: again.id.clone(), after_revision: 0 };
    let mut stream = server.client(&bob).watch_approval(watch).await.unwrap().into_inner();
    assert_eq!(next_update(&mut stream).await.unwrap().unwrap().approval, Some(again.clone()));
    assert!(next_update(&mut stream).await.unwrap().is_none());
    let status = reject(&mut server.client(&bob), &again, "").await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "ALREADY_DECIDED");
    let status = reject(&mut server.client(&carol), &again, "").await.unwrap_err();
    refused(&status, Code::NotFound, "APPROVAL_NOT_FOUND");
}

/// After a kill between a rejection and its repetitions, every answered rejection still counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_around_a_rejection_lose_no_answer() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &["log.filter=warn"]).await;
    set(&server, remembering()).await;
    let alice = reviewer(&server, "alice", "finance").await;
    let mut random = Random::new();
    let (mut answered, mut waited) = (0, 0);
    for round in 0..KILLS {
        let run = format!("run-{round}");
        let first = asked(&server, asking(&format!("{round}-first"), &run)).await;
        let mut rejecting = tokio::spawn({
            let (mut client, first) = (server.client(&alice), first.clone());
            async move { reject(&mut client, &first, "no").await }
        });
        let repeating: Vec<_> = (0..1 + random.below(20))
            .map(|n| {
                let (mut client, request) = (server.agent(), asking(&format!("{round}-{n}"), &run));
                tokio::spawn(async move { open(&mut client, request).await.map(|(_, approval)| approval) })
            })
            .collect();
        let moment = Duration::from_millis(random.below(60) as u64);
        #[expect(clippy::disallowed_methods, reason = "any moment is good for a kill")]
        let rejected = tokio::time::timeout(moment, &mut rejecting).await;
        server.kill().await;
        let rejected = match rejected {
            Ok(rejected) => rejected,
            Err(_) => soon("the reviewer is answered, or cut off", rejecting).await,
        };
        let calls = join_all(repeating).await.into_iter().map(|call| call.unwrap().ok());
        let known: Vec<_> = calls.flatten().collect();
        server = Server::start(data.path(), &["log.filter=warn"]).await;

        let (now, _) = get(&mut server.client(&alice), &first.id).await;
        if let Ok(rejected) = rejected.unwrap() {
            assert_eq!(now, rejected, "round {round}");
        }
        for approval in known {
            let (kept, _) = get(&mut server.agent(), &approval.id).await;
            assert_eq!(kept, approval, "round {round}");
            match approval.status() {
                ApprovalStatus::Pending => waited += 1,
                _ => {
                    answered += 1;
                    answered_by(&approval, &now);
                }
            }
        }
        let next = asked(&server, asking(&format!("{round}-next"), &run)).await;
        match now.status() {
            ApprovalStatus::Rejected => answered_by(&next, &now),
            _ => assert_eq!(next.status(), ApprovalStatus::Pending, "round {round}"),
        }
    }
    println!("{answered} calls were answered by a rejection, {waited} were asked before it");
}
