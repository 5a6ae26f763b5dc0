//! A record of everything that a server has acknowledged, to compare with its state after a crash.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use signoff::proto::v1::{
    Approval, ApprovalStatus, ApprovalUpdate, Event, GetApprovalRequest, ListApprovalsRequest, ListPendingRequest,
    WaitApprovalRequest, event::Kind,
};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    calls::terminal,
    server::{Client, soon},
};

/// Concurrent reads.
const READS: usize = 16;

/// All acknowledgements of a server, from replies, streams and errors.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    approvals: HashMap<String, Known>,
    by_request: HashMap<String, String>,
    by_claim: HashMap<String, String>,
    touched: BTreeSet<String>,
}

#[derive(Debug)]
struct Known {
    newest: Approval,
    events: BTreeMap<u64, Event>,
}

impl Ledger {
    /// Adds an approval from any answer. It must be consistent with earlier ones; answers may arrive out of order.
    pub(crate) fn saw(&mut self, approval: &Approval) {
        let id = &approval.id;
        let first = self.by_request.entry(approval.request_id.clone()).or_insert_with(|| id.clone());
        assert_eq!(first, id, "request {} has two approvals", approval.request_id);
        if let Some(claim) = &approval.claim {
            let first = self.by_claim.entry(claim.id.clone()).or_insert_with(|| id.clone());
            assert_eq!(first, id, "two approvals share the claim {}", claim.id);
        }
        match self.approvals.get_mut(id) {
            None => {
                let known = Known { newest: approval.clone(), events: BTreeMap::new() };
                self.approvals.insert(id.clone(), known);
                self.touched.insert(id.clone());
            }
            Some(known) if known.newest.revision > approval.revision => assert_grew(approval, &known.newest),
            Some(known) => {
                assert_grew(&known.newest, approval);
                if known.newest.revision < approval.revision {
                    known.newest = approval.clone();
                    self.touched.insert(id.clone());
                }
            }
        }
    }

    /// Adds an update of a stream.
    pub(crate) fn saw_update(&mut self, update: &ApprovalUpdate) {
        let approval = update.approval.as_ref().expect("an update has the approval");
        self.saw(approval);
        self.saw_events(&approval.id, &update.events);
    }

    fn saw_events(&mut self, id: &str, events: &[Event]) {
        let known = self.approvals.get_mut(id).expect("events come with their approval");
        for event in events {
            let first = known.events.entry(event.revision).or_insert_with(|| event.clone());
            assert_eq!(first, event, "event {} of {id} changed", event.revision);
        }
    }

    /// Adds an error that names the winning decision.
    pub(crate) fn saw_refusal(&mut self, status: &Status) {
        let Some(info) = status.get_details_error_info().filter(|info| info.reason == "ALREADY_DECIDED") else {
            return;
        };
        let known = &self.approvals[&info.metadata["approval_id"]];
        let revision: u64 = info.metadata["revision"].parse().expect("a revision");
        if let Some(decision) = &known.newest.decision {
            assert_eq!(decision.revision, revision, "two decisions of {}", known.newest.id);
            assert_eq!(decision.status().as_str_name(), format!("APPROVAL_STATUS_{}", info.metadata["status"]));
        }
        self.touched.insert(known.newest.id.clone());
    }

    /// The approval of a request, if one was seen.
    pub(crate) fn of_request(&self, request_id: &str) -> Option<&Approval> {
        self.by_request.get(request_id).map(|id| &self.approvals[id].newest)
    }

    /// An approval as it was last seen.
    pub(crate) fn newest(&self, id: &str) -> &Approval {
        &self.approvals[id].newest
    }

    /// The number of known approvals.
    pub(crate) fn len(&self) -> usize {
        self.approvals.len()
    }

    /// All known approvals.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.approvals.keys().cloned().collect()
    }

    /// The approvals that are new or changed since the last call.
    pub(crate) fn take_touched(&mut self) -> Vec<String> {
        std::mem::take(&mut self.touched).into_iter().collect()
    }
}

