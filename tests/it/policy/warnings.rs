//! Warnings about probable mistakes in a policy, which never prevent setting it.

use std::fs;

use signoff::proto::v1::{
    ActorKind, CreateTokenRequest, ListPendingRequest, Policy, PolicyRule, PolicyTestCase, RequestApprovalRequest,
    RequireApproval, Role, SetPolicyRequest, TestPolicyRequest, policy_rule::Effect,
};

use super::{approve, commands::run, operator, policy, reject, rule};
use crate::{
    calls::{ask, open},
    server::{Server, age, soon},
};

/// A policy that lists tools and requires approval by a group.
fn asking(tool: &str, group: &str) -> Policy {
    let asks = RequireApproval { reviewers: vec![format!("group:{group}")], ..RequireApproval::default() };
    policy(vec![rule("ask", tool, "", Effect::RequireApproval(asks))])
}

async fn warnings(server: &Server, policy: Policy) -> Vec<String> {
    let request = SetPolicyRequest { policy: Some(policy), ..SetPolicyRequest::default() };
    let answer = soon("SetPolicy answers", operator(server).set_policy(request)).await.unwrap().into_inner();
    assert!(answer.version.unwrap().version > 0, "it is set despite the warnings");
    answer.warnings.into_iter().map(|warning| format!("{}: {}", warning.field, warning.description)).collect()
}

#[tokio::test]
async fn names_similar_to_those_of_calls_and_callers_cause_warnings() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    assert_eq!(warnings(&server, asking("send_email", "Finance")).await, [""; 0], "nobody has called yet");

    let request = RequestApprovalRequest { tool_name: "mail.Send_Email".into(), ..ask("one") };
    open(&mut server.agent(), request).await.unwrap();
    let mut access = server.access(&server.tokens().operator);
    let request = CreateTokenRequest {
        request_id: "one".into(),
        subject: "ann".into(),
        kind: ActorKind::Person.into(),
        roles: vec![Role::Reviewer.into()],
        groups: vec!["finance".into()],
        ..CreateTokenRequest::default()
    };
    access.create_token(request).await.unwrap();
    let found = warnings(&server, asking("send_email", "Finance")).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("rules[0].require_approval.reviewers[0]: the group \"finance\" differs"), "{found:?}");
    assert!(found[1].starts_with("rules[0].tools[0]: the tool \"mail.Send_Email\" was called"), "{found:?}");

    // A reviewer without a token of this server, recorded by a call.
    server.reviewer().list_pending(ListPendingRequest::default()).await.unwrap();
    let asks = RequireApproval { reviewers: vec!["user:dev/Reviewer".into()], ..RequireApproval::default() };
    let found = warnings(&server, policy(vec![rule("ask", "pay", "", Effect::RequireApproval(asks))])).await;
    assert!(found.len() == 1 && found[0].contains("the user \"dev/reviewer\" differs only in upper"), "{found:?}");
    assert_eq!(warnings(&server, asking("mail.*", "finance")).await, [""; 0]);
}

#[tokio::test]
async fn cases_cause_warnings_unless_they_state_an_expectation() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let tried = async |expect: &str| {
        let case =
            PolicyTestCase { tool_name: "SEARCH".into(), expect_rule: expect.into(), ..PolicyTestCase::default() };
        let case = PolicyTestCase { expect: i32::from(!expect.is_empty()), ..case };
        let policy = policy(vec![rule("search", "search", "", approve())]);
        let request = TestPolicyRequest { policy: Some(policy), cases: vec![case], ..TestPolicyRequest::default() };
        operator(&server).test_policy(request).await.unwrap().into_inner()
    };
    let answer = tried("unlisted_tools").await;
    assert!(answer.results[0].passed && answer.warnings.is_empty(), "{answer:?}");
    for expect in ["", "search"] {
        let answer = tried(expect).await;
        assert!(answer.warnings.len() == 1 && answer.warnings[0].field == "rules[0].tools[0]", "{answer:?}");
    }
}

