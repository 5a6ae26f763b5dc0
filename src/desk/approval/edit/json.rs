//! Arguments as a person types them: JSON, with mistakes at their place.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::desk::texts::approval as texts;

/// The object in a text, or what is wrong with it, with line and column.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, String> {
    match value(text)? {
        Value::Object(object) => Ok(object),
        _ => Err(texts::NOT_AN_OBJECT.to_owned()),
    }
}

/// The value in a text, or what is wrong with it, with line and column.
pub(super) fn value(text: &str) -> Result<Value, String> {
    serde_json::from_str::<Strict>(text).map(|Strict(value)| value).map_err(|error| {
        let said = error.to_string();
        let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
        texts::mistake(error.line(), error.column(), what)
    })
}

/// A value in which no name is given twice, and every number is kept as it was typed.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        whole(i128::from(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        whole(i128::from(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom(texts::TOO_LARGE))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(texts::twice(&name)));
            }
            let Strict(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// A whole number. Arguments are doubles, so not every large one can be kept.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "compared afterwards")]
fn whole<E: serde::de::Error>(number: i128) -> Result<Value, E> {
    let double = number as f64;
    if double as i128 != number {
        return Err(E::custom(texts::not_exact(number)));
    }
    let kept = i64::try_from(number).map(Number::from).or_else(|_| u64::try_from(number).map(Number::from));
    kept.map(Value::Number).map_err(|_| E::custom(texts::not_exact(number)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mistakes_are_shown_at_their_place() {
        for (text, problem) in [
            ("{\n  \"to\": \"alice\",\n  \"cc\": [bob]\n}", "Line 3, column 10: expected value"),
            ("{\"a\": 1,\n \"a\": 2}", "Line 2, column 4: the name \"a\" is given twice"),
            ("{\"a\": 9007199254740993}", "Line 1, column 22: the number 9007199254740993 cannot be kept exactly"),
            ("[1]", texts::NOT_AN_OBJECT),
            ("", "Line 1, column 0: EOF while parsing a value"),
            ("{} x", "Line 1, column 4: trailing characters"),
        ] {
            assert_eq!(object(text).unwrap_err(), problem, "{text}");
        }
    }

    #[test]
    fn numbers_are_kept() {
        let text = r#"{"a": 1.5, "b": -3, "c": 9007199254740992, "d": 1e20, "e": [null, true]}"#;
        assert_eq!(
            Value::Object(object(text).unwrap()),
            json!({"a": 1.5, "b": -3, "c": 9_007_199_254_740_992_u64, "d": 1e20, "e": [null, true]})
        );
    }
}
