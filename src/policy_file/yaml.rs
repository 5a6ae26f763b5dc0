//! Parses YAML into a tree of nodes with positions.
//!
//! The tree is built from the parser's events without recursion, and is at most [`DEPTH_MAX`] deep, so that its users
//! may recurse. Aliases are not followed: the tree is never larger than the file.

use std::{
    collections::{HashMap, hash_map::Entry as Seen},
    fmt,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{
    DEPTH_MAX, TEXT_MAX,
    problem::Position,
    scalar::{Kind, Scalar, shown},
};

/// The parser's error for flow collections that are nested 256 deep; it reads ahead to the end of one.
const PARSER_TOO_DEEP: &str = "recursion limit exceeded";

/// A value.
#[derive(Debug)]
pub(super) struct Node {
    /// Its start; for an empty value, or a block below its key, the start of the key.
    pub(super) at: Position,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Mapping),
    /// A rejected value, with the problem.
    Refused(String),
}

#[derive(Debug, Default)]
pub(super) struct Mapping {
    /// In the order of the file. A duplicate key has a rejected value.
    pub(super) entries: Vec<Entry>,
    /// Keys that are not strings, with their problems.
    pub(super) bad_keys: Vec<(Position, String)>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Position,
    pub(super) key: String,
    pub(super) node: Node,
}

/// Why a text cannot be parsed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) at: Position,
    pub(super) message: String,
}

impl Failure {
    fn new(at: Position, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Parses a file with one document.
///
/// An empty file is an error, not an empty mapping. A writer that truncates a policy file and then fails leaves an
/// empty file, which must not remove all rules.
pub(super) fn parse(text: &str) -> Result<Node, Failure> {
    if text.len() > TEXT_MAX {
        let message = format!("the file has {} bytes; at most {TEXT_MAX} are allowed", text.len());
        return Err(Failure::new(Position::START, message));
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let (event, span) = event.map_err(|error| syntax(position(*error.marker()), error.info()))?;
        builder.event(event, position(span.start))?;
    }
    match builder.root {
        Some(Node { value: Value::Scalar(Scalar { kind: Kind::Null, .. }), .. }) | None => {
            Err(Failure::new(Position::START, "is empty; write `{}` if that is intended"))
        }
        Some(root) => Ok(root),
    }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn syntax(at: Position, info: &str) -> Failure {
    if info == PARSER_TOO_DEEP { too_deep(at) } else { Failure::new(at, format!("invalid YAML: {info}")) }
}

fn too_deep(at: Position) -> Failure {
    Failure::new(at, format!("is nested too deeply; at most {DEPTH_MAX} levels are allowed"))
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
}

/// A collection whose end was not read yet.
struct Open {
    at: Position,
    /// The problem, if it is rejected.
    refused: Option<String>,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping { mapping: Mapping, seen: HashMap<String, Position>, key: Option<Key> },
}

/// A key whose value comes next.
enum Key {
    Sound(Position, String),
    /// A duplicate key.
    Twice(Position, String, Position),
    Bad,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), Failure> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(Failure::new(at, "a second document starts here; a file must have only one"));
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::Alias(_) => self.add(at, Value::Refused("aliases are not allowed; write the value again".into())),
            Event::Scalar(text, style, anchor, tag) => {
                let kind = resolve(&text, style, tag.as_deref());
                let value = refusal(anchor, kind.as_ref().err()).map_or_else(
                    || Value::Scalar(Scalar { text: text.into_owned(), kind: kind.unwrap_or(Kind::Text) }),
                    Value::Refused,
                );
                self.add(at, value);
            }
            Event::SequenceStart(anchor, tag) => {
                let wrong = tag.filter(|tag| !is_core(tag, "seq")).map(|tag| bad_tag(&tag));
                self.open(at, refusal(anchor, wrong.as_ref()), Items::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let wrong = tag.filter(|tag| !is_core(tag, "map")).map(|tag| bad_tag(&tag));
                let items = Items::Mapping { mapping: Mapping::default(), seen: HashMap::new(), key: None };
                self.open(at, refusal(anchor, wrong.as_ref()), items)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { at, refused, items }) = self.open.pop() {
                    let value = match (refused, items) {
                        (Some(wrong), _) => Value::Refused(wrong),
                        (None, Items::Sequence(items)) => Value::Sequence(items),
                        (None, Items::Mapping { mapping, .. }) => Value::Mapping(mapping),
                    };
                    self.add(at, value);
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, at: Position, refused: Option<String>, items: Items) -> Result<(), Failure> {
        if self.open.len() == DEPTH_MAX {
            return Err(too_deep(at));
        }
        self.open.push(Open { at, refused, items });
        Ok(())
    }

    /// Adds a complete value: an item, a key, the value of a key, or the document.
    fn add(&mut self, at: Position, value: Value) {
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(Node { at, value }),
            Some(Items::Sequence(items)) => items.push(Node { at, value }),
            Some(Items::Mapping { mapping, seen, key }) => match key.take() {
                None => *key = Some(as_key(at, value, mapping, seen)),
                Some(Key::Bad) => {}
                Some(Key::Sound(key_at, key)) => {
                    let at = if is_beneath(&value, at, key_at) { key_at } else { at };
                    mapping.entries.push(Entry { at: key_at, key, node: Node { at, value } });
                }
                Some(Key::Twice(at, key, first)) => {
                    let value = Value::Refused(Twice(first).to_string());
                    mapping.entries.push(Entry { at, key, node: Node { at, value } });
                }
            },
        }
    }
}

/// The problem of a field that is set twice.
pub(super) struct Twice(pub(super) Position);

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is set twice; the first is at {}", self.0)
    }
}

