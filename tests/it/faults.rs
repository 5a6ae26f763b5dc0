//! Disks that fail, hang, lie and forget, under the real server, at random.
//!
//! A run prints its seed; `cargo xtask faults -- --seed N` repeats it. By default each test makes few runs, so that all
//! together take about a minute; `--runs N` makes more.

mod damage;
mod exported;
mod hangs;
mod injected;
mod names;
mod power;
mod preload;
mod record;
mod starting;
mod work;

use std::{fs, path::Path, time::Duration};

use crate::load::Random;

/// The number of runs of a test: `few`, or with `FAULT_RUNS` a `share`-th of those.
fn runs(few: usize, share: usize) -> usize {
    std::env::var("FAULT_RUNS")
        .map_or(few, |runs| runs.parse::<usize>().expect("FAULT_RUNS is a number").div_ceil(share))
}

/// Whether `FAULT_RUNS` is set: then the stores are large too.
fn thorough() -> bool {
    std::env::var_os("FAULT_RUNS").is_some()
}

/// The random numbers of one run of a test, from the seed and the run's number.
fn random(seed: u64, run: usize) -> Random {
    Random::seeded(seed.wrapping_mul(0x1_0000_0001).wrapping_add(run as u64))
}

/// The seed of a test: `FAULT_SEED`, or a new one each time.
fn seed(test: &str) -> u64 {
    let given = std::env::var("FAULT_SEED").ok().map(|seed| seed.parse().expect("FAULT_SEED is a number"));
    let seed = given.unwrap_or_else(|| Random::new().below(1 << 32) as u64);
    println!("{test}: FAULT_SEED={seed}");
    seed
}

/// Settings with short times, so that runs are short.
const SETTINGS: [&str; 5] = [
    "write_timeout=1s",
    "drain_timeout=100ms",
    "limits.timeout_min=10ms",
    "limits.pending_per_caller=1000000",
    "log.filter=warn",
];

/// A random moment for a fault: the test cannot see an event by which to choose a better one.
async fn any_moment(random: &mut Random, longest: Duration) {
    let moment = Duration::from_micros(random.below(longest.as_micros() as usize) as u64);
    #[expect(clippy::disallowed_methods, reason = "see above")]
    tokio::time::sleep(moment).await;
}

/// Copies a data directory as it is.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Checks a program that failed: it must have an exit code and an error message, and no panic.
fn assert_sentence(code: Option<i32>, output: &str, context: &str) {
    assert_eq!(code, Some(1), "{context}: ended with {code:?}:\n{output}");
    assert!(output.contains("error: "), "{context}: says nothing:\n{output}");
    assert!(!output.contains("panicked at") && !output.contains("stack backtrace"), "{context}: panicked:\n{output}");
}
