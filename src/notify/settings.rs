//! Settings of channels: the tables `[channels.NAME]` of the configuration file.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use toml::{Table, Value};

use crate::domain::{NotificationKind, Subscription};

/// The fields of one table. A parser takes the fields that it knows; what is left over is a mistake. It reports every
/// problem, and goes on.
#[derive(Debug)]
pub struct Fields {
    table: Table,
    problems: Vec<FieldProblem>,
}

/// What is wrong with a field of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field, such as `url`.
    pub field: String,
    /// What is wrong, and what is allowed: the end of a sentence that begins with the field.
    pub problem: String,
}

/// Where a secret is. It is read whenever it is used, so a new one needs no restart. `Debug` shows the place only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable of the server.
    Environment(String),
}

impl Fields {
    /// The fields of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table, problems: Vec::new() }
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

    /// A text that is not empty.
    pub fn text(&mut self, field: &str) -> Option<String> {
        match self.table.remove(field)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            _ => self.refuse(field, "must be a text that is not empty"),
        }
    }

    /// A text that must be there.
    pub fn required_text(&mut self, field: &str) -> Option<String> {
        if !self.has(field) {
            return self.refuse(field, "is missing");
        }
        self.text(field)
    }

    /// A list of texts. Empty without the field.
    pub fn texts(&mut self, field: &str) -> Vec<String> {
        let Some(value) = self.table.remove(field) else { return Vec::new() };
        let texts = value.as_array().map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        texts.flatten().or_else(|| self.refuse(field, "must be a list of texts")).unwrap_or_default()
    }

    /// A table of texts, such as people by their addresses. Empty without the field.
    pub fn text_table(&mut self, field: &str) -> Vec<(String, String)> {
        let Some(value) = self.table.remove(field) else { return Vec::new() };
        let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        let pairs = value.as_table().map(|table| table.iter().map(pair).collect());
        pairs.flatten().or_else(|| self.refuse(field, "must be a table of texts")).unwrap_or_default()
    }

    /// `true` or `false`.
    pub fn flag(&mut self, field: &str) -> Option<bool> {
        let value = self.table.remove(field)?;
        value.as_bool().or_else(|| self.refuse(field, "must be true or false"))
    }

    /// A whole number within a range.
    pub fn count(&mut self, field: &str, min: u32, max: u32) -> Option<u32> {
        let value = self.table.remove(field)?;
        let count = value.as_integer().and_then(|number| u32::try_from(number).ok());
        let count = count.filter(|count| (min..=max).contains(count));
        count.or_else(|| self.refuse(field, &format!("must be a whole number from {min} to {max}")))
    }

    /// A duration within a range, such as `"30s"`.
    pub fn duration(&mut self, field: &str, min: Duration, max: Duration) -> Option<Duration> {
        let value = self.table.remove(field)?;
        let duration = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
        let duration = duration.filter(|duration| (min..=max).contains(duration));
        let (min, max) = (humantime::format_duration(min), humantime::format_duration(max));
        duration.or_else(|| self.refuse(field, &format!("must be a duration from {min} to {max}, such as \"30s\"")))
    }

    /// A secret: `FIELD_file` with a path, or `FIELD_env` with the name of an environment variable. Never the secret
    /// itself, because configuration files are shown and kept in version control.
    pub fn secret(&mut self, field: &str) -> Option<SecretSource> {
        let (file, variable) = (format!("{field}_file"), format!("{field}_env"));
        if self.table.remove(field).is_some() {
            return self.refuse(field, &format!("must not be in the configuration; set {file} or {variable}"));
        }
        if self.has(&file) && self.has(&variable) {
            self.table.remove(&variable);
            return self.refuse(&file, &format!("and {variable} are both set; set one of them"));
        }
        if self.has(&file) {
            return self.text(&file).map(|path| SecretSource::File(PathBuf::from(path)));
        }
        self.text(&variable).map(SecretSource::Environment)
    }

    /// A secret that must be there.
    pub fn required_secret(&mut self, field: &str) -> Option<SecretSource> {
        let given = [field.to_owned(), format!("{field}_file"), format!("{field}_env")].iter().any(|key| self.has(key));
        if !given {
            return self.refuse(field, &format!("is missing; set {field}_file or {field}_env"));
        }
        self.secret(field)
    }

    /// What the channel subscribes to: `events`, by default all kinds, and `after`, by default at once.
    pub fn subscription(&mut self) -> Subscription {
        let names = if self.has("events") { Some(self.texts("events")) } else { None };
        let mut kinds = BTreeSet::new();
        for name in names.iter().flatten() {
            match NotificationKind::named(name) {
                Some(kind) => drop(kinds.insert(kind)),
                None => {
                    let known = NotificationKind::ALL.map(NotificationKind::name).join(", ");
                    self.problem("events", format!("has no kind {name:?}; allowed: {known}"));
                }
            }
        }
        if names.is_none() {
            kinds.extend(NotificationKind::ALL);
        }
        let after = self.duration("after", Duration::ZERO, Duration::from_secs(24 * 60 * 60)).unwrap_or_default();
        Subscription { kinds, after }
    }

    /// The problems, unknown fields included.
    #[must_use]
    pub fn finish(mut self) -> Vec<FieldProblem> {
        let unknown: Vec<_> = self.table.keys().cloned().collect();
        unknown.iter().for_each(|field| self.problem(field, "is not a field of this kind of channel"));
        self.problems
    }

    fn refuse<T>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.problem(field, problem);
        None
    }
}