/// Checks that `new` is a possible later state of `old`.
fn assert_grew(old: &Approval, new: &Approval) {
    if old.revision == new.revision {
        assert_eq!(old, new, "one revision with two contents");
    }
    // All fields that never change.
    let asked = |approval: &Approval| Approval {
        revision: 0,
        status: 0,
        arguments: None,
        digest: String::new(),
        update_time: None,
        deadline: None,
        policy: None,
        votes: Vec::new(),
        quorum: 0,
        panels: Vec::new(),
        reject_threshold: 0,
        comment_required: false,
        edits_allowed: false,
        priority: 0,
        decision: None,
        claim: None,
        ..approval.clone()
    };
    assert_eq!(asked(old), asked(new), "the request changed");
    if terminal(old) {
        let decided =
            |approval: &Approval| Approval { revision: 0, update_time: None, claim: None, ..approval.clone() };
        assert_eq!(decided(old), decided(new), "the decision changed");
    }
    if let Some(claim) = &old.claim {
        let mut later = new.claim.clone().expect("a claim stays");
        if claim.outcome.is_none() {
            later.outcome = None;
        }
        assert_eq!(*claim, later, "a claim changed");
    }
}

/// Checks that the events are a valid history, and result in the approval.
pub(crate) fn assert_history(approval: &Approval, events: &[Event]) {
    let id = &approval.id;
    let revisions: Vec<u64> = events.iter().map(|event| event.revision).collect();
    assert_eq!(revisions, (1..=approval.revision).collect::<Vec<_>>(), "{id} has gaps");
    let count =
        |wanted: fn(&Kind) -> bool| events.iter().filter_map(|event| event.kind.as_ref()).filter(|k| wanted(k)).count();
    let Some(Kind::Requested(requested)) = &events[0].kind else { panic!("{id} does not begin with its request") };
    assert_eq!(count(|kind| matches!(kind, Kind::Requested(_))), 1, "{id} was asked for twice");

    let decisions: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            Some(Kind::Decided(decision)) => Some((event.revision, decision)),
            _ => None,
        })
        .collect();
    let (claims, reports) =
        (count(|kind| matches!(kind, Kind::Claimed(_))), count(|kind| matches!(kind, Kind::Reported(_))));
    match (requested.status(), decisions.as_slice()) {
        (ApprovalStatus::Pending, []) => assert_eq!(approval.status(), ApprovalStatus::Pending, "{id}"),
        (ApprovalStatus::Pending, [(revision, decision)]) => {
            assert_eq!(Some(*decision), approval.decision.as_ref(), "{id}");
            assert_eq!((decision.revision, decision.status()), (*revision, approval.status()), "{id}");
            assert_eq!(*revision, approval.revision - (claims + reports) as u64, "{id} changed after its decision");
        }
        (_, []) => assert_eq!(requested.status(), approval.status(), "{id}"),
        (_, decisions) => panic!("{id} was decided more than once: {decisions:?}"),
    }
    assert_eq!(
        (claims, reports),
        (
            usize::from(approval.claim.is_some()),
            usize::from(approval.claim.as_ref().is_some_and(|claim| claim.outcome.is_some())),
        ),
        "{id} has more claim or report events than it shows"
    );
    assert!(
        claims == 0 || [ApprovalStatus::Approved, ApprovalStatus::AutoApproved].contains(&approval.status()),
        "{id}"
    );
}

