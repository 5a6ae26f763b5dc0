//! Reads a tree as a message: protobuf's JSON mapping, in YAML.

use std::collections::{HashMap, HashSet};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Is};

use super::{
    enums,
    problem::{Position, Problems},
    scalar::{self, Scalar, shown},
    yaml::{Entry, Mapping, Node, Twice, Value},
};
use crate::{
    spelling,
    wire::{double, field_path},
};

/// Reads `root` as the message of `descriptor`. Adds invalid values to `problems` and omits them; an invalid item of a
/// list becomes an empty one, so that the paths of later items stay valid.
///
/// Changes keys in lowerCamelCase and misspelled keys to the proto's names.
///
/// Returns the message, and the paths of omitted and replaced values.
pub(super) fn read(
    root: &mut Node,
    descriptor: MessageDescriptor,
    problems: &mut Problems,
) -> (DynamicMessage, Vec<String>) {
    let mut reader = Reader { problems, unread: Vec::new(), path: String::new() };
    let read = reader.message(root, &descriptor);
    let unread = reader.unread;
    (read.unwrap_or_else(|| DynamicMessage::new(descriptor)), unread)
}

/// The state of reading: the current path, and the problems so far.
pub(super) struct Reader<'a> {
    problems: &'a mut Problems,
    /// Paths of rejected values, as far as their problems are kept.
    unread: Vec<String>,
    /// The current path, with a leading dot.
    path: String,
}

/// The problem of a field without a value.
const EMPTY: &str = "is empty; set a value, or remove the line";