const DENYLIST: &str = "\
unlisted_tools: { auto_approve: {} }
rules:
  - name: no-drop
    tools: [\"sql.*\"]
    when: args.query.matches(\"(?i)drop\")
    auto_reject: {}
";

#[tokio::test]
async fn the_command_warns_and_fails_with_strict() {
    let data = tempfile::tempdir().unwrap();
    let (file, cases) = (data.path().join("policy.yaml"), data.path().join("cases.yaml"));
    fs::write(&file, DENYLIST).unwrap();
    fs::write(&cases, "cases:\n- {tool_name: SQL.query, arguments: {query: DROP}, expect: AUTO_APPROVED}\n").unwrap();
    let (path, cases) = (file.to_str().unwrap(), cases.to_str().unwrap());
    let (code, out, err) = run(&["policy", "check", path]).await;
    assert!(code == Some(0) && out.contains("; 2 warnings"), "{out}{err}");
    for place in ["1:17: unlisted_tools: approves every tool", "5:11: rules[0].when: denylist"] {
        assert!(err.contains(&format!("warning: {path}:{place}")), "{place}: {err}");
    }
    let (code, _, err) = run(&["policy", "check", path, "--strict", "--cases", cases]).await;
    assert!(
        code == Some(1) && err.contains("the tool \"SQL.query\" was called, which does not match \"sql.*\""),
        "{err}"
    );
    let (code, out, err) = run(&["policy", "test", path, cases]).await;
    assert!(code == Some(0) && out.contains("1 passed") && err.contains("\"SQL.query\""), "{out}{err}");
    let (code, out, _) = run(&["--json", "policy", "check", path]).await;
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, told["warnings"].as_array().unwrap().len()), (Some(0), 2), "{out}");

    // The server gives the same warnings, over the API and for a policy file.
    let server = Server::start(&data.path().join("one"), &[]).await;
    let address = format!("http://{}", server.address());
    let (code, _, err) =
        run(&["--address", &address, "--token", &server.tokens().operator, "policy", "set", path]).await;
    assert!(code == Some(0) && err.contains("warning: rules[0].when: denylist"), "{err}");
    age(&file);
    let server = Server::start(&data.path().join("two"), &[&format!("policy={path}")]).await;
    let logged = async {
        while !server.log().contains("denylist:") {
            tokio::task::yield_now().await;
        }
    };
    soon("the log warns", logged).await;
}

#[tokio::test]
async fn a_correct_policy_causes_no_warning() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    open(&mut server.agent(), RequestApprovalRequest { tool_name: "pay".into(), ..ask("one") }).await.unwrap();
    let right =
        policy(vec![rule("small", "pay", "args.amount < 10", approve()), rule("never", "drop", "", reject("never"))]);
    assert_eq!(warnings(&server, right).await, [""; 0]);
}

#[tokio::test]
async fn a_channel_that_the_server_does_not_have_causes_a_warning_and_is_shown() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let asks = Effect::RequireApproval(RequireApproval::default());
    let telling = PolicyRule { notify: vec!["finance-slack".into()], ..rule("ask", "send_email", "", asks) };
    let found = warnings(&server, policy(vec![telling.clone()])).await;
    let what = "rules[0].notify[0]: \"finance-slack\" is not a channel of this server; nothing is sent there";
    assert_eq!(found, [what]);

    let (_stream, approval) = open(&mut server.agent(), ask("one")).await.unwrap();
    assert_eq!((&approval.notify[..], approval.notify_default), (&["finance-slack".to_owned()][..], false));
    assert_eq!(approval.policy.unwrap().notify, ["finance-slack"]);
    let case = PolicyTestCase { tool_name: "send_email".into(), ..PolicyTestCase::default() };
    let request = TestPolicyRequest { cases: vec![case], ..TestPolicyRequest::default() };
    let tested = operator(&server).test_policy(request).await.unwrap().into_inner();
    assert_eq!(tested.results[0].evaluation.as_ref().unwrap().notify, ["finance-slack"]);
    assert_eq!(tested.warnings.len(), 1);
}
