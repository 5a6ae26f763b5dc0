//! Versions of the policy: content, author, expected version; and their durability.

use signoff::proto::v1::{
    ApprovalStatus, GetPolicyRequest, ListPolicyVersionsRequest, PolicyTestCase, RequestApprovalRequest,
    SetPolicyRequest, TestPolicyRequest,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{approve, live, operator, policy, reject, rule, set};
use crate::{
    calls::{ask, open},
    checks::{get, refused},
    server::{Server, soon},
};

fn first() -> SetPolicyRequest {
    SetPolicyRequest {
        request_id: "set-1".into(),
        policy: Some(policy(vec![rule("search", "search", "", approve())])),
        expected_version: Some(0),
        comment: "searching is harmless".into(),
        validate_only: false,
    }
}

fn second() -> SetPolicyRequest {
    SetPolicyRequest {
        policy: Some(policy(vec![rule("no-search", "search", "", reject("not today"))])),
        ..SetPolicyRequest::default()
    }
}

#[tokio::test]
async fn versions_count_up_and_survive_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut client = operator(&server);
    let built_in = live(&mut client).await;
    let version = built_in.version.unwrap();
    assert!(version.version == 0 && version.author.is_none() && built_in.file.is_none());
    let search = |id: &str| RequestApprovalRequest { tool_name: "search".into(), ..ask(id) };
    let (_waiting, before) = open(&mut server.agent(), search("before")).await.unwrap();
    assert_eq!(before.status(), ApprovalStatus::Pending);

    let checked = set(&mut client, SetPolicyRequest { validate_only: true, ..first() }).await.unwrap();
    assert_eq!((checked.version, live(&mut client).await.version.unwrap().version), (1, 0));
    let one = set(&mut client, first()).await.unwrap();
    assert_eq!((one.version, one.comment.as_str()), (1, "searching is harmless"));
    assert_eq!(one.author.as_ref().unwrap().subject, "operator");
    server.policy_is_live_everywhere().await;
    let (_, approval) = open(&mut server.agent(), search("one")).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::AutoApproved);
    assert_eq!(approval.policy.unwrap().policy_version, "1");

    let two = set(&mut client, second()).await.unwrap();
    server.policy_is_live_everywhere().await;
    assert_eq!(two.version, 2);
    let again = set(&mut client, first()).await.unwrap();
    assert_eq!(again, one, "a repetition gives the first result, and changes nothing");
    let (_, approval) = open(&mut server.agent(), search("two")).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::AutoRejected);
    assert_eq!(approval.decision.unwrap().comment, "not today");
    let (before, _) = get(&mut server.operator(), &before.id).await;
    assert_eq!(before.status(), ApprovalStatus::Pending, "a pending approval keeps its verdict");

    server.kill().await;
    let server = Server::start(data.path(), &[]).await;
    let mut client = operator(&server);
    let version = live(&mut client).await.version.unwrap();
    assert_eq!((version.version, version.policy), (2, second().policy));
    let (_, approval) = open(&mut server.agent(), search("three")).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::AutoRejected);
    assert_eq!(set(&mut client, first()).await.unwrap(), one, "also after a restart");
    let old = client.get_policy(GetPolicyRequest { version: Some(1) }).await.unwrap().into_inner().version.unwrap();
    assert_eq!((old.policy, old.create_time), (first().policy, one.create_time));
}

#[tokio::test]
async fn setting_the_live_policy_makes_no_version_and_its_late_repetition_does_not_restore_it() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]).await;
    let mut client = operator(&server);
    let one = set(&mut client, first()).await.unwrap();
    let same =
        || SetPolicyRequest { request_id: "same".into(), comment: "again".into(), expected_version: None, ..first() };
    assert_eq!(set(&mut client, SetPolicyRequest { validate_only: true, ..same() }).await.unwrap(), one);
    assert_eq!(set(&mut client, same()).await.unwrap(), one);
    assert_eq!(live(&mut client).await.version.unwrap().version, 1);
    assert_eq!(set(&mut client, second()).await.unwrap().version, 2);
    for restarted in [false, true] {
        if restarted {
            server.kill().await;
            server = Server::start(data.path(), &[]).await;
            client = operator(&server);
        }
        assert_eq!(
            set(&mut client, same()).await.unwrap(),
            one,
            "a repetition after a lost reply, when another policy is live"
        );
        let version = live(&mut client).await.version.unwrap();
        assert_eq!((version.version, version.policy), (2, second().policy));
        let status = set(&mut client, SetPolicyRequest { policy: second().policy, ..same() }).await.unwrap_err();
        let metadata = refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED");
        assert_eq!(metadata["field"], "policy");
    }
    // With a new request_id, it makes a new version.
    let anew = SetPolicyRequest { request_id: "anew".into(), ..same() };
    assert_eq!(set(&mut client, anew).await.unwrap().version, 3);
}

