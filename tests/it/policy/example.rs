//! The example policy with its cases, one by one, as requests to a real server.

use std::path::PathBuf;

use signoff::{
    policy_file,
    proto::v1::{
        ApprovalStatus, ListPendingRequest, PolicyTestCases, RequestApprovalRequest, RuleOutcome, TestPolicyRequest,
    },
};

use super::operator;
use crate::{
    calls::open,
    checks::get,
    server::{Server, soon},
};

fn example(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", name].iter().collect()
}

fn cases() -> PolicyTestCases {
    let text = crate::files::text(example("policy-tests.yaml")).unwrap();
    policy_file::read(&text).finish().unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[tokio::test]
async fn every_case_of_the_example_gets_its_expected_verdict() {
    let data = tempfile::tempdir().unwrap();
    let file = format!("policy={}", example("policy.yaml").display());
    let server = Server::start(data.path(), &[&file]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let mut auditor = server.operator();
    let cases = cases();
    assert!(cases.cases.len() >= 15);
    let mut streams = Vec::new();
    for case in cases.cases.clone() {
        let request = RequestApprovalRequest {
            tool_name: case.tool_name.clone(),
            arguments: case.arguments.clone(),
            ..RequestApprovalRequest::default()
        };
        let (stream, approval) = open(&mut agent, request).await.unwrap();
        streams.push(stream);
        assert_eq!(approval.status(), case.expect(), "{}", case.name);
        let evaluation = get(&mut auditor, &approval.id).await.0.policy.unwrap();
        assert_eq!(evaluation.policy_version, "1");
        if !case.expect_rule.is_empty() {
            assert_eq!(evaluation.rule, case.expect_rule, "{}", case.name);
        }
        assert!(evaluation.trace.iter().any(|rule| rule.rule == evaluation.rule), "{}: {evaluation:?}", case.name);
        if case.name.contains("the condition fails") {
            let failed = evaluation.trace.iter().find(|rule| rule.outcome() == RuleOutcome::Failed);
            assert!(failed.is_some_and(|failed| !failed.detail.is_empty()), "{}: {evaluation:?}", case.name);
        }
    }
    let page = soon("the queue", reviewer.list_pending(ListPendingRequest::default())).await.unwrap().into_inner();
    let pending = cases.cases.iter().filter(|case| case.expect() == ApprovalStatus::Pending).count();
    assert_eq!(page.approvals.len(), pending);
    assert!(page.approvals.iter().all(|approval| !approval.policy.as_ref().unwrap().trace.is_empty()));
}

#[tokio::test]
async fn test_policy_agrees_with_the_cases() {
    let data = tempfile::tempdir().unwrap();
    let file = format!("policy={}", example("policy.yaml").display());
    let server = Server::start(data.path(), &[&file]).await;
    let mut cases = cases().cases;
    let request = TestPolicyRequest { cases: cases.clone(), ..TestPolicyRequest::default() };
    let results = operator(&server).test_policy(request).await.unwrap().into_inner().results;
    assert_eq!(results.len(), cases.len());
    for (result, case) in results.iter().zip(&cases) {
        assert!(result.passed && result.name == case.name && result.status() == case.expect(), "{result:?}");
        assert_eq!(result.evaluation.as_ref().unwrap().policy_version, "1");
    }
    // The built-in policy requires approval for every call.
    for case in &mut cases {
        case.expect_rule.clear();
    }
    let request = TestPolicyRequest { version: Some(0), cases: cases.clone(), ..TestPolicyRequest::default() };
    let results = operator(&server).test_policy(request).await.unwrap().into_inner().results;
    for (result, case) in results.iter().zip(&cases) {
        assert_eq!(result.status(), ApprovalStatus::Pending);
        assert_eq!(result.passed, case.expect() == ApprovalStatus::Pending, "{result:?}");
    }
    let request = ListPendingRequest::default();
    let page = server.operator().list_pending(request).await.unwrap().into_inner();
    assert!(page.approvals.is_empty(), "TestPolicy records nothing");
}
