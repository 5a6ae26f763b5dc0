//! A tool's arguments, from the command line to a `google.protobuf.Struct` and back, with nothing changed on the way.

use std::{collections::BTreeMap, fmt, io, path::Path};

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

use super::failure::Failure;
use crate::{bounded_file, wire::double::survives};

/// Longest JSON that is read, in bytes: more than a server takes, so that it is the server that says what it allows.
const JSON_MAX: usize = 16 << 20;

/// Builds the arguments: the object of `json` (`JSON`, `@file` or `-`), with each `key=value` of `pairs` set in it.
pub(super) fn build(json: Option<&str>, pairs: &[String]) -> Result<Option<Struct>, Failure> {
    if json.is_none() && pairs.is_empty() {
        return Ok(None);
    }
    let mut fields = json.map(|json| object("--args-json", json)).transpose()?.unwrap_or_default().fields;
    let mut given = BTreeMap::new();
    for pair in pairs {
        let Some((key, text)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::Usage(format!("--arg {pair:?}: expected KEY=VALUE")));
        };
        let value = if serde_json::from_str::<IgnoredAny>(text).is_ok() {
            parse(text).map_err(|error| Failure::Usage(format!("--arg {key}: {error}")))?
        } else {
            Value { kind: Some(Kind::StringValue(text.to_owned())) }
        };
        if given.insert(key.to_owned(), value).is_some() {
            return Err(Failure::Usage(format!("--arg {key}: given twice")));
        }
    }
    fields.append(&mut given);
    Ok(Some(Struct { fields }))
}

/// Reads a JSON object: given as it is, in a file (`@path`), or on standard input (`-`). `flag` is named in errors.
pub(super) fn object(flag: &str, source: &str) -> Result<Struct, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("{flag} {source}: {error}"));
    let text = match source.strip_prefix('@') {
        Some(path) => {
            bounded_file::read_input(Path::new(path), JSON_MAX).and_then(bounded_file::text).map_err(unreadable)?
        }
        None if source == "-" => {
            bounded_file::read_stream(io::stdin(), JSON_MAX).and_then(bounded_file::text).map_err(unreadable)?
        }
        None => source.to_owned(),
    };
    match parse(&text).map_err(|error| Failure::Usage(format!("{flag}: {error}")))?.kind {
        Some(Kind::StructValue(object)) => Ok(object),
        _ => Err(Failure::Usage(format!("{flag}: expected a JSON object"))),
    }
}

fn parse(text: &str) -> Result<Value, String> {
    let value: Strict = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    match numbers(text).find(|number| !survives(number)) {
        None => Ok(value.0),
        Some(number) => {
            Err(format!("the number {number} does not fit a double exactly; give it as a string: \"{number}\""))
        }
    }
}

/// The number literals of valid JSON.
fn numbers(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let mut in_string = false;
        let mut escaped = false;
        let start = rest.bytes().position(|byte| {
            if in_string {
                in_string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
                return false;
            }
            in_string = byte == b'"';
            byte == b'-' || byte.is_ascii_digit()
        })?;
        let tail = &rest[start..];
        let end = tail.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(tail.len());
        rest = &tail[end..];
        Some(&tail[..end])
    })
}

/// JSON as a protobuf value; refuses an object that has a key twice, which readers would understand differently.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(|kind| Self(Value { kind: Some(kind) }))
    }
}

struct StrictVisitor;

impl<'de> de::Visitor<'de> for StrictVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::NullValue(0))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::BoolValue(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::NumberValue(value))
    }

    // What these would round is refused by its literal.
    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::NumberValue(value as f64))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::NumberValue(value as f64))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::StringValue(value.to_owned()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Kind::ListValue(ListValue { values }))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, _>()? {
            if fields.contains_key(&key) {
                return Err(de::Error::custom(format!("the key {key:?} is there twice")));
            }
            fields.insert(key, value);
        }
        Ok(Kind::StructValue(Struct { fields }))
    }
}

/// A protobuf object as JSON, for showing it.
pub(super) fn to_json(object: &Struct) -> serde_json::Value {
    signoff_client::decode(object).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(json: Option<&str>, pairs: &[&str]) -> Result<String, String> {
        let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        build(json, &pairs)
            .map(|object| object.map_or_else(|| "unset".to_owned(), |object| to_json(&object).to_string()))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn pairs_are_json_or_else_text() {
        assert_eq!(
            built(
                None,
                &["to=a@b.c", "n=5", "x=1.5", "ok=true", "none=null", "l=[1,\"2\"]", "s=\"5\"", "e=", "eq=a=b"]
            ),
            Ok(r#"{"e":"","eq":"a=b","l":[1,"2"],"n":5,"none":null,"ok":true,"s":"5","to":"a@b.c","x":1.5}"#
                .to_owned())
        );
        assert_eq!(built(None, &[]), Ok("unset".to_owned()));
        assert_eq!(built(Some("{}"), &[]), Ok("{}".to_owned()));
        assert_eq!(built(Some(r#"{"a":1,"b":{"c":[]}}"#), &["a=2"]), Ok(r#"{"a":2,"b":{"c":[]}}"#.to_owned()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (json, pairs, expected) in [
            (None, vec!["novalue"], "expected KEY=VALUE"),
            (None, vec!["=1"], "expected KEY=VALUE"),
            (None, vec!["a=1", "a=2"], "given twice"),
            (None, vec!["a=9007199254740993"], "9007199254740993 does not fit a double"),
            (None, vec![r#"a={"b":1,"b":2}"#], "there twice"),
            (Some("[1]"), vec![], "expected a JSON object"),
            (Some("{"), vec![], "not JSON"),
            (Some(r#"{"a":[{"b":12345678901234567890}]}"#), vec![], "12345678901234567890 does not fit"),
            (Some("@/no/such/file"), vec![], "/no/such/file"),
            (Some("@/dev/zero"), vec![], "/dev/zero: is larger than the limit of 16777216 bytes"),
            (Some("@/"), vec![], "@/: Is a directory"),
        ] {
            let error = built(json, &pairs).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn numbers_inside_strings_are_text() {
        let json = r#"{"9007199254740993":"9007199254740993 \" 1e999 \\","a":[-1.5,2e3],"b":"x"}"#;
        assert_eq!(numbers(json).collect::<Vec<_>>(), ["-1.5", "2e3"]);
    }
}
