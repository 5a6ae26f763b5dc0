use std::path::Path;

use super::{Read, TEXT_MAX, read};
use crate::{
    domain::limits::RequestLimits,
    policy::{Policy, Problem, TestCase},
    proto::v1,
    wire::{
        decode::{self, Violation, Violations},
        field_path,
    },
};

/// Compiles a policy file.
///
/// # Errors
/// All problems, one per line, each with the file's name, line and column.
pub fn load(path: &Path, bytes: &[u8]) -> Result<Policy, String> {
    let file = read::<v1::Policy>(text(path, bytes)?);
    let compiled = decode::policy(file.message.clone());
    finish(path, file, compiled)
}

/// Adds the file's name, line and column to warnings, as [`load`] does for problems.
#[must_use]
pub fn place_warnings(path: &Path, bytes: &[u8], warnings: &[Problem]) -> Vec<String> {
    let Ok(text) = text(path, bytes) else { return Vec::new() };
    let file = read::<v1::Policy>(text);
    let line = |warning: &Problem| format!("{}:{}: {warning}", path.display(), file.place(&warning.path));
    warnings.iter().map(line).collect()
}

/// Reads a file of test cases.
///
/// # Errors
/// Like [`load`].
pub fn load_cases(path: &Path, bytes: &[u8]) -> Result<Vec<TestCase>, String> {
    let mut file = read::<v1::PolicyTestCases>(text(path, bytes)?);
    let cases = decode::test_cases(file.message.cases.clone(), &RequestLimits::default());
    for (index, case) in cases.iter().flatten().enumerate() {
        if case.expect.is_none() && case.expect_rule.is_none() {
            file.refuse(&field_path::at("cases", index), "has no expectation; set `expect`, `expect_rule` or both");
        }
    }
    finish(path, file, cases.map_err(|violations| violations.0))
}

/// The result of decoding a file, if there are no problems.
fn finish<M, T>(path: &Path, mut file: Read<M>, made: Result<T, Vec<Violation>>) -> Result<T, String> {
    for Violation { field, description } in made.as_ref().err().into_iter().flatten() {
        file.refuse(field, description.as_str());
    }
    match (file.finish(), made) {
        (Ok(_), Ok(made)) => Ok(made),
        (Err(problems), _) => Err(problems.in_file(&path.display().to_string()).to_string()),
        // Not reached: `refuse` omits a violation only if reading found a problem there.
        (Ok(_), Err(violations)) => Err(format!("{}: {}", path.display(), Violations(violations))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_servers_own_rules_are_rejected_with_their_position() {
        for name in ["_freeze", "_remembered_rejection", "_x", "_"] {
            let text = format!("rules:\n  - name: {name}\n    tools: [x]\n    auto_reject: {{}}\n");
            let error = load(Path::new("p.yaml"), text.as_bytes()).unwrap_err();
            assert!(
                error.starts_with("p.yaml:2:11: ") && error.contains(&format!("{name:?} begins with _")),
                "{error}"
            );
        }
    }
}
