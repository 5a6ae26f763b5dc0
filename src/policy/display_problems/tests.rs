use serde_json::{Value, json};

use super::*;
use crate::policy::{ARGUMENT_PATH_MAX, Policy};

fn problems(document: Value) -> Vec<String> {
    let document: Document = serde_json::from_value(document).unwrap();
    match Policy::compile(document) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// A rule that asks, with more fields.
fn rule(fields: &Value) -> Value {
    let mut rule = json!({"name": "a", "tools": ["pay"], "require_approval": {}});
    rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    rule
}

#[test]
fn valid_fields_are_kept_as_written() {
    let fields = json!({
        "summary": ["args.amount", "args.items[*].name", "args.card.last_four"],
        "redact": ["args.card.number", r#"args["card.holder"]"#],
        "reject_reasons": ["Wrong amount", "Ask the payee first"],
    });
    let mut document = fields.clone();
    document["rules"] = json!([rule(&fields)]);
    let parsed: Document = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(Policy::compile(parsed).unwrap().document()).unwrap(), document);
}

#[test]
fn every_limit_has_a_number() {
    let paths = |count: usize| (0..count).map(|n| format!("args.a{n}")).collect::<Vec<_>>();
    let reasons = |count: usize| (0..count).map(|n| format!("reason {n}")).collect::<Vec<_>>();
    for place in ["", "rules[0]."] {
        let of = |field: &str, values: &[String]| {
            let fields = json!({ field: values });
            problems(if place.is_empty() { fields } else { json!({"rules": [rule(&fields)]}) })
        };
        for (field, max) in [("summary", SUMMARY_MAX), ("redact", REDACT_MAX)] {
            assert!(of(field, &paths(max)).is_empty());
            let over = max + 1;
            let expected = format!("{place}{field}: has {over} paths; at most {max} are allowed");
            assert_eq!(of(field, &paths(over)), [expected]);
            let long = format!("args.{}", "a".repeat(ARGUMENT_PATH_MAX - 5));
            assert!(of(field, std::slice::from_ref(&long)).is_empty());
            let found = of(field, &[format!("{long}a")]);
            assert!(found[0].ends_with("has 129 bytes; at most 128 are allowed"), "{found:?}");
            let expected = format!("{place}{field}[1]: \"args[\\\"b\\\"]\" is a duplicate of {place}{field}[0]");
            assert_eq!(of(field, &["args.b".to_owned(), r#"args["b"]"#.to_owned()]), [expected]);
            let expected =
                format!("{place}{field}[0]: the path \"card\" must begin with `args`, such as args.card.number");
            assert_eq!(of(field, &["card".to_owned()]), [expected]);
        }
        let field = "reject_reasons";
        assert!(of(field, &reasons(REJECT_REASONS_MAX)).is_empty());
        let expected = format!("{place}{field}: has 17 reasons; at most 16 are allowed");
        assert_eq!(of(field, &reasons(REJECT_REASONS_MAX + 1)), [expected]);
        assert!(of(field, &["é".repeat(REJECT_REASON_MAX)]).is_empty());
        for (reason, message) in [
            ("é".repeat(REJECT_REASON_MAX + 1), "has 129 characters; at most 128 are allowed"),
            (" ".to_owned(), "is empty; a reason has 1 to 128 characters"),
            ("two\nlines".to_owned(), "contains U+000A; control characters are not allowed"),
        ] {
            assert_eq!(of(field, &[reason]), [format!("{place}{field}[0]: {message}")]);
        }
        let twice = ["no".to_owned(), "no".to_owned()];
        assert_eq!(of(field, &twice), [format!("{place}{field}[1]: \"no\" is a duplicate of {place}{field}[0]")]);
    }
}

#[test]
fn a_summary_cannot_show_what_is_redacted() {
    let refused = "a summary cannot show redacted arguments";
    let both = |policy: Value, rule_fields: Value| {
        let mut document = policy;
        document["rules"] = json!([rule(&rule_fields)]);
        problems(document)
    };
    for (summary, redact) in [
        ("args.card", "args.card"),
        ("args.card.number", "args.card"),
        ("args.to", "args"),
        ("args.a[0].b", "args.a[*]"),
        ("args.a[*].b", "args.a[0].b"),
    ] {
        let (shown, hidden) = (json!({"summary": [summary]}), json!({"redact": [redact]}));
        let together = json!({"summary": [summary], "redact": [redact]});
        let text = |place: &str, by: &str| format!("{place}: {summary} is redacted by {by}, {redact}; {refused}");
        assert_eq!(problems(together.clone()), [text("summary[0]", "redact[0]")]);
        assert_eq!(both(json!({}), together), [text("rules[0].summary[0]", "rules[0].redact[0]")]);
        assert_eq!(both(hidden.clone(), shown.clone()), [text("rules[0].summary[0]", "redact[0]")]);
        let expected = format!(
            "rules[0].redact[0]: redacts {summary}, which the policy's summary[0] shows; set a summary for \
             this rule without it"
        );
        assert_eq!(both(shown.clone(), hidden.clone()), [expected]);
        let own = json!({"redact": [redact], "summary": ["args.other"]});
        assert_eq!(both(shown, own).is_empty(), redact != "args");
    }
    // A summary of what surrounds it shows the rest.
    assert!(problems(json!({"summary": ["args.card"], "redact": ["args.card.number"]})).is_empty());
    assert!(problems(json!({"summary": [r#"args["card.number"]"#], "redact": ["args.card.number"]})).is_empty());
}
