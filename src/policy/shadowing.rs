//! Finds shadowed rules, which can never decide because a stricter rule always matches. Each is a mistake: its author
//! expects it to have an effect.

use std::collections::{BTreeSet, HashMap};

use super::{
    RuleEffect,
    globs::{GlobIndex, is_literal},
    problems::Problems,
    rules::{Matcher, Policy},
};

/// Adds a problem for each shadowed rule.
pub(super) fn check(policy: &Policy, problems: &mut Problems) {
    let shadows = Cover::of_rules(policy, |effect| !matches!(effect, RuleEffect::AutoApprove {}));
    let mut in_order: Vec<_> = policy.matchers().iter().collect();
    in_order.sort_by_key(|matcher| matcher.place);
    for matcher in in_order {
        let (index, rule) = (matcher.place, &policy.document().rules[matcher.place]);
        if matcher.constant() == Some(false) {
            problems.add(format!("rules[{index}].when"), "is always false, so the rule can never match");
            continue;
        }
        let stricter =
            |shadow: &u32| policy.matchers()[*shadow as usize].effect.strictness() > matcher.effect.strictness();
        if let Some(shadow) = shadows.covering_all(&rule.tools).into_iter().find(stricter) {
            let (shadow, effect) = (&policy.matchers()[shadow as usize], matcher.effect.name());
            let message = format!(
                "can never decide: for these tools, rule {:?} always matches, and {} is stricter than {effect}",
                shadow.name,
                shadow.effect.name(),
            );
            problems.add(format!("rules[{index}]"), message);
        }
    }
}

/// An index of globs by the globs that they cover. Finds only simple cases of covering.
pub(super) struct Cover<'a> {
    /// All globs, to look up plain tool names.
    names: GlobIndex,
    /// Globs by their text.
    globs: HashMap<&'a str, Vec<u32>>,
    /// Globs by the text before a final `*`: `sql.*` also covers `sql.drop.*`.
    prefixes: HashMap<&'a str, Vec<u32>>,
}

impl<'a> Cover<'a> {
    /// The index of rules that match every call of their tools. Values are indexes into the policy's `matchers`.
    pub(super) fn of_rules(policy: &'a Policy, keep: impl Fn(&RuleEffect) -> bool) -> Self {
        let shadows = (0..).zip(policy.matchers()).filter(|(_, matcher)| matcher.always() && keep(&matcher.effect));
        let tools = |matcher: &Matcher| policy.document().rules[matcher.place].tools.iter();
        Self::new(shadows.flat_map(|(at, matcher)| tools(matcher).map(move |tool| (tool.as_str(), at))).collect())
    }

    /// Builds an index of globs and their values.
    pub(super) fn new(covered: Vec<(&'a str, u32)>) -> Self {
        let (mut globs, mut prefixes) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (glob, place) in &covered {
            globs.entry(*glob).or_default().push(*place);
            if let Some(prefix) = glob.strip_suffix('*').filter(|prefix| is_literal(prefix)) {
                prefixes.entry(prefix).or_default().push(*place);
            }
        }
        // Cannot fail: the index of the whole policy, which is larger, has been built.
        let names = GlobIndex::new(covered).unwrap_or_default();
        Self { names, globs, prefixes }
    }

    /// The values that cover all of these tools.
    fn covering_all(&self, tools: &[String]) -> BTreeSet<u32> {
        let mut tools = tools.iter().map(|tool| self.covering(tool));
        let first = tools.next().unwrap_or_default();
        tools.fold(first, |all, these| all.intersection(&these).copied().collect())
    }

    /// The values that cover a tool, or all tools that match a glob.
    pub(super) fn covering(&self, tool: &str) -> BTreeSet<u32> {
        if is_literal(tool) {
            return self.names.find(tool).into_iter().collect();
        }
        let same = self.globs.get(tool).into_iter().flatten();
        let beginnings = tool.char_indices().map(|(end, _)| &tool[..end]);
        let around = beginnings.filter_map(|beginning| self.prefixes.get(beginning)).flatten();
        same.chain(around).copied().collect()
    }
}

impl Matcher {
    /// The constant value of the condition. `true` without a condition.
    fn constant(&self) -> Option<bool> {
        self.condition().map_or(Some(true), super::condition::Condition::constant)
    }

    /// Whether it matches every call of its tools.
    fn always(&self) -> bool {
        self.any_agent() && self.any_labels() && self.constant() == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn covered(outer: &str, inner: &str) -> bool {
        let rules = json!({"rules": [
            {"name": "shadow", "tools": [outer], "auto_reject": {}},
            {"name": "rule", "tools": [inner], "auto_approve": {}},
        ]});
        match Policy::compile(serde_json::from_value(rules).unwrap()) {
            Ok(_) => false,
            Err(problems) => {
                assert!(problems[0].message.starts_with("can never decide"), "{problems:?}");
                true
            }
        }
    }

    #[test]
    fn covering_is_seen_where_it_is_plain() {
        for (outer, inner, expected) in [
            ("*", "a[b]", true),
            ("a?", "a?", true),
            ("a*", "abc", true),
            ("a*", "ab*", true),
            ("a*", "a*", true),
            ("a*", "b*", false),
            ("ab*", "a*", false),
            ("a?", "a*", false),
            ("a", "a*", false),
            ("{a,b}", "a", true),
            ("a?*", "ab*", false),
        ] {
            assert_eq!(covered(outer, inner), expected, "{outer} {inner}");
        }
    }

    /// All pairs of globs would be 10^9, a minute of comparisons.
    #[test]
    fn many_shadows_and_rules_are_looked_at_once_each() {
        let globs = |of: &str, rule: usize| (0..10).map(|glob| format!("{of}{rule}.{glob}*")).collect::<Vec<_>>();
        let rules: Vec<_> = (0..2_000)
            .map(|n| match n % 2 {
                0 => json!({"name": format!("w{n}"), "tools": globs("w", n), "auto_reject": {}}),
                _ => json!({"name": format!("r{n}"), "tools": globs("r", n), "auto_approve": {}}),
            })
            .collect();
        assert!(Policy::compile(serde_json::from_value(json!({ "rules": rules })).unwrap()).is_ok());
    }
}
