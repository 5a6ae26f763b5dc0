use std::path::Path;

use super::{TEXT_MAX, read};
use crate::{
    domain::limits::RequestLimits,
    policy::{Policy, Problem},
    proto::v1,
    wire::{
        decode::{self, TestCase},
        field_path,
    },
};

/// Compiles what a policy file holds.
///
/// # Errors
/// Everything that is wrong, a line each, led by the file's name, line and column.
pub fn load(path: &Path, bytes: &[u8]) -> Result<Policy, String> {
    let mut file = read::<v1::Policy>(text(path, bytes)?);
    let (document, violations) = decode::policy(file.message.clone());
    for violation in violations {
        file.refuse(&violation.field, violation.description);
    }
    let compiled = Policy::compile(document);
    for problem in compiled.as_ref().err().into_iter().flatten() {
        file.refuse(&problem.path, problem.message.clone());
    }
    match (file.finish(), compiled) {
        (Ok(_), Ok(policy)) => Ok(policy),
        (Err(problems), _) => Err(problems.in_file(&path.display().to_string()).to_string()),
        (Ok(_), Err(problems)) => {
            Err(problems.iter().map(|problem| format!("{}: {problem}\n", path.display())).collect())
        }
    }
}

/// Where a policy file says what a warning is about: a line each, as those of [`load`].
#[must_use]
pub fn place_warnings(path: &Path, bytes: &[u8], warnings: &[Problem]) -> Vec<String> {
    let Ok(text) = text(path, bytes) else { return Vec::new() };
    let file = read::<v1::Policy>(text);
    let line = |warning: &Problem| format!("{}:{}: {warning}", path.display(), file.place(&warning.path));
    warnings.iter().map(line).collect()
}

/// Checks what a file of cases holds.
///
/// # Errors
/// As [`load`].
pub fn load_cases(path: &Path, bytes: &[u8]) -> Result<Vec<TestCase>, String> {
    let mut file = read::<v1::PolicyTestCases>(text(path, bytes)?);
    let cases = decode::test_cases(file.message.cases.clone(), &RequestLimits::default());
    for violation in cases.as_ref().err().into_iter().flat_map(|violations| &violations.0) {
        file.refuse(&violation.field, violation.description.clone());
    }
    for (index, case) in cases.iter().flatten().enumerate() {
        if case.expect.is_none() && case.expect_rule.is_none() {
            file.refuse(&field_path::at("cases", index), "expects nothing; give `expect`, `expect_rule` or both");
        }
    }
    match (file.finish(), cases) {
        (Ok(_), Ok(cases)) => Ok(cases),
        (Err(problems), _) => Err(problems.in_file(&path.display().to_string()).to_string()),
        (Ok(_), Err(violations)) => Err(format!("{}: {violations}", path.display())),
    }
}

fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, String> {
    if bytes.len() > TEXT_MAX {
        return Err(format!("{}:1:1: has {} bytes; at most {TEXT_MAX} are allowed", path.display(), bytes.len()));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("{}:{line}:1: is not UTF-8", path.display())
    })
}
