//! The reviewers' queue: when nothing changes, the live stream and the list agree.

use std::collections::{BTreeMap, BTreeSet};

use signoff::proto::v1::{
    Agent, ApprovalStatus, CancelApprovalRequest, DecideRequest, ListPendingRequest, RequestApprovalRequest,
    VoteChoice, WatchPendingRequest, WatchPendingResponse, watch_pending_response::Change,
};
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::{
    calls::{arguments, ask, decide, open, terminal},
    load::Random,
    server::{Client, Server, soon},
};

/// The pending approvals that a reader of the queue knows, with their revisions.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) pending: BTreeMap<String, u64>,
    removed: BTreeSet<String>,
    request_ids: BTreeMap<String, String>,
    snapshot: Option<u64>,
}

impl Reader {
    fn take(&mut self, message: WatchPendingResponse) {
        match message.change.expect("a message says something") {
            Change::Pending(approval) => {
                assert!(!terminal(&approval), "{approval:?}");
                assert!(!self.removed.contains(&approval.id), "a removed approval came back");
                self.request_ids.insert(approval.request_id, approval.id.clone());
                let before = self.pending.insert(approval.id, approval.revision);
                assert!(
                    before.is_none_or(|before| before < approval.revision),
                    "an approval came twice with one revision"
                );
            }
            Change::Removed(removal) => {
                assert!(self.pending.remove(&removal.approval_id).is_some(), "a removal of an unknown approval");
                assert!(removal.status > ApprovalStatus::Pending.into(), "{removal:?}");
                self.removed.insert(removal.approval_id);
            }
            Change::SnapshotComplete(complete) => {
                assert_eq!(self.snapshot.replace(complete.count), None, "one snapshot");
                assert_eq!(self.pending.len() as u64, complete.count);
            }
        }
    }

    /// Whether the request is pending, as far as it knows.
    pub(crate) fn knows(&self, request_id: &str) -> bool {
        self.request_ids.get(request_id).is_some_and(|id| self.pending.contains_key(id))
    }

    /// Reads until a condition on its knowledge holds.
    pub(crate) async fn read_until(
        &mut self,
        stream: &mut Streaming<WatchPendingResponse>,
        known: impl Fn(&Self) -> bool,
    ) {
        while !known(self) {
            let message = stream.message().await.expect("no error");
            self.take(message.expect("the queue does not end"));
        }
    }
}

/// All approvals that ListPending returns for the filter of a watch.
pub(crate) async fn list(client: &mut Client, filter: &WatchPendingRequest) -> BTreeMap<String, u64> {
    let mut listed = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = ListPendingRequest {
            page_size: 7,
            page_token,
            tool_name: filter.tool_name.clone(),
            agent_name: filter.agent_name.clone(),
            labels: filter.labels.clone(),
            decidable_by_me: filter.decidable_by_me,
        };
        let page = soon("a page comes", client.list_pending(request)).await.expect("a page").into_inner();
        assert!(page.approvals.len() <= 7);
        for approval in page.approvals {
            assert_eq!(listed.insert(approval.id, approval.revision), None, "listed twice");
        }
        if page.next_page_token.is_empty() {
            return listed;
        }
        page_token = page.next_page_token;
    }
}

fn labels(value: &str) -> std::collections::HashMap<String, String> {
    [("team".to_owned(), value.to_owned())].into()
}

/// The n-th request: every combination of tool, agent and label comes up.
fn nth(n: usize) -> RequestApprovalRequest {
    RequestApprovalRequest {
        tool_name: ["send_email", "pay", "sql.drop"][n % 3].into(),
        agent: Some(Agent { name: ["bot", "clerk"][n / 3 % 2].into(), ..Agent::default() }),
        labels: labels(["sales", "billing"][n / 6 % 2]),
        ..ask(&format!("r-{n}"))
    }
}

/// A request that this filter matches, and hardly any other.
fn matching(filter: &WatchPendingRequest, request_id: &str) -> RequestApprovalRequest {
    let or = |wanted: &str, other: &str| if wanted.is_empty() { other.to_owned() } else { wanted.to_owned() };
    RequestApprovalRequest {
        tool_name: or(&filter.tool_name, "other"),
        agent: Some(Agent { name: or(&filter.agent_name, "other"), ..Agent::default() }),
        labels: filter.labels.clone(),
        ..ask(request_id)
    }
}

