use serde_json::json;

use super::*;

fn compile(schema: &Value) -> Result<Schema, SchemaError> {
    Schema::compile(schema)
}

fn refused(schema: &Value) -> String {
    compile(schema).expect_err("must be refused").to_string()
}

fn violations(schema: &Value, arguments: &Value) -> Vec<String> {
    compile(schema).unwrap().check(arguments.as_object().unwrap()).err().unwrap_or_default()
}

/// `levels` nested schemas, the innermost being `{}`.
fn nested(levels: u32, wrap: impl Fn(Value) -> Value) -> Value {
    (1..levels).fold(json!({}), |inner, _| wrap(inner))
}

#[test]
fn checks_arguments() {
    let schema = json!({
        "type": "object",
        "properties": {"to": {"type": "string", "format": "email"}, "amount": {"$ref": "#/$defs/amount"}},
        "required": ["to"],
        "$defs": {"amount": {"type": "integer", "maximum": 10}},
    });
    assert_eq!(violations(&schema, &json!({"to": "a@b.example", "amount": 3})), [""; 0]);
    let wrong = violations(&schema, &json!({"amount": 11}));
    assert_eq!(
        wrong,
        ["the top level: \"to\" is a required property", "/amount: 11 is greater than the maximum of 10"]
    );
    assert_eq!(violations(&schema, &json!({"to": "nobody"})), ["/to: \"nobody\" is not a \"email\""]);
}

/// The schemas that clients derive must accept all values that clients accept. Otherwise no such call could be
/// requested.
#[test]
fn schemas_that_clients_derive_take_the_values_of_their_types() {
    let list: Value = serde_json::from_str(include_str!("../../../tests/conformance/values.json")).unwrap();
    let types = list["types"].as_array().unwrap();
    assert!(types.len() > 12);
    for one in types {
        let schema = json!({"type": "object", "properties": {"value": one["schema"]}, "additionalProperties": false});
        for pair in one["accepted"].as_array().unwrap() {
            for value in pair.as_array().unwrap() {
                assert_eq!(violations(&schema, &json!({ "value": value })), [""; 0], "{}: {value}", one["name"]);
            }
        }
        for value in one["refused"].as_array().unwrap() {
            let of_the_calendar = value.as_str().is_some_and(|text| text.contains("-02-"));
            let refused = !violations(&schema, &json!({ "value": value })).is_empty();
            assert!(refused || of_the_calendar, "{}: {value}", one["name"]);
        }
    }
}

#[test]
fn reports_few_and_short_violations() {
    let long = "x".repeat(10_000);
    let arguments = json!({"items": vec![long; 50]});
    let wrong = violations(&json!({"properties": {"items": {"items": {"type": "integer"}}}}), &arguments);
    assert_eq!(wrong.len(), MAX_VIOLATIONS);
    assert!(wrong[0].starts_with("/items/0: \"xxx") && wrong[0].contains("… is not of type"), "{}", wrong[0]);
    assert!(wrong.iter().all(|text| text.len() < 200), "{wrong:?}");

    let key = "k".repeat(10_000);
    let wrong = violations(&json!({"additionalProperties": {"type": "null"}}), &json!({key: 1}));
    assert!(wrong[0].len() < 500, "{wrong:?}");
}

#[test]
fn unknown_formats_are_ignored() {
    assert_eq!(violations(&json!({"properties": {"a": {"format": "colour"}}}), &json!({"a": "?"})), [""; 0]);
}

#[test]
fn every_draft_is_read_by_its_own_rules() {
    for (uri, _) in DRAFTS {
        for uri in [uri.to_owned(), format!("{uri}#"), uri.replace("http:", "https:")] {
            assert_eq!(violations(&json!({"$schema": uri, "maxProperties": 1}), &json!({"a": 1, "b": 2})).len(), 1);
        }
    }
    let exclusive = json!({"a": {"minimum": 1, "exclusiveMinimum": true}});
    let draft4 = json!({"$schema": "http://json-schema.org/draft-04/schema#", "properties": exclusive});
    assert_eq!(violations(&draft4, &json!({"a": 1})).len(), 1);
    assert!(refused(&json!({"properties": exclusive})).contains("/properties/a/exclusiveMinimum"));
    for other in [json!("http://json-schema.org/draft-03/schema"), json!("https://example.com/own"), json!(7)] {
        assert!(refused(&json!({"$schema": other})).contains("is not supported; use draft-04"));
    }
    assert!(refused(&json!([])).contains("an object or a boolean"));
    assert!(refused(&json!({"type": "text"})).starts_with("not a valid schema: /type: "));
}

