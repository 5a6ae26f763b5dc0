//! Callers that take approvals through their lives, and record the answers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use signoff::proto::v1::{Approval, ClaimExecutionRequest, ExecutionResult, ReportExecutionRequest, VoteChoice};
use tokio::task::JoinSet;
use tonic::Status;

use crate::{
    calls::{arguments, ask, decide, open},
    load::{Clients, Random},
    server::Server,
};

/// Everything that a server has acknowledged.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Vec<Acknowledgement>>);

/// An approval in an answer.
#[derive(Clone, Debug)]
pub(super) struct Acknowledgement {
    pub(super) id: String,
    pub(super) revision: u64,
    pub(super) digest: String,
    pub(super) claimed: bool,
    /// The moment, by the test's own clock.
    pub(super) at: u64,
}

impl Told {
    fn keep(&self, approval: &Approval, at: u64) {
        self.0.lock().unwrap().push(Acknowledgement {
            id: approval.id.clone(),
            revision: approval.revision,
            digest: approval.digest.clone(),
            claimed: approval.claim.is_some(),
            at,
        });
    }

    /// The newest acknowledgement of every approval, of those up to a moment.
    pub(super) fn newest(&self, until: u64) -> HashMap<String, Acknowledgement> {
        let mut newest: HashMap<String, Acknowledgement> = HashMap::new();
        for told in self.0.lock().unwrap().iter().filter(|told| told.at <= until) {
            let known = newest.entry(told.id.clone()).or_insert_with(|| told.clone());
            if known.revision < told.revision {
                *known = told.clone();
            }
        }
        newest
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Starts callers that work until the server is gone, or until each has made `lives` approvals. `clock` gives the
/// moment of an answer.
pub(super) fn start(
    server: &Server,
    told: &Arc<Told>,
    callers: usize,
    lives: usize,
    random: &mut Random,
    clock: impl Fn() -> u64 + Clone + Send + Sync + 'static,
) -> JoinSet<Result<(), Status>> {
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let mut clients = Clients { agent: server.agent(), reviewer: server.reviewer() };
        let (told, clock, mut random) = (Arc::clone(told), clock.clone(), Random::seeded(random.below(1 << 32) as u64));
        tasks.spawn(async move {
            for _ in 0..lives {
                live(&mut clients, &mut random, &|approval| told.keep(approval, clock())).await?;
            }
            Ok(())
        });
    }
    tasks
}

/// Makes a request; usually approves, claims and reports it.
async fn live(clients: &mut Clients, random: &mut Random, told: &impl Fn(&Approval)) -> Result<(), Status> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut request = ask(&format!("ask-{name}"));
    // Some are large, so that sled fills, frees and reuses its segments.
    let length = if random.percent(10) { 20_000 } else { 200 };
    request.arguments = Some(arguments(&[("to", "alice@company.com"), ("text", &"x".repeat(random.below(length)))]));
    let (_stream, asked) = open(&mut clients.agent, request).await?;
    told(&asked);
    if random.percent(30) {
        return Ok(());
    }
    let choice = decide(&asked, &format!("decide-{name}"), VoteChoice::Approve);
    let decided = clients.reviewer.decide(choice).await?.into_inner().approval.expect("an approval");
    told(&decided);
    if random.percent(20) {
        return Ok(());
    }
    let claim = claim(&decided.id, &decided.digest, &format!("claim-{name}"));
    let claimed = clients.agent.claim_execution(claim).await?.into_inner();
    told(&claimed.approval.expect("an approval"));
    if random.percent(50) {
        return Ok(());
    }
    let report = ReportExecutionRequest {
        approval_id: decided.id,
        request_id: format!("report-{name}"),
        claim_id: claimed.claim_id,
        result: ExecutionResult::Succeeded.into(),
        message: "sent".into(),
    };
    told(&clients.agent.report_execution(report).await?.into_inner().approval.expect("an approval"));
    Ok(())
}

/// A claim with the approved digest.
pub(super) fn claim(id: &str, digest: &str, request_id: &str) -> ClaimExecutionRequest {
    ClaimExecutionRequest { approval_id: id.into(), digest: digest.into(), request_id: request_id.into() }
}
