//! Circles of modules.

use super::files;
use crate::layers::check::check;
use crate::layers::table::{Circle, Layer, Row};
use crate::layers::tree::Tree;

const LAYERS: &[Layer] =
    &[Layer { name: "all", modules: &[Row { name: "m", holds: "", may_use: &[], tests_may_use: &[] }] }];

/// The problems of a module `m`, its children `a` and `b`, a child `c` of `b`, and tests.
fn problems([m, a, b, c]: [&str; 4], accepted: &[Circle]) -> Vec<String> {
    let sources = files(&[
        ("src/lib.rs", "mod m;\n"),
        ("src/m.rs", &format!("mod a;\nmod b;\n#[cfg(test)]\nmod tests;\n{m}")),
        ("src/m/a.rs", a),
        ("src/m/b.rs", &format!("mod c;\n{b}")),
        ("src/m/b/c.rs", c),
        ("src/m/tests.rs", "use super::a::A;\npub fn sample() {}\n"),
    ]);
    check(LAYERS, accepted, &Tree::read(&sources)).problems
}

#[test]
fn siblings_that_use_each_other_are_a_cycle_in_any_notation() {
    for texts in [
        ["", "pub struct A; use super::b::B;", "pub struct B; use super::a::A;", ""],
        ["", "pub struct A(super::b::B);", "pub struct B; fn f() { crate::m::a::A; }", ""],
        // Of a module's parts, any one is enough.
        ["", "pub struct A; use super::b::B;", "pub struct B;", "use crate::m::a::A;"],
        ["", "pub struct A; use super::b::C;", "pub struct B; pub use c::C; use super::a::A;", "pub struct C;"],
        // Through a re-export: the file that defines the name counts.
        ["pub use a::A; pub use b::B;", "pub struct A; use super::B;", "pub struct B; use super::A;", ""],
        // Through globs, by a single name, and in a macro's tokens.
        ["pub use a::*; pub use b::*;", "pub struct A; use super::*; fn f(b: B) {}", "pub struct B; use super::A;", ""],
        ["pub use b::*;", "pub struct A; use super::*; fn f() { m!(B) }", "pub struct B; use super::a::A;", ""],
        ["pub use b::*;", "pub struct A; use super::*; fn f() { make() }", "pub fn make() {} use super::a::A;", ""],
    ] {
        let found = problems(texts, &[]);
        assert_eq!(found.len(), 1, "{texts:?}: {found:#?}");
        assert!(found[0].starts_with("m::a, m::b use each other in a cycle"), "{found:#?}");
    }
}

#[test]
fn inner_modules_and_tests_do_not_make_a_cycle() {
    for texts in [
        ["pub use a::A; pub use b::B; pub struct M;", "pub struct A; use super::M;", "pub struct B; use super::A;", ""],
        [
            "use b::c::C; struct M;",
            "pub struct A;",
            "pub struct B; use c::C;",
            "pub struct C; use super::{B, super::M};",
        ],
        ["", "pub struct A; #[cfg(test)] mod tests { use crate::m::b::B; }", "pub struct B; use super::a::A;", ""],
        [
            "",
            "#[cfg(test)] mod tests { use crate::m::tests::sample; }",
            "#[cfg(test)] mod tests { use super::super::tests; }",
            "",
        ],
        // A module's name is not what it defines.
        ["", "pub struct A; use super::b;", "pub struct B; use super::a::A;", ""],
        // Neither does a re-export need what it names.
        ["", "pub struct A; use super::b::B;", "pub struct B; pub use super::a::A;", ""],
    ] {
        assert_eq!(problems(texts, &[]), Vec::<String>::new(), "{texts:?}");
    }
}

#[test]
fn the_message_for_a_cycle_has_its_files_and_names() {
    let a = "pub struct A; use super::b::B; fn f() { B::x1; B::x2; B::x3; B::x4 }";
    let expected = "m::a, m::b use each other in a cycle:\n    \
        src/m/a.rs → src/m/b.rs: B::x1, B::x2, B::x3, B::x4, …\n    \
        src/m/b/c.rs → src/m/a.rs: m::a::A";
    assert_eq!(problems(["", a, "pub struct B;", "use crate::m::a::A;"], &[]), [expected]);
}

#[test]
fn an_accepted_cycle_is_a_problem_only_when_it_is_smaller_or_gone() {
    let accepted = |modules| [Circle { modules, reason: "one recursion" }];
    let both = accepted(&["m::a", "m::b"]);
    let texts = ["", "pub struct A; use super::b::B;", "pub struct B; use super::a::A;", ""];
    assert_eq!(problems(texts, &both), Vec::<String>::new());
    assert_eq!(problems(["", texts[1], "pub struct B;", ""], &both).len(), 2);
    assert_eq!(
        problems(texts, &accepted(&["m::a", "m::b", "m::x"])),
        ["The table accepts a cycle with m::x, but m::x is not in a cycle. Delete it."]
    );
    assert_eq!(problems(texts, &accepted(&["m::a"])).len(), 1);
}
