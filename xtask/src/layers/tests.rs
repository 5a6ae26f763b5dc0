//! The checker on small sources.

mod circles;
mod paths;
mod rows;

use super::check::{Report, check};
use super::table::{Circle, Layer, Row};
use super::tree::{Sources, Tree};

/// `high` may use `low`; its tests may use `side` too. `low` and `side` use nothing.
const LAYERS: &[Layer] = &[
    Layer { name: "upper", modules: &[Row { name: "high", holds: "", may_use: &["low"], tests_may_use: &["side"] }] },
    Layer {
        name: "lower",
        modules: &[
            Row { name: "low", holds: "", may_use: &[], tests_may_use: &[] },
            Row { name: "side", holds: "", may_use: &[], tests_may_use: &[] },
        ],
    },
];

/// Three modules with only allowed uses. `low::deep::inner` is an inline module in a file inside `low`.
fn allowed() -> Sources {
    files(&[
        ("src/lib.rs", "pub mod high;\npub mod low;\npub mod side;\n"),
        ("src/high.rs", "use crate::low::Low;\n#[cfg(test)]\nmod tests {\n    use crate::side::Side;\n}\n"),
        ("src/low.rs", "mod deep;\npub struct Low;\n"),
        ("src/low/deep.rs", "mod inner {\n    pub fn f() {}\n}\n"),
        ("src/side.rs", "pub mod part {\n    pub struct Side;\n}\npub use part::Side;\npub fn side() {}\n"),
    ])
}

fn files(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// Adds `text` to the end of a file.
fn add(sources: &mut Sources, file: &str, text: &str) {
    let before = sources.entry(file.to_owned()).or_default();
    before.push_str(text);
}

fn problems(sources: &Sources) -> Vec<String> {
    report(LAYERS, &[], sources).problems
}

fn report(layers: &[Layer], circles: &[Circle], sources: &Sources) -> Report {
    check(layers, circles, &Tree::read(sources))
}

#[test]
fn allowed_uses_are_not_reported() {
    assert_eq!(problems(&allowed()), Vec::<String>::new());
}
