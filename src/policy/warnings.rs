//! Warnings about valid but probably wrong policies: names that no call will have, and rules that are easily bypassed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Document, RuleEffect,
    globs::{GlobIndex, is_literal},
    problems::Problem,
    rules::Policy,
    shadowing::Cover,
    similar_names::{self, Difference},
};
use crate::{
    domain::{ChannelName, Reviewer},
    unicode,
};

/// Maximum number of warnings per policy: nobody reads more.
const WARNINGS_MAX: usize = 100;

/// Names that calls and callers have used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Tools.
    pub tools: BTreeSet<String>,
    /// Groups of callers.
    pub groups: BTreeSet<String>,
    /// Callers, as `issuer/subject`.
    pub users: BTreeSet<String>,
    /// The channels of the server. `None`: of no particular server, so that no channel is unknown.
    pub channels: Option<BTreeSet<ChannelName>>,
}

impl Policy {
    /// Probable mistakes. Warnings never prevent a policy from being used.
    ///
    /// Compares names in the policy with each other and with the `known` ones. At most 100 warnings.
    #[must_use]
    pub fn warnings(&self, known: &Known) -> Vec<Problem> {
        let mut warnings = Warnings { policy: self, found: Vec::new() };
        warnings.unlisted();
        warnings.denylists();
        warnings.patterns();
        warnings.spellings();
        // Before tools: an agent that calls tools by many names must not displace these.
        warnings.channels(known);
        warnings.reviewers(known);
        warnings.tools(known);
        warnings.found
    }
}

/// Collects warnings.
struct Warnings<'a> {
    policy: &'a Policy,
    found: Vec<Problem>,
}

