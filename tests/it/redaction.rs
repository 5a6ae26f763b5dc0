//! `redact` of the policy: what lists of the real server hide, and where the whole call is shown.

use prost::Message;
use signoff::proto::v1::{
    Approval, ListApprovalsRequest, ListPendingRequest, Policy, PolicyRule, RequestApprovalRequest, RequireApproval,
    SetPolicyRequest, VoteChoice, WatchApprovalRequest, WatchPendingRequest, policy_rule::Effect,
    watch_pending_response::Change,
};

use crate::{
    calls::{arguments, ask, decide, next_update, open},
    checks::get,
    server::{Client, Server, signoff, soon},
};

const SECRET: &str = "4111-1111";

fn call(request_id: &str) -> RequestApprovalRequest {
    let arguments = Some(arguments(&[("to", "alice"), ("card", SECRET)]));
    RequestApprovalRequest { arguments, ..ask(request_id) }
}

fn hides(message: &impl Message) -> bool {
    !message.encode_to_vec().windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// A policy with one rule for all tools.
async fn set(server: &Server, redact: &[&str], rule: PolicyRule) {
    let rule = PolicyRule {
        name: "all".into(),
        tools: vec!["*".into()],
        effect: Some(Effect::RequireApproval(RequireApproval::default())),
        ..rule
    };
    let redact = redact.iter().map(ToString::to_string).collect();
    let policy = Some(Policy { redact, rules: vec![rule], ..Policy::default() });
    let request = SetPolicyRequest { policy, ..SetPolicyRequest::default() };
    let mut client = server.policies(&server.tokens().operator);
    soon("SetPolicy answers", client.set_policy(request)).await.unwrap();
    server.policy_is_live_everywhere().await;
}

async fn pending(client: &mut Client) -> Vec<Approval> {
    client.list_pending(ListPendingRequest::default()).await.unwrap().into_inner().approvals
}

async fn history(client: &mut Client) -> Vec<Approval> {
    client.list_approvals(ListApprovalsRequest::default()).await.unwrap().into_inner().approvals
}

/// The first approval of the live queue.
async fn watched(client: &mut Client) -> Approval {
    let mut stream = client.watch_pending(WatchPendingRequest::default()).await.unwrap().into_inner();
    let first = soon("the queue", stream.message()).await.unwrap().unwrap();
    let Some(Change::Pending(approval)) = first.change else { panic!("{first:?}") };
    approval
}

#[tokio::test]
async fn lists_hide_what_the_whole_approval_and_its_caller_see() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    set(&server, &["args.card"], PolicyRule::default()).await;
    let (mut agent, mut reviewer, mut auditor) = (server.agent(), server.reviewer(), server.operator());
    let (_stream, own) = open(&mut agent, call("one")).await.unwrap();
    assert!(!hides(&own) && own.redacted_paths.is_empty(), "the requester's stream");

    let listed = [
        pending(&mut reviewer).await.remove(0),
        history(&mut reviewer).await.remove(0),
        history(&mut auditor).await.remove(0),
        watched(&mut reviewer).await,
        watched(&mut auditor).await,
    ];
    for approval in listed {
        assert!(hides(&approval), "{approval:?}");
        assert_eq!(approval.arguments, Some(arguments(&[("to", "alice"), ("card", "[redacted]")])));
        assert_eq!(approval.redacted_paths, ["args.card"]);
        assert_eq!(approval.digest, own.digest);
    }
    let of_its_own = history(&mut agent).await.remove(0);
    assert!(!hides(&of_its_own) && of_its_own.redacted_paths.is_empty(), "the caller sent them");
    let (whole, events) = get(&mut reviewer, &own.id).await;
    assert!(!hides(&whole) && !hides(&events[0]) && whole.redacted_paths.is_empty());
    let watch = WatchApprovalRequest { approval_id: own.id.clone(), after_revision: 0 };
    let mut stream = reviewer.watch_approval(watch).await.unwrap().into_inner();
    assert!(!hides(&next_update(&mut stream).await.unwrap().unwrap()));
    assert!(!server.log().contains(SECRET), "{}", server.log());

    // The next policy does not reveal what this one hides, and hides nothing of what this one shows.
    set(&server, &["args.to"], PolicyRule::default()).await;
    open(&mut agent, call("two")).await.unwrap();
    let paths = |approvals: Vec<Approval>| approvals.into_iter().map(|one| one.redacted_paths).collect::<Vec<_>>();
    assert_eq!(paths(pending(&mut reviewer).await), [["args.card"], ["args.to"]]);
    server.kill().await;
    let server = Server::start(data.path(), &[]).await;
    assert_eq!(paths(history(&mut server.operator()).await), [["args.to"], ["args.card"]], "after a restart");
}

