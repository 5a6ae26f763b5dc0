//! How votes and revocations arrived, as the server knows it.

use super::*;
use crate::{
    domain::{Assurance, DecidesFor, MinAssurance, OpenedError, Permission, Provenance},
    identity::AuthenticationMethod,
};

/// The same caller, authenticated in another way.
fn authenticated(by: AuthenticationMethod, caller: &Principal) -> Principal {
    Principal { method: by, ..caller.clone() }
}

#[tokio::test]
async fn the_assurance_is_that_of_the_credentials() {
    for (method, assurance) in [
        (AuthenticationMethod::DevToken, Assurance::Token),
        (AuthenticationMethod::Token, Assurance::Token),
        (AuthenticationMethod::Oidc, Assurance::Token),
        (AuthenticationMethod::Certificate, Assurance::Token),
        (AuthenticationMethod::Session, Assurance::Session),
    ] {
        for surface in [Surface::Grpc, Surface::Desk, Surface::Slack, Surface::Link] {
            let world = World::new();
            let id = world.ask(json!({})).await;
            let vote = NewDecision { surface, opened: vec!["raw".into()], ..world.vote_on(id, Choice::Approve).await };
            let caller = authenticated(method, &reviewer(1));
            let decided = world.approvals.decide(&caller, vote).await.unwrap();
            let expected = Some(Provenance { surface, assurance, opened: vec!["raw".into()] });
            assert_eq!(decided.decision.as_ref().unwrap().provenance, expected);
            assert_eq!(decided.votes[0].provenance, expected);
            assert_eq!(world.approvals.events(&decided).await.unwrap()[1].provenance, expected);
        }
    }
}

/// The bridge has shown a token, the person whom it names has shown nothing.
#[tokio::test]
async fn a_decision_for_another_person_has_the_assurance_of_a_chat() {
    let world = World::new();
    let id = world.ask(json!({"chat": true})).await;
    let bridge = Principal {
        permissions: [Permission::DecideForOthers, Permission::DecideAlone].into(),
        decides_for: DecidesFor { issuers: ["chat".to_owned()].into(), ..DecidesFor::default() },
        ..Principal::clone(&principal(&[Role::Reviewer], ActorKind::Service, "bridge"))
    };
    let person = Actor { kind: ActorKind::Person, issuer: "chat".into(), subject: "bob".into() };
    let vote = world.vote_on(id, Choice::Approve).await;
    let vote = NewDecision { on_behalf_of: Some((person.clone(), BTreeSet::new())), ..vote };
    let decision = world.approvals.decide(&bridge, vote).await.unwrap().decision.unwrap();
    assert_eq!((&decision.actor, &decision.via), (&person, &Some(bridge.actor.clone())));
    let provenance = decision.provenance.unwrap();
    assert_eq!((provenance.surface, provenance.assurance), (Surface::Grpc, Assurance::Chat));

    // Without the policy's consent it can only reject.
    let id = world.ask(json!({"other": 1})).await;
    let vote = world.vote_on(id, Choice::Approve).await;
    let vote = NewDecision { on_behalf_of: Some((decision.actor, BTreeSet::new())), ..vote };
    let refused = world.approvals.decide(&bridge, vote.clone()).await.err();
    let needed = MinAssurance::Credentials;
    assert_eq!(refused, Some(Error::Store(Refusal::AssuranceTooLow { assurance: Assurance::Chat, needed }.into())));
    let rejected = world.approvals.decide(&bridge, NewDecision { choice: Choice::Reject, ..vote }).await.unwrap();
    assert_eq!(rejected.status, Status::Rejected);
}

#[tokio::test]
async fn the_first_of_two_equal_decisions_says_where_it_came_from() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 2})).await;
    let vote = NewDecision { request_id: Some("k".into()), ..world.vote_on(id, Choice::Approve).await };
    let desk = NewDecision { surface: Surface::Desk, opened: vec!["raw".into()], ..vote.clone() };
    let session = authenticated(AuthenticationMethod::Session, &reviewer(1));
    let first = world.approvals.decide(&session, desk).await.unwrap();
    assert_eq!(world.approvals.decide(&reviewer(1), vote).await.as_ref(), Ok(&first));
    let provenance = world.store.get(id).await.unwrap().votes[0].provenance.clone().unwrap();
    assert_eq!((provenance.surface, provenance.assurance), (Surface::Desk, Assurance::Session));
}

#[tokio::test]
async fn a_revocation_says_where_it_came_from() {
    let world = World::new();
    let id = world.ask(json!({"effect": "approve"})).await;
    let (surface, opened) = (Surface::Desk, vec!["rules".to_owned()]);
    let new = NewRevocation { id, request_id: None, reason: String::new(), surface, opened: opened.clone() };
    let session = authenticated(AuthenticationMethod::Session, &operator());
    world.approvals.revoke(&session, new).await.unwrap();
    let events = world.store.events(id, 0, 9).await.unwrap();
    let expected = Provenance { surface, assurance: Assurance::Session, opened };
    assert_eq!(events.last().unwrap().provenance, Some(expected));
}

#[tokio::test]
async fn too_many_opened_parts_are_rejected_and_nothing_is_recorded() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    let opened = vec!["x".to_owned(); 65];
    let vote = NewDecision { opened: opened.clone(), ..world.vote_on(id, Choice::Approve).await };
    let error = Error::Opened(OpenedError::TooMany { found: 65 });
    assert_eq!(error.to_string(), "65 opened parts; at most 64 are allowed");
    assert_eq!(world.approvals.decide(&reviewer(1), vote).await.err(), Some(error.clone()));
    assert_eq!(world.store.get(id).await.unwrap().revision, 1);
    let approved = world.ask(json!({"effect": "approve"})).await;
    let (surface, reason) = (Surface::Desk, String::new());
    let revocation = NewRevocation { id: approved, request_id: None, reason, surface, opened };
    assert_eq!(world.approvals.revoke(&agent(), revocation).await.err(), Some(error));
    assert_eq!(world.store.get(approved).await.unwrap().revocation, None);
}