impl<'a> Warnings<'a> {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.found.len() < WARNINGS_MAX {
            self.found.push(Problem { path: path.into(), message: message.into() });
        }
    }

    fn document(&self) -> &'a Document {
        self.policy.document()
    }

    fn approves_unlisted(&self) -> bool {
        matches!(self.document().unlisted_tools, Some(RuleEffect::AutoApprove {}))
    }

    /// A default that approves all tools that the stricter rules do not name.
    fn unlisted(&mut self) {
        let stricter = self.document().rules.iter().flat_map(|rule| match rule.effect {
            Some(RuleEffect::AutoApprove {}) | None => &[][..],
            Some(_) => &rule.tools[..],
        });
        if let Some(tool) = self.document().tools.iter().chain(stricter).find(|tool| *tool != "*")
            && self.approves_unlisted()
        {
            self.add(
                "unlisted_tools",
                format!(
                    "approves every tool that the policy does not name, including other spellings of {tool:?}; use \
                     require_approval, and rules that approve the tools they name"
                ),
            );
        }
    }

    /// Denylists: rules that are stricter for certain texts, while all other calls are approved.
    fn denylists(&mut self) {
        let policy = self.policy;
        let shadows = Cover::of_rules(policy, |_| true);
        let listed = Cover::new(self.document().tools.iter().map(|tool| (tool.as_str(), 0)).collect());
        let mut found: Vec<_> = policy
            .matchers()
            .iter()
            .filter(|matcher| {
                let lists = matcher.condition().is_some_and(super::condition::Condition::lists_texts);
                lists && !matches!(matcher.effect, RuleEffect::AutoApprove {})
            })
            .collect();
        found.sort_by_key(|matcher| matcher.place);
        for matcher in found {
            let open = self.document().rules[matcher.place].tools.iter().find(|tool| {
                let effects: Vec<_> =
                    shadows.covering(tool).iter().map(|shadow| &policy.matchers()[*shadow as usize].effect).collect();
                match effects.as_slice() {
                    [] => self.approves_unlisted() && listed.covering(tool).is_empty(),
                    effects => effects.iter().all(|effect| matches!(effect, RuleEffect::AutoApprove {})),
                }
            });
            if let Some(tool) = open {
                let effect = matcher.effect.name();
                self.add(
                    format!("rules[{}].when", matcher.place),
                    format!(
                        "denylist: {effect} applies to the listed texts, and all other calls of {tool:?} are approved; \
                         require approval by default, and auto_approve only what matches a pattern of allowed texts"
                    ),
                );
            }
        }
    }

    /// Patterns that probably do not match what the author means.
    fn patterns(&mut self) {
        let mut found: Vec<_> = self.policy.matchers().iter().filter(|matcher| matcher.condition().is_some()).collect();
        found.sort_by_key(|matcher| matcher.place);
        for matcher in found {
            for doubt in matcher.condition().into_iter().flat_map(super::condition::Condition::doubtful_patterns) {
                self.add(format!("rules[{}].when", matcher.place), doubt);
            }
        }
    }

    /// Names in rules that `tools` has in another spelling, and names that no tool can have.
    fn spellings(&mut self) {
        let listed = Names::of(self.document().tools.iter().map(String::as_str));
        for (path, glob) in globs(self.document()) {
            if let Some(c) = glob.chars().find(|c| !c.is_ascii()) {
                self.add(
                    &path,
                    format!("{glob:?} contains {c:?} (U+{:04X}), which no tool name can contain", u32::from(c)),
                );
            } else if path.starts_with("rules") && is_literal(glob) && !self.policy.lists(glob) {
                for (other, difference) in listed.near(glob) {
                    self.add(&path, format!("{glob:?} differs from {other:?} in `tools` {}", difference.name()));
                }
            }
        }
    }

    /// Called tools that no glob matches, with names similar to one in the policy.
    fn tools(&mut self, known: &Known) {
        let all: Vec<_> = globs(self.document()).filter(|(_, glob)| *glob != "*").collect();
        let Ok(named) = GlobIndex::new(all.iter().map(|(_, glob)| (*glob, 0))) else { return };
        let unnamed: Vec<_> = known.tools.iter().filter(|tool| !named.contains(tool)).map(String::as_str).collect();
        if unnamed.is_empty() {
            return;
        }
        let names = Names::of(unnamed.iter().copied());
        let mut told = BTreeSet::new();
        for (path, glob) in all {
            let near = if is_literal(glob) { names.near(glob) } else { names.nearly_fit(glob) };
            for (tool, difference) in near {
                if told.insert(tool) {
                    let what = if is_literal(glob) { "is not" } else { "does not match" };
                    let default = self.document().unlisted_tools.as_ref().map_or("require_approval", RuleEffect::name);
                    self.add(
                        &path,
                        format!(
                            "the tool {tool:?} was called, which {what} {glob:?}: it differs {}. The default for other \
                             tools applies to it: {default}",
                            difference.name()
                        ),
                    );
                }
            }
        }
    }

    /// Channels that the server does not have.
    fn channels(&mut self, known: &Known) {
        let unknown = known.channels.as_ref().map(|channels| self.policy.unknown_channels(channels));
        for Problem { path, message } in unknown.into_iter().flatten() {
            self.add(path, message);
        }
    }

    /// Groups and users that are similar to known ones, or mix scripts.
    fn reviewers(&mut self, known: &Known) {
        let groups = Names::of(known.groups.iter().map(String::as_str));
        let users = Names::of(known.users.iter().map(String::as_str));
        for (path, reviewer) in reviewers(self.document()) {
            let (kind, name, near) = match reviewer.parse() {
                Ok(Reviewer::Group(name)) => ("group", name.clone(), groups.near(&name)),
                // `a.b@example.com` and `ab@example.com` are two people.
                Ok(Reviewer::User(name)) => ("user", name.clone(), users.look_alikes(&name)),
                Err(_) => continue,
            };
            if unicode::mixes_scripts(&name) {
                self.add(&path, format!("{name:?} mixes letters of several scripts, some of which look the same"));
            }
            let is_known = if kind == "group" { known.groups.contains(&name) } else { known.users.contains(&name) };
            // Two names that are both in use are different on purpose.
            for (other, difference) in near.into_iter().filter(|(_, how)| !is_known || *how != Difference::Typing) {
                let rest = if is_known { "the server has seen both" } else { "the server has seen only that one" };
                self.add(&path, format!("the {kind} {other:?} differs {}; {rest}", difference.name()));
            }
        }
    }
}

