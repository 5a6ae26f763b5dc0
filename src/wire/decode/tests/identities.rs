//! All names of actors in messages are normalized or rejected.

use super::{ID, refused};
use crate::{
    domain::{Schemas, limits::RequestLimits},
    proto::v1::{self, decide_request::Seen},
    wire::decode,
};

/// José with a combining accent, and with a composed é.
const DECOMPOSED: &str = "Jose\u{301}";
const COMPOSED: &str = "Jos\u{e9}";

fn person(name: &str) -> Option<v1::Person> {
    Some(v1::Person { issuer: format!("https://{name}"), subject: name.into(), groups: vec![name.into()] })
}

fn token(name: &str) -> v1::CreateTokenRequest {
    v1::CreateTokenRequest {
        subject: name.into(),
        kind: v1::ActorKind::Agent.into(),
        roles: vec![v1::Role::Agent.into()],
        groups: vec![name.into()],
        on_behalf_of: person(name).map(|person| v1::Person { groups: Vec::new(), ..person }),
        ..Default::default()
    }
}

fn decision(name: &str) -> v1::DecideRequest {
    v1::DecideRequest {
        approval_id: ID.into(),
        choice: v1::VoteChoice::Approve.into(),
        seen: Some(Seen::Revision(1)),
        on_behalf_of: person(name),
        ..Default::default()
    }
}

fn request(name: &str) -> v1::RequestApprovalRequest {
    let on_behalf_of = person(name).map(|person| v1::Person { groups: Vec::new(), ..person });
    v1::RequestApprovalRequest { tool_name: "a".into(), on_behalf_of, ..Default::default() }
}

fn case(name: &str) -> Vec<v1::PolicyTestCase> {
    let kind = v1::ActorKind::Person.into();
    let caller = Some(v1::Actor { kind, issuer: name.into(), subject: name.into() });
    vec![v1::PolicyTestCase { tool_name: "a".into(), caller, ..Default::default() }]
}

fn list(name: &str) -> v1::ListApprovalsRequest {
    v1::ListApprovalsRequest { caller: format!("local/{name}"), ..Default::default() }
}

#[test]
fn a_name_is_composed() {
    let limits = RequestLimits::default();
    let made = decode::new_token(token(DECOMPOSED), &limits).unwrap().grant;
    assert_eq!((made.subject.as_str(), made.groups), (COMPOSED, [COMPOSED.to_owned()].into()));
    let bound = made.on_behalf_of.unwrap();
    assert_eq!((bound.issuer.as_str(), bound.subject.as_str()), ("https://Jos\u{e9}", COMPOSED));

    let (decider, groups) = decode::decision(decision(DECOMPOSED), &limits).unwrap().on_behalf_of.unwrap();
    assert_eq!((decider.issuer.as_str(), decider.subject.as_str()), ("https://Jos\u{e9}", COMPOSED));
    assert_eq!(groups, [COMPOSED.to_owned()].into());

    let asked = decode::request(request(DECOMPOSED), &limits, &Schemas::default(), None).unwrap().on_behalf_of.unwrap();
    assert_eq!(asked.subject, COMPOSED);
    let caller = decode::test_cases(case(DECOMPOSED), &limits).unwrap().remove(0).caller;
    assert_eq!((caller.issuer.as_str(), caller.subject.as_str()), (COMPOSED, COMPOSED));
    let query = decode::list_approvals(list(DECOMPOSED), &limits).unwrap();
    assert_eq!(query.filter.caller.as_deref(), Some("local/Jos\u{e9}"));
}

#[test]
fn what_has_no_form_is_refused_wherever_it_stands() {
    let limits = RequestLimits::default();
    for (name, wrong) in [
        ("rita\u{200b}", "contains U+200B; control, invisible and unassigned characters are not allowed"),
        ("rita\u{202e}", "contains U+202E; control, invisible and unassigned characters are not allowed"),
        ("rita\n", "contains U+000A; control, invisible and unassigned characters are not allowed"),
        ("rita ", "begins or ends with a space; remove it"),
    ] {
        let at = |fields: &[&str]| fields.iter().map(|field| format!("{field}: {wrong}")).collect::<Vec<_>>();
        let fields = ["groups[0]", "on_behalf_of.issuer", "on_behalf_of.subject", "subject"];
        assert_eq!(refused(decode::new_token(token(name), &limits)), at(&fields));
        let fields = ["on_behalf_of.groups[0]", "on_behalf_of.issuer", "on_behalf_of.subject"];
        assert_eq!(refused(decode::decision(decision(name), &limits)), at(&fields));
        let asked = decode::request(request(name), &limits, &Schemas::default(), None);
        assert_eq!(refused(asked.map_err(|invalid| invalid.violations)), at(&fields[1..]));
        let fields = ["cases[0].caller.issuer", "cases[0].caller.subject"];
        assert_eq!(refused(decode::test_cases(case(name), &limits)), at(&fields));
        assert_eq!(refused(decode::list_approvals(list(name), &limits)), at(&["caller"]));
    }
    // The normalized length counts, not the sent one.
    let long = DECOMPOSED.repeat(32);
    let made = decode::new_token(token(&long), &limits).unwrap().grant;
    assert!(made.groups.iter().all(|group| group.chars().count() == 128 && long.chars().count() == 160));
}