#[tokio::test]
async fn the_versions_are_listed_newest_first() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut client = operator(&server);
    for n in 1..=5 {
        let comment = format!("number {n}");
        let policy = Some(policy(vec![rule("no-search", "search", "", reject(&comment))]));
        let request = SetPolicyRequest { policy, comment, ..SetPolicyRequest::default() };
        assert_eq!(set(&mut client, request).await.unwrap().version, n);
    }
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListPolicyVersionsRequest { page_size: 2, page_token };
        let page = client.list_policy_versions(request).await.unwrap().into_inner();
        assert!(page.versions.len() <= 2 && page.versions.iter().all(|version| version.policy.is_none()));
        found.extend(page.versions.into_iter().map(|version| (version.version, version.comment)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, (1..=5).rev().map(|n| (n, format!("number {n}"))).collect::<Vec<_>>());
    for page_token in ["x", "AQ"] {
        let request = ListPolicyVersionsRequest { page_size: 0, page_token: page_token.into() };
        refused(&client.list_policy_versions(request).await.unwrap_err(), Code::InvalidArgument, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn invalid_policies_and_conflicts_are_rejected() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut client = operator(&server);
    set(&mut client, first()).await.unwrap();

    for validate_only in [true, false] {
        let stale = SetPolicyRequest { expected_version: Some(0), validate_only, ..second() };
        let status = set(&mut client, stale).await.unwrap_err();
        assert_eq!(refused(&status, Code::Aborted, "POLICY_CHANGED")["version"], "1");
    }
    let status = set(&mut client, SetPolicyRequest { request_id: "set-1".into(), ..second() }).await.unwrap_err();
    let metadata = refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!((metadata["request_id"].as_str(), metadata["policy_version"].as_str()), ("set-1", "1"));
    assert_eq!(metadata["field"], "policy");
    let status = client.get_policy(GetPolicyRequest { version: Some(9) }).await.unwrap_err();
    assert_eq!(refused(&status, Code::NotFound, "POLICY_NOT_FOUND")["version"], "9");
    let status = set(&mut client, SetPolicyRequest::default()).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");

    let mut wrong = policy(vec![
        rule("a", "x[", "args.n >", approve()),
        rule("a", "y", "arg.n > 1", approve()),
        rule("wall", "z*", "", reject("")),
    ]);
    wrong.rules.push(signoff::proto::v1::PolicyRule { effect: None, ..rule("d", "zz", "", approve()) });
    for validate_only in [true, false] {
        let request = SetPolicyRequest { policy: Some(wrong.clone()), validate_only, ..SetPolicyRequest::default() };
        let status = set(&mut client, request).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
        let violations = status.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        for field in [
            "policy.rules[0].tools[0]",
            "policy.rules[0].when",
            "policy.rules[1].name",
            "policy.rules[1].when",
            "policy.rules[3]",
        ] {
            assert!(fields.contains(&field), "{field} is missing: {violations:?}");
        }
    }
    assert_eq!(live(&mut client).await.version.unwrap().version, 1);

    let case = PolicyTestCase { tool_name: "not a tool".into(), ..PolicyTestCase::default() };
    for request in [
        TestPolicyRequest { cases: vec![case], ..TestPolicyRequest::default() },
        TestPolicyRequest::default(),
        TestPolicyRequest {
            policy: Some(wrong),
            cases: vec![PolicyTestCase { tool_name: "t".into(), ..Default::default() }],
            ..Default::default()
        },
        TestPolicyRequest {
            policy: Some(policy(vec![])),
            version: Some(1),
            cases: vec![PolicyTestCase { tool_name: "t".into(), ..Default::default() }],
        },
    ] {
        let status = soon("an answer", client.test_policy(request)).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn one_of_many_setters_wins() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let setters = (0..8).map(|n| {
        let mut client = operator(&server);
        let request = SetPolicyRequest { request_id: format!("r{n}"), ..first() };
        async move { set(&mut client, request).await }
    });
    let done = futures_util::future::join_all(setters).await;
    let won: Vec<_> = done.iter().flatten().collect();
    assert_eq!(won.len(), 1, "{done:?}");
    for status in done.iter().filter_map(|done| done.as_ref().err()) {
        refused(status, Code::Aborted, "POLICY_CHANGED");
    }
}
