use std::{path::PathBuf, time::Duration};

use anstyle::AnsiColor;

use super::{Console, Failure, PolicyFile, contents, warnings, wrong};
use crate::{
    cli::{
        describe,
        table::{Cell, Column, Table},
        text::escape,
    },
    clock::{SystemWall, WallClock as _},
    config::Config,
    domain::Verdict,
    policy::{Effort, Known, Policy, TestCase},
    policy_file,
    proto::v1::PolicyTestResult,
    wire::encode,
};

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    file: PolicyFile,
    /// YAML file of test cases: calls and their expected results
    #[arg(value_name = "CASES")]
    cases: PathBuf,
    /// Print the full trace of each case that fails
    #[arg(long)]
    trace: bool,
}

/// Returns 0 if every case passes, otherwise 1.
pub(super) fn run(args: &TestArgs, console: &mut Console) -> Result<u8, Failure> {
    // Reports the problems of both files together.
    let text = contents(&args.file.path)?;
    let policy = policy_file::load(&args.file.path, &text);
    let cases = policy_file::load_cases(&args.cases, &contents(&args.cases)?);
    let (policy, cases) = match (policy, cases) {
        (Ok(policy), Ok(cases)) => (policy, cases),
        (policy, cases) => {
            let problems: Vec<_> = policy.err().into_iter().chain(cases.err()).collect();
            return Err(wrong(&problems.join("\n")));
        }
    };
    let display = policy.display("");
    let result = |case: &TestCase| encode::test_result(case, &judge(&policy, case), &display);
    let results: Vec<_> = cases.iter().map(result).collect();
    let found = policy.warnings(&known(&policy, &cases));
    warnings(console, &policy_file::place_warnings(&args.file.path, &text, &found))?;
    if console.json {
        results.iter().try_for_each(|result| console.message(result))?;
    } else {
        console.table(&table(&cases, &results))?;
        if args.trace {
            for line in results.iter().filter(|result| !result.passed).flat_map(trace) {
                console.line(&line)?;
            }
        }
        let failed = results.iter().filter(|result| !result.passed).count();
        console.line(&format!("{} passed, {failed} failed", results.len() - failed))?;
    }
    Ok(u8::from(results.iter().any(|result| !result.passed)))
}

fn judge(policy: &Policy, case: &TestCase) -> Verdict {
    let judgement = policy.judge(&case.call(SystemWall.wall()).borrow(), Effort::Full);
    judgement.verdict(String::new(), claim_window())
}

/// The tools of cases whose verdict may come from a misspelled name.
pub(super) fn known(policy: &Policy, cases: &[TestCase]) -> Known {
    let surprised = cases.iter().filter(|case| case.is_surprised_by(&judge(policy, case)));
    Known { tools: surprised.map(|case| case.tool_name.clone()).collect(), ..Known::default() }
}

/// The default of a server setting, which policy files do not contain.
fn claim_window() -> Duration {
    Config::default().claim_window
}

fn table(cases: &[TestCase], results: &[PolicyTestResult]) -> Table {
    let mut table = Table::new(&[
        Column::whole("RESULT"),
        Column::at_least(16, "CASE"),
        Column::whole("STATUS"),
        Column::at_least(12, "RULE"),
        Column::at_least(16, "EXPECTED"),
        Column::detail(24, "SUMMARY"),
        Column::detail(16, "REDACTED"),
        Column::detail(16, "NOTIFY"),
    ]);
    for (case, result) in cases.iter().zip(results) {
        let (word, colour) = if result.passed { ("pass", AnsiColor::Green) } else { ("FAIL", AnsiColor::Red) };
        let notify = result.evaluation.as_ref().map_or(&[][..], |evaluation| &evaluation.notify);
        let rule = result.evaluation.as_ref().map_or_else(String::new, |evaluation| escape(&evaluation.rule));
        table.row([
            Cell::styled(word, colour.on_default()),
            escape(&case.name).into(),
            describe::cell(result.status),
            rule.into(),
            if result.passed { Cell::default() } else { expected(case).into() },
            escape(&result.summary.join(", ")).into(),
            escape(&result.redacted_paths.join(", ")).into(),
            escape(&notify.join(", ")).into(),
        ]);
    }
    table
}

fn expected(case: &TestCase) -> String {
    let status = case.expect.map(|status| status.name().to_owned());
    let rule = case.expect_rule.as_ref().map(|rule| format!("by {}", escape(rule)));
    status.into_iter().chain(rule).collect::<Vec<_>>().join(" ")
}

fn trace(result: &PolicyTestResult) -> Vec<String> {
    let rules = result.evaluation.iter().flat_map(describe::trace).map(|line| format!("  {line}"));
    [format!("{}:", escape(&result.name))].into_iter().chain(rules).collect()
}
