use std::{collections::BTreeSet, time::Duration};

use super::{Call, Policy};
use crate::{
    config::{PolicyConfig, UnlistedTools},
    domain::{Arguments, Digest, Effect, Requirement, RuleOutcome, RuleTrace, Verdict},
};

/// The simplest policy: tools that need approval, and one default for all others.
#[derive(Debug)]
pub struct ToolLists {
    tools: BTreeSet<String>,
    unlisted: UnlistedTools,
    claim_window: Duration,
    version: String,
}

impl ToolLists {
    /// Compiles the lists. The version is made from their content, so that equal lists have equal versions.
    #[must_use]
    pub fn new(config: &PolicyConfig, claim_window: Duration) -> Self {
        let tools: BTreeSet<String> = config.tools.iter().cloned().collect();
        let content = serde_json::Map::from_iter([
            ("tools".to_owned(), tools.iter().cloned().collect()),
            ("unlisted_tools".to_owned(), (config.unlisted_tools == UnlistedTools::AutoApprove).into()),
        ]);
        let digest = Arguments::new(content).map(|content| Digest::of("policy", &content).to_string());
        let version = digest.unwrap_or_default().trim_start_matches("sha256:").chars().take(12).collect();
        Self { tools, unlisted: config.unlisted_tools, claim_window, version }
    }
}

impl Policy for ToolLists {
    fn evaluate(&self, call: &Call<'_>) -> Verdict {
        let listed = self.tools.contains(call.tool_name);
        let trace = |rule: &str, matched, detail: &str| RuleTrace {
            rule: rule.into(),
            outcome: if matched { RuleOutcome::Matched } else { RuleOutcome::NotMatched },
            detail: detail.to_owned().into(),
        };
        let people = Effect::RequireApproval(Requirement { quorum: 1, reviewers: Vec::new(), timeout: None });
        let (rule, effect) = match (listed, self.unlisted) {
            (true, _) => ("tools", people),
            (false, UnlistedTools::RequireApproval) => ("unlisted_tools", people),
            (false, UnlistedTools::AutoApprove) => ("unlisted_tools", Effect::AutoApprove),
        };
        let mut looked_at = vec![trace("tools", listed, "tools that need approval")];
        if !listed {
            looked_at.push(trace("unlisted_tools", true, "the default for every other tool"));
        }
        Verdict {
            policy_version: self.version.clone(),
            effect,
            rule: rule.to_owned(),
            message: String::new(),
            trace: looked_at,
            trace_omitted: 0,
            claim_window: self.claim_window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;

    fn verdict(tools: &[&str], unlisted_tools: UnlistedTools, tool_name: &str) -> Verdict {
        let config = PolicyConfig { tools: tools.iter().map(ToString::to_string).collect(), unlisted_tools };
        let (request, arguments) = samples::a_request("r");
        ToolLists::new(&config, Duration::from_secs(60)).evaluate(&Call {
            tool_name,
            arguments: &arguments,
            agent: &request.agent,
            labels: &request.labels,
            caller: &request.caller,
            now: samples::at(0),
        })
    }

    #[test]
    fn everything_needs_approval_unless_told_otherwise() {
        let default = PolicyConfig::default();
        let verdict = verdict(&[], default.unlisted_tools, "search");
        assert!(matches!(verdict.effect, Effect::RequireApproval(Requirement { quorum: 1, .. })));
        assert_eq!(verdict.rule, "unlisted_tools");
        assert_eq!(verdict.claim_window, Duration::from_secs(60));
    }

    #[test]
    fn listed_tools_need_approval_whatever_the_default() {
        for (tool, effect) in [("pay", "people"), ("Pay", "nobody"), ("pay2", "nobody"), ("search", "nobody")] {
            let verdict = verdict(&["pay"], UnlistedTools::AutoApprove, tool);
            let got = if verdict.effect == Effect::AutoApprove { "nobody" } else { "people" };
            assert_eq!(got, effect, "{tool}");
            assert_eq!(*verdict.trace.last().unwrap().rule, *verdict.rule);
        }
    }

    #[test]
    fn versions_follow_the_content() {
        let version = |tools: &[&str], unlisted| verdict(tools, unlisted, "t").policy_version;
        let base = version(&["a", "b"], UnlistedTools::AutoApprove);
        assert_eq!(base.len(), 12);
        assert_eq!(base, version(&["b", "a"], UnlistedTools::AutoApprove));
        assert_ne!(base, version(&["a"], UnlistedTools::AutoApprove));
        assert_ne!(base, version(&["a", "b"], UnlistedTools::RequireApproval));
    }
}