#[tokio::test]
async fn an_edit_is_shown_by_the_policy_that_judged_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let strict = RequireApproval { quorum: 2, ..RequireApproval::default() };
    let rule = || PolicyRule { redact: vec!["args.card".into()], ..PolicyRule::default() };
    set(&server, &[], rule()).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let (_stream, asked) = open(&mut agent, call("one")).await.unwrap();
    // It waits for two, so the edit stays pending.
    let rule = PolicyRule {
        name: "all".into(),
        tools: vec!["*".into()],
        redact: vec!["args.to".into()],
        effect: Some(Effect::RequireApproval(strict)),
        ..PolicyRule::default()
    };
    let policy = Some(Policy { rules: vec![rule], ..Policy::default() });
    let request = SetPolicyRequest { policy, ..SetPolicyRequest::default() };
    server.policies(&server.tokens().operator).set_policy(request).await.unwrap();
    server.policy_is_live_everywhere().await;
    let mut edit = decide(&asked, "", VoteChoice::Approve);
    edit.edited_arguments = Some(arguments(&[("to", SECRET), ("card", "x")]));
    let edited = reviewer.decide(edit).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(edited.policy.as_ref().unwrap().policy_version, "2");

    let listed = history(&mut reviewer).await.remove(0);
    assert!(hides(&listed), "neither the arguments before the edit nor those after it: {listed:?}");
    assert_eq!(listed.arguments, Some(arguments(&[("to", "[redacted]"), ("card", "x")])));
    let (whole, events) = get(&mut reviewer, &asked.id).await;
    assert!(!hides(&whole) && events.iter().filter(|event| !hides(*event)).count() == 2, "as asked, as edited");
}

#[tokio::test]
async fn the_command_line_lists_what_is_redacted_and_shows_what_it_approves() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    set(&server, &["args.card"], PolicyRule::default()).await;
    let (_stream, own) = open(&mut server.agent(), call("one")).await.unwrap();
    let address = format!("http://{}", server.address());
    let token = server.tokens().reviewer.clone();
    let run = async |line: &[&str]| {
        let arguments = [&["--address", &address, "--token", &token][..], line].concat();
        let output = soon("the program ends", signoff(&arguments).output()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for line in [&["pending"][..], &["history"], &["--json", "pending"], &["--json", "history"]] {
        let (code, out, err) = run(line).await;
        assert!(code == Some(0) && !out.contains(SECRET) && !err.contains(SECRET), "{line:?}: {out}{err}");
        assert!(out.contains("[redacted]") && out.contains("args.card"), "{line:?}: {out}");
    }
    let (code, out, _) = run(&["show", &own.id]).await;
    assert!(code == Some(0) && out.contains(SECRET), "{out}");
    // The digest may come from a list, where the card was redacted.
    let (code, out, err) = run(&["approve", &own.id, "--digest", &own.digest]).await;
    assert!(code == Some(0) && out.starts_with("APPROVED"), "{out}{err}");
    assert!(err.contains(SECRET), "{err}");
}