/// Every glob of tools, with its path.
fn globs(document: &Document) -> impl Iterator<Item = (String, &str)> {
    let listed = document.tools.iter().enumerate().map(|(at, glob)| (format!("tools[{at}]"), glob.as_str()));
    let in_rules = document.rules.iter().enumerate().flat_map(|(rule, of)| {
        of.tools.iter().enumerate().map(move |(at, glob)| (format!("rules[{rule}].tools[{at}]"), glob.as_str()))
    });
    listed.chain(in_rules)
}

/// Every reviewer, with its path.
fn reviewers(document: &Document) -> impl Iterator<Item = (String, &str)> {
    let asks = document.rules.iter().enumerate().filter_map(|(at, rule)| match &rule.effect {
        Some(RuleEffect::RequireApproval(asks)) => Some((format!("rules[{at}].require_approval"), asks)),
        _ => None,
    });
    let default = match &document.unlisted_tools {
        Some(RuleEffect::RequireApproval(asks)) => Some(("unlisted_tools.require_approval".to_owned(), asks)),
        _ => None,
    };
    asks.chain(default).flat_map(|(path, asks)| {
        let later = asks.escalate.iter().enumerate().flat_map({
            let path = path.clone();
            move |(at, one)| {
                let path = format!("{path}.escalate[{at}]");
                one.reviewers
                    .iter()
                    .enumerate()
                    .map(move |(at, name)| (format!("{path}.reviewers[{at}]"), name.as_str()))
            }
        });
        let first = asks.reviewers.iter().enumerate();
        first.map(move |(at, name)| (format!("{path}.reviewers[{at}]"), name.as_str())).chain(later)
    })
}

/// An index of names by their similar forms, so that similar names are found without comparing all.
struct Names<'a> {
    by_form: HashMap<String, Vec<&'a str>>,
    by_parts: BTreeMap<String, Vec<&'a str>>,
}

impl<'a> Names<'a> {
    fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut by_form, mut by_parts) = (HashMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for name in names {
            for form in forms(name) {
                by_form.entry(form).or_default().push(name);
            }
            by_parts.entry(similar_names::with_one_separator(name)).or_default().push(name);
        }
        Self { by_form, by_parts }
    }

    /// The names that a name can be confused with, in order.
    fn near(&self, name: &str) -> BTreeMap<&'a str, Difference> {
        let candidates = forms(name).into_iter().filter_map(|form| self.by_form.get(&form)).flatten();
        candidates.filter_map(|other| Some((*other, similar_names::difference(name, other)?))).collect()
    }

    /// The names that look like a name.
    fn look_alikes(&self, name: &str) -> BTreeMap<&'a str, Difference> {
        let candidates =
            similar_names::skeletons(name).into_iter().filter_map(|form| self.by_form.get(&form)).flatten();
        candidates.filter_map(|other| Some((*other, similar_names::look_difference(name, other)?))).collect()
    }

    /// The names that a glob with only a final `*` would match if case and separators were ignored.
    fn nearly_fit(&self, glob: &str) -> BTreeMap<&'a str, Difference> {
        let Some(literal) = glob.strip_suffix('*').filter(|literal| is_literal(literal) && !literal.is_empty()) else {
            return BTreeMap::new();
        };
        let start = similar_names::with_one_separator(literal);
        let fitting = self.by_parts.range(start.clone()..).take_while(|(name, _)| name.starts_with(&start));
        let difference = |name: &'a str| {
            let case = name.to_lowercase().starts_with(&literal.to_lowercase());
            (name, if case { Difference::Case } else { Difference::Separators })
        };
        fitting.flat_map(|(_, names)| names).map(|name| difference(name)).collect()
    }
}

/// The keys under which a name is found.
fn forms(name: &str) -> BTreeSet<String> {
    let skeletons = similar_names::skeletons(name);
    let parts = [Some(name), similar_names::last_part(name)].into_iter().flatten().map(similar_names::words);
    let typed = similar_names::with_one_letter_less(&similar_names::words(name));
    skeletons.into_iter().chain(parts).chain(typed).collect()
}

#[cfg(test)]
mod tests;
