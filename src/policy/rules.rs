use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Asks, Call, Display, Document, Rule, RuleEffect,
    combined_requirement::channels,
    condition::{Condition, Scope, StepBudget},
    globs::GlobIndex,
};
use crate::domain::{ChannelName, RuleOutcome};

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    pub(super) document: Document,
    /// The tools that require approval by default.
    pub(super) listed: GlobIndex,
    /// Rules by tool, as indexes into `matchers`.
    pub(super) by_tool: GlobIndex,
    /// The strictest first, then by name. Independent of the order in the document; the steps of a call are spent on
    /// the strictest rules first.
    pub(super) matchers: Vec<Matcher>,
    /// The policy's own channels.
    pub(super) notify: BTreeSet<ChannelName>,
}

/// A compiled rule, without its tools.
#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) name: Arc<str>,
    /// Index in the document.
    pub(super) place: usize,
    pub(super) effect: RuleEffect,
    pub(super) message: Arc<str>,
    /// The channels that the rule names.
    pub(super) notify: BTreeSet<ChannelName>,
    agents: Option<GlobIndex>,
    labels: BTreeMap<String, String>,
    condition: Option<Condition>,
}

impl Policy {
    /// Whether the policy contains this tool's name, not only a glob that matches it.
    #[must_use]
    pub fn spells_out(&self, tool: &str) -> bool {
        self.listed.spells_out(tool) || self.by_tool.spells_out(tool)
    }

    /// The document as written.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// How calls are shown that it judges as this version.
    #[must_use]
    pub fn display(&self, version: &str) -> Display {
        Display::new(version, &self.document).unwrap_or_else(|_| Display::unreadable(version))
    }

    pub(super) fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The rules for a tool, the strictest first.
    pub(super) fn rules_for(&self, tool: &str) -> impl Iterator<Item = &Matcher> {
        self.by_tool.find(tool).into_iter().map(|place| &self.matchers[place as usize])
    }

    /// Whether a tool requires approval by default.
    pub(super) fn lists(&self, tool: &str) -> bool {
        self.listed.contains(tool)
    }
}

/// The built-in policy: every call requires approval.
impl Default for Policy {
    fn default() -> Self {
        let (listed, by_tool) = (GlobIndex::default(), GlobIndex::default());
        Self { document: Document::default(), listed, by_tool, matchers: Vec::new(), notify: BTreeSet::new() }
    }
}

impl Matcher {
    pub(super) fn new(rule: &Rule, place: usize, condition: Option<Condition>) -> Result<Self, String> {
        let agents = if rule.agents.is_empty() {
            None
        } else {
            Some(GlobIndex::new(rule.agents.iter().map(|glob| (glob.as_str(), 0)))?)
        };
        // A missing effect was already reported as a problem.
        let effect = rule.effect.clone().unwrap_or(RuleEffect::AutoReject { message: String::new() });
        let message = match &effect {
            RuleEffect::AutoApprove {} => "",
            RuleEffect::RequireApproval(Asks { message, .. }) | RuleEffect::AutoReject { message } => message,
        };
        let (name, message, labels) = (rule.name.as_str().into(), message.into(), rule.labels.clone());
        let notify = channels([&rule.notify]);
        Ok(Self { name, place, message, effect, notify, agents, labels, condition })
    }

    pub(super) const fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    pub(super) const fn any_agent(&self) -> bool {
        self.agents.is_none()
    }

    pub(super) fn any_labels(&self) -> bool {
        self.labels.is_empty()
    }

    /// Evaluates the rule for a call of one of its tools, and explains the outcome.
    pub(super) fn evaluate(
        &self,
        call: &Call<'_>,
        scope: &Scope<'_>,
        meter: &StepBudget,
    ) -> (RuleOutcome, std::borrow::Cow<'static, str>) {
        let not = |why: &'static str| (RuleOutcome::NotMatched, why.into());
        if self.agents.as_ref().is_some_and(|agents| !agents.contains(&call.agent.name)) {
            return not("the agent does not match");
        }
        if self.labels.iter().any(|(key, value)| call.labels.get(key) != Some(value)) {
            return not("the labels do not match");
        }
        match self.condition.as_ref().map_or(Ok(true), |condition| condition.holds(scope, meter)) {
            Ok(true) => (RuleOutcome::Matched, self.effect.name().into()),
            Ok(false) => not("the condition is false"),
            Err(error) => (RuleOutcome::Failed, cut(error.to_string()).into()),
        }
    }
}

/// Maximum length of a detail in a trace, in bytes.
const DETAIL_MAX: usize = 256;

fn cut(mut text: String) -> String {
    if text.len() > DETAIL_MAX {
        text.truncate(text.floor_char_boundary(DETAIL_MAX - '…'.len_utf8()));
        text.push('…');
    }
    text
}

impl RuleEffect {
    /// Its name in the message and in traces.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AutoApprove {} => "auto_approve",
            Self::RequireApproval(_) => "require_approval",
            Self::AutoReject { .. } => "auto_reject",
        }
    }

    /// A higher number is stricter.
    pub(super) const fn strictness(&self) -> u8 {
        match self {
            Self::AutoApprove {} => 0,
            Self::RequireApproval(_) => 1,
            Self::AutoReject { .. } => 2,
        }
    }
}
