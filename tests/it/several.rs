//! Three servers with one store in PostgreSQL. These tests call each at its own address; the balancer of [`crate::balancer`]
//! is for all other tests.

mod deadlines;
mod once;
mod taken_away;

use futures_util::future::join_all;
use signoff::proto::v1::{
    Approval, ApprovalStatus, ClaimExecutionRequest, CreateTokenRequest, CreateTokenResponse, Role, VoteChoice,
};
use tempfile::TempDir;
use tonic::Status;

use crate::{
    calls::{ask, decide, open},
    databases::Database,
    server::{Client, Process, Server, serve, share_tokens, soon},
};

/// How many servers there are.
const SERVERS: usize = 3;

/// Three servers, and what they share.
struct Several {
    servers: Vec<Server>,
    _database: Database,
    _data: TempDir,
}

impl Several {
    async fn start(settings: &[&str]) -> Self {
        let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
        let store = database.setting();
        let settings: Vec<_> = settings.iter().copied().chain([store.as_str()]).collect();
        let directories: Vec<_> = (0..SERVERS).map(|n| data.path().join(format!("server-{n}"))).collect();
        share_tokens(&directories);
        // All at once: one of them creates the tables.
        let starting = directories.iter().map(|data| Process::spawn(data, serve(data, &settings)).listening());
        let servers = join_all(starting).await.into_iter().map(|server| server.expect("a server starts")).collect();
        Self { servers, _database: database, _data: data }
    }

    /// One of them, in turn.
    fn nth(&self, n: usize) -> &Server {
        &self.servers[n % SERVERS]
    }

    /// The token of a new agent, which every server has seen in use.
    async fn agent(&self, subject: &str) -> (CreateTokenResponse, Vec<Client>) {
        let first = &self.servers[0];
        let request = CreateTokenRequest {
            subject: subject.into(),
            kind: signoff::proto::v1::ActorKind::Agent.into(),
            roles: vec![Role::Agent.into()],
            ..Default::default()
        };
        let mut access = first.access(&first.tokens().operator);
        let made = access.create_token(request).await.unwrap().into_inner();
        let mut clients: Vec<_> = self.servers.iter().map(|server| server.client(&made.secret)).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            open(client, ask(&format!("{subject}-{n}")))
                .await
                .unwrap_or_else(|status| panic!("server {n}: {status:?}"));
        }
        (made, clients)
    }

    /// An approval of this client's, approved by the reviewer at the n-th server.
    async fn approved(&self, client: &mut Client, request_id: &str, n: usize) -> Approval {
        let (_, asked) = open(client, ask(request_id)).await.unwrap();
        let mut reviewer = self.nth(n).reviewer();
        let decided = reviewer.decide(decide(&asked, "", VoteChoice::Approve)).await.unwrap().into_inner();
        decided.approval.unwrap()
    }
}

async fn claim(client: &mut Client, approval: &Approval) -> Result<Approval, Status> {
    let (approval_id, digest) = (approval.id.clone(), approval.digest.clone());
    let claim = ClaimExecutionRequest { approval_id, request_id: String::new(), digest };
    let answer = soon("the claim is answered", client.claim_execution(claim)).await?.into_inner();
    let approval = answer.approval.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::Approved);
    Ok(approval)
}

/// Whether the whole of the long tests runs: `SIGNOFF_IT_LONG=1 cargo test --test it several`.
fn long() -> bool {
    std::env::var_os("SIGNOFF_IT_LONG").is_some()
}
