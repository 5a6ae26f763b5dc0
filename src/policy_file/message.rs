//! A tree to a message: protobuf's JSON mapping, in YAML.

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

/// Reads `root` as the message of `descriptor`. What is wrong is told to `problems` and left out; a wrong item of a
/// list is replaced by an empty one, so that paths of later items stay true.
///
/// Keys that name fields otherwise than the proto does, in lowerCamelCase or misspelt, are changed to the proto's.
///
/// Also returns the paths of what was left out or replaced.
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

/// Where reading is, and what was found wrong.
pub(super) struct Reader<'a> {
    problems: &'a mut Problems,
    /// Paths of what was refused, as far as the problems are kept.
    unread: Vec<String>,
    /// With a leading dot.
    path: String,
}

/// What is wrong with a field that is there, but says nothing.
const EMPTY: &str = "is empty; leave the line out, or say what is meant";

impl Reader<'_> {
    /// Refuses the field that is being read.
    pub(super) fn refuse(&mut self, at: Position, message: impl Into<String>) {
        let path = self.path.strip_prefix('.').unwrap_or(&self.path);
        if self.problems.add(at, path, message) {
            self.unread.push(path.to_owned());
        }
    }

    /// Tells of something wrong about a field which is read all the same.
    fn tell(&mut self, at: Position, message: impl Into<String>) {
        self.problems.add(at, self.path.strip_prefix('.').unwrap_or(&self.path), message);
    }

    /// Refuses a value that is not what is `needed`.
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

    /// The field that an entry's key names or, misspelt, means; the key then becomes the field's name. Only a field
    /// that is still `free`, as no key names it, can be meant.
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
            // Unset, by the mapping; but nobody writes an effect in order not to have it.
            self.refuse(node.at, format!("is empty, and so unset; write `{}: {{}}`", field.name()));
        }
        if let Some(oneof) = &oneof {
            if let Some((other, first)) = given.oneofs.get(oneof.name()) {
                let members: Vec<_> = oneof.fields().map(|member| member.name().to_owned()).collect();
                let message = format!("excludes {other} at {first}; only one may be set of {}", members.join(", "));
                self.tell(*at, message);
                // Still read: what is wrong inside counts.
                self.any(node, field);
                return;
            }
            given.oneofs.insert(oneof.name().to_owned(), (field.name().to_owned(), *at));
        }
        // By the mapping it would be as if it were not there; but a rule without its restrictions is for every call.
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
        // A member that is wrong was meant all the same, and is not to be missed later.
        if let Some(value) = value.or_else(|| oneof.map(|_| Is::default_value_for_field(field))) {
            to.set_field(field, value);
        }
    }

    /// The value of a field: a map, a list, or one.
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

    /// A message that was made by its type, as a dynamic one.
    fn well_known<M: prost::Message>(&mut self, node: &Node, message: &M, of: &MessageDescriptor) -> Option<Is> {
        let mut dynamic = DynamicMessage::new(of.clone());
        if let Err(error) = dynamic.transcode_from(message) {
            self.refuse(node.at, format!("cannot be held by a message: {error}"));
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

    /// A whole number; as in JSON it may be quoted, which 64 bits need there.
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

    /// A number that a double holds exactly.
    pub(super) fn double(&mut self, node: &Node) -> Option<f64> {
        let Value::Scalar(Scalar { text, kind: scalar::Kind::Number }) = &node.value else {
            self.wrong(node, "a number");
            return None;
        };
        let literal = scalar::decimal(text).filter(|literal| double::survives(literal));
        let number = literal.and_then(|literal| literal.parse().ok());
        if number.is_none() {
            let message = format!("is a number that a double does not hold exactly; write {}", shown(text));
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

/// What a mapping gave already.
#[derive(Default)]
struct Given {
    /// By number.
    fields: HashMap<u32, Position>,
    /// By the oneof's name: the member, and where.
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
