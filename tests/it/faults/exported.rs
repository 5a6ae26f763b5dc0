//! What a store holds, as `signoff export` says.

use std::{collections::HashMap, path::Path};

use crate::server::{signoff, soon};

/// What became of an export.
#[derive(Debug)]
pub(super) enum Exported {
    /// Every approval's line, by id.
    Whole(HashMap<String, String>),
    /// Why there is none: the exit code, and what it said.
    Refused(Option<i32>, String),
}

/// What a line begins with; the id follows.
const LINE: &str = "{\"id\":\"";

/// Exports what is in a data directory.
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

/// How many events a line has: the approval's revision.
pub(super) fn revision(line: &str) -> u64 {
    let history: serde_json::Value = serde_json::from_str(line).expect("JSON");
    history["events"].as_array().expect("events").len() as u64
}
