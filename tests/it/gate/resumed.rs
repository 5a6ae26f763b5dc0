//! Calls that one process requests and another runs, with a handle that passes between them as JSON.

use std::{convert::Infallible, sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use signoff::{
    proto::v1::{ApprovalStatus, ExecutionResult, VoteChoice},
    wire::structs::from_json,
};
use signoff_client::{Call, Client, GateError, Handle, Kind, Step, refusal_as_text};

use super::{Outcome, Tool, approve, connect, email, get, outcome, pending, start};
use crate::{
    calls::{arguments, decide},
    server::{Server, soon},
};

/// Makes a request, and converts the handle to JSON and back, as for another process.
async fn handle(client: &Client, call: &Call) -> Handle {
    let mut wait = client.ask(call).unwrap();
    let handle = soon("it is recorded", wait.handle()).await.unwrap();
    serde_json::from_str(&serde_json::to_string(&handle).unwrap()).unwrap()
}

impl Tool {
    pub(super) async fn resume(&self, client: &Client, handle: &Handle, call: Call) -> Outcome {
        let run = async |run: signoff_client::Run| {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok((run.arguments, run.edited))
        };
        soon("the gate answers", client.resume(handle, call, run)).await
    }

    /// The error of resuming a handle that must fail without calling the tool.
    async fn refusal(&self, client: &Client, handle: &Handle, call: Call) -> Kind {
        let before = self.calls();
        let refused = self.resume(client, handle, call).await;
        assert_eq!(self.calls(), before);
        match refused {
            Err(GateError::Refused(refusal)) => refusal.kind,
            other => panic!("{other:?}"),
        }
    }
}

/// A call for resuming, without arguments: those come from the server.
fn options() -> Call {
    Call::new("send_email").patience(Duration::from_secs(5))
}

// 25.
#[tokio::test]
async fn of_several_processes_that_resume_a_call_one_runs_it_once() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let handle = handle(&connect(&server), &email().run_id("run").call_id("call")).await;
    let (client, tool) = (connect(&server), Tool::default());
    let options = options();
    let (told, approved) = tokio::join!(client.wait(&handle, &options), approve(&server, None));
    told.unwrap();
    assert_eq!(approved.id, handle.approval_id());
    assert_eq!(get(&mut server.agent(), &approved.id).await.claim, None, "waiting claims nothing");

    let (arguments_run, edited) = tool.resume(&client, &handle, options.clone()).await.unwrap();
    assert_eq!(Value::from(arguments_run), json!({"to": "alice@company.com", "copies": 2}));
    assert!(!edited);
    assert_eq!(outcome(&server, &approved.id).await.0, ExecutionResult::Succeeded);

    let again = tool.refusal(&client, &handle, options).await;
    assert!(matches!(&again, Kind::AlreadyClaimed(claim) if claim.result == "SUCCEEDED"), "{again:?}");
    // The same holds when the call is requested again.
    let anew = super::refusal(&client, email().run_id("run").call_id("call")).await;
    assert!(matches!(anew.kind, Kind::AlreadyClaimed(_)), "{anew:?}");
}

/// The server is killed while no process waits.
#[tokio::test]
async fn a_handle_outlives_the_server() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let handle = handle(&connect(&server), &email()).await;
    server.kill().await;
    let server = start(&data).await;
    let approved = approve(&server, None).await;
    assert_eq!(approved.id, handle.approval_id());
    let tool = Tool::default();
    tool.resume(&connect(&server), &handle, options()).await.unwrap();
    assert_eq!(tool.calls(), 1);
}

// 26.
#[tokio::test]
async fn a_modified_handle_runs_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let (client, tool) = (connect(&server), Tool::default());
    let true_one = handle(&client, &email()).await;
    approve(&server, None).await;
    let other = handle(&client, &Call::new("send_email").arguments(&json!({"to": "eve"}))).await;
    let changed = |member: &str, value: &str| {
        let mut json = serde_json::to_value(&true_one).unwrap();
        json[member] = value.into();
        serde_json::from_value::<Handle>(json).unwrap()
    };
    for (member, value, problem) in [
        ("digest", other.digest(), "the request was recorded with other arguments"),
        ("request_id", "another", "the approval is for another request"),
        ("approval_id", other.approval_id(), "the approval is for another request"),
    ] {
        let refused = tool.refusal(&client, &changed(member, value), options()).await;
        assert!(
            matches!(&refused, Kind::InvalidAnswer { problem: found } if found == problem),
            "{member}: {refused:?}"
        );
    }
    let unknown = changed("approval_id", "0190f3c4-0000-7000-8000-000000000001");
    let refused = tool.refusal(&client, &unknown, options()).await;
    assert!(matches!(refused, Kind::RequestFailed(status) if status.code() == tonic::Code::NotFound));

    let for_another_tool = changed("tool_name", "lookup");
    let refused = tool.refusal(&client, &for_another_tool, Call::new("lookup")).await;
    assert!(matches!(&refused, Kind::InvalidAnswer { problem } if problem == "the approval is for another tool"));
    let refused = tool.refusal(&client, &for_another_tool, options()).await;
    assert!(matches!(&refused, Kind::RequestFailed(status) if status.message().contains("for the tool lookup")));

    let approval = get(&mut server.agent(), true_one.approval_id()).await;
    assert_eq!(approval.claim, None, "the approval is not claimed, so its real handle still works");
    tool.resume(&client, &true_one, options()).await.unwrap();
}

