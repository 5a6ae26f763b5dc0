//! Writes a message as YAML that reads back as the same message: in block style, with quotes only where needed.

use std::fmt::Write as _;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, Value as Is};
use prost_types::{Duration, Struct, Timestamp, Value as Any, value::Kind as AnyKind};

use super::{enums, scalar};
use crate::unicode::is_invisible;

/// Words that are booleans in YAML 1.1.
const OLD_BOOLEANS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];

/// Maximum length of a key before its colon, in characters; YAML allows 1,024.
const KEY_MAX: usize = 1_000;

/// The form of a value in the file.
enum Shape {
    /// A scalar on one line.
    Inline(String),
    /// A block of lines, with or without a final line end.
    Lines(String),
    List(Vec<Shape>),
    /// A mapping with its keys as inline scalars.
    Mapping(Vec<(String, Shape)>),
}

/// Writes the fields that are set, ordered by number.
pub(super) fn write(message: &DynamicMessage) -> String {
    let mut text = String::new();
    match fields(message) {
        Shape::Mapping(entries) if !entries.is_empty() => mapping(&mut text, &entries, 0, true),
        _ => text.push_str("{}\n"),
    }
    text
}

fn fields(message: &DynamicMessage) -> Shape {
    let entry = |(field, value): (FieldDescriptor, &Is)| (field.name().to_owned(), whole_field(value, &field.kind()));
    Shape::Mapping(message.fields().map(entry).collect())
}

fn whole_field(value: &Is, kind: &Kind) -> Shape {
    match value {
        Is::List(items) => Shape::List(items.iter().map(|item| one(item, kind)).collect()),
        Is::Map(entries) => {
            let kind = kind.as_message().map_or(Kind::String, |entry| entry.map_entry_value_field().kind());
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (as_text(key), one(value, &kind))).collect();
            entries.sort_by_key(|(key, _)| *key);
            Shape::Mapping(entries.into_iter().map(|(key, value)| (inline(key), value)).collect())
        }
        value => one(value, kind),
    }
}

fn as_text(key: &MapKey) -> &str {
    key.as_str().unwrap_or_else(|| unreachable!("maps in files have strings as keys; a test looks at every field"))
}

fn one(value: &Is, kind: &Kind) -> Shape {
    Shape::Inline(match value {
        Is::String(text) => return string(text),
        Is::Message(message) => match kind.as_message().map_or("", |of| of.full_name()) {
            "google.protobuf.Duration" => message.transcode_to::<Duration>().unwrap_or_default().to_string(),
            "google.protobuf.Timestamp" => message.transcode_to::<Timestamp>().unwrap_or_default().to_string(),
            "google.protobuf.Struct" => return object(&message.transcode_to().unwrap_or_default()),
            _ => return fields(message),
        },
        Is::EnumNumber(number) => {
            let name = kind.as_enum().and_then(|of| enums::short_name(of, *number));
            name.unwrap_or_else(|| number.to_string())
        }
        Is::Bool(flag) => flag.to_string(),
        Is::I32(number) => number.to_string(),
        Is::I64(number) => number.to_string(),
        Is::U32(number) => number.to_string(),
        Is::U64(number) => number.to_string(),
        Is::F64(number) => double(*number),
        Is::F32(_) | Is::Bytes(_) | Is::List(_) | Is::Map(_) => {
            unreachable!("files hold no such field; a test looks at every one")
        }
    })
}

fn object(object: &Struct) -> Shape {
    Shape::Mapping(object.fields.iter().map(|(key, value)| (inline(key), free(value))).collect())
}

fn free(value: &Any) -> Shape {
    Shape::Inline(match &value.kind {
        None | Some(AnyKind::NullValue(_)) => "null".to_owned(),
        Some(AnyKind::BoolValue(flag)) => flag.to_string(),
        Some(AnyKind::NumberValue(number)) => double(*number),
        Some(AnyKind::StringValue(text)) => return string(text),
        Some(AnyKind::ListValue(list)) => return Shape::List(list.values.iter().map(free).collect()),
        Some(AnyKind::StructValue(inner)) => return object(inner),
    })
}