const APPROVALS: usize = 720;
const CALLERS: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn at_rest_every_watch_agrees_with_the_list() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let filters = [
        WatchPendingRequest::default(),
        WatchPendingRequest { tool_name: "pay".into(), ..Default::default() },
        WatchPendingRequest { agent_name: "clerk".into(), ..Default::default() },
        WatchPendingRequest { labels: labels("billing"), ..Default::default() },
        WatchPendingRequest {
            tool_name: "pay".into(),
            agent_name: "bot".into(),
            labels: labels("sales"),
            decidable_by_me: false,
        },
        WatchPendingRequest { tool_name: "nobody_asks".into(), ..Default::default() },
    ];
    let (mut working, mut watching) = (JoinSet::new(), JoinSet::new());
    for caller in 0..CALLERS {
        working.spawn(work(caller, server.agent(), server.reviewer()));
        // Some watches start early, others during the load.
        let number = caller % filters.len();
        let (mut client, filter) = (server.operator(), filters[number].clone());
        watching.spawn(async move {
            let mut stream = client.watch_pending(filter).await.unwrap().into_inner();
            let mut reader = Reader::default();
            reader.read_until(&mut stream, |reader| reader.knows(&sentinel(number))).await;
            (number, client, stream, reader)
        });
        if caller % 4 == 3 {
            let worked = soon("a caller is done", working.join_next()).await;
            worked.unwrap().unwrap();
        }
    }
    while let Some(worked) = soon("the load ends", working.join_next()).await {
        worked.unwrap();
    }

    // One more for each filter: the last that the watch sees added, and the last that it sees removed.
    let (mut agent, mut last) = (server.agent(), Vec::new());
    for (number, filter) in filters.iter().enumerate().rev() {
        last.push(open(&mut agent, matching(filter, &sentinel(number))).await.unwrap().1.id);
    }
    let mut watches = Vec::new();
    while let Some(watch) = soon("every watch sees the last one", watching.join_next()).await {
        watches.push(watch.unwrap());
    }
    for approval_id in last {
        agent.cancel_approval(CancelApprovalRequest { approval_id, ..Default::default() }).await.unwrap();
    }
    for (number, mut client, mut stream, mut reader) in watches {
        let gone = reader.read_until(&mut stream, |reader| !reader.knows(&sentinel(number)));
        soon("the queue tells that the last one is gone", gone).await;
        let listed = list(&mut client, &filters[number]).await;
        assert_eq!(reader.pending, listed, "{:?}", filters[number]);
        let expected = (0..APPROVALS).filter(|n| stays(*n) && lets_through(&filters[number], &nth(*n))).count();
        assert_eq!(listed.len(), expected, "{:?}", filters[number]);
    }
}

fn sentinel(number: usize) -> String {
    format!("last-{number}")
}

fn lets_through(filter: &WatchPendingRequest, request: &RequestApprovalRequest) -> bool {
    let agent = request.agent.as_ref().map_or("", |agent| &agent.name);
    (filter.tool_name.is_empty() || filter.tool_name == request.tool_name)
        && (filter.agent_name.is_empty() || filter.agent_name == agent)
        && filter.labels.iter().all(|(key, value)| request.labels.get(key) == Some(value))
}

/// Whether the n-th request stays pending.
fn stays(n: usize) -> bool {
    (n / 12).is_multiple_of(5)
}

/// One caller's part of the load: bursts of requests, of which it decides most.
async fn work(caller: usize, mut agent: Client, mut reviewer: Client) {
    let mut random = Random::new();
    let mut open_ones = Vec::new();
    for n in (caller..APPROVALS).step_by(CALLERS) {
        let (_, approval) = open(&mut agent, nth(n)).await.unwrap();
        if stays(n) {
            continue;
        }
        open_ones.push((n, approval));
        while open_ones.len() > random.below(6) {
            let (n, approval) = open_ones.swap_remove(random.below(open_ones.len()));
            let request_id = format!("d-{n}");
            match n % 4 {
                0 => {
                    let cancel = CancelApprovalRequest { approval_id: approval.id, ..Default::default() };
                    drop(agent.cancel_approval(cancel).await.unwrap());
                }
                1 => {
                    let edited_arguments = Some(arguments(&[("to", "bob@company.com")]));
                    let call = decide(&approval, &request_id, VoteChoice::Approve);
                    drop(reviewer.decide(DecideRequest { edited_arguments, ..call }).await.unwrap());
                }
                _ => drop(reviewer.decide(decide(&approval, &request_id, VoteChoice::Reject)).await.unwrap()),
            }
        }
    }
    for (n, approval) in open_ones {
        reviewer.decide(decide(&approval, &format!("d-{n}"), VoteChoice::Approve)).await.unwrap();
    }
}
