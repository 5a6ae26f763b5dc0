//! The reviewers of a policy, over the wire.

use std::fs;

use signoff::proto::v1::{
    self as pb, ApprovalStatus, DecideRequest, GetApprovalRequest, ListPendingRequest, Person, Priority,
    RequestApprovalRequest, VoteChoice, WatchApprovalRequest, WatchPendingRequest, event::Kind,
    watch_pending_response::Change,
};
use tonic::Code;

use crate::{
    calls::{ask, decide, next_update, open},
    checks::refused,
    server::{Client, Server, age, soon},
};

const POLICY: &str = "
rules:
  - name: mine
    tools: [mine, late]
    require_approval: { reviewers: [\"user:dev/reviewer\"], comment_required: true, allow_edits: false }
  - name: theirs
    tools: [theirs]
    require_approval: { reviewers: [\"group:finance\"], quorum: 2 }
  - name: both
    tools: [both]
    require_approval: { reviewers: [\"user:dev/reviewer\", \"user:dev/other\"], quorum: 2, reject_threshold: 2 }
  - name: late
    tools: [slow]
    require_approval:
      reviewers: [\"group:finance\"]
      escalate:
        - { after: 2s, reviewers: [\"user:dev/reviewer\"], priority: PRIORITY_URGENT }
";

async fn start(data: &tempfile::TempDir) -> Server {
    let file = data.path().join("policy.yaml");
    fs::write(&file, POLICY).unwrap();
    age(&file);
    Server::start(&data.path().join("store"), &[&format!("policy={}", file.display())]).await
}

fn asking(tool_name: &str) -> RequestApprovalRequest {
    RequestApprovalRequest { tool_name: tool_name.into(), ..ask(tool_name) }
}

async fn asked(server: &Server, tool_name: &str) -> pb::Approval {
    open(&mut server.agent(), asking(tool_name)).await.unwrap().1
}

async fn pending(client: &mut Client, decidable_by_me: bool) -> Vec<String> {
    let request = ListPendingRequest { decidable_by_me, ..ListPendingRequest::default() };
    let page = client.list_pending(request).await.unwrap().into_inner();
    page.approvals.into_iter().map(|approval| approval.tool_name).collect()
}

#[tokio::test]
async fn a_reviewer_sees_and_decides_what_the_policy_asks_about() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let (mut reviewer, mut auditor) = (server.reviewer(), server.operator());
    let (mine, theirs) = (asked(&server, "mine").await, asked(&server, "theirs").await);
    assert_eq!(pending(&mut reviewer, false).await, ["mine"]);
    assert_eq!(pending(&mut auditor, false).await, ["mine", "theirs"]);
    assert_eq!(mine.panels.len(), 1);
    assert_eq!(
        (mine.panels[0].rule.as_str(), &*mine.panels[0].reviewers),
        ("mine", &["user:dev/reviewer".to_owned()][..])
    );
    assert!(mine.comment_required && !mine.edits_allowed && mine.priority() == Priority::Normal);

    // Approvals of other reviewers are NOT_FOUND.
    let get = |id: &str| GetApprovalRequest { approval_id: id.into(), include_events: true };
    refused(&reviewer.get_approval(get(&theirs.id)).await.unwrap_err(), Code::NotFound, "APPROVAL_NOT_FOUND");
    let vote = decide(&theirs, "v", VoteChoice::Approve);
    refused(&reviewer.decide(vote).await.unwrap_err(), Code::NotFound, "APPROVAL_NOT_FOUND");
    let watch = WatchApprovalRequest { approval_id: theirs.id.clone(), after_revision: 0 };
    let mut stream = reviewer.watch_approval(watch).await.unwrap().into_inner();
    refused(&stream.message().await.unwrap_err(), Code::NotFound, "APPROVAL_NOT_FOUND");

    let bare = decide(&mine, "v", VoteChoice::Approve);
    refused(&reviewer.decide(bare.clone()).await.unwrap_err(), Code::FailedPrecondition, "COMMENT_REQUIRED");
    let commented = DecideRequest { comment: "fine".into(), ..bare };
    let edited =
        DecideRequest { edited_arguments: Some(crate::calls::arguments(&[("to", "eve")])), ..commented.clone() };
    refused(&reviewer.decide(edited).await.unwrap_err(), Code::FailedPrecondition, "EDITS_NOT_ALLOWED");
    let decided = reviewer.decide(commented).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(
        (decided.status(), &*decided.votes[0].counted_for),
        (ApprovalStatus::Approved, &["mine".to_owned()][..])
    );
}

#[tokio::test]
async fn acting_for_others_requires_a_permission() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let person = || Some(Person { subject: "alice".into(), ..Person::default() });
    let request = RequestApprovalRequest { on_behalf_of: person(), ..asking("mine") };
    let mut stream = server.agent().request_approval(request).await.unwrap().into_inner();
    let metadata = refused(&stream.message().await.unwrap_err(), Code::PermissionDenied, "PERMISSION_REQUIRED");
    assert_eq!(metadata["permission"], "ask_for_others");
    let mine = asked(&server, "mine").await;
    let forged =
        DecideRequest { on_behalf_of: person(), comment: "x".into(), ..decide(&mine, "", VoteChoice::Approve) };
    let metadata =
        refused(&server.reviewer().decide(forged).await.unwrap_err(), Code::PermissionDenied, "PERMISSION_REQUIRED");
    assert_eq!(metadata["permission"], "decide_for_others");
    let nameless = Some(Person { subject: String::new(), groups: vec![String::new(); 65], ..Person::default() });
    let wrong = DecideRequest { on_behalf_of: nameless, ..decide(&mine, "", VoteChoice::Approve) };
    let status = server.reviewer().decide(wrong).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
    assert!(status.message().contains("on_behalf_of.subject: is required"), "{status:?}");
}

#[tokio::test]
async fn the_queue_of_a_reviewer_drops_what_it_voted_on() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let mut reviewer = server.reviewer();
    let both = asked(&server, "both").await;
    asked(&server, "theirs").await;
    let watch = WatchPendingRequest { decidable_by_me: true, ..WatchPendingRequest::default() };
    let mut queue = reviewer.watch_pending(watch).await.unwrap().into_inner();
    let Some(Change::Pending(first)) = queue.message().await.unwrap().unwrap().change else { panic!() };
    assert_eq!(first.id, both.id);
    let Some(Change::SnapshotComplete(complete)) = queue.message().await.unwrap().unwrap().change else { panic!() };
    assert_eq!(complete.count, 1);
    let voted = reviewer.decide(decide(&both, "v", VoteChoice::Reject)).await.unwrap().into_inner().approval.unwrap();
    assert_eq!((voted.status(), voted.reject_threshold), (ApprovalStatus::Pending, 2));
    let Some(Change::Removed(removed)) = soon("it leaves", queue.message()).await.unwrap().unwrap().change else {
        panic!()
    };
    assert_eq!((removed.approval_id.as_str(), removed.status()), (both.id.as_str(), ApprovalStatus::Pending));
    assert_eq!(pending(&mut reviewer, true).await, [] as [&str; 0]);
    assert_eq!(pending(&mut reviewer, false).await, ["both"]);
}

#[tokio::test]
async fn an_escalation_survives_a_kill_of_the_server() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let slow = asked(&server, "slow").await;
    server.kill().await;
    let server = start(&data).await;
    let watch = WatchApprovalRequest { approval_id: slow.id.clone(), after_revision: 1 };
    let mut stream = server.operator().watch_approval(watch).await.unwrap().into_inner();
    // The escalation has happened, or will happen.
    let mut update = next_update(&mut stream).await.unwrap().unwrap();
    while update.events.is_empty() {
        update = next_update(&mut stream).await.unwrap().unwrap();
    }
    let Some(Kind::Escalated(escalated)) = &update.events[0].kind else { panic!("{update:?}") };
    assert_eq!((escalated.rule.as_str(), &*escalated.reviewers), ("late", &["user:dev/reviewer".to_owned()][..]));
    assert_eq!(update.events[0].actor.as_ref().unwrap().subject, "escalation");
    let approval = update.approval.unwrap();
    assert_eq!((approval.priority(), approval.revision), (Priority::Urgent, 2));
    assert_eq!(approval.panels[0].reviewers, ["group:finance", "user:dev/reviewer"]);
    let vote = decide(&approval, "v", VoteChoice::Approve);
    let decided = server.reviewer().decide(vote).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(decided.status(), ApprovalStatus::Approved);
}
