//! Converts between `google.protobuf.Struct` and JSON.

use std::fmt;

use prost_types::{ListValue, Struct, Value as ProtoValue, value::Kind};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use super::{field_path, violations::Checker};
use crate::policy::{REDACTED, RedactedArguments, RedactedValue};

/// Converts a Struct with at most `depth` levels to an object. The Struct itself is the first level.
///
/// `None` if there are violations. `field` is the path of the Struct. Stops at a level that is too deep, so the
/// recursion is bounded by `depth`.
pub(super) fn to_object(check: &mut Checker, field: &str, from: Struct, depth: u32) -> Option<Map<String, Value>> {
    let mut reader = Reader { check, depth, path: field.to_owned() };
    reader.object(from, 1)
}

struct Reader<'a> {
    check: &'a mut Checker,
    depth: u32,
    path: String,
}

impl Reader<'_> {
    fn object(&mut self, from: Struct, level: u32) -> Option<Map<String, Value>> {
        self.enter(level)?;
        let mut whole = true;
        let mut object = Map::new();
        for (key, value) in from.fields {
            let value = self.child(|path| field_path::push_key(path, &key), value, level);
            whole &= value.is_some();
            object.extend(value.map(|value| (key, value)));
        }
        whole.then_some(object)
    }

    fn array(&mut self, from: ListValue, level: u32) -> Option<Vec<Value>> {
        self.enter(level)?;
        let mut whole = true;
        let mut array = Vec::with_capacity(from.values.len());
        for (index, value) in from.values.into_iter().enumerate() {
            let value = self.child(|path| field_path::push_index(path, index), value, level);
            whole &= value.is_some();
            array.extend(value);
        }
        whole.then_some(array)
    }

    fn enter(&mut self, level: u32) -> Option<()> {
        if level <= self.depth {
            return Some(());
        }
        self.check.refuse(&self.path, format!("is nested too deeply; at most {} levels are allowed", self.depth));
        None
    }

    fn child(&mut self, name: impl FnOnce(&mut String), value: ProtoValue, level: u32) -> Option<Value> {
        let length = self.path.len();
        name(&mut self.path);
        let value = self.value(value, level);
        self.path.truncate(length);
        value
    }

    fn value(&mut self, from: ProtoValue, level: u32) -> Option<Value> {
        match from.kind {
            Some(Kind::NullValue(_)) => Some(Value::Null),
            Some(Kind::BoolValue(flag)) => Some(Value::Bool(flag)),
            Some(Kind::StringValue(text)) => Some(Value::String(text)),
            Some(Kind::StructValue(from)) => self.object(from, level + 1).map(Value::Object),
            Some(Kind::ListValue(from)) => self.array(from, level + 1).map(Value::Array),
            Some(Kind::NumberValue(number)) => {
                let finite = Number::from_f64(number);
                if finite.is_none() {
                    self.check.refuse(&self.path, format!("is {number}; a number must be finite"));
                }
                finite.map(Value::Number)
            }
            None => {
                self.check
                    .refuse(&self.path, "has no kind; a value must be null, a bool, number, string, list or struct");
                None
            }
        }
    }
}

/// The number of nested levels of an object: 1 without objects and lists in it.
#[must_use]
pub fn depth(object: &Map<String, Value>) -> u32 {
    fn of(value: &Value) -> u32 {
        match value {
            Value::Object(object) => depth(object),
            Value::Array(items) => 1 + items.iter().map(of).max().unwrap_or(0),
            _ => 0,
        }
    }
    1 + object.values().map(of).max().unwrap_or(0)
}

/// Converts an object to a Struct. Numbers become doubles, as in the request.
#[must_use]
pub fn from_object(object: Map<String, Value>) -> Struct {
    Struct { fields: object.into_iter().map(|(key, value)| (key, from_value(value))).collect() }
}

/// Converts the JSON text of an object to a Struct, without building a JSON value: every response contains the
/// arguments.
///
/// # Panics
/// If the text is not an object, which only a corrupt store can cause. An empty object would be a different call than
/// the approved one.
#[must_use]
pub fn from_json(text: &str) -> Struct {
    match serde_json::from_str(text) {
        Ok(Read(ProtoValue { kind: Some(Kind::StructValue(object)) })) => object,
        other => panic!("stored JSON is an object: {:?}", other.err()),
    }
}

/// A value parsed from JSON, with numbers as in [`from_object`].
struct Read(ProtoValue);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ReadVisitor).map(|kind| Self(ProtoValue { kind: Some(kind) }))
    }
}

struct ReadVisitor;

