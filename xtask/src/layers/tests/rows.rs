//! The table is held to the source, and to itself.

use super::{LAYERS, add, allowed, problems, report};
use crate::layers::table::{self, Layer, Row};
use crate::layers::tree::Sources;

const fn row(name: &'static str, may_use: &'static [&'static str]) -> Row {
    Row { name, holds: "", may_use, tests_may_use: &[] }
}

/// A source that uses all that the real table allows, and no more.
fn source_of_the_table() -> Sources {
    let mut sources = Sources::new();
    for row in table::LAYERS.iter().flat_map(|layer| layer.modules) {
        let is_program = row.name == "main";
        let root = if is_program { "signoff" } else { "crate" };
        if !is_program {
            add(&mut sources, "src/lib.rs", &format!("pub mod {};\n", row.name));
        }
        let uses = row.may_use.iter().map(|used| format!("use {root}::{used}::thing;\n"));
        let tests = row.tests_may_use.iter().map(|used| format!("#[cfg(test)] use {root}::{used}::thing;\n"));
        add(&mut sources, &format!("src/{}.rs", row.name), &uses.chain(tests).collect::<String>());
    }
    sources
}

#[test]
fn a_forbidden_use_in_any_module_of_the_real_table_is_found() {
    let sources = source_of_the_table();
    assert_eq!(report(table::LAYERS, &[], &sources).problems, Vec::<String>::new());
    let rows = || table::LAYERS.iter().flat_map(|layer| layer.modules);
    for row in rows() {
        let root = if row.name == "main" { "signoff" } else { "crate" };
        let is_forbidden =
            |other: &&Row| ![row.name, "main"].contains(&other.name) && !row.may_use.contains(&other.name);
        let forbidden: Vec<&str> = rows().filter(is_forbidden).map(|other| other.name).collect();
        let calls: String = forbidden.iter().map(|other| format!("{root}::{other}::thing();")).collect();
        let mut sources = sources.clone();
        add(&mut sources, &format!("src/{}.rs", row.name), &format!("fn f() {{ {calls} }}\n"));
        let found = report(table::LAYERS, &[], &sources).problems;
        for other in forbidden {
            let expected = format!("{} may not use {other} (crate::{other}::thing)", row.name);
            assert!(found.iter().any(|problem| problem.contains(&expected)), "{expected}: {found:#?}");
        }
    }
}

#[test]
fn a_module_without_a_row_and_a_row_without_a_module_are_reported() {
    let mut sources = allowed();
    add(&mut sources, "src/lib.rs", "mod extra;\n");
    add(&mut sources, "src/extra.rs", "use crate::low::Low;\n");
    assert_eq!(problems(&sources), ["The module extra has no row in the table. Add one."]);

    let more: Vec<Layer> =
        LAYERS.iter().copied().chain([Layer { name: "more", modules: const { &[row("gone", &[])] } }]).collect();
    let found = report(&more, &[], &allowed()).problems;
    assert_eq!(found, ["The table has a row for gone, but src/ does not have that module."]);
}

#[test]
fn unused_permissions_are_reported() {
    let mut sources = allowed();
    sources.insert("src/high.rs".to_owned(), "#[cfg(test)]\nuse crate::low::Low;\n".to_owned());
    assert_eq!(
        problems(&sources),
        [
            "high may use low, but does not. Only its tests do: move it to `tests_may_use`.",
            "tests of high may use side, but do not need to. Delete it from the row.",
        ]
    );
    sources.insert("src/high.rs".to_owned(), "use crate::side::Side;\n".to_owned());
    let found = problems(&sources);
    assert!(found.contains(&"high may use low, but does not. Delete it from the row.".to_owned()), "{found:#?}");
    sources.insert("src/high.rs".to_owned(), String::new());
    assert_eq!(problems(&sources).len(), 2);
}

#[test]
fn mistakes_in_the_table_are_reported() {
    let layer = |modules| vec![Layer { name: "one", modules }];
    let two = |upper, lower| vec![Layer { name: "upper", modules: upper }, Layer { name: "lower", modules: lower }];
    for (layers, problem) in [
        (layer(&[const { row("low", &[]) }, const { row("low", &[]) }]), "two rows for low"),
        (
            layer(&[const { row("low", &["side"]) }, const { row("side", &["low"]) }]),
            "a cycle: low, side use each other",
        ),
        (layer(&[const { row("low", &["low"]) }]), "a cycle: low use each other"),
        (layer(&[const { row("low", &["nowhere"]) }]), "lists nowhere, which has no row"),
        (
            two(&[const { row("high", &[]) }], &[const { row("low", &["high"]) }]),
            "lists high, which is in a layer above it",
        ),
        (
            layer(&[const { Row { name: "low", holds: "", may_use: &["side"], tests_may_use: &["side"] } }]),
            "lists side twice",
        ),
    ] {
        let found = report(&layers, &[], &allowed()).problems;
        assert!(found.iter().any(|found| found.contains(problem)), "{problem}: {found:#?}");
    }
}
