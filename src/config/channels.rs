//! Channels: the tables `[channels.NAME]` of the configuration file. Only the file defines channels.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::{
    error::{ConfigError, Place},
    raw_value::shown,
};
use crate::{
    domain::{CHANNEL_NAME_MAX, ChannelName, duration_text},
    notify::{CHANNELS_MAX, ChannelProblems, ChannelSettings, shown_url},
};

/// The group of settings with a table for each channel.
pub(super) const CHANNELS: &str = "channels";

/// The channels of the configuration file.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// The valid ones, in order of names.
    pub(super) settings: Vec<ChannelSettings>,
    /// The names of all, valid or not, and the places of their fields.
    pub(super) places: BTreeMap<ChannelName, BTreeMap<String, Place>>,
    /// Environment variables with secrets.
    pub(super) variables: BTreeSet<String>,
}

/// Where things are in the file, for errors.
pub(super) struct Located<'a> {
    pub(super) text: &'a str,
    pub(super) place: &'a dyn Fn(usize) -> Place,
}

impl Channels {
    /// Reads the value of `channels`.
    pub(super) fn read(
        &mut self,
        value: &DeValue<'_>,
        span: Range<usize>,
        located: &Located<'_>,
        problems: &mut Vec<ConfigError>,
    ) {
        let refused = |place: usize, key: String, given: String, allowed: String| {
            let place = (located.place)(place);
            ConfigError::NotAllowed { place, key, given, allowed }
        };
        let source = |span: Range<usize>| shown(located.text.get(span).unwrap_or_default());
        let DeValue::Table(tables) = value else {
            let allowed = "tables [channels.NAME]".to_owned();
            return problems.push(refused(span.start, CHANNELS.to_owned(), source(span), allowed));
        };
        let mut starts = Vec::new();
        for (name, value) in tables {
            let start = name.span().start;
            starts.push(start);
            let key = format!("{CHANNELS}.{}", shown(name.get_ref()));
            let Ok(name) = name.get_ref().parse::<ChannelName>() else {
                let allowed =
                    format!("a name of 1–{CHANNEL_NAME_MAX} of a-z, 0-9 and -, beginning with a letter or digit");
                problems.push(refused(start, CHANNELS.to_owned(), shown(name.get_ref()), allowed));
                continue;
            };
            let DeValue::Table(table) = value.get_ref() else {
                self.places.insert(name, BTreeMap::new());
                problems.push(refused(value.span().start, key, source(value.span()), "a table of settings".to_owned()));
                continue;
            };
            self.read_channel(name, table, start, located, problems);
        }
        if starts.len() > CHANNELS_MAX {
            starts.sort_unstable();
            let (given, allowed) = (format!("{} channels", starts.len()), format!("at most {CHANNELS_MAX}"));
            problems.push(refused(starts[CHANNELS_MAX], CHANNELS.to_owned(), given, allowed));
        }
    }

    fn read_channel(
        &mut self,
        name: ChannelName,
        table: &DeTable<'_>,
        start: usize,
        located: &Located<'_>,
        problems: &mut Vec<ConfigError>,
    ) {
        let mut places = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (field, value) in table {
            names.insert(field.get_ref().to_string(), (located.place)(field.span().start));
            places.insert(field.get_ref().to_string(), (located.place)(value.span().start));
            if let (true, DeValue::String(variable)) = (field.get_ref().ends_with("_env"), value.get_ref()) {
                self.variables.insert(variable.to_string());
            }
        }
        match ChannelSettings::parse(name.clone(), plain_table(table)) {
            Ok(settings) => self.settings.push(settings),
            Err(ChannelProblems { wrong, unknown }) => {
                let wrong = wrong.into_iter().map(|problem| (&places, problem));
                let unknown = unknown.into_iter().map(|problem| (&names, problem));
                for (places, problem) in wrong.chain(unknown) {
                    // The place of a field that is missing is its channel.
                    let place = places.get(&problem.field).cloned().unwrap_or_else(|| (located.place)(start));
                    let field = format!("{CHANNELS}.{name}.{}", shown(&problem.field));
                    problems.push(ConfigError::Channel { place, field, problem: shown_problem(&problem.problem) });
                }
            }
        }
        self.places.insert(name, places);
    }
}

/// Problems are sentences of ours; one may quote a value.
fn shown_problem(problem: &str) -> String {
    problem.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The lines of `signoff config check` for a channel: each with its key, and the field that it is of. They load as the
/// same channel, unless its URL has a path: the path can be a secret, and is not shown.
pub(super) fn lines(settings: &ChannelSettings) -> Vec<(String, String)> {
    let ChannelSettings { name, subscription, interruptions, kind_name, fields, secrets: _, kind: _ } = settings;
    let events: Vec<_> = subscription.kinds.iter().map(|kind| Value::from(kind.name())).collect();
    let common = [
        ("kind", Value::from(*kind_name)),
        ("events", Value::Array(events)),
        ("after", Value::from(duration_text(subscription.after))),
    ];
    let interruptions = interruptions.map(|limit| ("interruptions", Value::from(i64::from(limit))));
    let common = common.into_iter().chain(interruptions).map(|(field, value)| (field.to_owned(), value));
    let own = fields.iter().map(|(field, value)| (field.clone(), without_path(field, value)));
    let mut lines = Vec::new();
    for (field, value) in common.chain(own) {
        let key = format!("{CHANNELS}.{name}.{}", key(&field));
        match value {
            Value::Table(entries) if !entries.is_empty() => {
                let entry =
                    |(name, value): (&String, &Value)| (format!("{key}.{} = {value}", self::key(name)), field.clone());
                lines.extend(entries.iter().map(entry));
            }
            value => lines.push((format!("{key} = {value}"), field)),
        }
    }
    lines
}

/// A value for people. Webhooks often have a secret in their URL.
fn without_path(field: &str, value: &Value) -> Value {
    match value {
        Value::String(url) if field == "url" => Value::from(shown_url(url)),
        value => value.clone(),
    }
}

/// A key of TOML, in quotes if it needs them.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { Value::from(name).to_string() }
}

fn plain_table(table: &DeTable<'_>) -> Table {
    table.iter().map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref()))).collect()
}

/// A value without its place.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        // No field has a number that does not fit; as a float it is refused like one that is too large.
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Float(f64::INFINITY), Value::Integer)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => Value::Table(plain_table(table)),
    }
}
