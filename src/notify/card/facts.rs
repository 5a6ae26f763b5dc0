//! The arguments of a call as lines: those that matter, then the others.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    agent_text::AgentText,
    budget::{Budget, NAME_MAX},
    phrase::Phrase,
    texts,
    warnings::Warnings,
};
use crate::{
    domain::is_inexact,
    policy::{ArgumentPath, RedactedApproval, RedactedValue},
};

/// An argument, or a value inside one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name, such as `amount` or `card.brand`.
    pub name: Phrase,
    /// Its value.
    pub value: Phrase,
    /// Whether the policy's summary names it; without a summary, whether it is one of the first few arguments.
    pub matters: bool,
    /// Number of characters left out of the name and the value.
    pub cut: usize,
}

/// The arguments of a card.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) shown: Vec<Fact>,
    /// Number of values of which nothing is shown.
    pub(super) left_out: usize,
    /// Number of characters left out.
    pub(super) cut: usize,
}

/// A value without lists and objects to go through, and its path.
struct Leaf<'a> {
    path: String,
    value: &'a RedactedValue,
    matters: bool,
}

impl Facts {
    pub(super) fn of(approval: &RedactedApproval, budget: &Budget, warnings: &mut Warnings) -> Self {
        let mut leaves = Vec::new();
        for item in &approval.summary {
            flatten(item.path.clone(), &item.value, true, &mut leaves);
        }
        for (name, value) in approval.arguments.members() {
            flatten(ArgumentPath::member(name).to_string(), value, false, &mut leaves);
        }
        let (mut facts, mut seen, mut left) = (Self::default(), BTreeSet::new(), budget.values);
        for leaf in leaves {
            if seen.insert(leaf.path.clone()) {
                facts.push(&leaf, budget, &mut left, warnings);
            }
        }
        facts
    }

    fn push(&mut self, leaf: &Leaf<'_>, budget: &Budget, left: &mut usize, warnings: &mut Warnings) {
        let raw = name_of(&leaf.path);
        let name = AgentText::line(&raw, NAME_MAX);
        warnings.text(&Phrase::new(texts::NAME_OF_ARGUMENT), &raw);
        warn(&Phrase::quoting(AgentText::line(&raw, NAME_MAX)), leaf.value, warnings);
        if self.shown.len() == budget.facts || *left == 0 {
            self.left_out += 1;
            self.cut += length(leaf.value);
            return;
        }
        let value = shown(leaf.value, budget.value.min(*left));
        *left -= value.unescaped().chars().count().min(*left);
        let cut = name.cut() + value.cut();
        self.cut += cut;
        let name = if raw.is_empty() { Phrase::new(texts::EMPTY_NAME) } else { Phrase::quoting(name) };
        self.shown.push(Fact { name, value, matters: leaf.matters, cut });
    }
}

/// The name of a path: without `args`, where that leaves no doubt.
fn name_of(path: &str) -> String {
    let rest = path.strip_prefix("args").unwrap_or(path);
    if let Some(name) = rest.strip_prefix('.') {
        return name.to_owned();
    }
    // A name with these characters stays in its brackets: without them it looks like a path into another argument.
    let quoted = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name = quoted.and_then(|quoted| serde_json::from_str::<String>(quoted).ok());
    name.filter(|name| !name.contains(['.', '['])).unwrap_or_else(|| rest.to_owned())
}

fn flatten<'a>(path: String, value: &'a RedactedValue, matters: bool, leaves: &mut Vec<Leaf<'a>>) {
    match value {
        RedactedValue::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let member = ArgumentPath::member(name).to_string();
                flatten(format!("{path}{}", member.strip_prefix("args").unwrap_or(&member)), value, matters, leaves);
            }
        }
        RedactedValue::List(items) if !items.iter().all(is_scalar) => {
            for (index, item) in items.iter().enumerate() {
                flatten(format!("{path}[{index}]"), item, matters, leaves);
            }
        }
        _ => leaves.push(Leaf { path, value, matters }),
    }
}

const fn is_scalar(value: &RedactedValue) -> bool {
    matches!(value, RedactedValue::Null | RedactedValue::Bool(_) | RedactedValue::Number(_) | RedactedValue::Text(_))
}

fn shown(value: &RedactedValue, max: usize) -> Phrase {
    let quoted = |text: &str| Phrase::quoting(AgentText::line(text, max));
    match value {
        RedactedValue::Redacted => Phrase::new(texts::REDACTED),
        RedactedValue::Text(text) if text.is_empty() => Phrase::new(texts::EMPTY_TEXT),
        // A text that reads as a number, a boolean or null is none.
        RedactedValue::Text(text) if is_literal(text) => quoted(&Value::from(text.as_str()).to_string()),
        RedactedValue::Text(text) => Phrase::quoting(AgentText::lines(text, max)),
        RedactedValue::List(items) if items.is_empty() => Phrase::new(texts::EMPTY_LIST),
        RedactedValue::Object(members) if members.is_empty() => Phrase::new(texts::EMPTY_OBJECT),
        RedactedValue::List(items) => quoted(&list(items)),
        other => quoted(&json(other)),
    }
}

/// A list of scalars as JSON, with a space behind each comma.
fn list(items: &[RedactedValue]) -> String {
    format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", "))
}

fn json(value: &RedactedValue) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn is_literal(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Null | Value::Bool(_) | Value::Number(_)))
}

/// The length of a value of which nothing is shown.
fn length(value: &RedactedValue) -> usize {
    match value {
        RedactedValue::Text(text) => text.chars().count(),
        RedactedValue::Redacted => 0,
        other => json(other).chars().count(),
    }
}

fn warn(name: &Phrase, value: &RedactedValue, warnings: &mut Warnings) {
    match value {
        RedactedValue::Text(text) => warnings.text(name, text),
        RedactedValue::Number(number) if is_inexact(number) => {
            warnings.push(name.clone().say(texts::COLON).say(texts::INEXACT));
        }
        RedactedValue::List(items) => items.iter().for_each(|item| warn(name, item, warnings)),
        _ => {}
    }
}
