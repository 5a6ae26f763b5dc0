//! The JSON Schema of a function's arguments, derived from their type: docs/values.md.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::call::Call;

/// Most bytes of canonical JSON.
const BYTES: usize = 16 * 1024;
/// Most objects and booleans.
const NODES: usize = 2_000;
/// Most levels of objects and arrays: the server's library for protobuf decodes few more.
const LEVELS: usize = 32;
/// Most patterns. The server takes more, but then not with arguments of any size.
const PATTERNS: usize = 40;

/// The largest integer that a double holds exactly, and all below it.
const EXACT: i64 = (1 << 53) - 1;

/// Words that add to what an object may have: it cannot be closed by its own properties.
const COMPOSED: [&str; 4] = ["allOf", "anyOf", "oneOf", "if"];

impl Call {
    /// Sends the schema of `A` with the request: the server then rejects an edit that does not fit, while the reviewer
    /// can still correct it. It is closed: `A` takes no other properties.
    ///
    /// Omitted, with a warning, when `A` contains itself, or its schema is over one of the limits in `docs/values.md`.
    pub fn schema_of<A: JsonSchema>(self) -> Self {
        match derived::<A>() {
            Ok(schema) => self.arguments_schema(&schema),
            Err(problem) => {
                tracing::warn!(tool_name = self.tool_name, "No schema is sent with the call: {problem}.");
                self
            }
        }
    }
}

fn derived<A: JsonSchema>() -> Result<Value, String> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<A>().to_value();
    // All others are inlined.
    if tidy(&mut schema) {
        return Err(format!("{} contains itself", A::schema_name()));
    }
    within_limits(&schema).map_err(|problem| format!("the schema of {} {problem}", A::schema_name()))?;
    Ok(schema)
}

fn within_limits(schema: &Value) -> Result<(), String> {
    let bytes = serde_json_canonicalizer::to_vec(schema).map_err(|error| error.to_string())?.len();
    let Size { nodes, levels, patterns } = Size::of(schema);
    let limits = [
        ("bytes", bytes, BYTES),
        ("objects and booleans", nodes, NODES),
        ("levels", levels, LEVELS),
        ("patterns", patterns, PATTERNS),
    ];
    match limits.iter().find(|(_, has, can)| has > can) {
        Some((what, has, can)) => Err(format!("has {has} {what}; the maximum is {can}")),
        None => Ok(()),
    }
}

/// A schema, measured as the server does.
#[derive(Default)]
struct Size {
    nodes: usize,
    levels: usize,
    patterns: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        match value {
            Value::Bool(_) => Self { nodes: 1, ..Self::default() },
            Value::Array(parts) => parts.iter().fold(Self { levels: 1, ..Self::default() }, Self::plus),
            Value::Object(parts) => {
                let patterns = parts.get("pattern").is_some_and(Value::is_string).into();
                parts.values().fold(Self { nodes: 1, levels: 1, patterns }, Self::plus)
            }
            _ => Self::default(),
        }
    }

    fn plus(self, part: &Value) -> Self {
        let part = Self::of(part);
        Self {
            nodes: self.nodes + part.nodes,
            levels: self.levels.max(part.levels + 1),
            patterns: self.patterns + part.patterns,
        }
    }
}

/// Closes objects, bounds integers, and drops what says nothing about values. Tells whether a part refers to another.
fn tidy(schema: &mut Value) -> bool {
    let Value::Object(schema) = schema else { return false };
    for word in ["title", "format", "default"] {
        schema.remove(word);
    }
    if has_type(schema, "integer") {
        bound(schema, "minimum", -EXACT, i64::max);
        bound(schema, "maximum", EXACT, i64::min);
    }
    if schema.contains_key("properties") && !COMPOSED.iter().any(|word| schema.contains_key(*word)) {
        schema.entry("additionalProperties").or_insert(json!(false));
    }
    let mut refers = schema.contains_key("$ref") || schema.contains_key("$dynamicRef");
    for (word, value) in schema {
        match (word.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(parts)) => {
                parts.values_mut().for_each(|part| refers |= tidy(part));
            }
            ("prefixItems" | "anyOf" | "oneOf" | "allOf", Value::Array(parts)) => {
                parts.iter_mut().for_each(|part| refers |= tidy(part));
            }
            ("items" | "additionalProperties" | "not", part) => refers |= tidy(part),
            _ => {}
        }
    }
    refers
}

fn has_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        Some(one) => one == name,
        None => false,
    }
}

fn bound(schema: &mut Map<String, Value>, word: &str, exact: i64, narrower: fn(i64, i64) -> i64) {
    let own = schema.get(word).and_then(Value::as_i64);
    schema.insert(word.to_owned(), own.map_or(exact, |own| narrower(own, exact)).into());
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn schemas_of_the_conformance_list() {
        let list: Value = serde_json::from_str(include_str!("../../../tests/conformance/values.json")).unwrap();
        let listed = |name: &str| {
            let types = list["types"].as_array().unwrap();
            types.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}"))["schema"].clone()
        };
        for (name, schema) in [
            ("integer", derived::<i64>()),
            ("integer", derived::<i128>()),
            ("floating point", derived::<f64>()),
            ("boolean", derived::<bool>()),
            ("text", derived::<String>()),
            ("set of text", derived::<BTreeSet<String>>()),
            ("list of integers", derived::<Vec<i64>>()),
            ("map of text", derived::<BTreeMap<String, String>>()),
        ] {
            assert_eq!(schema.unwrap(), listed(name), "{name}");
        }
    }

    #[test]
    fn records_are_closed_at_every_depth() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema counts")]
        struct Line {
            item: String,
            count: Option<u8>,
        }
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema counts")]
        struct Order {
            lines: Vec<Line>,
        }
        let line = json!({
            "type": "object",
            "properties": {
                "item": {"type": "string"},
                "count": {"type": ["integer", "null"], "minimum": 0, "maximum": 255},
            },
            "required": ["item"],
            "additionalProperties": false,
        });
        let order = json!({
            "type": "object",
            "properties": {"lines": {"type": "array", "items": line}},
            "required": ["lines"],
            "additionalProperties": false,
        });
        assert_eq!(derived::<Order>().unwrap(), order);
    }

    #[test]
    fn what_the_server_would_refuse_is_left_out() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema counts")]
        struct Tree {
            parts: Vec<Tree>,
        }
        assert!(derived::<Tree>().unwrap_err().contains("contains itself"));
        let call = Call::new("t").schema_of::<Tree>();
        assert_eq!(call.request().unwrap().arguments_schema, None);

        struct Large;
        impl JsonSchema for Large {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "Large".into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let names: Vec<_> = (0..2_000).map(|n| format!("name-{n}")).collect();
                schemars::json_schema!({ "enum": names })
            }
        }
        assert!(derived::<Large>().unwrap_err().contains("bytes; the maximum is 16384"));
    }

    #[test]
    fn limits_of_the_conformance_list() {
        let list: Value = serde_json::from_str(include_str!("../../../tests/conformance/schemas.json")).unwrap();
        for one in list["schemas"].as_array().unwrap() {
            assert_eq!(within_limits(&one["schema"]).is_ok(), one["sent"], "{}", one["name"]);
        }
    }
}
