mod calls;
mod identities;
mod policy;
mod request;

use super::*;
use crate::unicode::samples::{INVISIBLE, VISIBLE};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// `field: description` of every violation, sorted.
fn refused<T: std::fmt::Debug>(result: Result<T, Violations>) -> Vec<String> {
    let Violations(violations) = result.expect_err("must be refused");
    let mut lines: Vec<_> =
        violations.into_iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect();
    lines.sort();
    lines
}

/// The one violation.
fn one<T: std::fmt::Debug>(result: Result<T, Violations>) -> String {
    let lines = refused(result);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().unwrap()
}

fn span(seconds: i64, nanos: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos })
}

#[test]
fn violations_beyond_fifty_are_counted() {
    let collect = |count: usize| {
        let mut check = Checker::default();
        (0..count).for_each(|n| check.refuse("f", n.to_string()));
        check.finish(|| Some(())).unwrap_err().0
    };
    assert_eq!(collect(50).len(), 50);
    let many = collect(1_050);
    assert_eq!(many.len(), 51);
    assert_eq!(many[50].description, "… and 1000 more");
}

#[test]
fn what_cannot_be_built_is_never_accepted() {
    assert!(Checker::default().finish(|| None::<()>).is_err());
}

#[test]
fn invisible_characters_are_refused_in_names_and_allowed_in_texts() {
    for c in INVISIBLE.iter().copied().filter(|c| !c.is_control()) {
        let mut check = Checker::default();
        check.text("reason", &format!("a{c}b"), 100);
        assert!(check.finish(|| Some(())).is_ok(), "{c:?}");
    }
    for c in INVISIBLE.iter().copied().filter(|c| c.is_control()) {
        let mut check = Checker::default();
        check.text("reason", &format!("a{c}b"), 100);
        let text = one(check.finish(|| Some(())));
        assert!(text.starts_with(&format!("reason: contains U+{:04X}", u32::from(c))), "{text}");
    }
    for c in INVISIBLE.iter().copied().chain(['\n', '\t']) {
        let mut check = Checker::default();
        check.name("agent.name", &format!("a{c}b"), 100);
        let text = one(check.finish(|| Some(())));
        assert!(text.starts_with(&format!("agent.name: contains U+{:04X}", u32::from(c))), "{text}");
    }
    for fine in VISIBLE {
        let mut check = Checker::default();
        check.name("agent.name", fine, 100);
        check.text("reason", &format!("{fine}\n\t"), 100);
        assert!(check.finish(|| Some(())).is_ok(), "{fine}");
    }
}

#[test]
fn paths_are_short_and_visible() {
    let of = |key: &str| {
        let mut path = "arguments".to_owned();
        crate::wire::field_path::push_key(&mut path, key);
        path
    };
    assert_eq!(of("items_2"), "arguments.items_2");
    assert_eq!(of(""), "arguments[\"\"]");
    assert_eq!(of("2x"), "arguments[\"2x\"]");
    assert_eq!(of("a.b\"c"), "arguments[\"a.b\\\"c\"]");
    assert_eq!(of("a\u{202e}b"), "arguments[\"a\\u{202e}b\"]");
    assert_eq!(of(&"é".repeat(500)), format!("arguments[\"{}\"…]", "é".repeat(64)));
}