fn double(number: f64) -> String {
    match number {
        _ if number.is_nan() => ".nan".to_owned(),
        f64::INFINITY => ".inf".to_owned(),
        f64::NEG_INFINITY => "-.inf".to_owned(),
        _ => {
            let text = format!("{number:?}");
            text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
        }
    }
}

/// `first` is false when the first entry continues a line.
fn mapping(text: &mut String, entries: &[(String, Shape)], indent: usize, first: bool) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if first || index > 0 {
            pad(text, indent);
        }
        if key.chars().count() > KEY_MAX {
            text.push_str("? ");
            text.push_str(key);
            text.push('\n');
            pad(text, indent);
        } else {
            text.push_str(key);
        }
        text.push(':');
        match value {
            Shape::Mapping(entries) if !entries.is_empty() => {
                text.push('\n');
                mapping(text, entries, indent + 2, true);
            }
            value => behind(text, value, indent),
        }
    }
}

fn list(text: &mut String, items: &[Shape], indent: usize) {
    for item in items {
        pad(text, indent);
        text.push('-');
        match item {
            Shape::Mapping(entries) if !entries.is_empty() => {
                text.push(' ');
                mapping(text, entries, indent + 2, false);
            }
            value => behind(text, value, indent),
        }
    }
}

/// Writes a value after `key:` or `-`, which are at `indent`.
fn behind(text: &mut String, value: &Shape, indent: usize) {
    match value {
        Shape::Inline(value) => {
            text.push(' ');
            text.push_str(value);
            text.push('\n');
        }
        Shape::Lines(lines) => {
            text.push_str(if lines.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in lines.lines() {
                if !line.is_empty() {
                    pad(text, indent + 2);
                }
                text.push_str(line);
                text.push('\n');
            }
        }
        Shape::List(items) if items.is_empty() => text.push_str(" []\n"),
        Shape::List(items) => {
            text.push('\n');
            list(text, items, indent + 2);
        }
        Shape::Mapping(_) => text.push_str(" {}\n"),
    }
}

fn pad(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

fn string(text: &str) -> Shape {
    // Spaces at the end of a line would be invisible, and at the start of the first line would count as indentation.
    let as_lines = text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && text.lines().all(|line| !line.ends_with(' '))
        && !text.chars().any(|c| c != '\n' && is_invisible(c));
    if as_lines { Shape::Lines(text.to_owned()) } else { Shape::Inline(inline(text)) }
}

/// A plain scalar if possible, else a quoted one.
fn inline(text: &str) -> String {
    if text.chars().any(is_invisible) {
        return escaped(text);
    }
    let plain = scalar::Kind::of_plain(text) == scalar::Kind::Text
        && !OLD_BOOLEANS.contains(&text.to_ascii_lowercase().as_str())
        && !text.starts_with(|c| " -?:,[]{}#&*!|>'\"%@`=<".contains(c))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #");
    match text {
        _ if plain => text.to_owned(),
        _ if text.contains(['"', '\\']) => format!("'{}'", text.replace('\'', "''")),
        _ => format!("\"{text}\""),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::from("\"");
    for c in text.chars() {
        let code = u32::from(c);
        // Writing to a String cannot fail.
        let _ = match c {
            '"' => escaped.write_str("\\\""),
            '\\' => escaped.write_str("\\\\"),
            '\n' => escaped.write_str("\\n"),
            '\t' => escaped.write_str("\\t"),
            c if !is_invisible(c) => escaped.write_char(c),
            _ if code <= 0xff => write!(escaped, "\\x{code:02x}"),
            _ if code <= 0xffff => write!(escaped, "\\u{code:04x}"),
            _ => write!(escaped, "\\U{code:08x}"),
        };
    }
    escaped + "\""
}

#[cfg(test)]
mod tests;
