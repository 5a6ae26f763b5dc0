//! Settings of channels: the tables `[channels.NAME]` of the configuration file.

use std::{collections::BTreeSet, fmt, path::PathBuf, time::Duration};

use toml::{Table, Value};

use super::SecretSource;
use crate::{
    domain::{NotificationKind, Subscription, duration_text},
    spelling::closest,
};

#[cfg(test)]
mod tests;

/// The fields of one table. A parser takes the fields that it knows; what is left over is a mistake. It reports every
/// problem, and goes on.
pub struct Fields {
    table: Table,
    /// The fields that the parser asked for: the allowed ones.
    known: BTreeSet<String>,
    secrets: Vec<(String, SecretSource)>,
    /// The events that the channel is told, once they are read and valid.
    events: Option<BTreeSet<NotificationKind>>,
    problems: Vec<FieldProblem>,
}

/// What the parser left: problems of fields that it knows, and fields that it does not know.
pub(super) struct Finished {
    pub(super) secrets: Vec<(String, SecretSource)>,
    pub(super) problems: Vec<FieldProblem>,
    pub(super) unknown: Vec<FieldProblem>,
}

/// Shows no values: one of them may be a secret that belongs elsewhere.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.table.keys().collect();
        f.debug_struct("Fields").field("names", &names).field("problems", &self.problems).finish()
    }
}

/// What is wrong with a field of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field, such as `url`.
    pub field: String,
    /// What is wrong, and what is allowed: the end of a sentence that begins with the field.
    pub problem: String,
}

/// Maximum length of a text, in bytes.
const TEXT_MAX: usize = 2_048;

/// Longest delay of a channel.
const AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

