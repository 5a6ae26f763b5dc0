//! `cargo xtask layers`: checks which module of `src/` uses which, against one [`table`].
//!
//! [`tree`] reads the modules from the source files, [`collect`] and [`tokens`] find the paths in them, [`resolve`]
//! follows each path to its definition, and [`check`] compares the result with the table. [`purity`] checks that pure
//! modules do no I/O.
//!
//! It also finds cycles inside a top-level module: sibling modules that use each other. The file that defines a name
//! counts, not the files that re-export it. A use without a path, such as a method call, does not count.

mod check;
mod collect;
mod graph;
mod purity;
mod resolve;
pub(crate) mod table;
mod test_only;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;

use crate::failure::Failure;
use crate::step::root;
use tree::Tree;

/// Checks `src/` against the table; with `--uses`, prints what each module uses instead.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let print = match args {
        [] => false,
        [flag] if flag == "--uses" => true,
        other => return Err(Failure::Usage(format!("`layers` takes only `--uses`, not `{}`", other.join(" ")))),
    };
    let tree = Tree::read(&tree::sources(root())?);
    let report = check::check(table::LAYERS, table::CIRCLES, &tree);
    if print {
        for (module, [plain, tests]) in &report.uses {
            let joined =
                |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
            println!("{module}: {}\n  tests only: {}", joined(plain), joined(tests));
        }
        return Ok(());
    }
    let problems = [report.problems, purity::problems(table::PURE, &tree)].concat();
    if !problems.is_empty() {
        return Err(Failure::Problems("src/ does not follow the table of layers", problems));
    }
    println!("layers: {} paths in {} modules, all allowed", tree.references.len(), tree.modules.len());
    for circle in table::CIRCLES {
        println!("layers: accepted cycle of {}: {}", circle.modules.join(", "), circle.reason);
    }
    Ok(())
}
