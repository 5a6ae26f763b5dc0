//! The cost of a schema of about 1 KiB, and of labels, in a request: clients that derive schemas send them each time.
//! The kinds of requests take turns on one server, and on the bare service, which shows what the larger messages alone
//! cost.

use std::time::Duration;

use crate::{
    Outcome, Sizes,
    load::Load,
    payload::{self, Prepared},
    requests,
    rounds::{cpu_per_call, middle},
    scratch::Scratch,
    server::Server,
    stored,
    table::{Aim, Figure, Row, Table},
};

const CALLERS: usize = 64;

/// Turns of each kind. Odd, for the medians.
const ROUNDS: usize = 15;

/// The minimum fraction of the throughput.
const LEAST: f64 = 0.90;

/// A kind of request, and its name.
const KINDS: [(&str, requests::Make); 3] = [
    ("one label", payload::wire_request),
    ("3 labels", payload::wire_request_with_labels),
    ("a schema and 3 labels", payload::wire_request_with_schema),
];

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let (scratch, bare) = (Scratch::new()?, Server::bare()?);
    let server = Server::signoff(scratch.path(), &[])?;
    let turn = sizes.seconds / 5.0;
    let (mut served, mut echoed) = (KINDS.map(|_| Vec::new()), KINDS.map(|_| Vec::new()));
    for round in 0..ROUNDS {
        for turns in 0..KINDS.len() {
            let n = (round + turns) % KINDS.len(); // none is always first
            served[n].push(server.under(requests::requests(&server, CALLERS, turn, KINDS[n].1)).await?);
            echoed[n].push(bare.under(requests::requests(&bare, CALLERS, turn / 2.0, KINDS[n].1)).await?);
        }
    }
    add(table, "requests", &served, Some(&echoed));
    add(table, "bare tonic", &echoed, None);
    let alone = stored::submits(Prepared::new()?, CALLERS, sizes.seconds).await?;
    let with = stored::submits(Prepared::new()?.with_schema()?, CALLERS, sizes.seconds).await?;
    let name = format!("store alone: submits with {}, {CALLERS} callers", KINDS[2].0);
    table.add(Row::load(name, &with).against(KINDS[0].0, Figure::Rate(alone.rate)));
    Ok(())
}

/// Throughput and processor time of each kind, against the first one.
fn add(table: &mut Table, what: &str, kinds: &[Vec<(Load, Duration)>; 3], others: Option<&[Vec<(Load, Duration)>; 3]>) {
    let first = (middle(&kinds[0]), cpu_per_call(&kinds[0]));
    for (n, (name, _)) in KINDS.iter().enumerate() {
        let (load, cpu) = (middle(&kinds[n]), cpu_per_call(&kinds[n]));
        let name = format!("{what} with {name}, {CALLERS} callers");
        let (mut row, mut spent) =
            (Row::load(&name, &load), Row::new(format!("{name}: CPU per call"), Figure::Time(cpu)));
        if n > 0 {
            row = row.against(KINDS[0].0, Figure::Rate(first.0.rate));
            spent = spent.against(KINDS[0].0, Figure::Time(first.1));
        }
        if let Some(others) = others {
            row = row.against("bare tonic", Figure::Rate(middle(&others[n]).rate));
            if n + 1 == KINDS.len() {
                row = row.aim(Aim::Ratio(LEAST));
            }
        }
        table.add(row);
        table.add(spent);
    }
}
