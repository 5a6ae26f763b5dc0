//! The library's interpreter as an oracle: if both evaluate a random condition, the results are equal.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// Sources with the same meaning for both: no arithmetic of mixed numbers, which the library rejects, and no division,
/// which it rounds for integers.
fn source() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just("args.n"), Just("args.x"), Just("2.5"), Just("0.0"), Just("double(args.t)")];
    let number = number.prop_map(str::to_owned).boxed();
    let number = prop_oneof![
        3 => number.clone(),
        1 => (number.clone(), prop::sample::select(vec!["+", "-", "*"]), number.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => number.clone().prop_map(|a| format!("(-{a})")),
    ]
    .boxed();
    let text = prop::sample::select(vec![
        "args.t",
        "args.u",
        "'ab'",
        "'1.5'",
        "''",
        "args.missing",
        "(args.t + 'b')",
        "args.l[0]",
    ]);
    let text = text.prop_map(str::to_owned).boxed();
    let list = prop::sample::select(vec!["args.l", "[args.t, 'b']", "[]", "args.missing"]).prop_map(str::to_owned);
    let compare = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        2 => (number.clone(), compare.clone(), number).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        2 => (text.clone(), compare, text.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        2 => (text.clone(), prop::sample::select(vec!["contains", "startsWith", "endsWith"]), text.clone())
            .prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
        1 => text.clone().prop_map(|a| format!("{a}.matches('^a|[.]5$')")),
        1 => (text.clone(), list.clone()).prop_map(|(a, l)| format!("{a} in {l}")),
        1 => list.prop_map(|l| format!("{l}.size() > 1")),
        1 => prop::sample::select(vec!["has(args.t)", "has(args.missing)", "true", "false", "args.b", "args.t", "size(args.u) == 2"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (prop::sample::select(vec!["all", "exists", "exists_one"]), inner.clone())
                .prop_map(|(quantifier, a)| format!("args.l.{quantifier}(i, i.startsWith('a') || {a})")),
            inner.prop_map(|a| format!("args.l.filter(i, i != 'b' && ({a})).size() == 1")),
        ]
    })
}

fn library(source: &str, args: &Json) -> Option<bool> {
    let env = Arc::new(cel::Env::stdlib());
    let program = env.compile(source).ok()?;
    let mut context = cel::Context::with_env(env);
    context.add_variable_from_value("args", doubles(args));
    match program.execute(&context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        _ => None,
    }
}

/// JSON for the library, with its numbers as doubles.
fn doubles(json: &Json) -> cel::Value {
    match json {
        Json::Null => cel::Value::Null,
        Json::Bool(value) => cel::Value::Bool(*value),
        Json::Number(number) => cel::Value::Float(number.as_f64().unwrap()),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => items.iter().map(doubles).collect::<Vec<_>>().into(),
        Json::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), doubles(value)))
            .collect::<std::collections::HashMap<_, _>>()
            .into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn both_interpreters_agree(
        source in source(),
        n in prop::sample::select(vec![-1.0, 0.0, 1.5, 2.5, 1e300]),
        text in prop::sample::select(vec!["", "a", "ab", "1.5", "ä"]),
        items in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "1.5"]), 0..4),
    ) {
        let args = json!({"n": n, "x": 2.5, "t": text, "u": "ab", "l": items, "b": true});
        let ours = holds(&source, &args).ok();
        let theirs = library(&source, &args);
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours, theirs, "{}", source);
        }
        // Ours rejects constants that always fail, and infinity is an error. Otherwise it must not fail where the
        // library succeeds.
        let stricter = ours.is_none() && theirs.is_some();
        prop_assert!(!stricter || source.contains('*') || source.contains("args.missing") || Condition::compile(&source).is_err(), "{}", source);
        prop_assert!(ours.is_none() || theirs.is_some(), "{}: {:?}, the library fails", source, ours);
    }
}