/// Checks that a server has everything that it acknowledged of these approvals. With `now`, in seconds, those past
/// their deadline must be decided, or be about to be. Returns how many it had to time out.
pub(crate) async fn hold_to(client: &Client, ledger: &std::sync::Mutex<Ledger>, ids: Vec<String>, now: i64) -> usize {
    stream::iter(ids)
        .map(|id| async move {
            let (mut client, known) = (client.clone(), ledger.lock().unwrap().newest(&id).clone());
            let overdue = !terminal(&known) && known.deadline.is_some_and(|deadline| deadline.seconds < now);
            if overdue {
                until_terminal(&mut client, &id).await;
            }
            let request = GetApprovalRequest { approval_id: id.clone(), include_events: true };
            let reply = soon("GetApproval", client.get_approval(request)).await;
            let reply =
                reply.unwrap_or_else(|status| panic!("{id} was acknowledged and is missing: {status:?}")).into_inner();
            let approval = reply.approval.expect("an approval");
            assert!(approval.revision >= known.revision, "{id} lost events: {known:?}, now {approval:?}");
            assert_history(&approval, &reply.events);
            let mut ledger = ledger.lock().unwrap();
            ledger.saw(&approval);
            ledger.saw_events(&id, &reply.events);
            usize::from(overdue && approval.status() == ApprovalStatus::TimedOut)
        })
        .buffer_unordered(READS)
        .fold(0, |sum, timed_out| async move { sum + timed_out })
        .await
}

async fn until_terminal(client: &mut Client, id: &str) {
    let wait = async {
        loop {
            let request = WaitApprovalRequest { approval_id: id.to_owned(), ..Default::default() };
            let reply = client.wait_approval(request).await.expect("it can be waited for").into_inner();
            if reply.approval.as_ref().is_some_and(terminal) {
                break;
            }
        }
    };
    soon("an approval whose deadline passed times out", wait).await;
}

/// Checks that everything in the store, acknowledged or not, is intact, and that the indexes match the records.
pub(crate) async fn assert_whole(client: &Client, ledger: &std::sync::Mutex<Ledger>) {
    let all = list(client, &[]).await;
    let stored: BTreeSet<&String> = all.iter().map(|approval| &approval.id).collect();
    assert_eq!(stored.len(), all.len(), "an approval is listed twice");
    for id in ledger.lock().unwrap().ids() {
        assert!(stored.contains(&id), "{id} is not listed");
    }
    let histories = stream::iter(&all).map(|approval| {
        let mut client = client.clone();
        async move {
            let request = GetApprovalRequest { approval_id: approval.id.clone(), include_events: true };
            let reply = client.get_approval(request).await?.into_inner();
            assert_history(&reply.approval.expect("an approval"), &reply.events);
            Ok::<_, Status>(())
        }
    });
    histories.buffer_unordered(READS).try_collect::<()>().await.expect("every approval is readable");

    // Deadlines still fire meanwhile. PENDING is read first: an approval that leaves it later is found under its new
    // status.
    let mut listed_as: BTreeMap<String, ApprovalStatus> = BTreeMap::new();
    for status in (1..=7).map(|status| ApprovalStatus::try_from(status).expect("a status")) {
        for approval in list(client, &[status]).await {
            assert_eq!(approval.status(), status, "the index of {status:?} is wrong");
            let before = listed_as.insert(approval.id.clone(), status);
            let timed_out = before == Some(ApprovalStatus::Pending) && status == ApprovalStatus::TimedOut;
            assert!(before.is_none() || timed_out, "{} is listed as {before:?} and as {status:?}", approval.id);
        }
    }
    assert!(listed_as.keys().eq(stored), "the indexes of statuses miss approvals, or list unknown ones");
    let request = ListPendingRequest { page_size: 1_000, ..Default::default() };
    let pending = client.clone().list_pending(request).await.expect("ListPending").into_inner().approvals;
    assert!(pending.iter().all(|approval| !terminal(approval)));
}

/// All approvals with one of these statuses; of any status if none is given.
pub(crate) async fn list(client: &Client, statuses: &[ApprovalStatus]) -> Vec<Approval> {
    let (mut client, mut all, mut page_token) = (client.clone(), Vec::new(), String::new());
    loop {
        let statuses = statuses.iter().map(|status| *status as i32).collect();
        let request = ListApprovalsRequest { page_size: 1_000, page_token, statuses, ..Default::default() };
        let page = soon("ListApprovals", client.list_approvals(request)).await.expect("ListApprovals").into_inner();
        all.extend(page.approvals);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}
