//! `cargo xtask fuzz`: every fuzz target for a bounded number of runs.
//!
//! It does what `cargo fuzz run` does, without it: builds with the coverage counters that libFuzzer steers by, which
//! the pinned compiler can make, and starts what was built.

use crate::failure::Failure;
use crate::step::{Step, root};
use crate::tools;

/// A target: its name, its runs by default, which together take about a minute, and where its seeds are.
type Target = (&'static str, u32, &'static str);

const TARGETS: &[Target] =
    &[("condition", 4_000, "fuzz/seeds/condition"), ("policy", 10_000, ""), ("policy_file", 20_000, "examples")];

/// Beside the main workspace's artifacts, as both use the same build scripts and macros. `--target` keeps those free
/// of counters.
const CARGO: &str = "cargo run --quiet --manifest-path fuzz/Cargo.toml --locked --target-dir target \
                     --target host-tuple --bin";

/// The counters, as cargo-fuzz asks for them.
const COUNTERS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
                        --cfg=fuzzing";

/// Seconds that no single run takes, however busy the machine is, and the longest inputs, in bytes.
const LIMITS: [&str; 4] = ["-timeout=20", "-max_len=8192", "-len_control=0", "-print_final_stats=1"];

/// What the runs begin with, unless another seed is given: a change must not fail by chance. To look further give
/// `--seed` and more `--runs`.
const SEED: u32 = 1;

/// Runs the targets that `args` name, or all; `--runs N` of each, from `--seed N`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Parsed { targets, runs, seed } = parse(args)?;
    tools::ensure(tools::CXX)?;
    for (name, default, seeds) in targets {
        // What it finds on the way, to begin with the next time; and the inputs that fail.
        let (corpus, artifacts) = (format!("fuzz/corpus/{name}"), format!("fuzz/artifacts/{name}/"));
        for directory in [&corpus, &artifacts] {
            let path = root().join(directory);
            std::fs::create_dir_all(&path).map_err(|error| Failure::File(path, error))?;
        }
        let mut args = vec![(*name).to_owned(), "--".to_owned(), corpus];
        args.extend((!seeds.is_empty()).then(|| (*seeds).to_owned()));
        args.extend(LIMITS.map(str::to_owned));
        args.push(format!("-runs={}", runs.unwrap_or(*default)));
        args.push(format!("-seed={}", seed.unwrap_or(SEED)));
        args.push("-dict=fuzz/words.dict".to_owned());
        args.push(format!("-artifact_prefix={artifacts}"));
        println!("--- {name}");
        Step::new(&[("RUSTFLAGS", COUNTERS)], CARGO).args(&args).run()?;
    }
    Ok(())
}

/// What the command line says.
#[derive(Debug, Default)]
struct Parsed {
    targets: Vec<&'static Target>,
    runs: Option<u32>,
    seed: Option<u32>,
}

fn parse(args: &[String]) -> Result<Parsed, Failure> {
    let (mut parsed, mut args) = (Parsed::default(), args.iter());
    while let Some(arg) = args.next() {
        let flag = match arg.as_str() {
            "--runs" => &mut parsed.runs,
            "--seed" => &mut parsed.seed,
            name => {
                let known = TARGETS.iter().find(|(target, ..)| *target == name);
                let names: Vec<_> = TARGETS.iter().map(|(target, ..)| *target).collect();
                let unknown = || Failure::Usage(format!("unknown fuzz target `{name}`; allowed: {}", names.join(", ")));
                parsed.targets.push(known.ok_or_else(unknown)?);
                continue;
            }
        };
        let number = args.next().and_then(|number| number.parse().ok());
        *flag = Some(number.ok_or_else(|| Failure::Usage(format!("`{arg}` needs a number")))?);
    }
    if parsed.targets.is_empty() {
        parsed.targets = TARGETS.iter().collect();
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_run_unless_some_are_named() {
        let parsed = |line: &str| {
            let args: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            parse(&args)
        };
        assert_eq!(parsed("").expect("all").targets.len(), TARGETS.len());
        let one = parsed("policy --runs 7 --seed 9").expect("one");
        assert_eq!((one.targets.len(), one.targets[0].0, one.runs, one.seed), (1, "policy", Some(7), Some(9)));
        for wrong in ["polcy", "--runs", "--seed many"] {
            let failure = parsed(wrong).expect_err("must be refused");
            assert!(matches!(failure, Failure::Usage(_)), "{failure}");
        }
    }

    #[test]
    fn every_target_is_in_the_crate_and_the_other_way_round() {
        let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("it is there");
        let listed = |name: &str| manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\""));
        assert!(TARGETS.iter().all(|(name, ..)| listed(name)));
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
