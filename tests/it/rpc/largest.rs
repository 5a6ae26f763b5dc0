//! The largest approval: each of its events fits into a message that clients accept, and is counted while it is sent.

use prost::Message as _;
use serde_json::json;
use signoff::proto::v1::{
    DecideRequest, GetApprovalRequest, Policy, PolicyRule, RequestApprovalRequest, RequireApproval, SetPolicyRequest,
    VoteChoice, WatchApprovalRequest, event::Kind, policy_rule::Effect,
};

use crate::{
    calls::{ask, decide, next_update, open},
    checks::{Told, get, object},
    server::{Server, soon},
};

/// Maximum message size of clients by default.
const MESSAGE: usize = 4 << 20;

/// Maximum number of edits.
const EDITS: usize = 8;

/// Arguments of 48 KiB as JSON with the largest wire size: numbers of one digit. `first` makes them differ.
fn arguments(first: usize) -> prost_types::Struct {
    let numbers: Vec<_> = std::iter::once(first).chain(std::iter::repeat_n(0, (48 * 1024 - 9) / 2)).collect();
    object(&json!({ "n": numbers }))
}

/// A policy that requires two reviewers, with as many rules as a trace can hold.
fn policy() -> Policy {
    let effect = Some(Effect::RequireApproval(RequireApproval { quorum: 2, ..RequireApproval::default() }));
    let rule = |n: usize| PolicyRule {
        name: format!("{n:0>64}"),
        tools: vec!["send_email".into()],
        when: "args.missing > 1".into(),
        effect: effect.clone(),
        ..PolicyRule::default()
    };
    Policy { rules: (0..32).map(rule).collect(), ..Policy::default() }
}

#[tokio::test]
async fn everything_about_the_largest_approval_fits_into_one_message() {
    let data = tempfile::tempdir().unwrap();
    // The minimum limit of bytes in flight for a caller.
    let small = ["limits.in_flight_bytes_per_caller=8388608", "limits.in_flight_bytes_per_connection=8388608"];
    let server = Server::start(data.path(), &small).await;
    let set = SetPolicyRequest { policy: Some(policy()), ..SetPolicyRequest::default() };
    server.policies(&server.tokens().operator).set_policy(set).await.unwrap();
    server.policy_is_live_everywhere().await;
    let request = RequestApprovalRequest {
        arguments: Some(arguments(9)),
        reason: "x".repeat(4 * 1024),
        arguments_schema: Some(object(&json!({"title": "x".repeat(16 * 1024 - 12)}))),
        ..ask("r")
    };
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let (_stream, mut approval) = open(&mut agent, request.clone()).await.unwrap();
    for edit in 0..EDITS {
        let edited = DecideRequest {
            edited_arguments: Some(arguments(edit)),
            comment: "x".repeat(4 * 1024),
            ..decide(&approval, "", VoteChoice::Approve)
        };
        approval = soon("an edit is recorded", reviewer.decide(edited)).await.unwrap().into_inner().approval.unwrap();
    }

    let call = GetApprovalRequest { approval_id: approval.id.clone(), include_events: true };
    let answer = soon("an answer", agent.get_approval(call.clone())).await.unwrap().into_inner();
    let size = answer.encoded_len();
    assert!(size > 10 * 256 * 1024, "{size} bytes: these are not the largest arguments");
    assert!(size < MESSAGE, "{size} bytes");
    let asked = answer.events.iter().find_map(|event| match &event.kind {
        Some(Kind::Requested(requested)) => requested.arguments.clone(),
        _ => None,
    });
    assert_eq!(asked, request.arguments, "as asked, after {EDITS} edits");
    assert_eq!(answer.approval.unwrap().arguments, Some(arguments(EDITS - 1)));

    // Streams send the same, even to several readers of one caller, each with more than its share.
    let again = async || {
        let mut told = Told::default();
        let (mut agent, watch) =
            (server.agent(), WatchApprovalRequest { approval_id: call.approval_id.clone(), after_revision: 0 });
        let mut stream = agent.watch_approval(watch).await.unwrap().into_inner();
        told.take(next_update(&mut stream).await.unwrap().unwrap());
        assert_eq!(told.events, get(&mut agent, &call.approval_id).await.1);
        let (_stream, found) = open(&mut agent, request.clone()).await.unwrap();
        assert_eq!(found.arguments, Some(arguments(EDITS - 1)));
    };
    for _ in 0..3 {
        soon("streams are read", again()).await;
    }
}
