//! Ids by their first characters, and `-`: what is meant, or an error that says what could be.

use super::{fake::Server, *};
use crate::proto::v1::{
    CancelApprovalResponse, DecideResponse, GetApprovalResponse, ListApprovalsResponse, ListPendingResponse,
    Revocation, RevokeApprovalResponse, decide_request::Seen,
};

/// Another id of the same millisecond.
const SIBLING: &str = "0198c1d2-3e4f-7abc-8def-000000000002";
/// An id of the same second.
const COUSIN: &str = "0198c1d2-3fff-7abc-8def-000000000001";

fn named(id: &str) -> Approval {
    Approval { id: id.to_owned(), ..approval(1, ApprovalStatus::Pending) }
}

fn page(ids: &[&str], token: &str) -> Result<ListApprovalsResponse, Status> {
    let approvals = ids.iter().map(|id| named(id)).collect();
    Ok(ListApprovalsResponse { approvals, next_page_token: token.to_owned(), ..Default::default() })
}

fn shown(id: &str) -> Result<GetApprovalResponse, Status> {
    Ok(GetApprovalResponse { approval: Some(named(id)), events: Vec::new() })
}

async fn at_terminal(server: &Server, line: &[&str], answer: &str) -> Ran {
    run(&server.address, line, Some(answer), |_| std::future::pending()).await
}

