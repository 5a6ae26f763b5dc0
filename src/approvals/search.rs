//! Searches approvals for a text.

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::Approval;

/// The text of the arguments that a search may find. A policy can redact arguments. A search that found them would tell
/// what they are, one guess after the other.
#[async_trait]
pub trait SearchableArguments: Send + Sync {
    /// The names and values of the arguments, without redacted ones: [`text_of`] what is left. If it is not known which
    /// ones are redacted: nothing.
    async fn text(&self, approval: &Approval) -> String;
}

/// The names and values in arguments, each on its own line. Unlike JSON, it has no escapes and quotation marks, which
/// nobody would search for.
#[must_use]
pub fn text_of(arguments: &Value) -> String {
    fn add(text: &mut String, value: &Value) {
        match value {
            Value::Null => text.push_str("null\n"),
            Value::String(value) => *text += &format!("{value}\n"),
            Value::Bool(_) | Value::Number(_) => *text += &format!("{value}\n"),
            Value::Array(values) => values.iter().for_each(|value| add(text, value)),
            Value::Object(values) => values.iter().for_each(|(name, value)| {
                *text += &format!("{name}\n");
                add(text, value);
            }),
        }
    }
    let mut text = String::new();
    add(&mut text, arguments);
    text
}

/// A search for a text.
pub(super) struct Search<'a> {
    /// In lower case.
    text: String,
    arguments: &'a dyn SearchableArguments,
}

impl<'a> Search<'a> {
    /// A search that ignores upper and lower case.
    pub(super) fn new(text: &str, arguments: &'a dyn SearchableArguments) -> Self {
        Self { text: text.to_lowercase(), arguments }
    }

    /// Whether the text occurs in an approval.
    pub(super) async fn finds(&self, approval: &Approval) -> bool {
        let request = &approval.request;
        let within = |text: &str| text.to_lowercase().contains(&self.text);
        let names = [&request.tool_name, &request.agent.name, &request.reason];
        let comments = approval.votes.iter().map(|vote| &vote.comment);
        let comments = comments.chain(approval.decision.iter().map(|decision| &decision.comment));
        let comments = comments.chain(approval.revocation.iter().map(|revocation| &revocation.reason));
        let people = [&request.caller].into_iter().chain(&request.on_behalf_of);
        names.into_iter().chain(&request.agent.chain).chain(comments).any(|text| within(text))
            || people.into_iter().any(|actor| within(&actor.to_string()))
            || request.labels.iter().any(|(name, value)| within(&format!("{name}={value}")))
            || within(&approval.id.to_string())
            || within(&self.arguments.text(approval).await)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_of_arguments_has_names_and_values() {
        let arguments = json!({"to": "A \"B\" é", "n": [1, 2.5, {"deep": true}], "none": null});
        let text = text_of(&arguments);
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["1", "2.5", "A \"B\" é", "deep", "n", "none", "null", "to", "true"]);
    }
}
