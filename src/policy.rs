//! The rules that decide: pure, compiled once, and explaining themselves.
//!
//! A [`Document`] is a policy as its authors write it. [`Policy::compile`] finds everything that is wrong with it, or
//! makes a [`Policy`] of it, which judges [`Call`]s: the strictest of the rules that apply wins, whatever their order.

mod change;
mod combined_requirement;
mod compile;
mod condition;
mod document;
mod globs;
mod judge;
mod problems;
mod rules;
mod shadowing;
mod similar_names;
mod test_case;
mod warnings;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::domain::{Actor, Agent, Arguments, Effect, RuleTrace, Time, Verdict};

pub use change::{PolicyChange, Tried};
pub use document::{Asks, Document, Escalate, Rule, RuleEffect};
pub use judge::{PANELS_MAX, TOO_MANY_PANELS_RULE, TRACE_MAX};
pub use problems::{Problem, RULE_NAME_MAX, RULES_MAX, TEXT_MAX, UNLISTED_TOOLS};
pub use rules::Policy;
pub use test_case::TestCase;
pub use warnings::Known;

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

/// A [`Call`] that owns what it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCall {
    /// The tool.
    pub tool_name: String,
    /// Its arguments.
    pub arguments: Arguments,
    /// The agent that makes the call.
    pub agent: Agent,
    /// The caller's labels.
    pub labels: BTreeMap<String, String>,
    /// Who asks.
    pub caller: Actor,
    /// When.
    pub now: Time,
}

impl OwnedCall {
    /// The call, to be judged.
    #[must_use]
    pub fn borrow(&self) -> Call<'_> {
        let Self { tool_name, arguments, agent, labels, caller, now } = self;
        Call { tool_name, arguments, agent, labels, caller, now: *now }
    }
}

impl From<Call<'_>> for OwnedCall {
    fn from(call: Call<'_>) -> Self {
        Self {
            tool_name: call.tool_name.to_owned(),
            arguments: call.arguments.clone(),
            agent: call.agent.clone(),
            labels: call.labels.clone(),
            caller: call.caller.clone(),
            now: call.now,
        }
    }
}

/// How much work the conditions of one call may be together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// So little that nobody notices: for a thread that serves others.
    Quick,
    /// All that a call may take: some milliseconds.
    Full,
}

impl Effort {
    /// In steps, each of some nanoseconds.
    const fn steps(self) -> u32 {
        match self {
            Self::Quick => 20_000,
            Self::Full => 1_000_000,
        }
    }
}

/// What a policy says of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What it demands.
    pub effect: Effect,
    /// The rule that decided, or `tools` or `unlisted_tools`.
    pub rule: Arc<str>,
    /// That rule's message.
    pub message: Arc<str>,
    /// The rules that were looked at, as far as there is room.
    pub trace: Vec<RuleTrace>,
    /// How many more were looked at.
    pub trace_omitted: u32,
    /// How long after its decision the call can be claimed, where the policy says so.
    pub claim_window: Option<Duration>,
    /// Whether conditions failed for want of effort: more of it may lead to another judgement.
    pub exhausted: bool,
}

impl Judgement {
    /// What is kept with an approval.
    #[must_use]
    pub fn verdict(self, policy_version: String, claim_window: Duration) -> Verdict {
        Verdict {
            policy_version,
            effect: self.effect,
            rule: self.rule.to_string(),
            message: self.message.to_string(),
            trace: self.trace,
            trace_omitted: self.trace_omitted,
            frozen: None,
            claim_window: self.claim_window.unwrap_or(claim_window),
            remembered_rejection: None,
        }
    }
}

/// Judges calls by whatever policy is live.
pub trait Judge: Send + Sync + 'static {
    /// What is demanded of a call, and why. `None` when that takes more than the effort that was allowed; never for
    /// [`Effort::Full`], where what cannot be judged needs approval.
    fn judge(&self, call: &Call<'_>, effort: Effort) -> Option<Verdict>;
}
