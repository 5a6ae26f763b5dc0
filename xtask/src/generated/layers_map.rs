//! ARCHITECTURE.md's map, from the table of layers.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Output, block};
use crate::failure::Failure;
use crate::layers::table::{LAYERS, Layer};

const DOCUMENT: &str = "ARCHITECTURE.md";
const MARKER: &str = "layers-map";

/// The document with its map.
pub(super) fn outputs(root: &Path) -> Result<Vec<Output>, Failure> {
    let path = PathBuf::from(DOCUMENT);
    let document = fs::read_to_string(root.join(&path)).map_err(|error| Failure::File(path.clone(), error))?;
    let map = format!("{}\n{}", picture(LAYERS), modules(LAYERS));
    let contents = block::replace(&path, &document, MARKER, &map)?;
    Ok(vec![Output { path, contents }])
}

/// The layers, one a line, with arrows from each to the next.
fn picture(layers: &[Layer]) -> String {
    let width = layers.iter().map(|layer| layer.name.len()).max().unwrap_or_default();
    let lines: Vec<String> = layers
        .iter()
        .map(|layer| {
            let modules: Vec<&str> = layer.modules.iter().map(|row| row.name).collect();
            format!("{:<width$}   {}\n", layer.name, modules.join(", "))
        })
        .collect();
    format!("```text\n{}```\n", lines.join("    ↓\n"))
}

/// The table of modules.
fn modules(layers: &[Layer]) -> String {
    let mut table = "| module | what it holds | may use |\n|---|---|---|\n".to_owned();
    for row in layers.iter().flat_map(|layer| layer.modules) {
        let uses: Vec<String> = row.may_use.iter().map(|used| format!("`{used}`")).collect();
        let uses = if uses.is_empty() { "nothing".to_owned() } else { uses.join(", ") };
        table.push_str(&format!("| `{}` | {} | {uses} |\n", row.name, row.holds));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::table::Row;

    const EXAMPLE: &[Layer] = &[
        Layer {
            name: "edges",
            modules: &[
                Row { name: "grpc", holds: "services", may_use: &["domain"], tests_may_use: &[] },
                Row { name: "workers", holds: "jobs", may_use: &["domain", "grpc"], tests_may_use: &[] },
            ],
        },
        Layer {
            name: "core",
            modules: &[Row { name: "domain", holds: "rules", may_use: &[], tests_may_use: &["grpc"] }],
        },
    ];

    #[test]
    fn the_picture_has_a_line_for_each_layer() {
        assert_eq!(picture(EXAMPLE), "```text\nedges   grpc, workers\n    ↓\ncore    domain\n```\n");
    }

    #[test]
    fn the_table_has_a_line_for_each_module() {
        assert_eq!(
            modules(EXAMPLE),
            "| module | what it holds | may use |\n|---|---|---|\n\
             | `grpc` | services | `domain` |\n\
             | `workers` | jobs | `domain`, `grpc` |\n\
             | `domain` | rules | nothing |\n"
        );
    }
}