#[tokio::test]
async fn a_unique_prefix_is_looked_for_in_the_time_that_it_tells() {
    let server = Server::start().await;
    server.fake.list_approvals.answers(page(&[COUSIN], "more"));
    server.fake.list_approvals.answers(page(&[ID], ""));
    server.fake.get.answers(shown(ID));
    let ran = signoff(&server.address, &["show", "0198C1D2-3e4f"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(server.fake.get.asked()[0].approval_id, ID);
    let asked = server.fake.list_approvals.asked();
    assert_eq!((asked.len(), asked[1].page_token.as_str()), (2, "more"));
    let (from, before) = (asked[0].created_from.unwrap().seconds, asked[0].created_before.unwrap().seconds);
    let made = 0x0198_c1d2_3e4f / 1_000;
    assert!(from >= made - 2 && from <= made && before >= made && before <= made + 2, "{from} {made} {before}");
    assert!(asked[0].statuses.is_empty() && asked[0].caller.is_empty());
}

#[tokio::test]
async fn an_ambiguous_prefix_lists_what_it_may_mean_and_does_nothing() {
    let server = Server::start().await;
    for command in ["show", "approve", "reject", "cancel"] {
        server.fake.list_approvals.answers(page(&[SIBLING, ID, COUSIN], ""));
        let ran = at_terminal(&server, &[command, "0198c1d2-3e4f"], "y\n").await;
        assert_eq!(ran.code, 2, "{ran:?}");
        let mut lines = ran.err.lines();
        assert_eq!(lines.next(), Some("error: there are 2 ids that begin with 0198c1d2-3e4f; give the id of one"));
        let candidates: Vec<_> = lines.collect();
        assert!(candidates[0].starts_with(&format!("  {SIBLING}  PENDING  send_email, asked by ")), "{candidates:?}");
        assert!(candidates[1].starts_with(&format!("  {ID}  PENDING  send_email, asked by ")), "{candidates:?}");
        assert_eq!(candidates.len(), 2);
    }
    assert!(server.fake.get.asked().is_empty() && server.fake.cancel.asked().is_empty());
    assert!(server.fake.decide.asked().is_empty());
}

#[tokio::test]
async fn an_invalid_prefix_fails_before_any_call() {
    let server = Server::start().await;
    for (given, expected) in [
        ("0198", "0198 is too short: ids begin with the time"),
        ("send_email", "send_email is not an id"),
        ("", "is too short"),
    ] {
        let ran = signoff(&server.address, &["show", given]).await;
        assert!(ran.code == 2 && ran.err.contains(expected), "{ran:?}");
    }
    assert!(server.fake.list_approvals.asked().is_empty() && server.fake.get.asked().is_empty());
    server.fake.list_approvals.answers(page(&[COUSIN], ""));
    let ran = signoff(&server.address, &["show", "0198c1d2-3e4f"]).await;
    let expected = "error: no approval that you can see has an id that begins with 0198c1d2-3e4f\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, expected));
}

#[tokio::test]
async fn the_only_one_that_waits_is_shown_and_decided_by_its_digest() {
    let server = Server::start().await;
    let pending = |ids: &[&str]| {
        Ok(ListPendingResponse { approvals: ids.iter().map(|id| named(id)).collect(), ..Default::default() })
    };
    server.fake.list_pending.answers(pending(&[ID]));
    server.fake.get.answers(shown(ID));
    server.fake.decide.answers(Ok(DecideResponse { approval: Some(approval(2, ApprovalStatus::Approved)) }));
    let ran = at_terminal(&server, &["approve", "-"], "y\n").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains(ID), "{ran:?}");
    let decided = server.fake.decide.asked().remove(0);
    assert_eq!((decided.approval_id.as_str(), decided.seen), (ID, Some(Seen::Digest(digest()))));
    assert!(server.fake.list_pending.asked()[0].decidable_by_me);

    server.fake.list_pending.answers(pending(&[ID, COUSIN]));
    let ran = at_terminal(&server, &["approve", "-"], "y\n").await;
    assert!(ran.code == 2 && ran.err.contains(ID) && ran.err.contains(COUSIN), "{ran:?}");
    server.fake.list_pending.answers(pending(&[]));
    let ran = at_terminal(&server, &["reject", "-"], "y\n").await;
    assert_eq!((ran.code, ran.err.as_str()), (1, "error: no approval waits for your decision\n"));
    assert_eq!(server.fake.decide.asked().len(), 1);
}

#[tokio::test]
async fn the_only_one_that_waits_is_never_decided_unseen() {
    let server = Server::start().await;
    for flags in [&["--yes"][..], &["--digest", "sha256:aa"], &["--revision", "1"]] {
        let ran = at_terminal(&server, &[&["approve", "-"], flags].concat(), "y\n").await;
        assert!(ran.code == 2 && ran.err.contains("give the id"), "{ran:?}");
    }
    assert!(server.fake.list_pending.asked().is_empty() && server.fake.decide.asked().is_empty());
}

#[tokio::test]
async fn others_take_the_only_one_too() {
    let server = Server::start().await;
    server.fake.list_approvals.answers(page(&[ID], ""));
    server.fake.get.answers(shown(ID));
    let ran = signoff(&server.address, &["show", "-"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(server.fake.list_approvals.asked()[0].statuses, [i32::from(ApprovalStatus::Pending)]);

    // Never cancels a request of another caller.
    server.fake.list_approvals.answers(page(&[ID], ""));
    let cancelled = approval(2, ApprovalStatus::Cancelled);
    server.fake.cancel.answers(Ok(CancelApprovalResponse { approval: Some(cancelled) }));
    let ran = signoff(&server.address, &["cancel", "-"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(server.fake.list_approvals.asked()[1].caller, "local/mail-bot");
    assert_eq!(server.fake.cancel.asked()[0].approval_id, ID);
}

#[tokio::test]
async fn what_waits_for_its_claim_is_not_looked_for_in_all_of_history() {
    let server = Server::start().await;
    *server.fake.date.lock().unwrap() = Some("Wed, 01 Jul 2026 00:00:00 GMT".parse().unwrap());
    let now = 1_782_864_000;
    let approved = approval(2, ApprovalStatus::Approved);
    server
        .fake
        .list_approvals
        .answers(Ok(ListApprovalsResponse { approvals: vec![approved.clone()], ..Default::default() }));
    let revocation = Some(Revocation { reason: "stop".to_owned(), ..Revocation::default() });
    server.fake.revoke.answers(Ok(RevokeApprovalResponse { approval: Some(Approval { revocation, ..approved }) }));
    let ran = signoff(&server.address, &["revoke", "-"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let asked = server.fake.list_approvals.asked().remove(0);
    // The longest timeout and the longest claim window, by the server's clock.
    let longest = 7 * 86_400 + 3_600;
    let from = asked.created_from.unwrap().seconds;
    assert!((now - longest - 60..=now - longest).contains(&from), "{from}");
    assert_eq!(asked.created_before, None);
    assert_eq!(server.fake.revoke.asked()[0].approval_id, ID);
}