#[test]
fn references_must_be_local() {
    for target in
        ["other.json", "https://example.com/s", "file:///etc/passwd", "#name", "http://json-schema.org/schema#", ""]
    {
        assert!(refused(&json!({"items": {"$ref": target}})).contains("at /items is not local"), "{target}");
    }
    assert!(refused(&json!({"$ref": "#/%24defs/a", "$defs": {"a": {}}})).contains("without percent-encoding"));
    assert!(refused(&json!({"$ref": "#/$defs/b", "$defs": {"a": {}}})).contains("does not exist"));
    let escaped = json!({"properties": {"x": {"$ref": "#/$defs/a~1b~0c"}}, "$defs": {"a/b~c": {"type": "null"}}});
    assert_eq!(violations(&escaped, &json!({"x": 1})).len(), 1);
}

#[test]
fn keywords_that_move_references_are_refused() {
    for keyword in ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$id", "$schema"] {
        let text = refused(&json!({"$defs": {"a": {keyword: "#x"}}}));
        assert!(text.starts_with(&format!("`{keyword}` at /$defs/a is not supported")), "{text}");
    }
    assert!(refused(&json!({"$recursiveAnchor": true})).contains("$recursiveAnchor"));
    assert!(refused(&json!({"$dynamicRef": "#"})).contains("at the top level"));
    let draft4 = json!({"$schema": "http://json-schema.org/draft-04/schema#", "not": {"id": "x"}});
    assert!(refused(&draft4).contains("`id` at /not"));
    // As names of properties they have no special meaning.
    let names = json!({"properties": {"$id": {"type": "null"}, "$ref": {"type": "null"}, "id": {}}});
    assert_eq!(violations(&names, &json!({"$id": 1, "$ref": 1})).len(), 2);
}

#[test]
fn the_root_s_id_does_not_matter() {
    let schema = json!({
        "$id": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"a": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {"type": "null"}},
    });
    assert_eq!(violations(&schema, &json!({"a": 1})), ["/a: 1 is not of type \"null\""]);
}

#[test]
fn recursive_references_are_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"properties": {"child": {"$ref": "#"}}}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"$defs": {"a": {"items": {"$ref": "#/$defs"}}}}),
        json!({"$ref": "#/x/y", "x": {"y": [{"$ref": "#/x"}]}}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/a", "a": {"not": {"$ref": "#"}}}),
    ] {
        assert!(refused(&schema).contains("recursive schemas are not supported"), "{schema}");
    }
}

