//! Reads the TOML configuration file.

use std::{ops::Range, path::Path};

use toml::de::{DeTable, DeValue};

use super::channels::{CHANNELS, Channels, Located};
use super::entry::Entry;
use super::error::{ConfigError, Place};
use super::raw_value::{RawValue, Value, shown};
use super::table::{Setting, TABLE};
use crate::{bounded_file, spelling::closest};

/// Maximum size of the file, in bytes: far more than all settings need.
const BYTES_MAX: usize = 1 << 20;

/// Reads the file at `path`, which was set at `place`. Adds its settings, its channels and its problems.
pub(super) fn read(
    path: &str,
    place: Place,
    channels: &mut Channels,
    entries: &mut Vec<Entry>,
    problems: &mut Vec<ConfigError>,
) {
    // Reads pipes too: with `<(…)` of a shell, a decrypted file never reaches the disk.
    let content = bounded_file::read_input(Path::new(path), BYTES_MAX);
    let text = match content.and_then(bounded_file::text) {
        Ok(text) => text,
        Err(source) => return problems.push(ConfigError::Unreadable { place, path: path.to_owned(), source }),
    };
    let mut file = File { path, text: &text, channels, entries, problems };
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let span = error.span().unwrap_or_default();
        let message = match shown(text.get(span.clone()).unwrap_or_default().trim()) {
            source if source.is_empty() => shown(error.message()),
            source => format!("{}: {source}", shown(error.message())),
        };
        file.problems.push(ConfigError::Syntax { place: file.place(span.start), message });
    }
    file.walk(None, table.get_ref());
}

struct File<'a> {
    path: &'a str,
    text: &'a str,
    channels: &'a mut Channels,
    entries: &'a mut Vec<Entry>,
    problems: &'a mut Vec<ConfigError>,
}

impl File<'_> {
    fn walk(&mut self, group: Option<&str>, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = match group {
                Some(group) => format!("{group}.{}", name.get_ref()),
                None => name.get_ref().to_string(),
            };
            if key == CHANNELS {
                let place = |offset| self.place(offset);
                let located = Located { text: self.text, place: &place };
                let (mut channels, mut problems) = (Channels::default(), Vec::new());
                channels.read(value.get_ref(), value.span(), &located, &mut problems);
                *self.channels = channels;
                self.problems.append(&mut problems);
                continue;
            }
            let place = self.place(value.span().start);
            if let Some(setting) = Setting::named(&key) {
                let given = self.given(value.get_ref(), value.span());
                self.entries.push(Entry { setting, given, place });
            } else if groups().any(|group| group == key) {
                match value.get_ref() {
                    DeValue::Table(table) => self.walk(Some(&key), table),
                    other => {
                        let given = self.given(other, value.span()).shown;
                        let allowed = "a table of settings".to_owned();
                        self.problems.push(ConfigError::NotAllowed { place, key, given, allowed });
                    }
                }
            } else {
                let place = self.place(name.span().start);
                let known =
                    TABLE.iter().map(|setting| setting.key).chain(groups()).chain([CHANNELS]).map(str::to_owned);
                let suggestion = closest(&key, known);
                let what = format!("key {}", shown(&key));
                self.problems.push(ConfigError::Unknown { place, what, suggestion });
            }
        }
    }

    fn given(&self, value: &DeValue<'_>, span: Range<usize>) -> RawValue {
        let source = self.text.get(span).unwrap_or_default();
        match value {
            DeValue::String(text) => RawValue::new(Value::Text(text.to_string()), source),
            DeValue::Integer(n) => {
                RawValue::new(Value::Integer(u64::from_str_radix(n.as_str(), n.radix()).ok()), source)
            }
            DeValue::Boolean(value) => RawValue::new(Value::Bool(*value), source),
            DeValue::Table(_) => RawValue::new(Value::Other, "a table"),
            DeValue::Array(items) if items.iter().all(|item| matches!(item.get_ref(), DeValue::String(_))) => {
                let items = items.iter().filter_map(|item| item.get_ref().as_str().map(str::to_owned));
                RawValue::new(Value::Texts(items.collect()), source)
            }
            DeValue::Array(_) | DeValue::Float(_) | DeValue::Datetime(_) => RawValue::new(Value::Other, source),
        }
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// First parts of the dotted keys.
fn groups() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter_map(|setting| setting.key.split_once('.')).map(|(group, _)| group)
}
