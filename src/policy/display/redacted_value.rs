//! Arguments without their redacted values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::policy::argument_path::{ArgumentPath, Step};

/// What stands in place of a redacted value, where nothing else tells it apart. An argument can have this text too:
/// [`RedactedArguments::paths`] names what is redacted.
pub const REDACTED: &str = "[redacted]";

/// A value of the arguments, or the note that it is redacted. Of a redacted value nothing remains, not even its type or
/// length.
#[derive(Clone, Debug, PartialEq)]
pub enum RedactedValue {
    /// Redacted.
    Redacted,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(BTreeMap<String, Self>),
}

/// The JSON of the value, with [`REDACTED`] for redacted ones.
impl Serialize for RedactedValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Redacted => serializer.serialize_str(REDACTED),
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members),
        }
    }
}

impl RedactedValue {
    /// A value with nothing to redact in it. Not public, so that all others come from a [`Display`](super::Display).
    fn shown(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::shown).collect()),
            Value::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name, Self::shown(value))).collect())
            }
        }
    }
}

/// The arguments of a call, without redacted values. The full ones cannot be recovered from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RedactedArguments {
    members: BTreeMap<String, RedactedValue>,
    paths: Vec<String>,
}

/// Maximum number of paths to redact in one call. With more, everything is redacted.
pub(super) const REDACTIONS_MAX: usize = 256;

/// Maximum size of all [`RedactedArguments::paths`], in bytes: a list of approvals must fit into a message. With more,
/// everything is redacted.
pub(super) const PATHS_BYTES_MAX: usize = 1_024;

impl RedactedArguments {
    /// All arguments redacted.
    pub(super) fn everything() -> Self {
        Self { members: BTreeMap::new(), paths: vec![ArgumentPath::root().to_string()] }
    }

    /// Redacts the values at the paths, and everything below them.
    pub(super) fn new(arguments: Map<String, Value>, redact: &BTreeSet<&ArgumentPath>) -> Self {
        if redact.len() > REDACTIONS_MAX {
            return Self::everything();
        }
        let mut redactor = Redactor { met: BTreeSet::new() };
        let paths = redact.iter().map(|path| Left { path, steps: path.steps() }).collect();
        let RedactedValue::Object(members) = redactor.value(Value::Object(arguments), paths) else {
            return Self::everything();
        };
        let paths: Vec<_> = redactor.met.into_iter().map(ToString::to_string).collect();
        if paths.iter().map(String::len).sum::<usize>() > PATHS_BYTES_MAX {
            return Self::everything();
        }
        Self { members, paths }
    }

    /// The members. Empty if everything is redacted.
    #[must_use]
    pub const fn members(&self) -> &BTreeMap<String, RedactedValue> {
        &self.members
    }

    /// The paths that redacted something, as in the policy; `args` if everything is redacted. Sorted.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether something is redacted.
    #[must_use]
    pub const fn is_redacted(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Whether all arguments are redacted.
    #[must_use]
    pub fn is_all_redacted(&self) -> bool {
        self.paths.iter().any(|path| *path == ArgumentPath::root().to_string())
    }
}

/// A path, and its steps that are left at a value.
#[derive(Clone, Copy)]
struct Left<'a> {
    path: &'a ArgumentPath,
    steps: &'a [Step],
}

struct Redactor<'a> {
    /// The paths that redacted something.
    met: BTreeSet<&'a ArgumentPath>,
}

impl<'a> Redactor<'a> {
    /// Redacts inside a value. The recursion is as deep as the arguments.
    ///
    /// A path that cannot go on in this value, such as `args.card.number` in the text `args.card`, redacts it: the
    /// value may hold what its author wanted to hide, in another form.
    fn value(&mut self, value: Value, paths: Vec<Left<'a>>) -> RedactedValue {
        if paths.is_empty() {
            return RedactedValue::shown(value);
        }
        let goes_on = |left: &&Left<'_>| {
            matches!(
                (&value, left.steps.first()),
                (Value::Object(_), Some(Step::Member(_))) | (Value::Array(_), Some(Step::Item(_) | Step::EveryItem))
            )
        };
        let ends: Vec<_> = paths.iter().filter(|left| !goes_on(left)).map(|left| left.path).collect();
        if !ends.is_empty() {
            self.met.extend(ends);
            return RedactedValue::Redacted;
        }
        let inside = |meets: &dyn Fn(&Step) -> bool| -> Vec<Left<'a>> {
            let split = |left: &Left<'a>| left.steps.split_first().map(|(step, steps)| (step, Left { steps, ..*left }));
            paths.iter().filter_map(split).filter(|(step, _)| meets(step)).map(|(_, left)| left).collect()
        };
        match value {
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| {
                    let paths = inside(&|step| matches!(step, Step::Member(member) if *member == name));
                    let value = self.value(value, paths);
                    (name, value)
                });
                RedactedValue::Object(members.collect())
            }
            Value::Array(items) => {
                let items = items.into_iter().enumerate().map(|(index, value)| {
                    let paths = inside(&|step| match step {
                        Step::Item(item) => *item == index,
                        Step::EveryItem => true,
                        Step::Member(_) => false,
                    });
                    self.value(value, paths)
                });
                RedactedValue::List(items.collect())
            }
            scalar => RedactedValue::shown(scalar),
        }
    }
}
