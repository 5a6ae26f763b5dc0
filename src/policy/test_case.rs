use std::collections::BTreeMap;

use super::OwnedCall;
use crate::domain::{Actor, Agent, Arguments, Status, Time, Verdict};

/// A call to evaluate, and the expected result.
#[derive(Clone, Debug, PartialEq)]
pub struct TestCase {
    /// The name, for readers.
    pub name: String,
    /// The tool.
    pub tool_name: String,
    /// Arguments of the call.
    pub arguments: Arguments,
    /// The agent that makes the call.
    pub agent: Agent,
    /// The call's labels.
    pub labels: BTreeMap<String, String>,
    /// The caller: an agent, a person or a service.
    pub caller: Actor,
    /// The time of the request. `None`: now.
    pub time: Option<Time>,
    /// The expected initial status: PENDING, AUTO_APPROVED or AUTO_REJECTED. `None`: any.
    pub expect: Option<Status>,
    /// The expected deciding rule. `None`: any.
    pub expect_rule: Option<String>,
}

impl TestCase {
    /// The call, at `now` if the case has no time.
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

    /// Whether a verdict is as expected.
    #[must_use]
    pub fn passes(&self, verdict: &Verdict) -> bool {
        self.expect.is_none_or(|expected| expected == verdict.effect.status())
            && self.expect_rule.as_ref().is_none_or(|expected| *expected == verdict.rule)
    }

    /// Whether a verdict needs a second look: it is unexpected, nothing is expected, or the call is approved. A tool
    /// name that is similar to another may be the reason.
    #[must_use]
    pub fn is_surprised_by(&self, verdict: &Verdict) -> bool {
        self.expect.is_none() || !self.passes(verdict) || verdict.effect.status() == Status::AutoApproved
    }
}
