//! A tool's arguments, to a `google.protobuf.Struct` and back, with nothing changed on the way.

use std::{collections::BTreeMap, fmt};

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde::Serialize;
use serde_json::Map;
use serde_value::Value as Given;

/// Objects and lists within each other, the outermost object included: what a server takes, and protobuf can carry.
const DEPTH: usize = 32;
/// The maximum integer that a double represents exactly, with its neighbours: 2^53 − 1.
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

/// Encodes `arguments` with serde, if the result is a JSON object that a Struct represents exactly.
pub(crate) fn encode(arguments: &(impl Serialize + ?Sized)) -> Result<Struct, Problem> {
    let given = serde_value::to_value(arguments);
    let given = given.map_err(|error| Problem::of_all(format!("is not JSON: {error}")))?;
    match (Encoder { path: String::new() }).value(given, 0)?.kind {
        Some(Kind::StructValue(object)) => Ok(object),
        _ => Err(Problem::of_all("is not a JSON object")),
    }
}

/// Checks a Struct that was made elsewhere.
pub(crate) fn check(arguments: &Struct) -> Result<(), Problem> {
    // serde_json makes null of NaN: look for it first.
    if arguments.fields.values().any(has_no_number) {
        return Err(Problem::of_all("has a number that is not finite"));
    }
    encode(&decode(arguments)).map(|_| ())
}

fn has_no_number(value: &Value) -> bool {
    match &value.kind {
        Some(Kind::NumberValue(number)) => !number.is_finite(),
        Some(Kind::ListValue(list)) => list.values.iter().any(has_no_number),
        Some(Kind::StructValue(object)) => object.fields.values().any(has_no_number),
        _ => false,
    }
}

struct Encoder {
    path: String,
}

impl Encoder {
    fn refuse<T>(&self, problem: impl Into<String>) -> Result<T, Problem> {
        Err(Problem { path: self.path.clone(), problem: problem.into() })
    }

    /// `level` counts the objects and lists around the value.
    fn value(&mut self, given: Given, level: usize) -> Result<Value, Problem> {
        let kind = match given {
            Given::Unit | Given::Option(None) => Kind::NullValue(0),
            Given::Option(Some(given)) | Given::Newtype(given) => return self.value(*given, level),
            Given::Bool(value) => Kind::BoolValue(value),
            Given::Char(value) => Kind::StringValue(value.to_string()),
            Given::String(value) => Kind::StringValue(value),
            Given::F32(value) => self.float(value.into())?,
            Given::F64(value) => self.float(value)?,
            Given::U8(value) => self.integer(value.into())?,
            Given::U16(value) => self.integer(value.into())?,
            Given::U32(value) => self.integer(value.into())?,
            Given::U64(value) => self.integer(value.into())?,
            Given::I8(value) => self.integer(value.into())?,
            Given::I16(value) => self.integer(value.into())?,
            Given::I32(value) => self.integer(value.into())?,
            Given::I64(value) => self.integer(value.into())?,
            Given::Seq(items) => Kind::ListValue(self.list(items, level + 1)?),
            Given::Map(entries) => match exact_number(&entries) {
                Some(number) => self.number(&number)?,
                None => Kind::StructValue(self.object(entries, level + 1)?),
            },
            Given::Bytes(_) => return self.refuse("is not JSON, but bytes"),
        };
        Ok(Value { kind: Some(kind) })
    }

    fn float(&self, value: f64) -> Result<Kind, Problem> {
        if value.is_finite() { Ok(Kind::NumberValue(value)) } else { self.refuse("is not a finite number") }
    }

    fn integer(&self, value: i128) -> Result<Kind, Problem> {
        if value.abs() > GREATEST {
            return self.refuse("is an integer that a double cannot hold exactly");
        }
        #[expect(clippy::cast_precision_loss, reason = "within 2^53")]
        Ok(Kind::NumberValue(value as f64))
    }

    /// A number as it was written.
    fn number(&self, text: &str) -> Result<Kind, Problem> {
        let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        match (whole, text.parse(), text.parse()) {
            (true, Ok(integer), _) => self.integer(integer),
            (true, Err(_), _) => self.integer(i128::MAX),
            (false, _, Ok(float)) => self.float(float),
            (false, _, Err(_)) => self.refuse("is not a number"),
        }
    }

