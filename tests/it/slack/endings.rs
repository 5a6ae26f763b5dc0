//! However an approval ends, its message ends without buttons.

use http::Method;
use signoff::proto::v1::{
    ApprovalStatus, Assurance, CancelApprovalRequest, DecisionSurface, RequestApprovalRequest, VoteChoice,
};

use super::{ALICE, Office, asking, labels, message_of};
use crate::{browser::Browser, calls::decide};

/// Where a vote came from, and how the server knew the person.
type Vote = Option<(DecisionSurface, Assurance)>;

impl Office {
    /// Waits until the message about an approval has no buttons, and checks what it says and what is on record.
    async fn ends(&self, id: &str, status: ApprovalStatus, says: &str, vote: Vote) {
        let shows = |message: &serde_json::Value| labels(message).is_empty() && message.to_string().contains(says);
        self.until(says, |slack| message_of(slack, id).is_some_and(|(_, message)| shows(&message))).await;
        let (_, message) = message_of(&self.slack, id).unwrap();
        assert!(message.to_string().contains("Open the request"), "{message}");
        let approval = self.approval(id).await;
        assert_eq!(approval.status(), status, "{says}");
        let votes: Vec<_> = approval.votes.iter().map(|vote| (vote.surface(), vote.assurance())).collect();
        assert_eq!(votes, vote.into_iter().collect::<Vec<_>>(), "{says}");
    }
}

#[tokio::test]
async fn every_end_removes_the_buttons() {
    let office = Office::open().await;
    let server = &office.server;

    // Long enough for its message, and it passes while the others end.
    let short = Some(prost_types::Duration { seconds: 8, nanos: 0 });
    let (timed_out, _) = office.shown(RequestApprovalRequest { timeout: short, ..asking("late") }).await;

    let (approval, _) = office.shown(asking("desk")).await;
    let (desk, mut browser) = (format!("http://{}", server.address()), Browser::default());
    let page = format!("/approvals/{}", approval.id);
    assert_eq!(browser.sign_in(&desk, &server.tokens().reviewer, &page).await.location(), page);
    let shown = browser.get(&format!("{desk}{page}")).await;
    let form = format!("csrf={}&seen={}&choice=approve&comment=fine", shown.hidden("csrf"), shown.hidden("seen"));
    let decided = browser.send(Method::POST, &format!("{desk}{page}/decide"), Some(&form)).await;
    assert_eq!((decided.status, decided.location()), (303, &*page), "{}", decided.text);
    let by_session = Some((DecisionSurface::Desk, Assurance::Session));
    office.ends(&approval.id, ApprovalStatus::Approved, "Approved by reviewer, at the desk", by_session).await;

    let (approval, _) = office.shown(asking("grpc")).await;
    server.reviewer().decide(decide(&approval, "", VoteChoice::Reject)).await.unwrap();
    let by_token = Some((DecisionSurface::Grpc, Assurance::Token));
    office.ends(&approval.id, ApprovalStatus::Rejected, "Rejected by reviewer, by the API", by_token).await;

    let (approval, _) = office.shown(asking("cancel")).await;
    let cancel = CancelApprovalRequest { approval_id: approval.id.clone(), ..Default::default() };
    server.agent().cancel_approval(cancel).await.unwrap();
    office.ends(&approval.id, ApprovalStatus::Cancelled, "pay: cancelled", None).await;

    let (approval, ts) = office.shown(asking("click")).await;
    let click = office.slack.click(&ts, "signoff_approve", ALICE).unwrap();
    assert_eq!(office.interact(&click).await, (200, String::new()));
    let by_chat = Some((DecisionSurface::Slack, Assurance::Chat));
    office.ends(&approval.id, ApprovalStatus::Approved, "Approved by alice, in Slack", by_chat).await;

    // Rejecting asks for the reason in a form.
    let (approval, ts) = office.shown(asking("form")).await;
    let click = office.slack.click(&ts, "signoff_reject", ALICE).unwrap();
    assert_eq!(office.interact(&click).await, (200, String::new()));
    office.until("a form", |slack| !slack.views().is_empty()).await;
    let view = office.slack.views().pop().unwrap();
    let (status, answer) = office.interact(&office.slack.submit(&view, ALICE, None, Some("no budget"))).await;
    assert_eq!((status, &*answer), (200, r#"{"response_action":"clear"}"#));
    office.ends(&approval.id, ApprovalStatus::Rejected, "Rejected by alice, in Slack", by_chat).await;

    office.ends(&timed_out.id, ApprovalStatus::TimedOut, "pay: timed out", None).await;
    assert_eq!(office.slack.calls("chat.postMessage").len(), 6, "one message for each approval");
    assert!(office.slack.messages().iter().all(|(_, message)| labels(message).is_empty()));
    assert_eq!(office.slack.notes(), [""; 0]);
    office.slack.assert_no_problems();
}
