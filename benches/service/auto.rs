//! Calls that the policy approves: RequestApproval until its stream ends, with AUTO_APPROVED, after the sync.

use std::path::PathBuf;

use signoff::{policy_file, proto::v1 as pb};

use crate::{
    Outcome, Sizes, bare,
    load::{Load, drive},
    payload::{self, Prepared},
    requests::first_update,
    scratch::Scratch,
    server::{Client, Role, Server},
    stored,
    table::{Figure, Row, Table},
};

const CALLERS: usize = 64;

/// A policy that approves the payload by a condition, like a real one.
const POLICY: &str = r#"
tools: [send_email]
rules:
  - name: invoices
    tools: [send_email]
    when: args.to.endsWith("@example.com") && args.subject.startsWith("Your invoice")
    auto_approve: {}
"#;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let bare = round_trips(&Server::bare()?, sizes.seconds).await?;
    let scratch = Scratch::new()?;
    let served = round_trips(&server(&scratch, &[])?, sizes.seconds).await?;
    let judge = policy_file::load(&policy(&scratch), POLICY.as_bytes())?;
    let stored = stored::submits(Prepared::judged_by(&judge)?, CALLERS, sizes.seconds).await?;
    let row = Row::load(format!("auto-approved, {CALLERS} callers"), &served);
    table.add(row.against("store", Figure::Rate(stored.rate)).against("bare tonic", Figure::Rate(bare.rate)));
    Ok(())
}

fn policy(scratch: &Scratch) -> PathBuf {
    scratch.path().join("policy.yaml")
}

/// A server whose policy approves.
pub(crate) fn server(scratch: &Scratch, settings: &[String]) -> Outcome<Server> {
    let policy = policy(scratch);
    std::fs::write(&policy, POLICY)?;
    let policy = ["--policy".to_owned(), policy.display().to_string()];
    Server::signoff(scratch.path(), &[&policy, settings].concat())
}

async fn round_trips(server: &Server, seconds: f64) -> Outcome<Load> {
    let clients = server.connect_for(CALLERS, Role::Agent).await?;
    drive(CALLERS, seconds, move |caller| {
        let client = clients[caller % clients.len()].clone();
        async move { approved(client).await.map(|_| true) }
    })
    .await
}

/// One round trip.
pub(crate) async fn approved(mut client: Client) -> Outcome<pb::Approval> {
    let mut request = payload::wire_request(payload::uuid().to_string());
    request.reason = bare::AUTO_APPROVED_REASON.to_owned();
    let mut stream = client.request_approval(request).await?.into_inner();
    let approval = first_update(stream.message().await?)?;
    match (approval.status(), stream.message().await?) {
        (pb::ApprovalStatus::AutoApproved, None) => Ok(approval),
        other => Err(format!("not approved at once: {other:?}").into()),
    }
}
