//! The gate of the Rust client: the scenarios of docs/clients.md, with their numbers.

mod lies;
mod restarts;
mod resumed;
mod stopped;
mod twice;
pub(crate) mod unreachable;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use prost_types::Struct;
use serde_json::{Map, Value, json};
use signoff::proto::v1::{
    Approval, ApprovalStatus, CancelApprovalRequest, ExecutionResult, GetApprovalRequest, ListPendingRequest,
    VoteChoice, WatchPendingRequest, watch_pending_response::Change,
};
use signoff_client::{Call, Client, GateError, Kind, Options, Refusal};
use tokio::task::JoinHandle;

use crate::{
    calls::{arguments, decide},
    server::{self, Server, soon},
};

pub(crate) const POLICY: &str = r#"
tools: [send_email]
unlisted_tools: { require_approval: {} }
rules:
  - name: lookups
    tools: [lookup]
    auto_approve: {}
  - name: deletions
    tools: [delete_record]
    require_approval: { remember_rejection: 600s }
  - name: no-drop
    tools: ["sql.*"]
    auto_reject: { message: "Dropping tables is not allowed." }
"#;

/// A server with [`POLICY`], in development mode.
pub(crate) async fn start(data: &tempfile::TempDir) -> Server {
    let policy = data.path().join("policy.yaml");
    std::fs::write(&policy, POLICY).unwrap();
    server::age(&policy);
    Server::start(&data.path().join("data"), &[&format!("policy={}", policy.display())]).await
}

fn connect(server: &Server) -> Client {
    client(&format!("http://{}", server.address()), &server.tokens().agent)
}

fn client(address: &str, token: &str) -> Client {
    Client::new(&Options::new().address(address).token(token)).unwrap()
}

fn email() -> Call {
    Call::new("send_email").arguments(&json!({"to": "alice@company.com", "copies": 2}))
}

/// The arguments that the tool ran with, and whether they were edited.
type Outcome = Result<(Map<String, Value>, bool), GateError<Infallible>>;

/// A tool that counts its calls, and returns its arguments.
#[derive(Clone, Default)]
struct Tool(Arc<AtomicU32>);

