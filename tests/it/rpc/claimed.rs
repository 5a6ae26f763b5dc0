//! Claims of claimed approvals: the error has the holder, the time, and the outcome of the call.

use chrono::{DateTime, SecondsFormat};
use signoff::proto::v1::{Approval, ClaimExecutionRequest, ExecutionResult, ReportExecutionRequest, VoteChoice};
use tonic::Code;

use crate::{
    calls::{ask, decide, open},
    checks::{get, refused},
    serve::run,
    server::{Server, soon},
};

fn rfc3339(time: Option<prost_types::Timestamp>) -> String {
    let time = time.expect("a time");
    let nanos = u32::try_from(time.nanos).unwrap();
    DateTime::from_timestamp(time.seconds, nanos).unwrap().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn claim(approval: &Approval, request_id: &str) -> ClaimExecutionRequest {
    let (approval_id, digest) = (approval.id.clone(), approval.digest.clone());
    ClaimExecutionRequest { approval_id, request_id: request_id.into(), digest }
}

/// An approved call that was claimed with the request_id "first".
async fn claimed(server: &Server, request_id: &str) -> Approval {
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let (_stream, asked) = open(&mut agent, ask(request_id)).await.unwrap();
    reviewer.decide(decide(&asked, "", VoteChoice::Approve)).await.unwrap();
    agent.claim_execution(claim(&asked, "first")).await.unwrap().into_inner().approval.unwrap()
}

/// Checks that no claim of an approval is granted, and that each error matches the approval.
async fn told(server: &Server, approval: &Approval, request_ids: &[&str]) {
    let mut agent = server.agent();
    let (now, _) = get(&mut agent, &approval.id).await;
    assert_eq!(now, *approval);
    let taken = approval.claim.as_ref().expect("a claim");
    let other = ClaimExecutionRequest { digest: format!("sha256:{}", "0".repeat(64)), ..claim(approval, "other") };
    let again = request_ids.iter().map(|request_id| claim(approval, request_id));
    for call in again.chain([other]) {
        let status = soon("an answer", agent.claim_execution(call)).await.unwrap_err();
        let metadata = refused(&status, Code::FailedPrecondition, "ALREADY_CLAIMED");
        assert_eq!((&metadata["approval_id"], &metadata["claim_id"]), (&approval.id, &taken.id));
        assert_eq!(
            (metadata["claimed_by"].as_str(), &metadata["claim_time"]),
            ("dev/agent", &rfc3339(taken.claim_time))
        );
        let known = |key: &str| metadata.get(key).cloned();
        let expected = taken.outcome.as_ref().map(|outcome| {
            let result = outcome.result().as_str_name().strip_prefix("EXECUTION_RESULT_").unwrap().to_owned();
            (result, rfc3339(outcome.report_time), outcome.message.clone())
        });
        match expected {
            None => assert_eq!([known("result"), known("report_time"), known("message")], [None, None, None]),
            Some((result, at, message)) => {
                assert_eq!(
                    [known("result"), known("report_time"), known("message")],
                    [Some(result), Some(at), Some(message)]
                );
            }
        }
    }
}

#[tokio::test]
async fn the_error_for_a_claimed_approval_has_all_known_facts() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut server = Server::start(first.path(), &[]).await;
    let running = claimed(&server, "running").await;
    let mut done = Vec::new();
    for (request_id, result) in [("good", ExecutionResult::Succeeded), ("bad", ExecutionResult::Failed)] {
        let approval = claimed(&server, request_id).await;
        let report = ReportExecutionRequest {
            approval_id: approval.id.clone(),
            claim_id: approval.claim.as_ref().unwrap().id.clone(),
            result: result.into(),
            message: format!("it was {request_id}"),
            ..ReportExecutionRequest::default()
        };
        done.push(server.agent().report_execution(report).await.unwrap().into_inner().approval.unwrap());
    }
    for stage in ["at once", "after a kill", "after an import"] {
        match stage {
            "after a kill" => {
                server.kill().await;
                server = Server::start(first.path(), &[]).await;
            }
            "after an import" => {
                assert!(server.stop().await.success());
                let file = first.path().join("export.jsonl");
                let (from, to, file) =
                    (first.path().to_str().unwrap(), second.path().to_str().unwrap(), file.to_str().unwrap());
                for arguments in
                    [["export", "--data-dir", from, "--output", file].as_slice(), &["import", "--data-dir", to, file]]
                {
                    let output = run(arguments).await;
                    assert!(output.status.success(), "{output:?}");
                }
                server = Server::start(second.path(), &[]).await;
            }
            _ => {}
        }
        // A repetition is granted again while the window is open: the first reply may have been lost.
        told(&server, &running, &["second", ""]).await;
        let again = server.agent().claim_execution(claim(&running, "first")).await.unwrap().into_inner();
        assert_eq!(again.claim_id, running.claim.as_ref().unwrap().id, "{stage}");
        for approval in &done {
            told(&server, approval, &["first", "second", ""]).await;
        }
    }
}
