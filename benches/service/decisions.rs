//! Durable decisions per second: Decide on approvals that are pending, each by one reviewer, which decides it.

use signoff::proto::v1 as pb;

use crate::{
    Outcome, Sizes,
    load::{Load, drive},
    payload::{self, Prepared},
    raw,
    scratch::Scratch,
    server::{Role, Server},
    stored::{self, Supply},
    table::{Figure, Row, Table},
};

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let record = rmp_serde::to_vec_named(&Prepared::new()?.history(0, true)?.events[1])?;
    let bare = Server::bare()?;
    for &callers in sizes.callers {
        let raw = Figure::Rate(raw::records_per_second(&record, callers, sizes.seconds / 2.0)?);
        let stored = stored::decisions(callers, sizes.seconds, sizes.to_decide).await?;
        let (bare, bare_cpu) = bare.under(decisions(&bare, callers, sizes.seconds, None)).await?;
        let scratch = Scratch::new()?;
        let pending = Supply::new(stored::fill(scratch.path(), sizes.to_decide, |_| false).await?);
        let server = Server::signoff(scratch.path(), &[])?;
        let (served, cpu) = server.under(decisions(&server, callers, sizes.seconds, Some(pending))).await?;
        table.add(Row::load(format!("store alone: decisions, {callers} callers"), &stored).against("raw append", raw));
        table.add(
            Row::load(format!("decisions, {callers} callers"), &served)
                .against("store", Figure::Rate(stored.rate))
                .against("bare tonic", Figure::Rate(bare.rate))
                .against("raw append", raw),
        );
        table.add(
            Row::new(format!("server's CPU per decision, {callers} callers"), Figure::Time(cpu))
                .against("bare tonic", Figure::Time(bare_cpu)),
        );
    }
    Ok(())
}

/// Decides pending approvals; without any, sends arbitrary ids, which only the bare service accepts.
async fn decisions(server: &Server, callers: usize, seconds: f64, pending: Option<Supply>) -> Outcome<Load> {
    let clients = server.connect_for(callers, Role::Reviewer).await?;
    drive(callers, seconds, move |caller| {
        let mut client = clients[caller % clients.len()].clone();
        let next = match &pending {
            Some(pending) => pending.take().map(|id| id.to_string()),
            None => Some(payload::uuid().to_string()),
        };
        async move {
            let Some(id) = next else { return Ok(false) };
            let decided = client.decide(payload::wire_decision(id)).await?.into_inner().approval;
            match decided.map(|approval| approval.status()) {
                Some(pb::ApprovalStatus::Approved) => Ok(true),
                other => Err(format!("not approved: {other:?}").into()),
            }
        }
    })
    .await
}