impl Reader<'_> {
    /// Rejects the current field.
    pub(super) fn refuse(&mut self, at: Position, message: impl Into<String>) {
        let path = self.path.strip_prefix('.').unwrap_or(&self.path);
        if self.problems.add(at, path, message) {
            self.unread.push(path.to_owned());
        }
    }

    /// Adds a problem of the current field, which is still read.
    fn tell(&mut self, at: Position, message: impl Into<String>) {
        self.problems.add(at, self.path.strip_prefix('.').unwrap_or(&self.path), message);
    }

    /// Rejects a value of the wrong type or form.
    pub(super) fn wrong(&mut self, node: &Node, needed: &str) {
        let message = match &node.value {
            Value::Refused(wrong) => wrong.clone(),
            Value::Scalar(scalar @ Scalar { kind: scalar::Kind::Bool(_) | scalar::Kind::Number, .. }) => {
                format!("is {} ({}); it must be {needed}", scalar.kind.name(), shown(&scalar.text))
            }
            Value::Scalar(scalar @ Scalar { kind: scalar::Kind::Text, .. }) => {
                format!("is {}; it must be {needed}", shown(&scalar.text))
            }
            Value::Scalar(_) => format!("is null; it must be {needed}"),
            Value::Sequence(_) => format!("is a list; it must be {needed}"),
            Value::Mapping(_) => format!("is a mapping; it must be {needed}"),
        };
        self.refuse(node.at, message);
    }

    pub(super) fn within<T>(&mut self, name: impl FnOnce(&mut String), read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        name(&mut self.path);
        let read = read(self);
        self.path.truncate(length);
        read
    }

    pub(super) fn bad_keys(&mut self, mapping: &Mapping) {
        for (at, wrong) in &mapping.bad_keys {
            self.tell(*at, wrong.as_str());
        }
    }

    fn message(&mut self, node: &mut Node, of: &MessageDescriptor) -> Option<DynamicMessage> {
        let Value::Mapping(mapping) = &mut node.value else {
            let empty = of.fields().len() == 0;
            let needed = if empty { "`{}`".to_owned() } else { format!("a mapping with the fields {}", names(of)) };
            self.wrong(node, &needed);
            return None;
        };
        self.bad_keys(mapping);
        let mut message = DynamicMessage::new(of.clone());
        let mut given = Given::default();
        let mut free: HashSet<_> = of.fields().map(|field| field.name().to_owned()).collect();
        for entry in &mapping.entries {
            free.remove(&entry.key);
        }
        for entry in &mut mapping.entries {
            let Some(field) = self.field_of(entry, of, &mut free) else { continue };
            self.within(
                |path| field_path::push_key(path, field.name()),
                |reader| {
                    reader.field(entry, &field, &mut given, &mut message);
                },
            );
        }
        Some(message)
    }

    /// The field of an entry's key, which may be misspelled; changes the key to the field's name. A misspelled key can
    /// only mean a field that is still `free`: no other key names it.
    fn field_of(
        &mut self,
        entry: &mut Entry,
        of: &MessageDescriptor,
        free: &mut HashSet<String>,
    ) -> Option<FieldDescriptor> {
        let key = entry.key.as_str();
        let named = of.get_field_by_name(key).or_else(|| of.get_field_by_json_name(key));
        let field = named.or_else(|| {
            let meant = spelling::closest(key, free.iter().cloned());
            let message = match &meant {
                Some(name) => format!("is unknown; did you mean {name}? Known: {}", names(of)),
                None => format!("is unknown; known: {}", names(of)),
            };
            self.within(|path| field_path::push_key(path, key), |reader| reader.tell(entry.at, message));
            meant.and_then(|name| of.get_field_by_name(&name))
        })?;
        free.remove(field.name());
        field.name().clone_into(&mut entry.key);
        Some(field)
    }

    fn field(&mut self, entry: &mut Entry, field: &FieldDescriptor, given: &mut Given, to: &mut DynamicMessage) {
        let Entry { at, node, .. } = entry;
        if let Some(first) = given.fields.get(&field.number()) {
            self.tell(*at, Twice(*first).to_string());
            return;
        }
        given.fields.insert(field.number(), *at);
        if let Value::Refused(wrong) = &node.value {
            self.refuse(node.at, wrong.as_str());
            return;
        }
        let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        if matches!(node.value, Value::Scalar(Scalar { kind: scalar::Kind::Null, .. })) {
            if oneof.is_none() {
                self.refuse(node.at, EMPTY);
                return;
            }
            // By the JSON mapping it is unset, which is not the intention of a line that names an effect.
            self.refuse(node.at, format!("is empty and therefore not set; write `{}: {{}}`", field.name()));
        }
        if let Some(oneof) = &oneof {
            if let Some((other, first)) = given.oneofs.get(oneof.name()) {
                let members: Vec<_> = oneof.fields().map(|member| member.name().to_owned()).collect();
                let message = format!("conflicts with {other} at {first}; set only one of {}", members.join(", "));
                self.tell(*at, message);
                // Still read, to find the problems inside.
                self.any(node, field);
                return;
            }
            given.oneofs.insert(oneof.name().to_owned(), (field.name().to_owned(), *at));
        }
        // By the JSON mapping, an empty value is like none, and a rule without its restrictions applies to every call.
        let empty = match &node.value {
            Value::Scalar(scalar) => oneof.is_none() && scalar.text.is_empty(),
            Value::Sequence(items) => field.is_list() && items.is_empty(),
            Value::Mapping(mapping) => field.is_map() && mapping.entries.is_empty() && mapping.bad_keys.is_empty(),
            Value::Refused(_) => false,
        };
        if empty {
            self.refuse(node.at, EMPTY);
            return;
        }
        let value = self.any(node, field);
        // An invalid member still counts as set, so that later checks do not report it as missing.
        if let Some(value) = value.or_else(|| oneof.map(|_| Is::default_value_for_field(field))) {
            to.set_field(field, value);
        }
    }

    /// The value of a field: a map, a list, or a single value.
    fn any(&mut self, node: &mut Node, field: &FieldDescriptor) -> Option<Is> {
        let kind = field.kind();
        match (&mut node.value, kind.as_message()) {
            (Value::Scalar(Scalar { kind: scalar::Kind::Null, .. }), _) => None,
            (Value::Mapping(mapping), Some(entry)) if field.is_map() => Some(self.map(mapping, entry)),
            (_, _) if field.is_map() => {
                self.wrong(node, "a mapping");
                None
            }
            (Value::Sequence(items), _) if field.is_list() => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter_mut().enumerate() {
                    let value =
                        self.within(|path| field_path::push_index(path, index), |reader| reader.value(item, &kind));
                    list.push(value.unwrap_or_else(|| Is::default_value(&kind)));
                }
                Some(Is::List(list))
            }
            (_, _) if field.is_list() => {
                self.wrong(node, "a list");
                None
            }
            _ => self.value(node, &kind),
        }
    }

    fn map(&mut self, mapping: &mut Mapping, entry: &MessageDescriptor) -> Is {
        self.bad_keys(mapping);
        let kind = entry.map_entry_value_field().kind();
        let mut map = HashMap::new();
        for Entry { key, node, .. } in &mut mapping.entries {
            let value = self.within(|path| field_path::push_quoted(path, key), |reader| reader.value(node, &kind));
            map.extend(value.map(|value| (MapKey::String(key.clone()), value)));
        }
        Is::Map(map)
    }

    fn value(&mut self, node: &mut Node, kind: &Kind) -> Option<Is> {
        match kind {
            Kind::Message(of) => match of.full_name() {
                "google.protobuf.Duration" => self.duration(node).and_then(|it| self.well_known(node, &it, of)),
                "google.protobuf.Timestamp" => self.timestamp(node).and_then(|it| self.well_known(node, &it, of)),
                "google.protobuf.Struct" => self.object(node, 1).and_then(|it| self.well_known(node, &it, of)),
                _ => self.message(node, of).map(Is::Message),
            },
            Kind::Enum(of) => self.choice(node, of).map(Is::EnumNumber),
            Kind::String => self.text(node).map(Is::String),
            Kind::Bool => match node.value {
                Value::Scalar(Scalar { kind: scalar::Kind::Bool(flag), .. }) => Some(Is::Bool(flag)),
                _ => {
                    self.wrong(node, "true or false");
                    None
                }
            },
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => self.whole(node, i32::MIN, i32::MAX).map(Is::I32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => self.whole(node, i64::MIN, i64::MAX).map(Is::I64),
            Kind::Uint32 | Kind::Fixed32 => self.whole(node, u32::MIN, u32::MAX).map(Is::U32),
            Kind::Uint64 | Kind::Fixed64 => self.whole(node, u64::MIN, u64::MAX).map(Is::U64),
            Kind::Double => self.double(node).map(Is::F64),
            Kind::Float | Kind::Bytes => {
                self.wrong(node, "left out: files cannot hold such a field");
                None
            }
        }
    }

    /// Converts a typed message to a dynamic one.
    fn well_known<M: prost::Message>(&mut self, node: &Node, message: &M, of: &MessageDescriptor) -> Option<Is> {
        let mut dynamic = DynamicMessage::new(of.clone());
        if let Err(error) = dynamic.transcode_from(message) {
            self.refuse(node.at, format!("is invalid: {error}"));
            return None;
        }
        Some(Is::Message(dynamic))
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Scalar(Scalar { text, kind: scalar::Kind::Text }) => Some(text.clone()),
            Value::Scalar(Scalar { text, kind: kind @ (scalar::Kind::Bool(_) | scalar::Kind::Number) }) => {
                self.refuse(node.at, format!("is {}; it must be a string: write {}", kind.name(), shown(text)));
                None
            }
            _ => {
                self.wrong(node, "a string");
                None
            }
        }
    }

    /// A whole number. As in the JSON mapping, it may be a string, which JSON requires for 64 bits.
    fn whole<T: TryFrom<i128> + std::fmt::Display>(&mut self, node: &Node, min: T, max: T) -> Option<T> {
        let number = match &node.value {
            Value::Scalar(Scalar { text, kind: scalar::Kind::Number }) => {
                scalar::decimal(text).and_then(|literal| integer(&literal))
            }
            Value::Scalar(Scalar { text, kind: scalar::Kind::Text }) => text.parse().ok(),
            _ => None,
        };
        let number = number.and_then(|number: i128| T::try_from(number).ok());
        if number.is_none() {
            self.wrong(node, &format!("a whole number from {min} to {max}"));
        }
        number
    }

    /// A number that a double can represent exactly.
    pub(super) fn double(&mut self, node: &Node) -> Option<f64> {
        let Value::Scalar(Scalar { text, kind: scalar::Kind::Number }) = &node.value else {
            self.wrong(node, "a number");
            return None;
        };
        let literal = scalar::decimal(text).filter(|literal| double::survives(literal));
        let number = literal.and_then(|literal| literal.parse().ok());
        if number.is_none() {
            let message =
                format!("is a number that a double cannot represent exactly; write the string {}", shown(text));
            self.refuse(node.at, message);
        }
        number
    }

    fn choice(&mut self, node: &Node, of: &prost_reflect::EnumDescriptor) -> Option<i32> {
        let number = match &node.value {
            Value::Scalar(Scalar { text, kind: scalar::Kind::Text }) => enums::number(of, text),
            _ => None,
        };
        if number.is_none() {
            self.wrong(node, &format!("one of {}", enums::short_names(of).join(", ")));
        }
        number
    }
}

/// The fields that a mapping has set so far.
#[derive(Default)]
struct Given {
    /// Positions by field number.
    fields: HashMap<u32, Position>,
    /// The member that is set and its position, by the name of the oneof.
    oneofs: HashMap<String, (String, Position)>,
}

fn names(of: &MessageDescriptor) -> String {
    let names: Vec<_> = of.fields().map(|field| field.name().to_owned()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A whole number from a decimal literal that may have a point or an exponent.
fn integer(literal: &str) -> Option<i128> {
    literal.parse().ok().or_else(|| {
        let double: f64 = literal.parse().ok().filter(|_| double::survives(literal))?;
        // Below 2^64, where every 64-bit number lies, the cast is exact for a double without a fraction.
        #[allow(clippy::cast_possible_truncation)]
        (double.fract() == 0.0 && double.abs() <= 18_446_744_073_709_551_616.0).then_some(double as i128)
    })
}
