//! The rules that decide: pure, compiled once, with a trace that explains each decision.
//!
//! A [`Document`] is a policy as its authors write it. [`Policy::compile`] reports every problem in it, or returns a
//! [`Policy`], which evaluates [`Call`]s. Of all rules that match a call the strictest wins, in any order.

mod argument_path;
mod brief;
mod change;
mod channel_names;
mod combined_requirement;
mod compile;
mod condition;
mod display;
mod display_problems;
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

use crate::domain::{Actor, Agent, Arguments, ChannelName, Effect, RuleTrace, Time, Verdict};

pub use argument_path::{ARGUMENT_PATH_MAX, ArgumentPath, ArgumentPathError};
pub use brief::{BRIEF_AGENT, BRIEF_ARGUMENTS, BRIEF_CHAIN, BRIEF_NAME, BRIEF_REASON, BRIEF_VALUE};
pub use change::{PolicyChange, Tried};
pub use channel_names::NOTIFY_MAX;
pub use display::{
    Display, PanelProgress, Preview, REDACTED, RedactedApproval, RedactedArguments, RedactedDecision, RedactedValue,
    RedactedVote, SummaryItem,
};
pub use display_problems::{REDACT_MAX, REJECT_REASON_MAX, REJECT_REASONS_MAX, SUMMARY_MAX};
pub use document::{Asks, Document, Escalate, Rule, RuleEffect};
pub use judge::{PANELS_MAX, TOO_MANY_PANELS_RULE, TRACE_MAX};
pub use problems::{Problem, RULE_NAME_MAX, RULES_MAX, TEXT_MAX, UNLISTED_TOOLS};
pub use rules::Policy;
pub use test_case::TestCase;
pub use warnings::Known;

/// A call to evaluate.
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
    /// The caller.
    pub caller: &'a Actor,
    /// The time of the request.
    pub now: Time,
}

/// A [`Call`] that owns its fields.
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
    /// The caller.
    pub caller: Actor,
    /// The time of the request.
    pub now: Time,
}

impl OwnedCall {
    /// Borrows the call, for evaluation.
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

/// How many steps the conditions of one call may take in total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Few enough for a thread that serves other callers.
    Quick,
    /// The maximum for a call: some milliseconds.
    Full,
}

impl Effort {
    /// The number of steps, each of some nanoseconds.
    const fn steps(self) -> u32 {
        match self {
            Self::Quick => 20_000,
            Self::Full => 1_000_000,
        }
    }
}

/// A policy's judgement of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The effect.
    pub effect: Effect,
    /// The rule that decided, or `tools` or `unlisted_tools`.
    pub rule: Arc<str>,
    /// The rule's message.
    pub message: Arc<str>,
    /// The evaluated rules, up to a maximum.
    pub trace: Vec<RuleTrace>,
    /// Number of evaluated rules that are not in `trace`.
    pub trace_omitted: u32,
    /// How long after its decision the call can be claimed, if the policy says so.
    pub claim_window: Option<Duration>,
    /// The channels that the policy names for the call, in order.
    pub notify: Vec<ChannelName>,
    /// Whether conditions failed because they ran out of steps. More steps may change the judgement.
    pub exhausted: bool,
}

impl Judgement {
    /// The verdict to record with an approval.
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
            notify: self.notify,
        }
    }
}

/// Evaluates calls with the live policy.
pub trait Judge: Send + Sync + 'static {
    /// The verdict on a call. `None` if it needs more steps than `effort` allows. Never `None` for [`Effort::Full`]: a
    /// call that cannot be evaluated needs approval.
    fn judge(&self, call: &Call<'_>, effort: Effort) -> Option<Verdict>;
}
