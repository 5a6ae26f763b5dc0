//! What edits changed: the old and the new value of each argument, and who edited.

use serde_json::{Map, Value};

use super::told::{Told, Who};
use crate::{
    desk::{moment::Moment, texts::approval as texts},
    domain::{Approval, Event, EventKind, Revision},
    wire::field_path,
};

/// Longest text of which all is shown, in characters. Of longer ones, what is the same at both ends is left out, and
/// counted.
const WHOLE: usize = 120;

/// Characters that are kept of what is the same, for context.
const CONTEXT: usize = 24;

/// The difference between two objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) changes: Vec<Change>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: Told,
    /// `None`: it was not there.
    pub(super) old: Option<Side>,
    /// `None`: it is not there any more.
    pub(super) new: Option<Side>,
}

/// One side of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    /// What is the same before, and not shown.
    pub(super) before: String,
    pub(super) shown: Told,
    /// What is the same after, and not shown.
    pub(super) after: String,
}

/// The arguments as somebody saw them, and what they became.
#[derive(Clone, Debug)]
pub(super) struct Edited {
    pub(super) difference: Difference,
    /// Who edited, and when, the latest last.
    pub(super) editors: Vec<(Who, Moment)>,
}

impl Edited {
    /// What changed since a revision. `None` without an edit since then.
    pub(super) fn since(revision: Revision, approval: &Approval, events: &[Event]) -> Option<Self> {
        let (before, later): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.revision <= revision);
        let asked = before.iter().rev().find_map(|event| match &event.kind {
            EventKind::Requested { arguments, .. } | EventKind::Edited { arguments, .. } => Some(arguments),
            _ => None,
        })?;
        let edits = later.iter().filter(|event| matches!(event.kind, EventKind::Edited { .. }));
        let editors: Vec<_> = edits.map(|event| (Who(event.actor.clone()), Moment(event.at))).collect();
        let difference = Difference::between(&asked.to_object(), &approval.arguments.to_object());
        (!editors.is_empty()).then_some(Self { difference, editors })
    }
}

impl Difference {
    pub(super) fn between(old: &Map<String, Value>, new: &Map<String, Value>) -> Self {
        let mut changes = Vec::new();
        objects(&mut changes, "", old, new);
        Self { changes }
    }
}

fn objects(changes: &mut Vec<Change>, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
    let added = new.keys().filter(|name| !old.contains_key(*name));
    for name in old.keys().chain(added) {
        let mut inner = path.to_owned();
        field_path::push_key(&mut inner, name);
        values(changes, &inner, old.get(name), new.get(name));
    }
}

fn values(changes: &mut Vec<Change>, path: &str, old: Option<&Value>, new: Option<&Value>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => objects(changes, path, old, new),
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                let mut inner = path.to_owned();
                field_path::push_index(&mut inner, index);
                values(changes, &inner, old.get(index), new.get(index));
            }
        }
        (old, new) => {
            let (old, new) = sides(old, new);
            changes.push(Change { path: Told::new(path.trim_start_matches('.')), old, new });
        }
    }
}

fn sides(old: Option<&Value>, new: Option<&Value>) -> (Option<Side>, Option<Side>) {
    let whole = |value: &Value| Side::whole(shown(value));
    let (Some(Value::String(old)), Some(Value::String(new))) = (old, new) else {
        return (old.map(whole), new.map(whole));
    };
    let [old, new]: [Vec<char>; 2] = [old, new].map(|text| text.chars().collect());
    if old.len() <= WHOLE && new.len() <= WHOLE {
        let side = |text: &[char]| Some(Side::whole(text.iter().collect()));
        return (side(&old), side(&new));
    }
    let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let shorter = old.len().min(new.len()) - same;
    let backwards = old.iter().rev().zip(new.iter().rev()).take(shorter);
    let same_end = backwards.take_while(|(one, other)| one == other).count();
    let (before, after) = (same.saturating_sub(CONTEXT), same_end.saturating_sub(CONTEXT));
    let side = |text: &[char]| {
        let shown: String = text[before..text.len() - after].iter().collect();
        let left_out = |count| if count == 0 { String::new() } else { texts::same_characters(count) };
        Some(Side { before: left_out(before), shown: Told::new(shown), after: left_out(after) })
    };
    (side(&old), side(&new))
}

/// A value on one line; a text as it is, because quotes would look like a part of it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Side {
    fn whole(text: String) -> Self {
        let text = if text.is_empty() { texts::EMPTY_TEXT.to_owned() } else { text };
        Self { before: String::new(), shown: Told::new(text), after: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn between(old: &Value, new: &Value) -> Vec<(String, Option<String>, Option<String>)> {
        let difference = Difference::between(old.as_object().unwrap(), new.as_object().unwrap());
        let side = |side: Option<Side>| side.map(|side| format!("{}{}{}", side.before, side.shown.text, side.after));
        difference.changes.into_iter().map(|one| (one.path.text, side(one.old), side(one.new))).collect()
    }

    #[test]
    fn each_value_that_differs_is_named() {
        let old = json!({"amount": 12000, "to": {"name": "a", "iban": "x"}, "tags": [1, 2], "gone": null});
        let new = json!({"amount": 900, "to": {"name": "b", "iban": "x"}, "tags": [1, 3, 4], "new": "n"});
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            between(&old, &new),
            [
                ("amount".to_owned(), some("12000"), some("900")),
                ("gone".to_owned(), some("null"), None),
                ("tags[1]".to_owned(), some("2"), some("3")),
                ("tags[2]".to_owned(), None, some("4")),
                ("to.name".to_owned(), some("a"), some("b")),
                ("new".to_owned(), None, some("n")),
            ]
        );
        assert_eq!(between(&old, &old), []);
    }

    #[test]
    fn what_is_the_same_in_a_long_text_is_counted() {
        let text = |middle: &str| json!({"a": format!("{}{middle}{}", "x".repeat(500), "y".repeat(500))});
        let changes = between(&text("one"), &text("two"));
        let (_, Some(old), Some(new)) = &changes[0] else { panic!() };
        assert!(old.contains("xone") && new.contains("xtwo"), "{old}");
        // "one" and "two" share no end, so 24 characters of context stay on each side.
        assert!(old.starts_with(&texts::same_characters(476)) && old.ends_with(&texts::same_characters(476)), "{old}");
    }

    #[test]
    fn a_text_that_was_cut_or_grew_is_whole_at_the_other_end() {
        let changes = between(&json!({"a": "x".repeat(500)}), &json!({"a": "x".repeat(300)}));
        let (_, Some(old), Some(new)) = &changes[0] else { panic!() };
        assert!(old.matches('x').count() > new.matches('x').count(), "{old} {new}");
    }
}
