//! A policy file that changes, or becomes invalid, while calls are made.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signoff::proto::v1::{
    ActorKind, ApprovalStatus, GetPolicyResponse, ListApprovalsRequest, RequestApprovalRequest, SetPolicyRequest,
};
use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{live, operator, policy, replace, set};
use crate::{
    calls::{ask, open},
    checks::refused,
    server::{Client, PolicyClient, Process, Server, age, serve, soon},
};

/// A policy with its name in its rules. Its last rule rejects `bad`.
fn text(name: &str) -> String {
    format!(
        "unlisted_tools: {{auto_approve: {{}}}}\nrules:\n\
         - {{name: pay-{name}, tools: [pay], when: args.to != '', auto_approve: {{}}}}\n\
         - {{name: bad-{name}, tools: [bad], auto_reject: {{message: never}}}}\n"
    )
}

/// Invalid files, with their error messages.
const BROKEN: [(&str, &str); 6] = [
    ("rules: [", "policy.yaml:2:1: invalid YAML"),
    ("rule: []\n", "did you mean rules?"),
    ("unlisted_tools: {auto_approve: {}}\nrules: [{name: a, tools: [x], when: nonsense, auto_approve: {}}]\n", "2:"),
    ("rules: [{name: a, tools: [x], auto_approve: {}}, {name: a, tools: [x], auto_approve: {}}]\n", "already"),
    ("\u{0}\u{1}", "policy.yaml:1:"),
    ("", "is empty"),
];

async fn until(client: &mut PolicyClient, what: &str, done: impl Fn(&GetPolicyResponse) -> bool) -> GetPolicyResponse {
    let changed = async {
        loop {
            let now = live(client).await;
            if done(&now) {
                break now;
            }
        }
    };
    soon(what, changed).await
}

/// The rule that judged, by policy version; and the number of answered calls.
#[derive(Default)]
struct Seen {
    names: BTreeMap<String, String>,
    answers: usize,
}

