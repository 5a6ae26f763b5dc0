//! `cargo xtask faults`: the tests of failing disks in `tests/it/faults/`, with more runs than `cargo xtask test`
//! makes.

use crate::failure::Failure;
use crate::step::Step;

/// Optimised, as a run is mostly the server reading a store; in one thread, as the tests are to share the machine with
/// nothing.
const COMMAND: &str = "cargo test --release --locked --test it";

/// Where the tests are; the name of one may follow.
const TESTS: &str = "faults::";

/// How many stores are damaged and how many calls fail, unless it is said; power is lost a quarter as often.
const RUNS: &str = "100";

/// Runs the tests that `args` name by a part of their name, or all; `--runs N` of each, from `--seed N` if one is to be
/// repeated.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Parsed { tests, runs, seed } = parse(args)?;
    let mut vars = vec![("FAULT_RUNS".to_owned(), runs)];
    vars.extend(seed.map(|seed| ("FAULT_SEED".to_owned(), seed)));
    let rest = ["--", "--nocapture", "--test-threads=1"].map(str::to_owned);
    Step::new(&[], COMMAND).vars(vars).args(&tests).args(&rest).run()
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    tests: Vec<String>,
    runs: String,
    seed: Option<String>,
}

fn parse(args: &[String]) -> Result<Parsed, Failure> {
    let mut parsed = Parsed { tests: Vec::new(), runs: RUNS.to_owned(), seed: None };
    let mut args = args.iter().filter(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        let mut number = || {
            let number = args.next().filter(|number| number.parse::<u64>().is_ok_and(|number| number > 0));
            number.cloned().ok_or_else(|| Failure::Usage(format!("`{arg}` needs a number of at least 1")))
        };
        match arg.as_str() {
            "--runs" => parsed.runs = number()?,
            "--seed" => parsed.seed = Some(number()?),
            flag if flag.starts_with('-') => {
                return Err(Failure::Usage(format!("unknown option `{flag}`; allowed: --runs, --seed")));
            }
            test => parsed.tests.push(format!("{TESTS}{test}")),
        }
    }
    if parsed.tests.len() > 1 {
        return Err(Failure::Usage("name one test, or none for all".to_owned()));
    }
    if parsed.tests.is_empty() {
        parsed.tests.push(TESTS.to_owned());
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, Failure> {
        let args: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        parse(&args)
    }

    #[test]
    fn all_tests_run_unless_one_is_named() {
        let all = parsed("").expect("all");
        assert_eq!(all, Parsed { tests: vec!["faults::".to_owned()], runs: RUNS.to_owned(), seed: None });
        let one = parsed("-- power --runs 500 --seed 7").expect("one");
        assert_eq!(
            (one.tests[0].as_str(), one.runs.as_str(), one.seed.as_deref()),
            ("faults::power", "500", Some("7"))
        );
    }

    #[test]
    fn what_is_no_test_and_no_number_is_refused() {
        for wrong in ["--runs", "--runs many", "--runs 0", "--sed 3", "power damage"] {
            let failure = parsed(wrong).expect_err(wrong);
            assert!(matches!(failure, Failure::Usage(_)), "{failure}");
        }
    }
}
