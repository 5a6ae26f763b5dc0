//! google.protobuf.Struct and JSON.
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Value as Json};

pub(super) fn from_json(object: &Map<String, Json>) -> Struct {
    Struct { fields: object.iter().map(|(key, value)| (key.clone(), wire(value))).collect() }
}

fn wire(value: &Json) -> Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(wire).collect() }),
        Json::Object(object) => Kind::StructValue(from_json(object)),
    };
    Value { kind: Some(kind) }
}

pub(super) fn to_json(object: Struct) -> Map<String, Json> {
    object.fields.into_iter().map(|(key, value)| (key, json(value))).collect()
}

fn json(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(number)) => number.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(object)) => Json::Object(to_json(object)),
    }
}
