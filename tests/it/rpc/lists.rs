//! ListPending and ListApprovals: filters, order and pages.

use signoff::proto::v1::{
    Agent, ApprovalStatus, CancelApprovalRequest, ListApprovalsRequest, ListPendingRequest, RequestApprovalRequest,
    VoteChoice,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    calls::{ask, decide, open},
    checks::refused,
    server::{Client, Server},
};

const APPROVALS: usize = 30;

fn labels(value: &str) -> std::collections::HashMap<String, String> {
    [("team".to_owned(), value.to_owned())].into()
}

fn nth(n: usize) -> RequestApprovalRequest {
    RequestApprovalRequest {
        tool_name: ["send_email", "pay"][n % 2].into(),
        agent: Some(Agent { name: ["bot", "clerk", "cook"][n % 3].into(), ..Agent::default() }),
        labels: labels(["sales", "billing", "it", "law", "hr"][n % 5]),
        ..ask(&format!("{n:02}"))
    }
}

/// The status of the n-th approval.
fn status(n: usize) -> ApprovalStatus {
    [ApprovalStatus::Pending, ApprovalStatus::Approved, ApprovalStatus::Rejected, ApprovalStatus::Cancelled][n / 3 % 4]
}

/// A server with one approval for each n, in order.
async fn filled(server: &Server) -> Vec<prost_types::Timestamp> {
    let (mut agent, mut reviewer, mut times) = (server.agent(), server.reviewer(), Vec::new());
    for n in 0..APPROVALS {
        let (_, approval) = open(&mut agent, nth(n)).await.unwrap();
        times.push(approval.create_time.unwrap());
        match status(n) {
            ApprovalStatus::Pending => {}
            ApprovalStatus::Cancelled => {
                let cancel = CancelApprovalRequest { approval_id: approval.id, ..Default::default() };
                agent.cancel_approval(cancel).await.unwrap();
            }
            status => {
                let approve = status == ApprovalStatus::Approved;
                let choice = if approve { VoteChoice::Approve } else { VoteChoice::Reject };
                reviewer.decide(decide(&approval, "", choice)).await.unwrap();
            }
        }
    }
    times
}

/// All pages of a list, as request_ids.
async fn pages(client: &mut Client, mut request: ListApprovalsRequest) -> Vec<String> {
    let mut listed = Vec::new();
    loop {
        let page = client.list_approvals(request.clone()).await.unwrap().into_inner();
        assert!(page.approvals.len() <= usize::try_from(request.page_size).unwrap());
        listed.extend(page.approvals.into_iter().map(|approval| approval.request_id));
        if page.next_page_token.is_empty() {
            return listed;
        }
        request.page_token = page.next_page_token;
    }
}

fn newest_first(wanted: impl Fn(usize) -> bool) -> Vec<String> {
    (0..APPROVALS).rev().filter(|n| wanted(*n)).map(|n| format!("{n:02}")).collect()
}