#[test]
fn fan_out_through_references_is_bounded() {
    let mut definitions = Map::new();
    for n in 0..12 {
        let next = format!("#/$defs/d{}", n + 1);
        definitions.insert(format!("d{n}"), json!({"allOf": [{"$ref": next}, {"$ref": next}]}));
    }
    definitions.insert("d12".into(), json!({"type": "object"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions});
    assert!(refused(&schema).contains("at most 2000 subschemas"), "{}", refused(&schema));

    let wide = |n: u64| json!({"allOf": vec![true; usize::try_from(n).unwrap()]});
    assert!(compile(&wide(MAX_NODES - 1)).is_ok());
    assert!(refused(&wide(MAX_NODES)).contains("2000"));
}

#[test]
fn depth_is_bounded_and_safe_up_to_the_bound() {
    let wraps: [fn(Value) -> Value; 4] = [
        |inner| json!({"not": inner}),
        |inner| json!({"items": inner}),
        |inner| json!({"if": inner}),
        |inner| json!({"additionalProperties": inner}),
    ];
    for wrap in wraps {
        // The stack size of a runtime's worker thread.
        let deepest = nested(MAX_LEVELS, wrap);
        let thread = std::thread::Builder::new().stack_size(1 << 21).spawn(move || {
            let schema = compile(&deepest).unwrap();
            schema.check(&Map::new()).is_ok()
        });
        thread.unwrap().join().unwrap();
        assert!(refused(&nested(MAX_LEVELS + 1, wrap)).contains("at most 64 levels"));
    }
    let chain: Map<String, Value> =
        (0..100).map(|n| (format!("d{n:02}"), json!({"not": {"$ref": format!("#/$defs/d{:02}", n + 1)}}))).collect();
    let mut schema = json!({"$defs": chain});
    schema["$defs"]["d100"] = json!({});
    assert!(refused(&schema).contains("at most 64 levels"));
    let arrays = nested(1_000, |inner| Value::Array(vec![inner]));
    assert!(refused(&json!({"const": arrays})).contains("at most 64 levels"));
}

#[test]
fn patterns_are_linear_and_bounded() {
    let one = |pattern: &str| json!({"properties": {"a": {"pattern": pattern}}});
    let text = json!({"a": "a".repeat(30_000)});
    assert_eq!(violations(&one("^(a+)+$"), &text), [""; 0]);
    assert_eq!(violations(&one("^(a|aa)+b$"), &text).len(), 1);
    assert_eq!(violations(&one(r"^\p{L}{1,4}$"), &json!({"a": "Zoë"})), [""; 0]);
    for pattern in ["a{999999}", "((a{100}){100}){100}", "^(?=a)a", r"(a)\1", "(", &"(".repeat(8_000)] {
        let text = refused(&one(pattern));
        assert!(text.starts_with("not a valid schema: /properties/a/pattern: "), "{text}");
        assert!(text.len() < 500);
    }
}

#[test]
fn a_schema_has_at_most_100_patterns() {
    let many = |count: usize| {
        let patterns: Map<String, Value> = (0..count).map(|n| (format!("x{n}"), json!({"pattern": "a"}))).collect();
        json!({"properties": patterns, "patternProperties": {"^y": {}}})
    };
    assert!(compile(&many(99)).is_ok());
    assert!(refused(&many(100)).contains("too many patterns; at most 100"));
}

#[test]
fn hostile_text_in_any_format_is_survived() {
    let formats = "date date-time duration email hostname ipv4 ipv6 iri iri-reference json-pointer \
                   regex relative-json-pointer time uri uri-reference uri-template uuid";
    let texts = ["(", "[", "a{9}", "(?:", "\\p{L}{99}", "xn--", "{", "%", "1", ":", ".", "é"];
    for format in formats.split_whitespace() {
        let schema = compile(&json!({"additionalProperties": {"format": format}})).unwrap();
        let hostile = texts.iter().map(|text| ((*text).to_owned(), json!(text.repeat(3_000 / text.len()))));
        assert!(schema.check(&hostile.collect()).is_err(), "{format}");
    }
}

/// The library evaluates a subschema again for each enclosing `unevaluated…`: 30 of them would take years.
#[test]
fn nested_unevaluated_keywords_are_bounded() {
    let wraps: [fn(Value) -> Value; 2] = [
        |inner| json!({"allOf": [inner], "unevaluatedProperties": false}),
        |inner| json!({"anyOf": [inner, {"type": "null"}], "unevaluatedItems": false}),
    ];
    for wrap in wraps {
        let innermost = json!({"properties": {"a": {"type": "integer"}}});
        let nested = |levels| (0..levels).fold(innermost.clone(), |inner, _| wrap(inner));
        let schema = compile(&nested(4)).unwrap();
        assert!(schema.check(json!({"a": 1}).as_object().unwrap()).is_ok());
        assert!(schema.check(json!({"a": "x", "b": 2}).as_object().unwrap()).is_err());
        assert!(refused(&nested(7)).contains("at most 2000 subschemas"));
    }
}

#[test]
fn nested_alternatives_do_not_multiply() {
    for keyword in ["anyOf", "oneOf"] {
        let innermost = json!({"properties": {"a": {"type": "integer"}}});
        let schema = (0..30).fold(innermost, |inner, _| json!({keyword: [inner, {"type": "null"}]}));
        let schema = compile(&schema).unwrap();
        assert!(schema.check(json!({"a": 1}).as_object().unwrap()).is_ok());
        assert!(schema.check(json!({"a": "x"}).as_object().unwrap()).is_err());
    }
}

#[test]
fn schema_and_arguments_are_bounded_together() {
    let many: Vec<u32> = (0..12_000).collect();
    let arguments = json!({"items": many});
    let choices: Vec<u32> = (0..3_000).collect();
    let schema = json!({"properties": {"items": {"items": {"enum": choices}}}});
    assert!(violations(&schema, &arguments)[0].contains("too large to be checked"));
    assert_eq!(violations(&schema, &json!({"items": [1, 2, 3]})), [""; 0]);

    let patterns = vec![json!({"$ref": "#/$defs/p"}); 50];
    let schema = json!({"additionalProperties": {"allOf": patterns}, "$defs": {"p": {"pattern": "x"}}});
    assert!(violations(&schema, &json!({"a": "x".repeat(45_000)}))[0].contains("too large to be checked"));
    assert_eq!(violations(&schema, &json!({"a": "x".repeat(30_000)})), [""; 0]);
}

/// Millions of violations are neither collected nor reported, also not those that the library keeps for an `anyOf`.
#[test]
fn large_mistakes_are_not_listed() {
    let items: Vec<u32> = (0..1_000).collect();
    let strings = vec![json!({"type": "string"}); 900];
    for schema in [json!({"allOf": strings}), json!({"anyOf": [{"allOf": strings}, {"type": "null"}]})] {
        let schema = json!({"properties": {"items": {"items": schema}}});
        let wrong = violations(&schema, &json!({"items": items}));
        assert_eq!(wrong, ["they break the schema, and both are together too large to say where"]);
        assert_eq!(violations(&schema, &json!({"items": vec!["x"; 1_000]})), [""; 0]);
    }
}
