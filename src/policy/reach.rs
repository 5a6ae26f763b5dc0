//! Finds rules that can never decide anything: a slip, or a rule that somebody relies on in vain.

use super::{
    RuleEffect,
    globs::covers,
    problems::Problems,
    rules::{Matcher, Policy},
};

/// Adds a problem for each rule that nothing reaches.
pub(super) fn check(policy: &Policy, problems: &mut Problems) {
    let rules = || policy.matchers().iter().zip(&policy.document().rules).enumerate();
    // Rules that apply to every call of their tools.
    let walls: Vec<_> = rules().filter(|(_, (matcher, rule))| matcher.always() && rule.effect.is_some()).collect();
    for (index, (matcher, rule)) in rules() {
        if matcher.constant() == Some(false) {
            problems.add(format!("rules[{index}].when"), "never holds: the rule can never apply");
            continue;
        }
        let Some(effect) = &rule.effect else { continue };
        let wall = walls.iter().find(|(_, (_, wall))| {
            let stricter = wall.effect.as_ref().is_some_and(|wall| wall.strictness() > effect.strictness());
            stricter && rule.tools.iter().all(|tool| wall.tools.iter().any(|outer| covers(outer, tool)))
        });
        if let Some((_, (_, wall))) = wall {
            let stricter = wall.effect.as_ref().map_or("", RuleEffect::name);
            let message = format!(
                "can never decide: for these tools {:?} always applies, and {stricter} is stricter than {}",
                wall.name,
                effect.name()
            );
            problems.add(format!("rules[{index}]"), message);
        }
    }
}

impl Matcher {
    /// What the condition says of every call; without one it holds.
    fn constant(&self) -> Option<bool> {
        self.condition().map_or(Some(true), super::condition::Condition::constant)
    }

    /// Whether it applies to every call of its tools.
    fn always(&self) -> bool {
        self.any_agent() && self.any_labels() && self.constant() == Some(true)
    }
}
