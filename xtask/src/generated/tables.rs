//! Tables in the documentation, from what the server itself knows.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Output, block};
use crate::failure::Failure;
use crate::step::Step;

/// A document, the marker of its block, and the command that prints what stands there.
const TABLES: [(&str, &str, &str); 3] = [
    ("docs/configuration.md", "config-table", "cargo run --quiet --locked --bin signoff -- config reference"),
    ("docs/metrics.md", "metrics-table", "cargo run --quiet --locked --bin signoff -- config metrics"),
    ("docs/roles.md", "roles-table", "cargo run --quiet --locked --bin signoff -- config roles"),
];

/// The documents with their tables.
pub(super) fn outputs(root: &Path) -> Result<Vec<Output>, Failure> {
    TABLES.iter().map(|(path, marker, command)| output(root, PathBuf::from(path), marker, command)).collect()
}

fn output(root: &Path, path: PathBuf, marker: &str, command: &'static str) -> Result<Output, Failure> {
    let document = fs::read_to_string(root.join(&path)).map_err(|error| Failure::File(path.clone(), error))?;
    let step = Step::new(&[], command);
    let table = step.output()?;
    if table.trim().is_empty() {
        return Err(Failure::Output(step.shown(), "printed nothing"));
    }
    let contents = block::replace(&path, &document, marker, &table)?;
    Ok(Output { path, contents })
}
