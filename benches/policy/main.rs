//! The cost of judging a call: `cargo bench --bench policy`, with `-- --quick` for a smoke test. Prints one table;
//! no time makes it fail.
//!
//! The baseline is the bare `cel` crate, which executes exactly the conditions of the tool's rules, and
//! nothing else: no search for them, no trace, no limits. Calls of both alternate, so that both see the same machine,
//! and the figures are medians of single calls. Both begin with the arguments as the server has them, as JSON.

#![expect(clippy::disallowed_methods, reason = "benchmarks measure the time that passes")]

mod bare;
mod hazards;
mod rules;
#[expect(dead_code, reason = "the service's benchmark needs what this one does not")]
#[path = "../table.rs"]
mod table;

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use signoff::policy::{Effort, Policy};

use self::{
    bare::Bare,
    rules::{Asked, Shape},
    table::{Aim, Figure, Row, Table},
};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures the policy, and prints one table
#[derive(Parser)]
struct Options {
    /// Make few calls, to check that the measures work; says nothing about speed
    #[arg(long)]
    quick: bool,
    /// What `cargo bench` adds; without it (`cargo test --benches`) there are few calls too
    #[arg(long, hide = true)]
    bench: bool,
}

/// The target for the time of judging in addition to the conditions.
const OVERHEAD: Duration = Duration::from_micros(5);

/// The target for the time of any evaluation.
const LONGEST: Duration = Duration::from_millis(50);

/// Judgements of each hazard.
const HAZARD_ROUNDS: usize = 5;

/// The sizes of the measures.
struct Sizes {
    /// Rules of the largest policies.
    rules: usize,
    /// Calls of either side, per figure.
    calls: usize,
    /// Compilations of the largest policy.
    compilations: usize,
}

const FULL: Sizes = Sizes { rules: 10_000, calls: 20_000, compilations: 5 };
const QUICK: Sizes = Sizes { rules: 1_000, calls: 100, compilations: 1 };

fn main() -> ExitCode {
    let options = Options::parse();
    let quick = options.quick || !options.bench;
    let mut table = Table::default();
    if let Err(error) = measure(if quick { &QUICK } else { &FULL }, &mut table) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    println!("{table}");
    if quick {
        println!("Quick sizes: the figures say nothing about speed.");
    }
    ExitCode::SUCCESS
}

fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    for (rules, shape) in [
        (1, Shape::Names),
        (100, Shape::Names),
        (sizes.rules, Shape::Names),
        (sizes.rules, Shape::Globs),
        (sizes.rules, Shape::Unconditional),
    ] {
        judging(rules, shape, sizes, table)?;
    }
    let (took, when) = hazards::longest(HAZARD_ROUNDS)?;
    let row = Row::new(format!("longest judgement:\n{when}"), Figure::Time(took));
    table.add(row.aim(Aim::AtMost(Figure::Time(LONGEST))));
    compiling(sizes, table)
}

fn judging(rules: usize, shape: Shape, sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let policy = compiled(rules, shape)?;
    let asked = Asked::new(rules)?;
    let bare = Bare::new(policy.document())?;
    let (mut ours, mut theirs) = (Vec::with_capacity(sizes.calls), Vec::with_capacity(sizes.calls));
    // The first tenth warms up.
    for n in 0..sizes.calls + sizes.calls / 10 {
        let tool = n % rules.min(rules::TOOLS);
        let call = asked.call(tool);
        let (judgement, judging) = timed(|| policy.judge(&call, Effort::Full));
        let (held, executing) = timed(|| bare.execute(tool, &call));
        if shape != Shape::Unconditional && rules::matched(&judgement) != held? {
            return Err(format!("{} is judged differently", call.tool_name).into());
        }
        ours.push(judging);
        theirs.push(executing);
    }
    let warm = sizes.calls / 10;
    let (ours, theirs) = (Times::of(ours.split_off(warm)), Times::of(theirs.split_off(warm)));
    let many = if rules == 1 { "1 rule".to_owned() } else { format!("{rules} {shape}") };
    let measure = format!("judge, {many}, {} for the tool", rules.div_ceil(rules::TOOLS));
    let row = Row::new(&measure, Figure::Time(ours.median)).quantiles(ours.median, ours.p99);
    if shape == Shape::Unconditional {
        // Only the time of judging in addition to conditions.
        table.add(row.aim(Aim::AtMost(Figure::Time(OVERHEAD))));
        return Ok(());
    }
    table.add(row.against("cel", Figure::Time(theirs.median)));
    let longer = Figure::Longer(ours.median.as_secs_f64() - theirs.median.as_secs_f64());
    table.add(Row::new("  longer than cel", longer).aim(Aim::AtMost(Figure::Longer(OVERHEAD.as_secs_f64()))));
    Ok(())
}

fn compiling(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..sizes.compilations {
        let (policy, took) = timed(|| compiled(sizes.rules, Shape::Names));
        ours.push(took);
        let policy = policy?;
        let (bare, took) = timed(|| Bare::new(policy.document()));
        drop(bare?);
        theirs.push(took);
    }
    let row = Row::new(format!("compile {} {}", sizes.rules, Shape::Names), Figure::Time(Times::of(ours).median));
    table.add(row.against("cel", Figure::Time(Times::of(theirs).median)));
    Ok(())
}

fn compiled(rules: usize, shape: Shape) -> Outcome<Policy> {
    Policy::compile(rules::document(rules, shape)).map_err(|problems| format!("{:?}", problems.first()).into())
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let made = black_box(run());
    (made, start.elapsed())
}

/// The times of single calls.
struct Times {
    median: Duration,
    p99: Duration,
}

impl Times {
    fn of(mut calls: Vec<Duration>) -> Self {
        calls.sort_unstable();
        Self { median: calls[calls.len() / 2], p99: calls[calls.len() * 99 / 100] }
    }
}
