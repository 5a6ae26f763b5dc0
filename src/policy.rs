//! The rules that decide: pure, compiled once, and explaining themselves.

mod document;
mod tool_lists;

use std::collections::BTreeMap;

use crate::domain::{Actor, Agent, Arguments, Time, Verdict};

pub use document::{Document, Rule, RuleEffect};
pub use tool_lists::ToolLists;

/// A call to judge.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The tool.
    pub tool_name: &'a str,
    /// Its arguments.
    pub arguments: &'a Arguments,
    /// The agent that makes the call.
    pub agent: &'a Agent,
    /// The caller's labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Who asks.
    pub caller: &'a Actor,
    /// When.
    pub now: Time,
}

/// Judges calls.
pub trait Policy: Send + Sync + 'static {
    /// What is demanded of a call, and why. Never fails: what cannot be judged needs approval.
    fn evaluate(&self, call: &Call<'_>) -> Verdict;
}