/// Whether the key's position is better for a value: it is empty, or a collection that starts on a later line.
fn is_beneath(value: &Value, at: Position, key: Position) -> bool {
    match value {
        Value::Scalar(scalar) => scalar.text.is_empty() && scalar.kind == Kind::Null,
        Value::Sequence(_) | Value::Mapping(_) => at.line != key.line,
        Value::Refused(_) => false,
    }
}

fn as_key(at: Position, value: Value, mapping: &mut Mapping, seen: &mut HashMap<String, Position>) -> Key {
    let wrong = match value {
        Value::Scalar(Scalar { text, kind: Kind::Text }) => {
            return match seen.entry(text) {
                Seen::Occupied(first) => Key::Twice(at, first.key().clone(), *first.get()),
                Seen::Vacant(free) => {
                    let key = Key::Sound(at, free.key().clone());
                    free.insert(at);
                    key
                }
            };
        }
        Value::Scalar(scalar @ Scalar { kind: Kind::Bool(_) | Kind::Number, .. }) => {
            format!("a key is {}; it must be a string: write {}", scalar.kind.name(), shown(&scalar.text))
        }
        Value::Scalar(Scalar { kind: Kind::Null, .. }) => "a key is null; it must be a string".into(),
        Value::Sequence(_) => "a key is a list; it must be a string".into(),
        Value::Mapping(_) => "a key is a mapping; it must be a string".into(),
        Value::Refused(wrong) => wrong,
    };
    mapping.bad_keys.push((at, wrong));
    Key::Bad
}

/// The type of a scalar, by its tag, or else by its text.
fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Kind, String> {
    let plain = || Kind::of_plain(text);
    let Some(tag) = tag else {
        return match style {
            ScalarStyle::Plain if text == "<<" => Err("merge keys (<<) are not allowed; write the merged keys".into()),
            ScalarStyle::Plain => Ok(plain()),
            _ => Ok(Kind::Text),
        };
    };
    let of_tag = |fits: fn(Kind) -> bool| Some(plain()).filter(|kind| fits(*kind)).ok_or_else(|| bad_tag(tag));
    match tag.suffix.as_str() {
        "!" if tag.handle.is_empty() => Ok(Kind::Text),
        _ if !tag.is_yaml_core_schema() => Err(bad_tag(tag)),
        "str" => Ok(Kind::Text),
        "null" => of_tag(|kind| kind == Kind::Null),
        "bool" => of_tag(|kind| matches!(kind, Kind::Bool(_))),
        "int" | "float" => of_tag(|kind| kind == Kind::Number),
        _ => Err(bad_tag(tag)),
    }
}

fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == suffix
}

fn bad_tag(tag: &Tag) -> String {
    let name = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
    format!("the tag {} is not allowed here; remove it", shown(&name))
}

fn refusal(anchor: usize, wrong: Option<&String>) -> Option<String> {
    if anchor > 0 { Some("anchors are not allowed; remove it".into()) } else { wrong.cloned() }
}

#[cfg(test)]
mod tests;