impl<'de> Visitor<'de> for ReadVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::NullValue(0))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Kind, E> {
        Ok(Kind::BoolValue(flag))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
    fn visit_i64<E>(self, number: i64) -> Result<Kind, E> {
        Ok(Kind::NumberValue(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
    fn visit_u64<E>(self, number: u64) -> Result<Kind, E> {
        Ok(Kind::NumberValue(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Kind, E> {
        Ok(Kind::NumberValue(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::StringValue(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Kind, E> {
        Ok(Kind::StringValue(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut values = Vec::new();
        while let Some(Read(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Kind::ListValue(ListValue { values }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Kind, A::Error> {
        let mut object = Struct::default();
        while let Some((key, Read(value))) = members.next_entry()? {
            object.fields.insert(key, value);
        }
        Ok(Kind::StructValue(object))
    }
}

/// Converts arguments without their redacted values, which become the text `[redacted]`.
#[must_use]
pub fn from_redacted(arguments: &RedactedArguments) -> Struct {
    let field = |(name, value): (&String, &RedactedValue)| (name.clone(), from_redacted_value(value));
    Struct { fields: arguments.members().iter().map(field).collect() }
}

fn from_redacted_value(value: &RedactedValue) -> ProtoValue {
    let kind = match value {
        RedactedValue::Redacted => Kind::StringValue(REDACTED.to_owned()),
        RedactedValue::Null => Kind::NullValue(0),
        RedactedValue::Bool(flag) => Kind::BoolValue(*flag),
        RedactedValue::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        RedactedValue::Text(text) => Kind::StringValue(text.clone()),
        RedactedValue::List(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(from_redacted_value).collect() })
        }
        RedactedValue::Object(members) => {
            let field = |(name, value): (&String, &RedactedValue)| (name.clone(), from_redacted_value(value));
            Kind::StructValue(Struct { fields: members.iter().map(field).collect() })
        }
    };
    ProtoValue { kind: Some(kind) }
}

fn from_value(value: Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        // Only `None` with serde_json's feature `arbitrary_precision`.
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(from_value).collect() }),
        Value::Object(object) => Kind::StructValue(from_object(object)),
    };
    ProtoValue { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{domain::Arguments, wire::decode::Violation};

    fn proto(kind: Option<Kind>) -> ProtoValue {
        ProtoValue { kind }
    }

    fn of(fields: impl IntoIterator<Item = (&'static str, ProtoValue)>) -> Struct {
        Struct { fields: fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
    }

    fn read(from: Struct, depth: u32) -> Result<Map<String, Value>, Vec<String>> {
        let mut check = Checker::default();
        let object = to_object(&mut check, "arguments", from, depth);
        let line = |violation: Violation| format!("{}: {}", violation.field, violation.description);
        check.finish(|| object).map_err(|violations| violations.0.into_iter().map(line).collect())
    }

    #[test]
    fn names_every_value_that_json_cannot_hold() {
        let number = |number| proto(Some(Kind::NumberValue(number)));
        let item = of([("price", number(f64::NAN)), ("ok", number(1.5))]);
        let items = ListValue { values: vec![number(1.0), proto(Some(Kind::StructValue(item))), proto(None)] };
        let from = of([
            ("items", proto(Some(Kind::ListValue(items)))),
            ("a b", number(f64::INFINITY)),
            ("down", number(f64::NEG_INFINITY)),
        ]);
        let mut violations = read(from, 32).unwrap_err();
        violations.sort();
        assert_eq!(
            violations,
            [
                "arguments.down: is -inf; a number must be finite",
                "arguments.items[1].price: is NaN; a number must be finite",
                "arguments.items[2]: has no kind; a value must be null, a bool, number, string, list or struct",
                "arguments[\"a b\"]: is inf; a number must be finite",
            ]
        );
    }

    #[test]
    fn depth_counts_objects_and_lists() {
        for (value, levels) in [(json!({}), 1), (json!({"a": 1}), 1), (json!({"a": []}), 2), (json!({"a": [{}]}), 3)] {
            let from = || from_object(value.as_object().unwrap().clone());
            assert!(read(from(), levels).is_ok());
            assert_eq!(depth(value.as_object().unwrap()), levels);
            let refused = read(from(), levels - 1).unwrap_err();
            assert!(refused[0].contains(&format!("at most {} levels", levels - 1)), "{refused:?}");
        }
        let nested = (0..60).fold(json!({}), |inner, _| json!({"a": [inner]}));
        let from = from_object(nested.as_object().unwrap().clone());
        let refused = read(from, 32).unwrap_err();
        assert_eq!(refused.len(), 1);
        assert!(refused[0].contains("at most 32 levels are allowed"), "{refused:?}");
    }

    fn any_value() -> impl Strategy<Value = ProtoValue> {
        let leaf = prop_oneof![
            Just(Kind::NullValue(0)),
            any::<bool>().prop_map(Kind::BoolValue),
            (proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL)
                .prop_map(Kind::NumberValue),
            (-1_000_000_i32..1_000_000).prop_map(|number| Kind::NumberValue(number.into())),
            any::<u64>().prop_map(|number| Kind::NumberValue(number as f64)),
            any::<String>().prop_map(Kind::StringValue),
        ];
        leaf.prop_map(|kind| proto(Some(kind))).prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6)
                    .prop_map(|values| proto(Some(Kind::ListValue(ListValue { values })))),
                proptest::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| proto(Some(Kind::StructValue(Struct { fields })))),
            ]
        })
    }

    #[test]
    fn stored_json_that_is_no_object_is_never_sent() {
        for text in ["[]", "7", "null", "", "{"] {
            assert!(std::panic::catch_unwind(|| from_json(text)).is_err(), "{text:?}");
        }
    }

    proptest! {
        /// Equal as doubles: canonical JSON has one zero.
        #[test]
        fn survives_canonical_json(fields in proptest::collection::btree_map(any::<String>(), any_value(), 0..6)) {
            let from = Struct { fields };
            let arguments = Arguments::new(read(from.clone(), 32).unwrap()).unwrap();
            let back = from_json(arguments.as_json());
            prop_assert_eq!(&back, &from);
            let again = Arguments::new(read(back, 32).unwrap()).unwrap();
            prop_assert_eq!(again, arguments);
        }
    }
}