    fn list(&mut self, items: Vec<Given>, level: usize) -> Result<ListValue, Problem> {
        self.check_level(level)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            values.push(self.within(&format!("[{index}]"), |encoder| encoder.value(item, level))?);
        }
        Ok(ListValue { values })
    }

    fn object(&mut self, entries: BTreeMap<Given, Given>, level: usize) -> Result<Struct, Problem> {
        self.check_level(level)?;
        let mut fields = BTreeMap::new();
        for (key, given) in entries {
            let Some(key) = text_of(key) else { return self.refuse("has a key that is not a string") };
            let step = if self.path.is_empty() { key.clone() } else { format!(".{key}") };
            let value = self.within(&step, |encoder| encoder.value(given, level))?;
            if fields.insert(key, value).is_some() {
                return self.refuse("has a duplicate key");
            }
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

/// A key as text: serde has names of enums and newtypes as text too.
fn text_of(key: Given) -> Option<String> {
    match key {
        Given::String(text) => Some(text),
        Given::Char(text) => Some(text.to_string()),
        Given::Newtype(key) => text_of(*key),
        _ => None,
    }
}

/// What serde_json makes of a number where somebody has turned on its feature `arbitrary_precision`.
fn exact_number(entries: &BTreeMap<Given, Given>) -> Option<String> {
    let mut entries = entries.iter();
    match (entries.next(), entries.next()) {
        (Some((Given::String(key), Given::String(number))), None) if key == "$serde_json::private::Number" => {
            Some(number.clone())
        }
        _ => None,
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
        assert!(cases("refused").len() > 5 && cases("taken").len() > 2);
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
        for integer in [problem(u64::MAX), problem(i64::MIN), problem(1_u64 << 53)] {
            assert_eq!(integer, "is an integer that a double cannot hold exactly");
        }
        assert_eq!(problem(f64::NAN), "is not a finite number");
        assert_eq!(problem(f32::INFINITY), "is not a finite number");
        assert_eq!(problem(BTreeMap::from([(1, 2)])), "has a key that is not a string");
        assert_eq!(encode("text").unwrap_err().problem, "is not a JSON object");
        assert!(encode(&Arguments { a: u128::MAX }).unwrap_err().problem.starts_with("is not JSON"));
    }

    #[test]
    fn types_that_have_a_form_for_people_are_given_in_it() {
        let arguments = BTreeMap::from([("host", std::net::IpAddr::from([10, 0, 0, 1]))]);
        let encoded = encode(&arguments).unwrap();
        assert_eq!(serde_json::Value::from(decode(&encoded)), json!({"host": "10.0.0.1"}));
    }

    #[test]
    fn numbers_that_serde_json_keeps_as_text_are_numbers() {
        let number = |text: &str| {
            let number = BTreeMap::from([("$serde_json::private::Number", text)]);
            encode(&BTreeMap::from([("n", number)])).map(|encoded| serde_json::Value::from(decode(&encoded)))
        };
        assert_eq!(number("5"), Ok(json!({"n": 5})));
        assert_eq!(number("-1.5e3"), Ok(json!({"n": -1500})));
        for refused in ["9007199254740993", "123456789012345678901234567890123456789012", "1e400", "x"] {
            assert_eq!(number(refused).unwrap_err().path, "n", "{refused}");
        }
    }

    #[test]
    fn a_struct_from_elsewhere_is_checked_too() {
        let number = |number| Value { kind: Some(Kind::NumberValue(number)) };
        let holding = |value| Struct { fields: BTreeMap::from([("a".to_owned(), value)]) };
        assert_eq!(check(&holding(number(1e300))), Ok(()));
        assert!(check(&holding(number(f64::NAN))).is_err());
        let list = |values| Value { kind: Some(Kind::ListValue(ListValue { values })) };
        assert!(check(&holding(list(vec![number(f64::INFINITY)]))).is_err());
        let deep = (0..DEPTH).fold(number(1.0), |inner, _| list(vec![inner]));
        assert!(check(&holding(deep)).is_err());
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
