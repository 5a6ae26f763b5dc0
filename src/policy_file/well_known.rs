//! Durations, times and free-form objects, which have their own forms in the JSON mapping.

use std::collections::BTreeMap;

use chrono::DateTime;
use prost_types::{Duration, ListValue, Struct, Timestamp, Value as Any, value::Kind};

use super::{
    message::Reader,
    scalar::{self, Scalar, shown},
    yaml::{Entry, Mapping, Node, Value},
};
use crate::wire::field_path;

/// Maximum depth of an object: enough for a call's arguments, and not more than the wire format allows.
const OBJECT_DEPTH: u32 = 32;

/// Maximum duration, in seconds: ten thousand years, protobuf's limit.
const SECONDS_MAX: i64 = 315_576_000_000;

impl Reader<'_> {
    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = match &node.value {
            Value::Scalar(Scalar { text, kind: scalar::Kind::Text }) => text,
            Value::Scalar(Scalar { text, kind: scalar::Kind::Number }) if span(&format!("{text}s")).is_some() => {
                self.refuse(node.at, format!("is a number without a unit; write {text}s"));
                return None;
            }
            _ => {
                self.wrong(node, "a duration in seconds, such as 300s or 1.5s");
                return None;
            }
        };
        let span = span(text);
        if span.is_none() {
            // Suggest seconds for 5m.
            let meant = humantime::parse_duration(text).ok().and_then(|span| Duration::try_from(span).ok());
            let hint = meant.map(|span| format!(": write {span}"));
            let such = hint.unwrap_or_else(|| ", such as 300s or 1.5s".to_owned());
            self.refuse(node.at, format!("is {}; it must be a duration in seconds{such}", shown(text)));
        }
        span
    }

    pub(super) fn timestamp(&mut self, node: &Node) -> Option<Timestamp> {
        let time = match &node.value {
            Value::Scalar(Scalar { text, kind: scalar::Kind::Text }) => DateTime::parse_from_rfc3339(text).ok(),
            _ => None,
        };
        let stamp = time.and_then(|time| {
            let nanos = i32::try_from(time.timestamp_subsec_nanos()).ok()?;
            Some(Timestamp { seconds: time.timestamp(), nanos })
        });
        if stamp.is_none() {
            self.wrong(node, "a time, such as 2026-01-31T12:00:00Z");
        }
        stamp
    }

    /// An object at this depth of the outermost one.
    pub(super) fn object(&mut self, node: &Node, level: u32) -> Option<Struct> {
        let Value::Mapping(mapping) = &node.value else {
            self.wrong(node, "a mapping");
            return None;
        };
        self.entries(node, mapping, level)
    }

    fn entries(&mut self, node: &Node, mapping: &Mapping, level: u32) -> Option<Struct> {
        self.enter(node, level)?;
        self.bad_keys(mapping);
        let mut fields = BTreeMap::new();
        for Entry { key, node, .. } in &mapping.entries {
            let value = self.within(|path| field_path::push_key(path, key), |reader| reader.free(node, level));
            fields.extend(value.map(|value| (key.clone(), value)));
        }
        Some(Struct { fields })
    }

    fn enter(&mut self, node: &Node, level: u32) -> Option<()> {
        if level <= OBJECT_DEPTH {
            return Some(());
        }
        self.refuse(node.at, format!("is nested too deeply; at most {OBJECT_DEPTH} levels are allowed"));
        None
    }

    fn free(&mut self, node: &Node, level: u32) -> Option<Any> {
        let kind = match &node.value {
            Value::Scalar(Scalar { kind: scalar::Kind::Null, .. }) => Kind::NullValue(0),
            Value::Scalar(Scalar { kind: scalar::Kind::Bool(flag), .. }) => Kind::BoolValue(*flag),
            Value::Scalar(Scalar { kind: scalar::Kind::Number, .. }) => Kind::NumberValue(self.double(node)?),
            Value::Scalar(Scalar { text, kind: scalar::Kind::Text }) => Kind::StringValue(text.clone()),
            Value::Mapping(mapping) => Kind::StructValue(self.entries(node, mapping, level + 1)?),
            Value::Sequence(items) => {
                self.enter(node, level + 1)?;
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let name = |path: &mut String| field_path::push_index(path, index);
                    let value = self.within(name, |reader| reader.free(item, level + 1));
                    values.push(value.unwrap_or(Any { kind: Some(Kind::NullValue(0)) }));
                }
                Kind::ListValue(ListValue { values })
            }
            Value::Refused(wrong) => {
                self.refuse(node.at, wrong.as_str());
                return None;
            }
        };
        Some(Any { kind: Some(kind) })
    }
}

/// A duration in protobuf's JSON mapping: `300s`, `1.5s`, `-0.000001s`.
fn span(text: &str) -> Option<Duration> {
    let (negative, number) = text.strip_prefix('-').map_or((false, text), |number| (true, number));
    let number = number.strip_suffix('s')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    let sign = if negative { -1 } else { 1 };
    let allowed = seconds < SECONDS_MAX || (seconds == SECONDS_MAX && nanos == 0);
    allowed.then(|| Duration { seconds: sign * seconds, nanos: nanos * if negative { -1 } else { 1 } })
}
