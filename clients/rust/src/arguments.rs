//! A tool's arguments, to a `google.protobuf.Struct` and back, with nothing changed on the way.

use std::{collections::BTreeMap, fmt};

use ciborium::Value as Given;
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde::Serialize;
use serde_json::Map;

/// Objects and lists within each other, the outermost object included: what a server takes, and protobuf can carry.
const DEPTH: usize = 32;
/// The greatest integer that has neighbours of its own as a double: 2^53 − 1.
const GREATEST: i128 = (1 << 53) - 1;

/// Why arguments cannot be approved as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where, such as `a.b[1]`; empty for all of them.
    pub(crate) path: String,
    /// What is wrong there: the end of a sentence that begins with the place.
    pub(crate) problem: String,
}

impl Problem {
    pub(crate) fn of_all(problem: impl fmt::Display) -> Self {
        Self { path: String::new(), problem: problem.to_string() }
    }
}

/// Encodes whatever serde makes of `arguments`, if that is a JSON object that a Struct holds exactly.
pub(crate) fn encode(arguments: &(impl Serialize + ?Sized)) -> Result<Struct, Problem> {
    let given = Given::serialized(arguments).map_err(|error| Problem::of_all(format!("is not JSON: {error}")))?;
    let mut encoder = Encoder { path: String::new() };
    match given {
        Given::Map(entries) => encoder.object(entries, 1),
        _ => Err(Problem::of_all("is not a JSON object")),
    }
}

struct Encoder {
    path: String,
}

impl Encoder {
    fn refuse<T>(&self, problem: impl Into<String>) -> Result<T, Problem> {
        Err(Problem { path: self.path.clone(), problem: problem.into() })
    }

    fn value(&mut self, given: Given, level: usize) -> Result<Value, Problem> {
        let kind = match given {
            Given::Null => Kind::NullValue(0),
            Given::Bool(value) => Kind::BoolValue(value),
            Given::Text(value) => Kind::StringValue(value),
            Given::Float(value) if value.is_finite() => Kind::NumberValue(value),
            Given::Float(_) => return self.refuse("is not a finite number"),
            Given::Integer(value) => match i128::from(value) {
                #[expect(clippy::cast_precision_loss, reason = "within 2^53")]
                value if value.abs() <= GREATEST => Kind::NumberValue(value as f64),
                _ => return self.refuse("is an integer that a double cannot hold exactly"),
            },
            Given::Array(items) => Kind::ListValue(self.list(items, level + 1)?),
            Given::Map(entries) => Kind::StructValue(self.object(entries, level + 1)?),
            Given::Tag(..) => return self.refuse("is an integer that a double cannot hold exactly"),
            _ => return self.refuse("is not JSON"),
        };
        Ok(Value { kind: Some(kind) })
    }

    fn list(&mut self, items: Vec<Given>, level: usize) -> Result<ListValue, Problem> {
        self.check_level(level)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            values.push(self.within(&format!("[{index}]"), |encoder| encoder.value(item, level))?);
        }
        Ok(ListValue { values })
    }

    fn object(&mut self, entries: Vec<(Given, Given)>, level: usize) -> Result<Struct, Problem> {
        self.check_level(level)?;
        let mut fields = BTreeMap::new();
        for (key, given) in entries {
            let Given::Text(key) = key else { return self.refuse("has a key that is not a string") };
            if fields.contains_key(&key) {
                return self.refuse(format!("has the key {key:?} twice"));
            }
            let step = if self.path.is_empty() { key.clone() } else { format!(".{key}") };
            let value = self.within(&step, |encoder| encoder.value(given, level))?;
            fields.insert(key, value);
        }
        Ok(Struct { fields })
    }

    fn check_level(&self, level: usize) -> Result<(), Problem> {
        if level <= DEPTH { Ok(()) } else { self.refuse(format!("is nested deeper than {DEPTH} objects and lists")) }
    }

    fn within<T>(&mut self, step: &str, then: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(step);
        let result = then(self);
        self.path.truncate(length);
        result
    }
}

