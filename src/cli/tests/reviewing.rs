//! `show`, `approve`, `reject`, `cancel`: people decide on what they were shown.

use super::{fake::Server, *};
use crate::proto::v1::{
    Assurance, CancelApprovalResponse, Claim, DecideResponse, DecisionSurface, ExecutionOutcome, ExecutionResult,
    GetApprovalResponse, MinAssurance, PolicyEffect, PolicyEvaluation, RuleOutcome, RuleTrace, Vote, VoteChoice,
    decide_request::Seen,
};

fn shown(approval: Approval) -> Result<GetApprovalResponse, Status> {
    Ok(GetApprovalResponse { approval: Some(approval), events: Vec::new() })
}

fn decided(status: ApprovalStatus) -> Result<DecideResponse, Status> {
    Ok(DecideResponse { approval: Some(approval(2, status)) })
}

async fn at_terminal(server: &Server, line: &[&str], answer: &str) -> Ran {
    run(&server.address, line, Some(answer), |_| std::future::pending()).await
}

#[tokio::test]
async fn what_is_decided_is_what_was_shown() {
    let server = Server::start().await;
    server.fake.get.answers(shown(approval(1, ApprovalStatus::Pending)));
    server.fake.decide.answers(decided(ApprovalStatus::Approved));
    let ran = at_terminal(&server, &["approve", ID, "--comment", "ok"], "y\n").await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "APPROVED by dev/alice: because\n"));
    for part in ["send_email", "\"to\": \"x\\u{202e}y@example.com\"", &digest(), "approve this? [y/N]"] {
        assert!(ran.err.contains(part), "{part} in {ran:?}");
    }
    let request = server.fake.decide.asked().remove(0);
    assert_eq!(request.seen, Some(Seen::Digest(digest())));
    assert_eq!((request.choice(), request.comment.as_str()), (VoteChoice::Approve, "ok"));
    assert!(!request.request_id.is_empty());
    assert_eq!(*server.fake.tokens.lock().unwrap(), ["Bearer t0ken"]);
}

