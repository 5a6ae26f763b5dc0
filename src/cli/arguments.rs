//! Converts a tool's arguments between the command line and `google.protobuf.Struct`, without loss.

use std::{collections::BTreeMap, fmt, io, path::Path};

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

use super::{failure::Failure, text::escape};
use crate::{bounded_file, wire::double::survives};

/// Maximum size of JSON input, in bytes. Above the server's limit, so that the server's error names that limit.
const JSON_MAX: usize = 16 << 20;

/// The flags that set single arguments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pairs<'a> {
    /// `KEY=VALUE`, the value parsed as JSON if it is valid JSON.
    pub(super) json: &'a [String],
    /// `KEY=VALUE`, the value always text.
    pub(super) text: &'a [String],
}

/// Builds the arguments: the object of `json` (`JSON`, `@file` or `-`), with each of `pairs` set in it.
pub(super) fn build(json: Option<&str>, pairs: Pairs<'_>) -> Result<Struct, Failure> {
    let mut fields = json.map(|json| object("--args-json", json)).transpose()?.unwrap_or_default().fields;
    let mut single = BTreeMap::new();
    let flags =
        pairs.json.iter().map(|pair| ("--arg", pair)).chain(pairs.text.iter().map(|pair| ("--arg-string", pair)));
    for (flag, pair) in flags {
        let (key, text) = split(flag, pair)?;
        let value = if flag == "--arg" && is_json(text) {
            parse(text).map_err(|error| match unfit(text).filter(|number| *number == text) {
                Some(number) => Failure::Usage(format!(
                    "--arg {key}: the number {number} does not fit a double exactly; pass it as text: \
                     --arg-string {key}={text}"
                )),
                None => Failure::Usage(format!("--arg {key}: {error}")),
            })?
        } else {
            Value { kind: Some(Kind::StringValue(text.to_owned())) }
        };
        if single.insert(key.to_owned(), value).is_some() {
            return Err(Failure::Usage(format!("{flag} {key}: set twice")));
        }
    }
    fields.append(&mut single);
    Ok(Struct { fields })
}

/// A hint for each value of `--arg` that is parsed as a number and printed in another form. `1.10` is more often a
/// version than a number.
pub(super) fn hints(pairs: Pairs<'_>) -> Vec<String> {
    let hint = |pair: &String| {
        let (key, text) = split("--arg", pair).ok()?;
        let number = serde_json::from_str::<serde_json::Number>(text).ok()?;
        let read = to_json(&Struct { fields: BTreeMap::from([(String::new(), parse(text).ok()?)]) })[""].to_string();
        let changes = read != text.trim() && number.as_f64().is_some();
        changes.then(|| {
            let (key, text) = (escape(key), escape(text));
            format!("hint: --arg {key}={text} is the number {read}; for the text {text}, use --arg-string {key}={text}")
        })
    };
    pairs.json.iter().filter_map(hint).collect()
}

fn split<'a>(flag: &str, pair: &'a str) -> Result<(&'a str, &'a str), Failure> {
    let pair = pair.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or(pair);
    pair.map_err(|pair| Failure::Usage(format!("{flag} {pair:?}: expected KEY=VALUE")))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Reads a JSON object: literal JSON, a file (`@path`), or standard input (`-`). Errors name `flag`.
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
    if let Some(number) = unfit(text) {
        return Err(format!("the number {number} does not fit a double exactly; pass it as a string: \"{number}\""));
    }
    serde_json::from_str(text).map(|Strict(value)| value).map_err(|error| format!("not valid JSON: {error}"))
}

/// The first number in valid JSON that a double would change.
fn unfit(json: &str) -> Option<&str> {
    if is_json(json) { numbers(json).find(|number| !survives(number)) } else { None }
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

/// JSON as a protobuf value. Rejects duplicate keys, because parsers disagree about which one counts.
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

    // Numbers that these casts would round are rejected by their literals.
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
                return Err(de::Error::custom(format!("duplicate key {key:?}")));
            }
            fields.insert(key, value);
        }
        Ok(Kind::StructValue(Struct { fields }))
    }
}

/// A protobuf object as JSON, for display.
pub(super) fn to_json(object: &Struct) -> serde_json::Value {
    signoff_client::decode(object).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[&str]) -> Vec<String> {
        pairs.iter().map(|pair| (*pair).to_owned()).collect()
    }

    fn built(json: Option<&str>, pairs: &[&str]) -> Result<String, String> {
        built_with_texts(json, pairs, &[])
    }

    fn built_with_texts(json: Option<&str>, pairs: &[&str], texts: &[&str]) -> Result<String, String> {
        let (pairs, texts) = (owned(pairs), owned(texts));
        build(json, Pairs { json: &pairs, text: &texts })
            .map(|object| to_json(&object).to_string())
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
        assert_eq!(built(None, &[]), Ok("{}".to_owned()));
        assert_eq!(built(Some("{}"), &[]), Ok("{}".to_owned()));
        assert_eq!(built(Some(r#"{"a":1,"b":{"c":[]}}"#), &["a=2"]), Ok(r#"{"a":2,"b":{"c":[]}}"#.to_owned()));
    }

    #[test]
    fn texts_stay_texts() {
        let texts = ["v=1.10", "n=007", "b=true", "j={\"a\":1}", "e=", "eq=a=b"];
        let expected = r#"{"b":"true","e":"","eq":"a=b","j":"{\"a\":1}","n":"007","v":"1.10"}"#;
        assert_eq!(built_with_texts(None, &[], &texts), Ok(expected.to_owned()));
        assert!(built_with_texts(None, &["v=1"], &["v=1"]).unwrap_err().contains("--arg-string v: set twice"));
        assert!(built_with_texts(None, &[], &["v"]).unwrap_err().starts_with("--arg-string \"v\": expected KEY=VALUE"));
    }

    #[test]
    fn numbers_that_print_differently_get_a_hint() {
        let hints = |pair: &str| hints(Pairs { json: &owned(&[pair]), text: &[] });
        for (pair, read) in
            [("v=1.10", "1.1"), ("v=1e10", "10000000000"), ("v=1.0", "1"), ("v=-0", "0"), ("v=2E1", "20")]
        {
            let text = pair.strip_prefix("v=").unwrap();
            let expected =
                format!("hint: --arg {pair} is the number {read}; for the text {text}, use --arg-string {pair}");
            assert_eq!(hints(pair), [expected]);
        }
        for pair in ["v=1.1", "v=5", "v=-7", "v=text", "v=\"1.10\"", "v=007", "v=[1.10]", "v=true", "v=", "v"] {
            assert!(hints(pair).is_empty(), "{pair}");
        }
    }

    #[test]
    fn invalid_arguments_are_rejected() {
        for (json, pairs, expected) in [
            (None, vec!["novalue"], "expected KEY=VALUE"),
            (None, vec!["=1"], "expected KEY=VALUE"),
            (None, vec!["a=1", "a=2"], "set twice"),
            (None, vec!["a=9007199254740993"], "9007199254740993 does not fit a double"),
            (None, vec!["id=9007199254740993"], "pass it as text: --arg-string id=9007199254740993"),
            (None, vec!["id=123e4567"], "pass it as text: --arg-string id=123e4567"),
            (None, vec![r#"a={"b":1,"b":2}"#], "duplicate key \"b\""),
            (Some("[1]"), vec![], "expected a JSON object"),
            (Some("{"), vec![], "not valid JSON"),
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
