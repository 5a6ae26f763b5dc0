//! The history as a page shows it: a list that can be searched for a text.

use async_trait::async_trait;
use serde_json::Value;

use super::{
    Approvals, Error,
    lists::{Bounds, Shown},
};
use crate::{
    domain::{Approval, ApprovalId, limits::SEARCH_TEXT_MAX},
    identity::{Method, Principal},
    store::{Filter, Order, Page, Query},
};

/// What one page of a search may examine. More than a list, because a search that finds little would otherwise need
/// many pages.
const SEARCH: Bounds = Bounds { looks: 5_000, bytes: 8 << 20 };

/// A page of the history.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// Which approvals.
    pub filter: Filter,
    /// A text that must occur in the approval, whether in upper or lower case. Empty: any approval.
    pub text: String,
    /// The order, by creation.
    pub order: Order,
    /// Only approvals after this one, in `order`.
    pub after: Option<ApprovalId>,
    /// Maximum number of approvals.
    pub limit: usize,
}

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

impl Approvals {
    /// One page of the approvals that the caller may read, and in which the text occurs: in the tool, agent, chain,
    /// reason, caller, person on whose behalf it was requested, labels, comments, arguments, or the id.
    ///
    /// A page examines a limited number of approvals. It may therefore be empty although it has a `next`.
    ///
    /// # Errors
    /// [`Error::SearchTextTooLong`], [`Error::Access`], or a failure of the store.
    pub async fn history(
        &self,
        principal: &Principal,
        query: HistoryQuery,
        arguments: &dyn SearchableArguments,
    ) -> Result<Page, Error> {
        self.history_within(principal, query, arguments, SEARCH).await
    }

    /// As above; a search examines what `bounds` allow.
    pub(super) async fn history_within(
        &self,
        principal: &Principal,
        query: HistoryQuery,
        arguments: &dyn SearchableArguments,
        bounds: Bounds,
    ) -> Result<Page, Error> {
        let HistoryQuery { filter, text, order, after, limit } = query;
        let query = Query { filter, order, after, limit };
        let text = text.trim();
        if text.is_empty() {
            return self.list(principal, Method::ListApprovals, query, false).await;
        }
        let found = text.chars().count();
        if found > SEARCH_TEXT_MAX {
            return Err(Error::SearchTextTooLong { found });
        }
        let search = Search { text: text.to_lowercase(), arguments };
        let (method, search) = (Method::ListApprovals, Some(&search));
        self.examine(query, &Shown { principal, method, decidable: false, search }, bounds).await
    }
}

/// A search for a text.
pub(super) struct Search<'a> {
    /// In lower case.
    text: String,
    arguments: &'a dyn SearchableArguments,
}

impl Search<'_> {
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