/// What an edit changed since the call was asked for, and what this edit changes.
#[tokio::test]
async fn edits_are_shown_as_differences() {
    let server = Server::start().await;
    let object = |json: &str| Some(arguments::object("", json).unwrap());
    let (before, after) = (object(r#"{"to":"x\u202ey@example.com","n":1}"#), Some(email()));
    let requested = event::Requested { arguments: before, ..event::Requested::default() };
    let edited = event::Edited { arguments: after, ..event::Edited::default() };
    let event = |revision, kind| Event { revision, actor: alice(), kind: Some(kind), ..Event::default() };
    let events = vec![event(1, event::Kind::Requested(requested)), event(2, event::Kind::Edited(edited))];
    let pending = Approval { edits_allowed: true, ..approval(2, ApprovalStatus::Pending) };
    let answer = || Ok(GetApprovalResponse { approval: Some(pending.clone()), events: events.clone() });
    server.fake.get.answers(answer());
    let ran = signoff(&server.address, &["show", ID]).await;
    let changed = "Edited by   dev/alice\n  --- as asked\n  +++ as edited\n  @@ -1,4 +1,3 @@\n   {\n  -  \"n\": 1,\n     \
                   \"to\": \"x\\u{202e}y@example.com\"\n   }\n";
    assert!(ran.out.contains(changed), "{}", ran.out);

    server.fake.get.answers(answer());
    server.fake.decide.answers(decided(ApprovalStatus::Approved));
    let ran = at_terminal(&server, &["approve", ID, "--edit", r#"{"to":"z@example.com"}"#], "y\n").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = anstream::adapter::strip_str(&ran.err).to_string();
    assert!(text.contains(changed), "{text}");
    let mine = "Your edit\n  --- as shown\n  +++ as you edit it\n  @@ -1,3 +1,3 @@\n   {\n  -  \"to\": \
                \"x\\u{202e}y@example.com\"\n  +  \"to\": \"z@example.com\"\n   }\napprove this? [y/N]";
    assert!(text.contains(mine), "{text}");

    server.fake.get.answers(answer());
    let same = r#"{"to":"x\u202ey@example.com"}"#;
    let ran = at_terminal(&server, &["approve", ID, "--edit", same], "y\n").await;
    assert!(ran.code == 2 && ran.err.contains("--edit changes nothing"), "{ran:?}");
    server.fake.get.answers(shown(approval(1, ApprovalStatus::Pending)));
    let ran = at_terminal(&server, &["approve", ID, "--edit", "{}"], "y\n").await;
    assert!(ran.code == 1 && ran.err.contains("does not allow edits"), "{ran:?}");
    assert_eq!(server.fake.decide.asked().len(), 1);
}

#[tokio::test]
async fn a_digest_of_something_else_is_not_decided_on() {
    let server = Server::start().await;
    let forged = Approval { digest: "sha256:bb".to_owned(), ..approval(1, ApprovalStatus::Pending) };
    server.fake.get.answers(shown(forged));
    let ran = at_terminal(&server, &["approve", ID, "--yes"], "").await;
    let expected = "error: invalid response from the server: the digest does not match the tool and its arguments\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, expected));
    assert!(server.fake.decide.asked().is_empty());
}

#[tokio::test]
async fn a_comment_that_the_policy_wants_is_asked_for_before_the_answer() {
    let server = Server::start().await;
    let pending = || Approval { comment_required: true, ..approval(1, ApprovalStatus::Pending) };
    server.fake.get.answers(shown(pending()));
    let ran = at_terminal(&server, &["reject", ID], "y\n").await;
    assert!(
        ran.code == 2 && ran.err.contains("the policy requires a comment: set --comment to reject the call"),
        "{ran:?}"
    );
    assert!(server.fake.decide.asked().is_empty());
    server.fake.get.answers(shown(pending()));
    server.fake.decide.answers(decided(ApprovalStatus::Rejected));
    assert_eq!(at_terminal(&server, &["reject", ID, "--comment", "no"], "y\n").await.code, 0);
}

#[tokio::test]
async fn anything_but_yes_decides_nothing() {
    for answer in ["n\n", "\n", "", "yess\n"] {
        let server = Server::start().await;
        server.fake.get.answers(shown(approval(1, ApprovalStatus::Pending)));
        let ran = at_terminal(&server, &["reject", ID], answer).await;
        assert_eq!(ran.code, 1, "{answer:?}");
        assert!(server.fake.decide.asked().is_empty());
    }
}

#[tokio::test]
async fn without_a_terminal_nothing_is_decided_unseen() {
    let server = Server::start().await;
    let ran = signoff(&server.address, &["approve", ID]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--yes") && ran.err.contains("--digest"), "{ran:?}");
    assert!(server.fake.get.asked().is_empty() && server.fake.decide.asked().is_empty());

    server.fake.get.answers(shown(approval(1, ApprovalStatus::Pending)));
    server.fake.decide.answers(decided(ApprovalStatus::Rejected));
    let ran = signoff(&server.address, &["--json", "reject", ID, "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let message: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(message["approval"]["status"], "APPROVAL_STATUS_REJECTED");
    assert_eq!(server.fake.decide.asked()[0].seen, Some(Seen::Digest(digest())));
}

#[tokio::test]
async fn a_digest_or_revision_is_taken_as_given_and_what_is_approved_is_shown() {
    let server = Server::start().await;
    let pending = Approval { edits_allowed: true, ..approval(1, ApprovalStatus::Pending) };
    server.fake.get.answers(shown(pending));
    for _ in 0..2 {
        server.fake.decide.answers(Ok(DecideResponse { approval: Some(approval(2, ApprovalStatus::Pending)) }));
    }
    let line = ["approve", ID, "--digest", "sha256:bb", "--edit", r#"{"to":"z"}"#];
    let ran = signoff(&server.address, &line).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "vote recorded; still PENDING, 0 of 2 approving votes\n"));
    // A list may have redacted them.
    assert!(ran.err.contains("\"to\": \"x\\u{202e}y@example.com\"") && !ran.err.contains("[y/N]"), "{ran:?}");
    assert_eq!(server.fake.get.asked().len(), 1);
    assert_eq!(signoff(&server.address, &["reject", ID, "--revision", "7"]).await.code, 0);
    let asked = server.fake.decide.asked();
    assert_eq!(asked[0].seen, Some(Seen::Digest("sha256:bb".to_owned())));
    assert_eq!(arguments::to_json(asked[0].edited_arguments.as_ref().unwrap()).to_string(), r#"{"to":"z"}"#);
    assert_eq!((&asked[1].seen, asked[1].choice()), (&Some(Seen::Revision(7)), VoteChoice::Reject));
    assert!(server.fake.get.asked().len() <= 1, "to reject needs no look");
}

#[tokio::test]
async fn what_cannot_be_shown_is_not_approved() {
    let server = Server::start().await;
    server.fake.get.answers(Err(refusal(Code::NotFound, "APPROVAL_NOT_FOUND", &[])));
    let ran = signoff(&server.address, &["approve", ID, "--digest", &digest()]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(server.fake.decide.asked().is_empty());
}

#[tokio::test]
async fn a_late_decider_is_told_who_won() {
    let server = Server::start().await;
    server.fake.get.answers(shown(approval(2, ApprovalStatus::Rejected)));
    let ran = at_terminal(&server, &["approve", ID], "y\n").await;
    assert_eq!((ran.code, ran.err.as_str()), (1, "error: already REJECTED by dev/alice: because\n"));
    let metadata = [("status", "APPROVED"), ("decided_by", "dev/bob"), ("approval_id", ID)];
    server.fake.get.answers(shown(approval(1, ApprovalStatus::Pending)));
    server.fake.decide.answers(Err(refusal(Code::FailedPrecondition, "ALREADY_DECIDED", &metadata)));
    let ran = signoff(&server.address, &["approve", ID, "--revision", "1"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("already APPROVED by dev/bob\n"), "{ran:?}");
    assert_eq!(server.fake.decide.asked().len(), 1);
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again_with_the_same_request_id() {
    let server = Server::start().await;
    server.fake.get.answers(shown(approval(1, ApprovalStatus::Pending)));
    server.fake.decide.answers(Err(Status::unavailable("gone")));
    server.fake.decide.answers(decided(ApprovalStatus::Approved));
    let ran = signoff(&server.address, &["approve", ID, "--revision", "1"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let asked = server.fake.decide.asked();
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn cancelling() {
    let server = Server::start().await;
    let cancelled = approval(2, ApprovalStatus::Cancelled);
    server.fake.cancel.answers(Ok(CancelApprovalResponse { approval: Some(cancelled) }));
    let ran = signoff(&server.address, &["cancel", ID, "--reason", "not needed"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "CANCELLED by dev/alice: because\n"));
    let request = server.fake.cancel.asked().remove(0);
    assert_eq!((request.approval_id.as_str(), request.reason.as_str()), (ID, "not needed"));
    assert!(!request.request_id.is_empty());
}

#[tokio::test]
async fn everything_known_is_shown() {
    let server = Server::start().await;
    let mut full = approval(4, ApprovalStatus::Approved);
    full.labels = [("env".to_owned(), "prod".to_owned())].into();
    full.policy = Some(PolicyEvaluation {
        policy_version: "v1".to_owned(),
        effect: PolicyEffect::RequireApproval.into(),
        rule: "mail".to_owned(),
        message: String::new(),
        trace: vec![RuleTrace {
            rule: "mail".to_owned(),
            outcome: RuleOutcome::Matched.into(),
            detail: "tool is listed".to_owned(),
        }],
        trace_omitted: 3,
        notify: vec!["finance-slack".to_owned()],
    });
    full.notify = vec!["finance-slack".to_owned(), "oncall".to_owned()];
    full.notify_default = true;
    full.min_assurance = MinAssurance::Chat.into();
    full.votes = vec![Vote {
        decided_by: alice(),
        choice: VoteChoice::Approve.into(),
        comment: "fine".to_owned(),
        revision_seen: 1,
        surface: DecisionSurface::Desk.into(),
        assurance: Assurance::Session.into(),
        opened: vec!["raw".to_owned(), "args.\u{202e}".to_owned()],
        ..Vote::default()
    }];
    let outcome =
        ExecutionOutcome { result: ExecutionResult::Failed.into(), message: "boom".to_owned(), report_time: None };
    full.claim = Some(Claim { id: "c1".to_owned(), claimed_by: alice(), claim_time: None, outcome: Some(outcome) });
    let event = Event {
        revision: 2,
        actor: alice(),
        kind: Some(event::Kind::Voted(full.votes[0].clone())),
        ..Event::default()
    };
    server.fake.get.answers(Ok(GetApprovalResponse { approval: Some(full), events: vec![event] }));
    let ran = signoff(&server.address, &["show", ID, "--events"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        &format!("Approval    {ID}\n"),
        "Status      APPROVED\n",
        "    \"to\": \"x\\u{202e}y@example.com\"\n",
        &format!("Digest      {}\n", digest()),
        "Labels      env=prod\n",
        "Policy      REQUIRE_APPROVAL, rule mail, version v1\n  MATCHED  mail: tool is listed\n  … and 3 more\n",
        "Notifies    finance-slack, oncall, the server's default channels\n",
        "From chat   approvals from chat count\n",
        "APPROVE by dev/alice (DESK, SESSION), who saw revision 1 and opened raw, args.\\u{202e}, -: fine\n",
        "APPROVED by dev/alice: because\n",
        "by dev/alice, claim c1, -\n  Outcome   FAILED: boom, -\n",
        "#2 vote APPROVE by dev/alice (DESK, SESSION): fine\n",
    ] {
        assert!(ran.out.contains(part), "{part:?} in {}", ran.out);
    }
    assert!(server.fake.get.asked()[0].include_events);
}
