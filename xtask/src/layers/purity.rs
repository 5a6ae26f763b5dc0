//! Checks that pure modules do not use crates with I/O or a runtime, or the parts of `std` that access files, sockets
//! or clocks.

use super::table::Pure;
use super::tree::{Problem, Tree};

/// Forbidden paths in the code of pure modules. Test code does not count.
pub(super) fn problems(pure: &[Pure], tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for reference in tree.references.iter().filter(|reference| !reference.test) {
        let module = &tree.modules[reference.module];
        let Some(row) = pure.iter().find(|row| module.top.as_deref() == Some(row.module)) else { continue };
        let path = reference.path.join("::");
        let begins =
            |never: &&&str| path.strip_prefix(**never).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        if let Some(never) = row.never.iter().find(begins) {
            let text = format!("{} is pure and may not use {never} ({path}).", row.module);
            problems.push(Problem { file: module.file.clone(), line: reference.line, text }.to_string());
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::table::PURE;

    #[test]
    fn every_forbidden_path_in_a_pure_module_is_found() {
        for row in PURE {
            for never in row.never {
                for (text, found) in [
                    (format!("use {never} as named;"), 1),
                    (format!("fn f() {{ {never}::g(); }}"), 1),
                    (format!("#[cfg(test)] mod tests {{ use {never}; }}"), 0),
                    (format!("use {never}s::other;"), 0),
                ] {
                    let module = format!("src/{}.rs", row.module);
                    let root = format!("pub mod {};", row.module);
                    let sources = [("src/lib.rs".to_owned(), root), (module.clone(), text.clone())].into();
                    let problems = problems(&[*row], &Tree::read(&sources));
                    assert_eq!(problems.len(), found, "{text}: {problems:?}");
                    assert!(problems.iter().all(|problem| problem.starts_with(&module)), "{problems:?}");
                }
            }
        }
    }
}
