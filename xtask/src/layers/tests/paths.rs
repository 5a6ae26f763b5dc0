//! Every way to write a path is found.

use super::{add, allowed, files, problems};
use crate::layers::tree::Sources;

/// The problems after `text` is added to a file.
fn after(file: &str, text: &str) -> Vec<String> {
    let mut sources = allowed();
    add(&mut sources, file, text);
    problems(&sources)
}

#[test]
fn each_kind_of_path_to_a_module_that_is_not_allowed_is_found() {
    for (file, text, path) in [
        ("src/low.rs", "use crate::side;", "crate::side"),
        ("src/low.rs", "use crate::side as other;", "crate::side"),
        ("src/low.rs", "use crate::{side::Side};", "crate::side::Side"),
        ("src/low.rs", "use crate::{low, side::{self, Side as S}};", "crate::side"),
        ("src/low.rs", "use crate::side::*;", "crate::side"),
        ("src/low.rs", "pub use crate::side::Side;", "crate::side::Side"),
        ("src/low.rs", "pub(crate) use super::side::part::Side;", "crate::side::part::Side"),
        ("src/low.rs", "use super::side::Side;", "crate::side::Side"),
        ("src/low.rs", "use self::super::side::Side;", "crate::side::Side"),
        ("src/low/deep.rs", "use super::super::side::Side;", "crate::side::Side"),
        ("src/low/deep.rs", "mod nested { use super::super::super::side::Side; }", "crate::side::Side"),
        ("src/low.rs", "fn f() { crate::side::side() }", "crate::side::side"),
        ("src/low.rs", "fn f(side: crate::side::Side) {}", "crate::side::Side"),
        ("src/low.rs", "fn f() -> Vec<Box<dyn Fn(crate::side::Side)>> { vec![] }", "crate::side::Side"),
        ("src/low.rs", "fn f(x: u8) { match x { crate::side::X => {} _ => {} } }", "crate::side::X"),
        ("src/low.rs", "impl<T: crate::side::Trait> Trait for T {}", "crate::side::Trait"),
        ("src/low.rs", "fn f() { <crate::side::Side as Default>::default() }", "crate::side::Side"),
        ("src/low.rs", "fn f() { use crate::side::side; }", "crate::side::side"),
        ("src/low.rs", "fn f() { assert!(x.y(1, crate::side::Side)); }", "crate::side::Side"),
        ("src/low.rs", "fn f() { assert!(a(super::side::side())); }", "crate::side::side"),
        ("src/low.rs", "macro_rules! m { () => { $crate::side::side() }; }", "crate::side::side"),
        ("src/low.rs", "macro_rules! m { () => { use crate::{low, side::{Side}}; }; }", "crate::side::Side"),
        ("src/low.rs", "macro_rules! m { () => { mod $n { use super::super::side::Side; } }; }", "crate::side::Side"),
        ("src/low.rs", "#[derive(X)] struct S { #[serde(with = \"crate::side::part\")] x: u8 }", "crate::side::part"),
        ("src/low.rs", "#[arg(parser = crate::side::side)] struct S;", "crate::side::side"),
        ("src/low.rs", "m! { #[serde(with = \"crate::side::part\")] struct S; }", "crate::side::part"),
        ("src/low.rs", "crate::side::macro_of_side!();", "crate::side::macro_of_side"),
        ("src/low.rs", "use crate as root; use root::side::Side;", "crate::side::Side"),
        ("src/low.rs", "use crate::{self as root}; fn f() { root::side::side() }", "crate::side::side"),
        ("src/low.rs", "use super as root; fn f() { root::side::side() }", "crate::side::side"),
        ("src/low.rs", "extern crate self as own; fn f() { own::side::side() }", "crate::side::side"),
        (
            "src/low.rs",
            "use super::super::low::deep; mod r { pub(super) use crate as x; } fn f() { r::x::side::side() }",
            "crate::side::side",
        ),
        ("src/low.rs", "fn f() { crate::r#side::side() }", "crate::side::side"),
    ] {
        let found = after(file, &format!("\n{text}\n"));
        let is_found = found.iter().any(|problem| problem.contains(&format!("low may not use side ({path})")));
        assert!(is_found, "{text}: {found:#?}");
    }
}

#[test]
fn a_problem_names_the_place_the_path_and_what_is_allowed() {
    let found = after("src/high.rs", "// A comment.\nuse crate::side::Side;\n");
    assert_eq!(found[0], "src/high.rs:7: high may not use side (crate::side::Side). Allowed: low.");
    let found = after("src/low.rs", "#[cfg(test)] mod tests { use crate::side::Side; }\n");
    assert_eq!(found, ["src/low.rs:3: tests of low may not use side (crate::side::Side). Allowed: none."]);
}

#[test]
fn a_path_through_an_import_is_reported_once_at_the_import() {
    let found = after(
        "src/low.rs",
        "use crate::side::{self, Side};\nfn f(s: Side) { side::f(); Side::new(); m!(side::f()) }\n",
    );
    assert_eq!(
        found,
        [
            "src/low.rs:3: low may not use side (crate::side). Allowed: none.",
            "src/low.rs:3: low may not use side (crate::side::Side). Allowed: none.",
        ]
    );
}

