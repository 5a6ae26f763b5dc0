//! JSON Schemas of arguments, which the server stores once for all requests that use them.

use std::{
    collections::HashMap,
    path::Path,
    process::{Output, Stdio},
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use prost_types::Struct;
use serde_json::json;
use signoff::proto::v1::{GetApprovalRequest, ListApprovalsRequest, VoteChoice};

use crate::{
    calls::{ask, decide, open},
    checks::object,
    server::{Server, signoff, soon},
};

/// Kills, each while requests with new schemas arrive.
const KILLS: usize = 8;

/// Concurrent requests.
const REQUESTS: usize = 24;

/// One of many schemas that the arguments in these tests satisfy, some of them longer than one piece of a record.
pub(crate) fn schema(n: usize) -> Struct {
    let title = format!("{n}{}", "t".repeat(n % 10 * 1_000));
    object(&json!({"title": title, "properties": {"to": {"type": "string"}}, "maxProperties": 2}))
}

async fn run(arguments: &[&str], data: &Path) -> Output {
    let mut command = signoff(&[arguments, &["--data-dir", data.to_str().unwrap()]].concat());
    command.stdin(Stdio::null());
    soon("the command ends", command.output()).await.expect("it runs")
}

async fn assert_whole(data: &Path) {
    let check = run(&["store", "check"], data).await;
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success() && said.contains("no faults"), "{check:?}");
}

#[tokio::test]
async fn after_a_kill_every_approval_has_its_schema() {
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged: HashMap<String, Struct> = HashMap::new();
    for round in 0..=KILLS {
        let server = Server::start(data.path(), &[]).await;
        let mut operator = server.operator();
        for (id, schema) in &acknowledged {
            let request = GetApprovalRequest { approval_id: id.clone(), include_events: true };
            let reply = operator.get_approval(request).await.unwrap().into_inner();
            assert_eq!(reply.approval.unwrap().arguments_schema.as_ref(), Some(schema), "round {round}");
        }
        let all = ListApprovalsRequest { page_size: 500, ..ListApprovalsRequest::default() };
        let page = operator.list_approvals(all).await.unwrap().into_inner();
        assert!(page.approvals.len() >= acknowledged.len() && page.unreadable_approval_ids.is_empty(), "round {round}");
        if round == KILLS {
            assert!(server.stop().await.success());
            break;
        }
        // Two schemas are new to the store; one is in it since the first round.
        let schemas = [0, 1 + 2 * round, 2 + 2 * round].map(schema);
        let requests: FuturesUnordered<_> = (0..REQUESTS)
            .map(|n| {
                let (mut agent, schema) = (server.agent(), schemas[n % schemas.len()].clone());
                let mut request = ask(&format!("{round}-{n}"));
                request.arguments_schema = Some(schema.clone());
                async move { open(&mut agent, request).await.map(|(_, approval)| (approval.id, schema)) }
            })
            .collect();
        let mut answers = requests.filter_map(|answer| std::future::ready(answer.ok()));
        for _ in 0..round {
            acknowledged.extend(answers.next().await);
        }
        server.kill().await;
        acknowledged.extend(answers.collect::<Vec<_>>().await);
    }
    assert!(acknowledged.len() >= KILLS * (KILLS - 1) / 2, "{}", acknowledged.len());
    assert_whole(data.path()).await;
}

#[tokio::test]
async fn an_export_includes_schemas() {
    let directory = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
    let server = Server::start(&from, &[]).await;
    for n in 0..4 {
        let mut request = ask(&format!("r{n}"));
        request.arguments_schema = (n < 3).then(|| schema(n / 2 * 9));
        let (_, approval) = open(&mut server.agent(), request).await.unwrap();
        if n == 1 {
            server.reviewer().decide(decide(&approval, "d", VoteChoice::Approve)).await.unwrap();
        }
    }
    assert!(server.stop().await.success());
    let exported = run(&["export"], &from).await;
    assert!(exported.status.success(), "{exported:?}");
    let file = directory.path().join("export.jsonl");
    std::fs::write(&file, &exported.stdout).unwrap();
    let imported = run(&["import", file.to_str().unwrap()], &to).await;
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(run(&["export"], &to).await.stdout, exported.stdout);
    assert_whole(&to).await;

    // Edits are checked against the imported schema.
    let server = Server::start(&to, &[]).await;
    let all = ListApprovalsRequest { page_size: 500, ..ListApprovalsRequest::default() };
    let approvals = server.operator().list_approvals(all).await.unwrap().into_inner().approvals;
    let third = approvals.iter().find(|approval| approval.request_id == "r2").unwrap();
    assert_eq!(third.arguments_schema, Some(schema(9)));
    let mut edit = decide(third, "e", VoteChoice::Approve);
    edit.edited_arguments = Some(object(&json!({"to": 7})));
    assert_eq!(server.reviewer().decide(edit).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    assert!(server.stop().await.success());
}