impl Tool {
    fn calls(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    async fn through(self, client: Client, call: Call) -> Outcome {
        client
            .run(call, |run| async move {
                self.0.fetch_add(1, Ordering::SeqCst);
                Ok((run.arguments, run.edited))
            })
            .await
    }

    /// Through the gate, in the background.
    fn start(&self, client: &Client, call: Call) -> JoinHandle<Outcome> {
        tokio::spawn(self.clone().through(client.clone(), call))
    }
}

/// The error of a gated call that must fail without calling the tool.
async fn refusal(client: &Client, call: Call) -> Refusal {
    let tool = Tool::default();
    let refused = soon("the gate answers", tool.clone().through(client.clone(), call)).await;
    assert_eq!(tool.calls(), 0);
    match refused {
        Err(GateError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

async fn joined<T>(handle: JoinHandle<T>) -> T {
    soon("the gate answers", handle).await.expect("no panic")
}

/// The next pending approval.
pub(crate) async fn pending(reviewer: &mut server::Client) -> Approval {
    soon("an approval is pending", async {
        let mut queue = reviewer.watch_pending(WatchPendingRequest::default()).await.unwrap().into_inner();
        loop {
            if let Some(Change::Pending(approval)) = queue.message().await.unwrap().expect("no end").change {
                return approval;
            }
        }
    })
    .await
}

pub(crate) async fn get(client: &mut server::Client, id: &str) -> Approval {
    let request = GetApprovalRequest { approval_id: id.to_owned(), include_events: false };
    client.get_approval(request).await.unwrap().into_inner().approval.unwrap()
}

pub(crate) async fn approve(server: &Server, edited: Option<Struct>) -> Approval {
    let mut reviewer = server.reviewer();
    let approval = pending(&mut reviewer).await;
    let mut decision = decide(&approval, "d", VoteChoice::Approve);
    decision.edited_arguments = edited;
    reviewer.decide(decision).await.unwrap().into_inner().approval.unwrap()
}

/// The reported outcome of the approval, once there is one.
pub(crate) async fn outcome(server: &Server, id: &str) -> (ExecutionResult, String) {
    let mut agent = server.agent();
    soon("the outcome is reported", async {
        loop {
            let claim = get(&mut agent, id).await.claim.unwrap_or_default();
            if let Some(outcome) = claim.outcome {
                return (outcome.result(), outcome.message);
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn decisions_of_people() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let (client, mut reviewer) = (connect(&server), server.reviewer());

    // 1: approve.
    let tool = Tool::default();
    let waiting = tool.start(&client, email());
    let approved = approve(&server, None).await;
    let (arguments_run, edited) = joined(waiting).await.unwrap();
    assert_eq!(Value::from(arguments_run), json!({"to": "alice@company.com", "copies": 2}));
    assert!(!edited && tool.calls() == 1);
    assert_eq!(outcome(&server, &approved.id).await.0, ExecutionResult::Succeeded);

    // 2: reject with a comment.
    let tool = Tool::default();
    let waiting = tool.start(&client, email());
    let approval = pending(&mut reviewer).await;
    let mut decision = decide(&approval, "d", VoteChoice::Reject);
    decision.comment = "Use the staging list.".to_owned();
    reviewer.decide(decision).await.unwrap();
    let Err(GateError::Refused(refusal)) = joined(waiting).await else { panic!("it ran") };
    assert_eq!((refusal.approval_id.as_deref(), tool.calls()), (Some(&*approval.id), 0));
    assert!(
        refusal
            .to_string()
            .contains("A reviewer rejected the call to send_email: Use the staging list. Do not try it again.")
    );
    let Kind::Rejected { decided_by, .. } = refusal.kind else { panic!("{refusal:?}") };
    assert!(decided_by.contains('/'), "{decided_by}");

    // 3: approve edited arguments.
    let tool = Tool::default();
    let waiting = tool.start(&client, email());
    approve(&server, Some(arguments(&[("to", "bob@company.com")]))).await;
    let (arguments_run, edited) = joined(waiting).await.unwrap();
    assert_eq!(Value::from(arguments_run), json!({"to": "bob@company.com"}));
    assert!(edited);

    // 7: cancelled by somebody else with the same token.
    let tool = Tool::default();
    let waiting = tool.start(&client, email());
    let approval = pending(&mut reviewer).await;
    let request = CancelApprovalRequest { approval_id: approval.id, request_id: "c".into(), reason: String::new() };
    client.approvals().cancel_approval(client.unary(request)).await.unwrap();
    let Err(GateError::Refused(refusal)) = joined(waiting).await else { panic!("it ran") };
    assert!(matches!(refusal.kind, Kind::Cancelled) && tool.calls() == 0);
}

#[tokio::test]
async fn decisions_of_the_policy_and_of_time() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);

    // 4: timeout.
    let refused = refusal(&client, email().timeout(Duration::from_secs(1))).await;
    assert!(matches!(refused.kind, Kind::TimedOut), "{refused:?}");

    // 5: auto-approve.
    let tool = Tool::default();
    let call = Call::new("lookup").arguments(&json!({"id": 5}));
    let (arguments_run, _) = soon("it runs", tool.clone().through(client.clone(), call)).await.unwrap();
    assert_eq!((Value::from(arguments_run), tool.calls()), (json!({"id": 5}), 1));

    // 6: auto-reject.
    let refused = refusal(&client, Call::new("sql.query")).await;
    assert!(refused.to_string().contains("Dropping tables is not allowed."), "{refused}");
    assert!(matches!(refused.kind, Kind::AutoRejected { rule, .. } if rule == "no-drop"));
}

#[tokio::test]
async fn calls_that_fail_without_a_decision() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let address = format!("http://{}", server.address());

    // 18: a bad token.
    let refused = refusal(&client(&address, "s3cret"), email()).await;
    assert!(matches!(refused.kind, Kind::RequestFailed(_)), "{refused:?}");
    let text = format!("{refused} {refused:?}");
    assert!(text.contains("UNAUTHENTICATED") && !text.contains("s3cret"), "{text}");

    // 19: arguments that a double cannot hold.
    let client = connect(&server);
    let refused = refusal(&client, Call::new("lookup").arguments(&json!({"id": (1_u64 << 53) + 1}))).await;
    assert!(matches!(refused.kind, Kind::InvalidArguments { path, .. } if path == "id"));
    let request = signoff::proto::v1::ListApprovalsRequest::default();
    let all = client.approvals().list_approvals(client.unary(request)).await.unwrap().into_inner();
    assert!(all.approvals.is_empty());
}

// 15.
#[tokio::test]
async fn the_error_of_a_function_is_reported_and_returned() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);
    let mut id = String::new();
    let failed = client
        .run(Call::new("lookup"), |run| {
            id = run.approval_id;
            async { Err::<(), _>("é".repeat(3_000)) }
        })
        .await;
    assert!(matches!(failed, Err(GateError::Failed(text)) if text.len() == 6_000));
    assert_eq!(outcome(&server, &id).await, (ExecutionResult::Failed, "é".repeat(2_048)));

    // A panic is an outcome too.
    let (tell, told) = tokio::sync::oneshot::channel();
    let panicking = client.clone();
    let panicked = tokio::spawn(async move {
        panicking
            .run(Call::new("lookup"), |run| async move {
                tell.send(run.approval_id).unwrap();
                if std::hint::black_box(true) {
                    panic!("on purpose");
                }
                Ok::<_, Infallible>(())
            })
            .await
    });
    assert!(soon("it panics", panicked).await.unwrap_err().is_panic());
    assert_eq!(outcome(&server, &told.await.unwrap()).await, (ExecutionResult::Failed, "it panicked".to_owned()));
}

// 16.
#[tokio::test]
async fn dropping_the_wait_cancels_only_with_the_option() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let (client, mut reviewer) = (connect(&server), server.reviewer());
    let give_up = async |cancel: bool, reviewer: &mut server::Client, others: usize| {
        let tool = Tool::default();
        let waiting = tool.start(&client, email().cancel_on_abandon(cancel));
        let approval = loop {
            let queue = reviewer.list_pending(ListPendingRequest::default()).await.unwrap().into_inner().approvals;
            if queue.len() > others {
                break queue[others].clone();
            }
            tokio::task::yield_now().await;
        };
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(tool.calls(), 0);
        approval.id
    };
    let left = soon("it is pending", give_up(false, &mut reviewer, 0)).await;
    let withdrawn = soon("it is pending", give_up(true, &mut reviewer, 1)).await;
    soon("it is withdrawn", async {
        while get(&mut reviewer, &withdrawn).await.status() != ApprovalStatus::Cancelled {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(get(&mut reviewer, &left).await.status(), ApprovalStatus::Pending);
}

/// The wrapping form: typed arguments, edits that fit, and edits that do not.
#[tokio::test]
async fn a_wrapped_function_runs_with_the_approved_arguments_or_not_at_all() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Mail {
        to: String,
        copies: u32,
    }
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let tool = Tool::default();
    let calls = tool.clone();
    let send = connect(&server).requires_approval(Call::new("send_email"), move |mail: Mail| {
        calls.0.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, Infallible>(format!("{} x {}", mail.to, mail.copies)) }
    });
    let mail = || Mail { to: "alice@company.com".to_owned(), copies: 2 };

    let number = |number: f64| prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(number)) };
    let mut edited = arguments(&[("to", "bob@company.com")]);
    edited.fields.insert("copies".to_owned(), number(1.0));
    let (sent, _) = tokio::join!(soon("it runs", send.call(mail())), approve(&server, Some(edited)));
    assert_eq!(sent.unwrap(), "bob@company.com x 1");

    let mut unfit = arguments(&[("to", "bob@company.com"), ("subject", "Hello")]);
    unfit.fields.insert("copies".to_owned(), number(1.0));
    let (refused, approval) = tokio::join!(soon("it is refused", send.call(mail())), approve(&server, Some(unfit)));
    let Err(GateError::Refused(refusal)) = refused else { panic!("it ran") };
    assert!(matches!(&refusal.kind, Kind::InvalidEdit { path, .. } if path == "subject"), "{refusal:?}");
    assert_eq!(tool.calls(), 1);
    let mut agent = server.agent();
    assert_eq!(get(&mut agent, &approval.id).await.claim, None, "it is not claimed, so it can still be revoked");
}

/// The example in the client's README, which must equal the example that runs.
#[tokio::test]
async fn the_example_of_the_readme_runs() {
    let readme = include_str!("../../clients/rust/README.md");
    let example = include_str!("../../clients/rust/examples/send_email.rs");
    let (_, code) = example.split_once("\n\n").expect("a comment comes first");
    assert!(readme.contains(&format!("```rust,no_run\n{code}```")), "the README has another program");

    let mut cargo = tokio::process::Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--workspace", "--example", "send_email"]);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_signoff"));
    if program.parent().is_some_and(|directory| directory.ends_with("release")) {
        cargo.arg("--release");
    }
    assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().await.unwrap().success());
    let built = program.with_file_name("examples/send_email");

    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let mut program = tokio::process::Command::new(built);
    program.env_clear().env("SIGNOFF_ADDRESS", server.address().to_string());
    let program = program.env("SIGNOFF_TOKEN", &server.tokens().agent).output();
    let (output, _) = tokio::join!(soon("the example ends", program), approve(&server, None));
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), "sent \"Welcome\" to alice@company.com\n");
}
