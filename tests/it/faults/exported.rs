//! The content of a store, from `signoff export`.

use std::{collections::HashMap, path::Path};

use crate::server::{signoff, soon};

/// The result of an export.
#[derive(Debug)]
pub(super) enum Exported {
    /// Every approval's line, by id.
    Whole(HashMap<String, String>),
    /// The export failed: exit code and output.
    Refused(Option<i32>, String),
}

/// The start of a line; the id follows.
const LINE: &str = "{\"id\":\"";

/// Exports the content of a data directory.
pub(super) async fn export(data: &Path) -> Exported {
    let mut command = signoff(&["export", "--data-dir"]);
    command.arg(data).kill_on_drop(true);
    let output = soon("the export ends", command.output()).await.expect("the program starts");
    if !output.status.success() {
        return Exported::Refused(output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let lines = text.lines().filter_map(|line| {
        let id = line.strip_prefix(LINE)?.split_once('"')?.0;
        Some((id.to_owned(), line.to_owned()))
    });
    Exported::Whole(lines.collect())
}

impl Exported {
    /// Every approval's line, by id.
    pub(super) fn whole(self, context: &str) -> HashMap<String, String> {
        match self {
            Self::Whole(lines) => lines,
            Self::Refused(code, output) => panic!("{context}: refused with {code:?}:\n{output}"),
        }
    }
}

/// The number of events in a line, which is the approval's revision.
pub(super) fn revision(line: &str) -> u64 {
    let history: serde_json::Value = serde_json::from_str(line).expect("JSON");
    history["events"].as_array().expect("events").len() as u64
}
