//! The cost of the service: `cargo bench --bench service`, with `-- --quick` for a smoke test and `-- NAME…` for some
//! of the measures. Prints one table; no time makes it fail.
//!
//! Each figure stands beside its baselines, taken right before it so that both see the same machine: raw appends with
//! fdatasync of the same bytes, the store without the network, and a bare tonic service with the same messages; for
//! `auth`, the same server with credentials that cost almost nothing; for `gate`, the calls that it makes. The server
//! and the bare service are processes of their own; load comes from this one, over one connection per
//! [`load::CALLERS_PER_CONNECTION`] callers. `postgres` and `postgres-stored` start a PostgreSQL of their own.

#![expect(clippy::disallowed_methods, reason = "benchmarks measure the time that passes")]

mod auth;
mod auto;
mod backup;
mod bare;
mod cpu;
mod decisions;
mod desk;
mod gate;
mod load;
mod memory;
mod notify;
mod outbox;
mod payload;
mod pending;
mod postgres;
mod provider;
mod raw;
mod requests;
mod rounds;
mod schemas;
mod scratch;
mod server;
mod startup;
mod stored;
mod strangers;
#[expect(dead_code, reason = "the policy's benchmark needs what this one does not")]
#[path = "../table.rs"]
mod table;
mod wake;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use self::table::Table;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures the service, and prints one table
#[derive(Parser)]
struct Options {
    /// Measures to take; all by default
    measures: Vec<Measure>,
    /// Use small sizes, to check that the measures work; says nothing about speed
    #[arg(long)]
    quick: bool,
    /// What `cargo bench` adds; without it (`cargo test --benches`) sizes are small too
    #[arg(long, hide = true)]
    bench: bool,
    /// Run as the bare service, the baseline
    #[arg(long, hide = true)]
    bare_service: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Durable requests per second, also with schemas
    Requests,
    /// Durable decisions per second
    Decisions,
    /// Calls that the policy approves, per second
    Auto,
    /// Share of authentication in the cost of a call
    Auth,
    /// Cost of the Rust client's gate
    Gate,
    /// Latency from Decide to the waiter's message
    Wake,
    /// Latency from a request to its webhook, and the cost of webhooks
    Notify,
    /// Server memory per open stream
    Memory,
    /// Share of the outbox in the cost of a request in the store
    Outbox,
    /// First page of ListPending
    Pending,
    /// Pages for people
    Desk,
    /// Start-up with many stored approvals
    Startup,
    /// Time of a backup, and requests while it runs
    Backup,
    /// Requests, decisions and wake-ups with one and several servers on PostgreSQL
    Postgres,
    /// Cost of a call with few and many approvals stored in PostgreSQL
    PostgresStored,
    /// Effect of unauthenticated attacks on an authenticated caller
    Strangers,
}

impl Measure {
    async fn take(self, sizes: &Sizes, table: &mut Table) -> Outcome<()> {
        match self {
            Self::Requests => requests::measure(sizes, table).await,
            Self::Decisions => decisions::measure(sizes, table).await,
            Self::Auto => auto::measure(sizes, table).await,
            Self::Auth => auth::measure(sizes, table).await,
            Self::Gate => gate::measure(sizes, table).await,
            Self::Wake => wake::measure(sizes, table).await,
            Self::Notify => notify::measure(sizes, table).await,
            Self::Memory => memory::measure(sizes, table).await,
            Self::Outbox => outbox::measure(sizes, table).await,
            Self::Pending => pending::measure(sizes, table).await,
            Self::Desk => desk::measure(sizes, table).await,
            Self::Startup => startup::measure(sizes, table).await,
            Self::Backup => backup::measure(sizes, table).await,
            Self::Postgres => postgres::measure(sizes, table).await,
            Self::PostgresStored => postgres::measure_stored(sizes, table).await,
            Self::Strangers => strangers::measure(sizes, table).await,
        }
    }
}

/// The sizes of the measures.
struct Sizes {
    /// Seconds of load per figure.
    seconds: f64,
    /// Numbers of concurrent callers, one figure each.
    callers: &'static [usize],
    /// Approvals that each decisions figure can use up.
    to_decide: usize,
    /// Number of open streams.
    streams: usize,
    /// Pending approvals when a page is listed.
    pending: usize,
    /// Calls for that page.
    pages: u64,
    /// Pending approvals when a page for people is loaded.
    rows: usize,
    /// Loads of that page, and requests that appear on it.
    loads: u64,
    /// Approvals stored when the server starts.
    stored: usize,
    /// Approvals stored in PostgreSQL: few, and many.
    in_postgres: [usize; 2],
}

const FULL: Sizes = Sizes {
    seconds: 4.0,
    callers: &[1, 64, 256],
    to_decide: 100_000,
    streams: 10_000,
    pending: 100_000,
    pages: 2_000,
    rows: 1_000,
    loads: 200,
    stored: 1_000_000,
    in_postgres: [1_000, 1_000_000],
};

const QUICK: Sizes = Sizes {
    seconds: 0.2,
    callers: &[1, 16],
    to_decide: 500,
    streams: 100,
    pending: 200,
    pages: 20,
    rows: 60,
    loads: 10,
    stored: 1_000,
    in_postgres: [1_000, 5_000],
};

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed("no runtime", &error),
    };
    if options.bare_service {
        return match runtime.block_on(bare::serve()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("the bare service", &*error),
        };
    }
    let quick = options.quick || !options.bench;
    let sizes = if quick { &QUICK } else { &FULL };
    let measures = if options.measures.is_empty() { Measure::value_variants().to_vec() } else { options.measures };
    let mut table = Table::default();
    for measure in &measures {
        eprintln!("measuring {measure:?}…");
        if let Err(error) = runtime.block_on(measure.take(sizes, &mut table)) {
            return failed(&format!("{measure:?}"), &*error);
        }
    }
    println!("{table}");
    if let Some(note) = measures.contains(&Measure::Postgres).then(postgres::note) {
        println!("{note}");
    }
    if quick {
        println!("Quick sizes: the figures say nothing about speed.");
    }
    ExitCode::SUCCESS
}

fn failed(what: &str, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {what}: {error}");
    ExitCode::FAILURE
}