#[tokio::test]
async fn history_is_filtered_ordered_and_paged() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let times = filled(&server).await;
    let all = ListApprovalsRequest { page_size: 4, ..Default::default() };
    let list = |statuses: &[ApprovalStatus]| ListApprovalsRequest {
        statuses: statuses.iter().map(|status| (*status).into()).collect(),
        ..all.clone()
    };
    let with = |change: fn(&mut ListApprovalsRequest)| {
        let mut request = all.clone();
        change(&mut request);
        request
    };
    let between = ListApprovalsRequest { created_from: Some(times[7]), created_before: Some(times[19]), ..all.clone() };
    let at = |n: usize| (times[n].seconds, times[n].nanos);
    type Wanted<'a> = Box<dyn Fn(usize) -> bool + 'a>;
    let cases: Vec<(ListApprovalsRequest, Wanted)> = vec![
        (all.clone(), Box::new(|_| true)),
        (list(&[ApprovalStatus::Approved]), Box::new(|n| status(n) == ApprovalStatus::Approved)),
        (list(&[ApprovalStatus::Pending]), Box::new(|n| status(n) == ApprovalStatus::Pending)),
        (
            list(&[ApprovalStatus::Rejected, ApprovalStatus::Cancelled]),
            Box::new(|n| matches!(status(n), ApprovalStatus::Rejected | ApprovalStatus::Cancelled)),
        ),
        (list(&[ApprovalStatus::TimedOut]), Box::new(|_| false)),
        (with(|all| all.tool_name = "pay".into()), Box::new(|n| n % 2 == 1)),
        (with(|all| all.agent_name = "cook".into()), Box::new(|n| n % 3 == 2)),
        (with(|all| all.labels = labels("law")), Box::new(|n| n % 5 == 3)),
        (with(|all| all.caller = "dev/agent".into()), Box::new(|_| true)),
        (with(|all| all.caller = "dev/reviewer".into()), Box::new(|_| false)),
        (between, Box::new(|n| at(n) >= at(7) && at(n) < at(19))),
        (
            ListApprovalsRequest {
                tool_name: "send_email".into(),
                agent_name: "bot".into(),
                ..list(&[ApprovalStatus::Pending])
            },
            Box::new(|n| n % 6 == 0 && status(n) == ApprovalStatus::Pending),
        ),
    ];
    for (request, wanted) in cases {
        let expected = newest_first(wanted);
        for mut client in [server.reviewer(), server.operator(), server.agent()] {
            assert_eq!(pages(&mut client, request.clone()).await, expected, "{request:?}");
        }
    }
    // Without a page size, and with the maximum.
    for page_size in [0, 1_000] {
        let request = ListApprovalsRequest { page_size, ..Default::default() };
        let page = server.reviewer().list_approvals(request).await.unwrap().into_inner();
        assert_eq!((page.approvals.len(), page.next_page_token.as_str()), (APPROVALS, ""));
    }
}

#[tokio::test]
async fn pending_is_oldest_first_and_stable_while_it_changes() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    filled(&server).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let mut expected = newest_first(|n| status(n) == ApprovalStatus::Pending);
    expected.reverse();
    let mut request = ListPendingRequest { page_size: 2, ..Default::default() };
    let mut listed: Vec<String> = Vec::new();
    loop {
        let page = reviewer.list_pending(request.clone()).await.unwrap().into_inner();
        // Decide the listed ones immediately, and make a new request: the rest of the list must not move.
        for approval in &page.approvals {
            reviewer.decide(decide(approval, "", VoteChoice::Reject)).await.unwrap();
        }
        listed.extend(page.approvals.into_iter().map(|approval| approval.request_id));
        if listed.len() < 6 {
            let request_id = format!("new-{}", listed.len());
            open(&mut agent, ask(&request_id)).await.unwrap();
            expected.push(request_id);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(listed, expected);
    let rest = reviewer.list_pending(ListPendingRequest::default()).await.unwrap().into_inner();
    assert!(rest.approvals.is_empty());
}

#[tokio::test]
async fn a_page_token_is_valid_only_for_its_list() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    filled(&server).await;
    let mut reviewer = server.reviewer();
    let request = ListApprovalsRequest { page_size: 2, tool_name: "pay".into(), ..Default::default() };
    let page_token = reviewer.list_approvals(request.clone()).await.unwrap().into_inner().next_page_token;
    assert!(!page_token.is_empty());
    let good = ListApprovalsRequest { page_size: 7, page_token: page_token.clone(), ..request.clone() };
    reviewer.list_approvals(good).await.expect("another page size is fine");

    let bad = [
        ListApprovalsRequest { tool_name: "send_email".into(), ..request.clone() },
        ListApprovalsRequest { tool_name: String::new(), ..request.clone() },
        ListApprovalsRequest { statuses: vec![ApprovalStatus::Pending.into()], ..request.clone() },
        ListApprovalsRequest { labels: labels("law"), ..request },
    ];
    let mut errors = Vec::new();
    for request in bad {
        let request = ListApprovalsRequest { page_token: page_token.clone(), ..request };
        errors.push(reviewer.list_approvals(request).await.unwrap_err());
    }
    let pending = ListPendingRequest { page_token, tool_name: "pay".into(), ..Default::default() };
    errors.push(reviewer.list_pending(pending).await.unwrap_err());
    for status in errors {
        refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((violations.len(), violations[0].field.as_str()), (1, "page_token"));
    }
}