// 27.
#[tokio::test]
async fn a_resumed_call_runs_with_the_edited_arguments() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let (client, tool) = (connect(&server), Tool::default());
    let handle = handle(&client, &email()).await;
    approve(&server, Some(arguments(&[("to", "bob@company.com")]))).await;
    let no_bob = options().check_edit(|_| Err("must not name Bob".to_owned()));
    assert!(matches!(tool.refusal(&client, &handle, no_bob).await, Kind::InvalidEdit { .. }));
    let (arguments_run, edited) = tool.resume(&client, &handle, options()).await.unwrap();
    assert_eq!((Value::from(arguments_run), edited), (json!({"to": "bob@company.com"}), true));
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Mail {
    to: String,
    copies: u32,
}

async fn send(mail: Mail) -> Result<String, Infallible> {
    Ok(format!("{} x {}", mail.to, mail.copies))
}

#[tokio::test]
async fn a_wrapped_function_is_asked_for_and_resumed() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let mail = || Mail { to: "alice@company.com".to_owned(), copies: 2 };
    let asking = connect(&server).requires_approval(Call::new("send_email"), send);
    let handle = soon("it is recorded", asking.ask_as(mail(), |call| call.reason("a try"))).await.unwrap();
    assert_eq!(approve(&server, None).await.reason, "a try");
    let resuming = connect(&server).requires_approval(options(), send);
    assert_eq!(soon("it runs", resuming.resume(&handle)).await.unwrap(), "alice@company.com x 2");

    // A function that changed since the request.
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Renamed {
        recipient: String,
    }
    let handle = soon("it is recorded", asking.ask(mail())).await.unwrap();
    approve(&server, None).await;
    let renamed = async |mail: Renamed| Ok::<_, Infallible>(mail.recipient);
    let renamed = connect(&server).requires_approval(options(), renamed);
    let refused = soon("it is refused", renamed.resume(&handle)).await;
    let Err(GateError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert!(matches!(refusal.kind, Kind::InvalidArguments { .. }), "{refusal:?}");
    assert_eq!(get(&mut server.agent(), handle.approval_id()).await.claim, None);
}

// 30.
#[tokio::test]
async fn a_refusal_can_be_the_result() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let wrapped = connect(&server).requires_approval(Call::new("send_email"), send);
    let call = wrapped.call(Mail { to: "alice@company.com".to_owned(), copies: 2 });
    let reject = async {
        let mut reviewer = server.reviewer();
        let approval = pending(&mut reviewer).await;
        let mut decision = decide(&approval, "d", VoteChoice::Reject);
        decision.comment = "Not today.".to_owned();
        reviewer.decide(decision).await.unwrap();
    };
    let (told, ()) = tokio::join!(soon("it is refused", call), reject);
    let text = refusal_as_text(told).unwrap();
    assert_eq!(text, "NOT RUN. A reviewer rejected the call to send_email: Not today. Do not try it again.");
}

// 28.
#[tokio::test]
async fn an_edit_that_the_derived_schema_rejects_can_be_corrected() {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Payment {
        amount: f64,
        to: String,
    }
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let call = Call::new("process_payment").schema_of::<Payment>();
    let pay = async |payment: Payment| Ok::<_, Infallible>(format!("{:?} to {}", payment.amount, payment.to));
    let pay = connect(&server).requires_approval(call, pay);
    let review = async {
        let mut reviewer = server.reviewer();
        let approval = pending(&mut reviewer).await;
        let decide = async |id: &str, edited: Value, reviewer: &mut crate::server::Client| {
            let mut decision = decide(&approval, id, VoteChoice::Approve);
            decision.edited_arguments = Some(from_json(&edited.to_string()));
            reviewer.decide(decision).await
        };
        for unfit in
            [json!({"amount": "five", "to": "a"}), json!({"amount": 5}), json!({"amount": 5, "to": "a", "x": 1})]
        {
            let refused = decide("unfit", unfit.clone(), &mut reviewer).await.unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{unfit}: {refused:?}");
        }
        assert_eq!(get(&mut reviewer, &approval.id).await.status(), ApprovalStatus::Pending);
        decide("fit", json!({"amount": 5, "to": "bob"}), &mut reviewer).await.unwrap();
    };
    let asked = Payment { amount: 10.0, to: "alice".to_owned() };
    let (paid, ()) = tokio::join!(soon("it runs", pay.call(asked)), review);
    assert_eq!(paid.unwrap(), "5.0 to bob");
}

/// The text for the model about an approved call whose claim failed.
#[tokio::test]
async fn an_approved_call_is_not_described_as_waiting() {
    let data = tempfile::tempdir().unwrap();
    let server: Server = start(&data).await;
    let client = connect(&server);
    let call = email().patience(Duration::from_millis(200));
    let mut wait = client.ask(&call).unwrap();
    assert!(wait.still_waiting().to_string().contains("is not approved yet"));
    soon("it is recorded", wait.handle()).await.unwrap();
    assert!(wait.still_waiting().to_string().contains("is still waiting for approval"));
    approve(&server, None).await;
    let approval = loop {
        if let Step::Decided(approval) = soon("it is decided", wait.next()).await.unwrap() {
            break *approval;
        }
    };
    assert_eq!(approval.status(), ApprovalStatus::Approved);
    assert!(wait.still_waiting().to_string().contains("was approved, but the caller stopped"));
    server.kill().await;
    let refused = soon("it gives up", client.claim(&call, approval)).await.map(|_| ()).unwrap_err();
    assert!(matches!(refused.kind, Kind::Unavailable { approved: true, .. }), "{refused:?}");
    assert!(refused.to_string().contains("was approved, but the approvals server cannot be reached"), "{refused}");
}
