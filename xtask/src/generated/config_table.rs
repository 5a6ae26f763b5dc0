//! The configuration table of README.md, from the settings that the server itself knows.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Output, block};
use crate::failure::Failure;
use crate::step::Step;

const COMMAND: &str = "cargo run --quiet --locked --bin signoff -- config reference";

/// README.md with the table that `signoff config reference` prints.
pub(super) fn outputs(root: &Path) -> Result<Vec<Output>, Failure> {
    let path = PathBuf::from("README.md");
    let readme = fs::read_to_string(root.join(&path)).map_err(|error| Failure::File(path.clone(), error))?;
    let step = Step::new(&[], COMMAND);
    let table = step.output()?;
    if table.trim().is_empty() {
        return Err(Failure::Output(step.shown(), "printed nothing"));
    }
    let contents = block::replace(&path, &readme, "config-table", &table)?;
    Ok(vec![Output { path, contents }])
}
