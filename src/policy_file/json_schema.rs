//! JSON Schema of files, for editors: completion, and marks at problems before a command runs.
//!
//! It is generated from the descriptors, with the protos' comments as descriptions. Fields have the proto's names.
//! Every oneof requires one member, as the messages with a file form do.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, prost_types::FileDescriptorProto};
use serde_json::{Map, Value, json};

use super::enums;

/// A duration in protobuf's JSON mapping.
const SPAN: &str = r"^-?[0-9]+(\.[0-9]{1,9})?s$";

/// The schema of a message's files.
pub(super) fn of(descriptor: &MessageDescriptor) -> Value {
    let mut schemas = Schemas::default();
    let mut root = schemas.message(descriptor);
    while let Some((name, descriptor)) = schemas.wanted.pop_first() {
        let definition = schemas.message(&descriptor);
        schemas.made.insert(name, definition.into());
    }
    root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".into(), descriptor.full_name().into());
    root.insert("$defs".into(), schemas.made.into());
    root.into()
}

/// Schemas by the names of their messages.
#[derive(Default)]
struct Schemas {
    made: Map<String, Value>,
    wanted: BTreeMap<String, MessageDescriptor>,
}

impl Schemas {
    fn message(&mut self, of: &MessageDescriptor) -> Map<String, Value> {
        let comments = Comments::of(of.parent_file().file_descriptor_proto());
        let mut properties = Map::new();
        for field in of.fields() {
            let mut schema = self.field(&field);
            if let (Some(schema), Some(comment)) = (schema.as_object_mut(), comments.at(field.path())) {
                schema.insert("description".into(), comment.into());
            }
            properties.insert(field.name().to_owned(), schema);
        }
        let mut schema = Map::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), properties.into());
        schema.insert("additionalProperties".into(), false.into());
        if let Some(comment) = comments.at(of.path()) {
            schema.insert("description".into(), comment.into());
        }
        let oneofs: Vec<_> = of.oneofs().filter(|oneof| !oneof.is_synthetic()).map(|oneof| one_of(&oneof)).collect();
        if !oneofs.is_empty() {
            schema.insert("allOf".into(), oneofs.into());
        }
        schema
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let values = self.one(&entry.map_entry_value_field().kind());
                json!({"type": "object", "additionalProperties": values})
            }
            kind if field.is_list() => json!({"type": "array", "items": self.one(&kind)}),
            kind => self.one(&kind),
        }
    }

    fn one(&mut self, kind: &Kind) -> Value {
        let integer = |min: i64, max: u64| json!({"type": "integer", "minimum": min, "maximum": max});
        match kind {
            Kind::Message(of) => match of.full_name() {
                "google.protobuf.Duration" => json!({"type": "string", "pattern": SPAN}),
                "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
                "google.protobuf.Struct" => json!({"type": "object"}),
                _ => {
                    let reference = format!("#/$defs/{}", of.name());
                    if !self.made.contains_key(of.name()) {
                        // Also ends the recursion of a message that contains itself.
                        self.made.insert(of.name().to_owned(), Value::Null);
                        self.wanted.insert(of.name().to_owned(), of.clone());
                    }
                    json!({"$ref": reference})
                }
            },
            Kind::Enum(of) => {
                let short = enums::short_names(of);
                let known: BTreeSet<_> = short.iter().cloned().collect();
                let full = enums::full_names(of).into_iter().filter(|name| !known.contains(name));
                json!({"enum": short.into_iter().chain(full).collect::<Vec<_>>()})
            }
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => integer(i32::MIN.into(), i32::MAX.unsigned_abs().into()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => integer(i64::MIN, i64::MAX.unsigned_abs()),
            Kind::Uint32 | Kind::Fixed32 => integer(0, u32::MAX.into()),
            Kind::Uint64 | Kind::Fixed64 => integer(0, u64::MAX),
            Kind::String | Kind::Bytes => json!({"type": "string"}),
        }
    }
}

/// Exactly one member.
fn one_of(oneof: &OneofDescriptor) -> Value {
    let members: Vec<_> = oneof.fields().map(|member| json!({"required": [member.name()]})).collect();
    json!({"oneOf": members})
}

/// The comments of a proto file, by path.
struct Comments(BTreeMap<Vec<i32>, String>);

impl Comments {
    fn of(file: &FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        Self(
            locations
                .filter_map(|location| Some((location.path.clone(), flowing(location.leading_comments.as_ref()?))))
                .collect(),
        )
    }

    fn at(&self, path: &[i32]) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

/// A comment with each paragraph on one line.
fn flowing(comment: &str) -> String {
    let lines: Vec<_> = comment.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
    paragraphs.map(|lines| lines.join(" ")).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests;