/// An object as JSON; numbers that are whole, and within ±(2^53 − 1), are integers.
#[must_use]
pub fn decode(object: &Struct) -> Map<String, serde_json::Value> {
    object.fields.iter().map(|(key, value)| (key.clone(), value_to_json(value))).collect()
}

fn value_to_json(value: &Value) -> serde_json::Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => (*value).into(),
        Some(Kind::NumberValue(value)) => whole(*value).map_or_else(|| (*value).into(), Into::into),
        Some(Kind::StringValue(value)) => value.as_str().into(),
        Some(Kind::ListValue(list)) => list.values.iter().map(value_to_json).collect(),
        Some(Kind::StructValue(object)) => decode(object).into(),
    }
}

fn whole(value: f64) -> Option<i64> {
    const GREATEST: f64 = 9_007_199_254_740_991.0;
    #[expect(clippy::cast_possible_truncation, reason = "within 2^53")]
    (value.fract() == 0.0 && value.abs() <= GREATEST).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../tests/conformance/arguments.json")).unwrap()
    }

    fn cases(name: &str) -> Vec<serde_json::Value> {
        vectors()[name].as_array().unwrap().clone()
    }

    // What Rust's own JSON reader refuses, or rounds to a double, never comes here as it was written.
    const NO_RUST_VALUE: [&str; 4] =
        ["a far greater one", "a fraction beyond doubles", "half of a surrogate pair", "half of one in a name"];

    #[test]
    fn what_a_struct_cannot_hold_is_refused_at_its_path() {
        for case in cases("refused") {
            let name = case["name"].as_str().unwrap();
            let text = case["arguments"].as_str().unwrap();
            if NO_RUST_VALUE.contains(&name) {
                continue;
            }
            let arguments: serde_json::Value = serde_json::from_str(text).unwrap();
            let problem = encode(&arguments).expect_err(name);
            assert_eq!(problem.path, case["path"].as_str().unwrap(), "{name}");
        }
    }

    #[test]
    fn what_only_rust_has_is_refused_too() {
        #[derive(Serialize)]
        struct Arguments<T> {
            a: T,
        }
        fn problem(a: impl Serialize) -> String {
            let problem = encode(&Arguments { a }).unwrap_err();
            assert_eq!(problem.path, "a");
            problem.problem
        }
        for integer in [problem(u128::MAX), problem(i128::MIN), problem(u64::MAX), problem(1_u64 << 53)] {
            assert_eq!(integer, "is an integer that a double cannot hold exactly");
        }
        assert_eq!(problem(f64::NAN), "is not a finite number");
        assert_eq!(problem(f32::INFINITY), "is not a finite number");
        assert_eq!(problem(BTreeMap::from([(1, 2)])), "has a key that is not a string");
        assert_eq!(encode("text").unwrap_err().problem, "is not a JSON object");
    }

    #[test]
    fn what_is_taken_comes_back_as_it_was() {
        for case in cases("taken") {
            let text = case["arguments"].as_str().unwrap();
            let arguments: serde_json::Value = serde_json::from_str(text).unwrap();
            let back: serde_json::Value = decode(&encode(&arguments).unwrap()).into();
            assert_eq!(encode(&back), encode(&arguments), "{text}");
        }
        let mixed = json!({"n": null, "b": true, "i": -5, "f": 1.5, "s": "ü", "l": [1, [2]], "o": {"x": {}}});
        assert_eq!(serde_json::Value::from(decode(&encode(&mixed).unwrap())), mixed);
        let whole = decode(&encode(&json!({"a": 10.0, "b": 1e300})).unwrap());
        assert_eq!(serde_json::Value::from(whole), json!({"a": 10, "b": 1e300}));
    }

    #[test]
    fn structures_are_objects_and_absence_is_null() {
        #[derive(Serialize)]
        struct Mail {
            to: &'static str,
            copies: Option<u8>,
        }
        let encoded = encode(&Mail { to: "a@b.c", copies: None }).unwrap();
        assert_eq!(serde_json::Value::from(decode(&encoded)), json!({"to": "a@b.c", "copies": null}));
    }
}