impl Fields {
    /// The fields of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table, known: BTreeSet::new(), secrets: Vec::new(), events: None, problems: Vec::new() }
    }

    /// Reports a problem.
    pub fn problem(&mut self, field: &str, problem: impl Into<String>) {
        self.problems.push(FieldProblem { field: field.to_owned(), problem: problem.into() });
    }

    /// Whether a field is there.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.table.contains_key(field)
    }

    /// A text of 1 to 2,048 bytes without control characters.
    pub fn text(&mut self, field: &str) -> Option<String> {
        let value = self.take(field)?;
        let text = value.as_str().filter(|text| is_text(text)).map(str::to_owned);
        text.or_else(|| self.refuse(field, &format!("must be a {TEXT}")))
    }

    /// A text that must be there.
    pub fn required_text(&mut self, field: &str) -> Option<String> {
        if !self.has(field) {
            self.known.insert(field.to_owned());
            return self.refuse(field, "is missing");
        }
        self.text(field)
    }

    /// A list of texts, each as in [`text`](Self::text). Empty without the field.
    pub fn texts(&mut self, field: &str) -> Vec<String> {
        let Some(value) = self.take(field) else { return Vec::new() };
        let texts = value.as_array().and_then(|items| items.iter().map(text_of).collect());
        texts.or_else(|| self.refuse(field, &format!("must be a list; each item must be a {TEXT}"))).unwrap_or_default()
    }

    /// A table of texts, such as people by their addresses. Empty without the field.
    pub fn text_table(&mut self, field: &str) -> Vec<(String, String)> {
        let Some(value) = self.take(field) else { return Vec::new() };
        let pair = |(key, value): (&String, &Value)| Some((key.clone(), text_of(value)?));
        let pairs = value.as_table().and_then(|table| table.iter().map(pair).collect());
        let told = || format!("must be a table; each value must be a {TEXT}");
        pairs.or_else(|| self.refuse(field, &told())).unwrap_or_default()
    }

    /// A table of tables, such as people with what is known of each. Empty without the field. Give each table back with
    /// [`absorb`](Self::absorb).
    pub fn tables(&mut self, field: &str) -> Vec<(String, Self)> {
        let Some(value) = self.take(field) else { return Vec::new() };
        let inner = |(key, value): (&String, &Value)| Some((key.clone(), Self::new(value.as_table()?.clone())));
        let tables = value.as_table().and_then(|table| table.iter().map(inner).collect());
        tables.or_else(|| self.refuse(field, "must be a table of tables")).unwrap_or_default()
    }

    /// Reports the problems of an inner table, its unknown fields included.
    pub fn absorb(&mut self, name: &str, inner: Self) {
        for FieldProblem { field, problem } in inner.finish() {
            self.problem(&format!("{name}.{field}"), problem);
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, field: &str) -> Option<bool> {
        let value = self.take(field)?;
        value.as_bool().or_else(|| self.refuse(field, "must be true or false"))
    }

    /// A whole number within a range.
    pub fn count(&mut self, field: &str, min: u32, max: u32) -> Option<u32> {
        let value = self.take(field)?;
        let count = value.as_integer().and_then(|number| u32::try_from(number).ok());
        let count = count.filter(|count| (min..=max).contains(count));
        count.or_else(|| self.refuse(field, &format!("must be a whole number from {min} to {max}")))
    }

    /// A duration within a range, such as `"30s"`.
    pub fn duration(&mut self, field: &str, min: Duration, max: Duration) -> Option<Duration> {
        let value = self.take(field)?;
        let duration = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
        let duration = duration.filter(|duration| (min..=max).contains(duration));
        let (min, max) = (duration_text(min), duration_text(max));
        duration.or_else(|| self.refuse(field, &format!("must be a duration from {min} to {max}, such as \"30s\"")))
    }

    /// A secret: `FIELD_file` with a path, or `FIELD_env` with the name of an environment variable. Never the secret
    /// itself, because configuration files are shown and kept in version control.
    pub fn secret(&mut self, field: &str) -> Option<SecretSource> {
        let (file, variable) = (format!("{field}_file"), format!("{field}_env"));
        let (path, name) = (self.text(&file).map(PathBuf::from), self.text(&variable));
        if self.table.remove(field).is_some() {
            return self.refuse(field, &format!("must not be in the configuration; set {file} or {variable}"));
        }
        let source = match (path, name) {
            (Some(_), Some(_)) => {
                return self.refuse(&file, &format!("and {variable} are both set; set one of them"));
            }
            (Some(path), None) => SecretSource::File(path),
            (None, name) => {
                let name = name?;
                // Not repeated in the message: it may be the secret itself.
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
                    let must =
                        "must be the name of an environment variable: letters, digits and _, with no digit first";
                    return self.refuse(&variable, must);
                }
                SecretSource::Environment(name)
            }
        };
        self.secrets.push((field.to_owned(), source.clone()));
        Some(source)
    }

    /// A secret that must be there.
    pub fn required_secret(&mut self, field: &str) -> Option<SecretSource> {
        let given = [field.to_owned(), format!("{field}_file"), format!("{field}_env")].iter().any(|key| self.has(key));
        let secret = self.secret(field);
        if !given {
            return self.refuse(field, &format!("is missing; set {field}_file or {field}_env"));
        }
        secret
    }

    /// What the channel subscribes to: `events`, by default all kinds, and `after`, by default at once.
    pub fn subscription(&mut self) -> Subscription {
        let given = self.has("events");
        let names = self.texts("events");
        let known = NotificationKind::ALL.map(NotificationKind::name);
        let mut kinds = BTreeSet::new();
        for name in &names {
            match NotificationKind::named(name) {
                Some(kind) => drop(kinds.insert(kind)),
                None => {
                    let hint = allowed(name, known.map(str::to_owned));
                    self.problem("events", format!("has no kind {name:?}; {hint}"));
                }
            }
        }
        if !given {
            kinds.extend(NotificationKind::ALL);
        } else if names.is_empty() && !self.problems.iter().any(|problem| problem.field == "events") {
            self.problem("events", format!("is empty; allowed: {}", known.join(", ")));
        }
        if !self.problems.iter().any(|problem| problem.field == "events") {
            self.events = Some(kinds.clone());
        }
        let after = self.duration("after", Duration::ZERO, AFTER_MAX).unwrap_or_default();
        Subscription { kinds, after }
    }

    /// Reports a problem if the channel is not told all of these events.
    pub(super) fn require_events(&mut self, required: &[NotificationKind], because: &str) {
        let Some(told) = &self.events else { return };
        if required.iter().all(|kind| told.contains(kind)) {
            return;
        }
        let names: Vec<_> = required.iter().map(|kind| kind.name()).collect();
        let list = match names.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
            _ => names.concat(),
        };
        self.problem("events", format!("must include {list}, because {because}"));
    }

    /// The problems, unknown fields included.
    #[must_use]
    pub fn finish(self) -> Vec<FieldProblem> {
        let Finished { mut problems, mut unknown, .. } = self.finished(true);
        problems.append(&mut unknown);
        problems
    }

    /// What is left. A parser that gave up at a problem may not have asked for all of its fields: then only misspelled
    /// fields are unknown.
    pub(super) fn finished(self, complete: bool) -> Finished {
        let Self { table, known, secrets, events: _, problems } = self;
        let mut unknown = Vec::new();
        for field in table.keys() {
            let similar = closest(field, known.iter().cloned()).is_some();
            if complete || similar {
                let problem = format!("is not a field of this kind of channel; {}", allowed(field, known.clone()));
                unknown.push(FieldProblem { field: field.clone(), problem });
            }
        }
        Finished { secrets, problems, unknown }
    }

    /// The fields that no parser took yet, as TOML literals.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.table.iter()
    }

    /// Takes a field, which is then an allowed one.
    fn take(&mut self, field: &str) -> Option<Value> {
        self.known.insert(field.to_owned());
        self.table.remove(field)
    }

    pub(super) fn refuse<T>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.problem(field, problem);
        None
    }
}

/// What a text is, as the end of a sentence.
const TEXT: &str = "text of 1 to 2048 bytes without control characters";

fn is_text(text: &str) -> bool {
    (1..=TEXT_MAX).contains(&text.len()) && !text.trim().is_empty() && !text.contains(char::is_control)
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().filter(|text| is_text(text)).map(str::to_owned)
}

/// The most similar name, or all of them.
pub(super) fn allowed(name: &str, known: impl IntoIterator<Item = String>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    match closest(name, known.iter().cloned()) {
        Some(similar) => format!("did you mean {similar}?"),
        None => format!("allowed: {}", known.join(", ")),
    }
}
