//! Durable requests per second: RequestApproval until its first message, which is PENDING and comes after the sync.
//! The client then drops the stream, and the approval stays.

use signoff::proto::v1::{self as pb, request_approval_response::Message};

use crate::{
    Outcome, Sizes,
    load::{Load, drive},
    payload::{self, Prepared},
    raw, schemas,
    scratch::Scratch,
    server::{Client, Role, Server, cpu_per_call},
    stored,
    table::{Aim, Figure, Row, Table},
};

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let record = rmp_serde::to_vec_named(&Prepared::new()?.history(0, false)?)?;
    let (scratch, bare) = (Scratch::new()?, Server::bare()?);
    let server = Server::signoff(scratch.path(), &[])?;
    for &callers in sizes.callers {
        let raw = Figure::Rate(raw::records_per_second(&record, callers, sizes.seconds / 2.0)?);
        let own = std::process::id();
        let (stored, stored_cpu) =
            cpu_per_call(&[own], stored::submits(Prepared::new()?, callers, sizes.seconds)).await?;
        let (bare, bare_cpu) = bare.under(requests(&bare, callers, sizes.seconds, payload::wire_request)).await?;
        let (served, cpu) = server.under(requests(&server, callers, sizes.seconds, payload::wire_request)).await?;
        table.add(Row::load(format!("store alone: submits, {callers} callers"), &stored).against("raw append", raw));
        let row = Row::load(format!("requests, {callers} callers"), &served)
            .against("store", Figure::Rate(stored.rate))
            .against("bare tonic", Figure::Rate(bare.rate))
            .against("raw append", raw);
        table.add(if callers == 64 { row.aim(Aim::Ratio(0.75)) } else { row });
        table.add(
            Row::new(format!("server's CPU per request, {callers} callers"), Figure::Time(cpu))
                .against("store", Figure::Time(stored_cpu))
                .against("bare tonic", Figure::Time(bare_cpu)),
        );
    }
    schemas::measure(sizes, table).await
}

/// Makes a request with this `request_id`.
pub(crate) type Make = fn(String) -> pb::RequestApprovalRequest;

pub(crate) async fn requests(server: &Server, callers: usize, seconds: f64, make: Make) -> Outcome<Load> {
    let clients = server.connect_for(callers, Role::Agent).await?;
    drive(callers, seconds, move |caller| ask(clients[caller % clients.len()].clone(), make)).await
}

async fn ask(mut client: Client, make: Make) -> Outcome<bool> {
    let mut stream = client.request_approval(make(payload::uuid().to_string())).await?.into_inner();
    let first = first_update(stream.message().await?)?;
    Ok(first.status() == pb::ApprovalStatus::Pending)
}

/// The approval in a stream's message.
pub(crate) fn first_update(message: Option<pb::RequestApprovalResponse>) -> Outcome<pb::Approval> {
    match message.and_then(|response| response.message) {
        Some(Message::Update(pb::ApprovalUpdate { approval: Some(approval), .. })) => Ok(approval),
        other => Err(format!("not an update: {other:?}").into()),
    }
}