async fn caller(mut client: Client, number: usize, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        for (tool, status) in [("pay", ApprovalStatus::AutoApproved), ("bad", ApprovalStatus::AutoRejected)] {
            let id = format!("{number}-{tool}-{}", seen.answers);
            let request = RequestApprovalRequest { tool_name: tool.into(), ..ask(&id) };
            let (_, approval) = open(&mut client, request).await.expect("calls go on");
            let evaluation = approval.policy.as_ref().expect("a judgement");
            assert_eq!(approval.status(), status, "{evaluation:?}");
            let (rule, name) = evaluation.rule.split_once('-').expect("a rule of the file decided");
            assert_eq!(rule, tool);
            let before = seen.names.insert(evaluation.policy_version.clone(), name.to_owned());
            assert!(before.is_none_or(|before| before == name), "a version is one policy");
            seen.answers += 1;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_files_under_load_change_nothing() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    fs::write(&file, text("v1")).unwrap();
    age(&file);
    let server =
        Server::start(&data.path().join("store"), &[&format!("policy={}", file.display()), "log.filter=error"]).await;
    let (mut client, stop) = (operator(&server), Arc::new(AtomicBool::new(false)));
    let mut callers = JoinSet::new();
    for number in 0..6 {
        callers.spawn(caller(server.agent(), number, Arc::clone(&stop)));
    }
    for (version, (broken, complaint)) in (2..).zip(BROKEN) {
        replace(&file, broken);
        server.hang_up();
        let told = until(&mut client, "the broken file is told of", |now| {
            now.file.as_ref().is_some_and(|file| !file.error.is_empty())
        });
        let told = told.await;
        let error = told.file.as_ref().unwrap();
        assert!(error.error.contains(complaint) && error.error_time.is_some(), "{complaint}: {}", error.error);
        assert_eq!(told.version.unwrap().version, version - 1, "the last valid version stays live");

        replace(&file, &text(&format!("v{version}")));
        server.hang_up();
        let good = until(&mut client, "the good file is taken", |now| {
            let file = now.file.as_ref().unwrap();
            now.version.as_ref().unwrap().version == version && file.error.is_empty()
        });
        let author = good.await.version.unwrap().author.unwrap();
        assert_eq!(author.kind(), ActorKind::Server);
    }
    stop.store(true, Ordering::Relaxed);
    let (mut names, mut answers) = (BTreeMap::new(), 0);
    while let Some(seen) = soon("the callers end", callers.join_next()).await {
        let seen = seen.unwrap();
        answers += seen.answers;
        for (version, name) in seen.names {
            assert_eq!(name, format!("v{version}"), "a version judged by another's rules");
            names.insert(version, name);
        }
    }
    assert!(names.len() >= 2 && answers > 0, "no call saw a new version: {names:?}");
    let mut stored = 0;
    let mut request = ListApprovalsRequest { page_size: 1_000, ..ListApprovalsRequest::default() };
    loop {
        let page = server.operator().list_approvals(request.clone()).await.unwrap().into_inner();
        stored += page.approvals.len();
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(stored, answers, "every answer is on record, and nothing else");
}

#[tokio::test]
async fn a_change_is_loaded_without_a_signal_and_health_reports_an_invalid_file() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    fs::write(&file, text("one")).unwrap();
    age(&file);
    let setting = format!("policy={}", file.display());
    let server = Server::start(&data.path().join("store"), &[&setting]).await;
    let mut client = operator(&server);
    assert_eq!(live(&mut client).await.file.unwrap().path, file.display().to_string());

    replace(&file, "nonsense");
    until(&mut client, "it is noticed", |now| !now.file.as_ref().unwrap().error.is_empty()).await;
    let service = || HealthCheckRequest { service: "signoff.v1.PolicyService".into() };
    let mut health = HealthClient::new(server.channel());
    let unhealthy =
        async { while health.check(service()).await.unwrap().into_inner().status() != ServingStatus::NotServing {} };
    soon("health tells", unhealthy).await;
    let overall = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(overall.status(), ServingStatus::Serving, "approvals still work");

    fs::remove_file(&file).unwrap();
    until(&mut client, "a missing file is noticed", |now| now.file.as_ref().unwrap().error.contains("No such file"))
        .await;
    fs::create_dir(&file).unwrap();
    until(&mut client, "a directory is noticed", |now| {
        now.file.as_ref().unwrap().error.contains("is not a regular file")
    })
    .await;
    fs::remove_dir(&file).unwrap();
    replace(&file, &"#".repeat((1 << 20) + 1));
    until(&mut client, "a huge file is noticed", |now| {
        now.file.as_ref().unwrap().error.contains("has 1048577 bytes; at most 1048576 are allowed")
    })
    .await;
    replace(&file, &text("one"));
    let same = until(&mut client, "it is good again", |now| now.file.as_ref().unwrap().error.is_empty()).await;
    assert_eq!(same.version.unwrap().version, 1, "the same content is no new version");
    replace(&file, &text("two"));
    until(&mut client, "the change is noticed", |now| now.version.as_ref().unwrap().version == 2).await;

    let request = SetPolicyRequest { policy: Some(policy(Vec::new())), ..SetPolicyRequest::default() };
    let status = set(&mut client, request).await.unwrap_err();
    let metadata = refused(&status, Code::FailedPrecondition, "POLICY_FROM_FILE");
    assert_eq!(metadata["path"], file.display().to_string());
}

#[tokio::test]
async fn a_server_does_not_start_with_an_invalid_file() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    let setting = format!("policy={}", file.display());
    let store = data.path().join("store");
    for (content, complaint) in [
        (None, "No such file"),
        (Some("tools: pay\nrules:\n- {name: a, tools: [x], when: 'args.n >', auto_approve: {}}\n"), "policy.yaml:3:"),
    ] {
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
            age(&file);
        }
        match Process::spawn(&store, serve(&store, &[&setting])).listening().await {
            Ok(_) => panic!("it listens"),
            Err((status, log)) => {
                assert_eq!(status.code(), Some(1), "{log}");
                assert!(log.contains(complaint), "{log}");
            }
        }
    }
}
