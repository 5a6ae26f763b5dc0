use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Deref, sync::Arc};

use chrono::TimeDelta;
use serde_json::Value as Json;

use crate::domain::{Actor, ActorKind, Agent, Time, canonical_json};

/// The value of an expression. Borrows from the call and from the condition where possible.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// Finite.
    Number(f64),
    Text(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
    Time(Time),
    Span(TimeDelta),
}

/// A string, cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Slice(&'a str),
    Made(Arc<str>),
}

/// A list, cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum List<'a> {
    Json(&'a [Json]),
    Texts(&'a [String]),
    Made(Arc<[Value<'a>]>),
}

/// A map, cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Map<'a> {
    Json(&'a serde_json::Map<String, Json>),
    Labels(&'a BTreeMap<String, String>),
    Agent(&'a Agent),
    Caller(&'a Actor),
    Made(Arc<BTreeMap<&'a str, Value<'a>>>),
}

/// A value's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Map,
    Time,
    Span,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::Text => "string",
            Self::List => "list",
            Self::Map => "map",
            Self::Time => "timestamp",
            Self::Span => "duration",
        })
    }
}

impl<'a> Value<'a> {
    pub(super) fn of_json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.as_f64().expect("arguments are doubles")),
            Json::String(text) => Self::Text(Text::Slice(text)),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(object) => Self::Map(Map::Json(object)),
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
            Self::Time(_) => Kind::Time,
            Self::Span(_) => Kind::Span,
        }
    }

    pub(super) fn text(text: String) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(List::Made(items.into()))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Slice(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Texts(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Value::of_json),
            Self::Texts(items) => items.get(index).map(|text| Value::Text(Text::Slice(text))),
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'a>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// Fields of `agent`.
pub(super) const AGENT_FIELDS: [&str; 3] = ["chain", "name", "run_id"];
/// Fields of `caller`.
pub(super) const CALLER_FIELDS: [&str; 3] = ["issuer", "kind", "subject"];

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(object) => object.len(),
            Self::Labels(labels) => labels.len(),
            Self::Agent(_) => AGENT_FIELDS.len(),
            Self::Caller(_) => CALLER_FIELDS.len(),
            Self::Made(entries) => entries.len(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        let text = |text: &'a str| Some(Value::Text(Text::Slice(text)));
        match self {
            Self::Json(object) => object.get(key).map(Value::of_json),
            Self::Labels(labels) => labels.get(key).and_then(|value| text(value)),
            Self::Agent(agent) => match key {
                "name" => text(&agent.name),
                "run_id" => text(&agent.run_id),
                "chain" => Some(Value::List(List::Texts(&agent.chain))),
                _ => None,
            },
            Self::Caller(actor) => match key {
                "kind" => text(kind_name(actor.kind)),
                "issuer" => text(&actor.issuer),
                "subject" => text(&actor.subject),
                _ => None,
            },
            Self::Made(entries) => entries.get(key).cloned(),
        }
    }

    /// The keys, sorted.
    pub(super) fn keys(&self) -> Vec<Text<'a>> {
        match self {
            Self::Json(object) => object.keys().map(|key| Text::Slice(key)).collect(),
            Self::Labels(labels) => labels.keys().map(|key| Text::Slice(key)).collect(),
            Self::Agent(_) => AGENT_FIELDS.map(Text::Slice).into(),
            Self::Caller(_) => CALLER_FIELDS.map(Text::Slice).into(),
            Self::Made(entries) => entries.keys().map(|key| Text::Slice(key)).collect(),
        }
    }
}

const fn kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Agent => "agent",
        ActorKind::Person => "person",
        ActorKind::Service => "service",
        ActorKind::Policy => "policy",
        ActorKind::Server => "server",
    }
}

/// A number as JSON writes it: `9`, `9.99`.
pub(super) fn number_text(number: f64) -> Cow<'static, str> {
    let json = serde_json::Number::from_f64(number).map_or(Json::Null, Json::Number);
    canonical_json(&json).map_or(Cow::Borrowed("0"), Cow::Owned)
}
