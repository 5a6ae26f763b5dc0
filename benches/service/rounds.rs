//! Kinds of calls that take turns in short rounds, so that all of them see the same machine.

use std::time::Duration;

use crate::load::Load;

/// The round of median throughput.
pub(crate) fn middle(rounds: &[(Load, Duration)]) -> Load {
    middle_load(rounds.iter().map(|(load, _)| *load).collect())
}

/// As above.
pub(crate) fn middle_load(mut loads: Vec<Load>) -> Load {
    loads.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    loads[loads.len() / 2]
}

/// Over all rounds: the kernel's clock for processor time is too coarse for one.
#[expect(clippy::cast_precision_loss, reason = "far fewer calls than a double can count")]
pub(crate) fn cpu_per_call(rounds: &[(Load, Duration)]) -> Duration {
    let calls: f64 = rounds.iter().map(|(load, _)| load.calls as f64).sum();
    let spent: f64 = rounds.iter().map(|(load, each)| each.as_secs_f64() * load.calls as f64).sum();
    Duration::from_secs_f64(spent / calls.max(1.0))
}