#[test]
fn text_that_only_looks_like_a_path_is_not_found() {
    for text in [
        "/// See [`crate::side::Side`].\nstruct S;",
        "//! crate::side::Side\n",
        "m! { /** crate::side::Side */ struct S; }",
        "const TEXT: &str = \"crate::side::Side\";",
        "fn f() { println!(\"crate::side::Side {}\", 1); }",
        "fn f(side: u8) { side(side.side, side::X) }",
        "use serde;",
        "use serde::serde; fn f() { serde::x::y() }",
        "use one::two; use two::one; fn f() { one::x() }",
        "use ::side::Side;",
        "use side::Side;",
        "pub(in crate::low) struct S;",
        "fn f() { a!(x.crate_side, 'side: loop {}, ::side::x) }",
        "#[doc = \"crate::side::Side\"] struct S;",
    ] {
        let mut sources = allowed();
        let text = if text.starts_with("//!") {
            format!("{text}{}", sources["src/low.rs"])
        } else {
            format!("{}{text}", sources["src/low.rs"])
        };
        sources.insert("src/low.rs".to_owned(), text.clone());
        assert_eq!(problems(&sources), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_name_that_the_root_re_exports_leads_to_its_module() {
    let mut sources = allowed();
    add(&mut sources, "src/lib.rs", "pub use side::{Side as Renamed, part};\n");
    add(&mut sources, "src/low.rs", "use crate::Renamed;\nfn f() { crate::part::x() }\n");
    assert_eq!(
        problems(&sources),
        [
            "src/low.rs:3: low may not use side (crate::side::Side). Allowed: none.",
            "src/low.rs:4: low may not use side (crate::side::part::x). Allowed: none.",
        ]
    );
}

#[test]
fn an_exported_macro_leads_to_its_module() {
    let mut sources = allowed();
    add(&mut sources, "src/side.rs", "#[macro_export]\nmacro_rules! made { () => {}; }\n");
    add(&mut sources, "src/low.rs", "fn f() { crate::made!() }\n");
    assert_eq!(problems(&sources), ["src/low.rs:3: low may not use side (crate::side::made). Allowed: none."]);
}

#[test]
fn constructs_that_hide_paths_are_rejected() {
    for (text, problem) in [
        ("use crate::*;\n", "a glob import of the crate's root"),
        ("use super::*;\n", "a glob import of the crate's root"),
        ("m! { use crate as root; }\n", "may not rename the crate's root"),
        ("#[path = \"other.rs\"]\nmod other;\n", "`#[path]` is not allowed"),
        ("#[cfg_attr(unix, path = \"other.rs\")]\nmod other;\n", "`#[path]` is not allowed"),
        ("include!(\"other.rs\");\n", "`include!` is not allowed"),
        ("use crate::nowhere::X;\n", "`nowhere` at the crate's root is not a module"),
        ("mod missing;\n", "this file, but it does not exist"),
        ("fn {\n", "cannot parse"),
    ] {
        let found = after("src/low.rs", text);
        assert!(found.iter().any(|found| found.contains(problem)), "{text}: {found:#?}");
    }
}

#[test]
fn a_file_that_no_mod_reaches_is_a_problem() {
    let mut sources = allowed();
    add(&mut sources, "src/low/lost.rs", "use crate::side::Side;\n");
    assert_eq!(problems(&sources), ["src/low/lost.rs: no `mod` item leads to this file."]);
}

#[test]
fn test_code_is_checked_against_its_own_column() {
    for (text, count) in [
        ("#[cfg(test)]\nuse crate::side::Side as S;\n", 0),
        ("struct S;\nimpl S {\n    #[cfg(test)]\n    fn f() { crate::side::side() }\n}\n", 0),
        ("fn f() { match 1 { #[cfg(test)] _ => crate::side::side() } }\n", 0),
        ("#[cfg(any(test, feature = \"testing\"))]\nmod testing { use crate::side::Side; }\n", 0),
        ("#[test]\nfn f() { crate::side::side() }\n", 0),
        ("#[cfg(not(test))]\nuse crate::side::Side;\n", 1),
        ("#[cfg(any(test, unix))]\nuse crate::side::Side;\n", 1),
        ("#[cfg(test)]\nmod a {}\nuse crate::side::Side;\n", 1),
    ] {
        let found = after("src/high.rs", text);
        let forbidden = found.iter().filter(|problem| problem.contains(" may not use "));
        assert_eq!(forbidden.count(), count, "{text}: {found:#?}");
    }
}

#[test]
fn a_test_file_is_test_code_with_all_its_modules() {
    let mut sources = allowed();
    add(&mut sources, "src/high.rs", "#[cfg(test)]\nmod more;\n");
    add(&mut sources, "src/high/more.rs", "mod deep;\n");
    add(&mut sources, "src/high/more/deep.rs", "use crate::side::Side;\nuse super::super::super::high;\n");
    assert_eq!(problems(&sources), Vec::<String>::new());
}

#[test]
fn a_program_has_a_row_and_names_the_library() {
    let mut sources: Sources = allowed();
    let main = "mod own;\nuse signoff::{high, side::Side};\nfn main() { signoff::low::Low; crate::own::f() }\n";
    sources.extend(files(&[("src/main.rs", main), ("src/own.rs", "pub fn f() { signoff::side::side() }\n")]));
    let found = problems(&sources);
    assert_eq!(found, ["The module main has no row in the table. Add one."]);
    let uses = super::report(super::LAYERS, &[], &sources).uses;
    assert_eq!(uses["main"][0].iter().collect::<Vec<_>>(), ["high", "low", "side"]);
}
