use std::collections::BTreeMap;

use super::OwnedCall;
use crate::domain::{Actor, Agent, Arguments, Status, Time, Verdict};

/// A call to judge, and what is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct TestCase {
    /// What it shows, for people.
    pub name: String,
    /// The tool.
    pub tool_name: String,
    /// Arguments of the call.
    pub arguments: Arguments,
    /// The agent that makes the call.
    pub agent: Agent,
    /// The call's labels.
    pub labels: BTreeMap<String, String>,
    /// Who asks: an agent, a person or a service.
    pub caller: Actor,
    /// When; `None`: now.
    pub time: Option<Time>,
    /// The status expected at once, one of PENDING, AUTO_APPROVED and AUTO_REJECTED; `None`: any.
    pub expect: Option<Status>,
    /// The deciding rule expected; `None`: any.
    pub expect_rule: Option<String>,
}

impl TestCase {
    /// The call, at a moment where the case names none.
    #[must_use]
    pub fn call(&self, now: Time) -> OwnedCall {
        OwnedCall {
            tool_name: self.tool_name.clone(),
            arguments: self.arguments.clone(),
            agent: self.agent.clone(),
            labels: self.labels.clone(),
            caller: self.caller.clone(),
            now: self.time.unwrap_or(now),
        }
    }

    /// Whether a verdict is what the case expects.
    #[must_use]
    pub fn passes(&self, verdict: &Verdict) -> bool {
        self.expect.is_none_or(|expected| expected == verdict.effect.status())
            && self.expect_rule.as_ref().is_none_or(|expected| *expected == verdict.rule)
    }

    /// Whether a verdict deserves a second look: it is not what the case expects, or that expects nothing, or the call
    /// is approved. Then a tool's name that nearly is another one may be why.
    #[must_use]
    pub fn is_surprised_by(&self, verdict: &Verdict) -> bool {
        self.expect.is_none() || !self.passes(verdict) || verdict.effect.status() == Status::AutoApproved
    }
}
