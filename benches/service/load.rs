//! Closed-loop load: each caller makes its next call when the one before is answered.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::{
    Outcome,
    table::{Figure, Row},
};

/// Few enough that neither the flow control of a connection nor its single task is the bottleneck.
pub(crate) const CALLERS_PER_CONNECTION: usize = 16;

/// The results of the callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Calls answered per second, by all callers together.
    pub(crate) rate: f64,
    /// Total calls, including the warm-up.
    pub(crate) calls: u64,
    /// Mean latency.
    pub(crate) mean: Duration,
    /// Median latency.
    pub(crate) p50: Duration,
    /// 99th percentile of the latency.
    pub(crate) p99: Duration,
}

impl Row {
    /// A rate, with its latencies.
    pub(crate) fn load(measure: impl Into<String>, load: &Load) -> Self {
        Self::new(measure, Figure::Rate(load.rate)).latencies(load)
    }

    pub(crate) fn latencies(self, load: &Load) -> Self {
        self.quantiles(load.p50, load.p99)
    }
}

/// Latencies, to three digits.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self(Histogram::new(3)?))
    }

    pub(crate) fn record(&mut self, latency: Duration) -> Outcome<()> {
        Ok(self.0.record(u64::try_from(latency.as_nanos())?.max(1))?)
    }

    pub(crate) fn add(&mut self, other: &Self) -> Outcome<()> {
        Ok(self.0.add(&other.0)?)
    }

    pub(crate) fn load(&self, took: Duration, calls: u64) -> Load {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile));
        let count = self.0.len();
        #[expect(clippy::cast_precision_loss, reason = "far fewer calls than a double can count")]
        let rate = count as f64 / took.as_secs_f64();
        let mean = Duration::from_secs_f64(self.0.mean() / 1e9);
        Load { rate, calls, mean, p50: at(0.5), p99: at(0.99) }
    }
}

/// Runs `callers` for `seconds`, after a warm-up of a quarter of that, which does not count. `call` gets the
/// caller's number, and returns whether there is more to do.
pub(crate) async fn drive<Call, Answer>(callers: usize, seconds: f64, call: Call) -> Outcome<Load>
where
    Call: Fn(usize) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Outcome<bool>> + Send + 'static,
{
    let call = Arc::new(call);
    let from = Instant::now() + Duration::from_secs_f64(seconds / 4.0);
    let until = from + Duration::from_secs_f64(seconds);
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let call = Arc::clone(&call);
        tasks.spawn(async move {
            let (mut latencies, mut calls) = (Latencies::new()?, 0);
            loop {
                let start = Instant::now();
                if start >= until || !call(caller).await? {
                    return Ok::<_, Box<dyn std::error::Error + Send + Sync>>((latencies, calls, Instant::now()));
                }
                calls += 1;
                if start >= from {
                    latencies.record(start.elapsed())?;
                }
            }
        });
    }
    let (mut all, mut total, mut last) = (Latencies::new()?, 0, from);
    while let Some(ended) = tasks.join_next().await {
        let (latencies, calls, end) = ended??;
        all.add(&latencies)?;
        total += calls;
        last = last.max(end);
    }
    Ok(all.load(last - from, total))
}
