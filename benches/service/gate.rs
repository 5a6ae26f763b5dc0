//! The cost of the Rust client's gate in addition to its three calls: request, claim, report.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use signoff::proto::v1 as pb;
use signoff_client::{Call, Client, Options};

use crate::{
    Outcome, Sizes, auto, payload,
    requests::first_update,
    scratch::Scratch,
    server::Role,
    table::{Figure, Row, Table},
};

/// Calls in one turn. The two ways take turns, so that both see the same machine.
const TURN: usize = 20;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let server = auto::server(&scratch, &[])?;
    let client = Client::connect(&Options::new().address(server.address()).token(server.token(Role::Agent))).await?;
    let (mut gated, mut raw) = (Vec::new(), Vec::new());
    let until = Instant::now() + Duration::from_secs_f64(sizes.seconds * 2.0);
    while Instant::now() < until {
        for _ in 0..TURN {
            gated.push(timed(through_the_gate(&client)).await?);
        }
        for _ in 0..TURN {
            raw.push(timed(three_calls(&client)).await?);
        }
    }
    let (gated, raw) = (Quantiles::of(gated), Quantiles::of(raw));
    let row = Row::new("gate of the Rust client, one caller", Figure::Time(gated.median));
    table.add(row.quantiles(gated.median, gated.p99).against("its three calls", Figure::Time(raw.median)));
    Ok(())
}

async fn timed(call: impl Future<Output = Outcome<()>>) -> Outcome<Duration> {
    let start = Instant::now();
    call.await?;
    Ok(start.elapsed())
}

struct Quantiles {
    median: Duration,
    p99: Duration,
}

impl Quantiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { median: times[times.len() / 2], p99: times[times.len() * 99 / 100] }
    }
}

async fn through_the_gate(client: &Client) -> Outcome<()> {
    let request = payload::wire_request(payload::uuid().to_string());
    let call = Call::new(request.tool_name).request_id(request.request_id).reason(request.reason);
    let agent = request.agent.unwrap_or_default();
    let call = call.agent_name(agent.name).run_id(agent.run_id).chain(agent.chain);
    let call = call.arguments_struct(request.arguments.unwrap_or_default());
    Ok(client.run(call, |_| async { Ok::<_, Infallible>(()) }).await?)
}

async fn three_calls(client: &Client) -> Outcome<()> {
    let mut approvals = client.approvals();
    let request = payload::wire_request(payload::uuid().to_string());
    let mut stream = approvals.request_approval(request).await?.into_inner();
    let approval = first_update(stream.message().await?)?;
    let claim = pb::ClaimExecutionRequest {
        approval_id: approval.id.clone(),
        request_id: payload::uuid().to_string(),
        digest: approval.digest,
    };
    let claim = approvals.claim_execution(client.unary(claim)).await?.into_inner();
    let report = pb::ReportExecutionRequest {
        approval_id: approval.id,
        request_id: payload::uuid().to_string(),
        claim_id: claim.claim_id,
        result: pb::ExecutionResult::Succeeded.into(),
        message: String::new(),
    };
    approvals.report_execution(client.unary(report)).await?;
    Ok(())
}
