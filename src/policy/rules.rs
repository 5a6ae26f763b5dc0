use std::{collections::BTreeMap, sync::Arc};

use super::{
    Asks, Call, Document, Rule, RuleEffect,
    condition::{Condition, Meter, Scope},
    globs::GlobIndex,
    problems::{Origin, Problem, Problems},
    shadowing,
};
use crate::domain::RuleOutcome;

/// Stack for compiling: the parser of conditions recurses, and takes up to 4 MiB for the worst source of 1 KiB, six times
/// that without optimisation. What is not used costs nothing.
const STACK: usize = 64 << 20;

/// Most memory of all patterns together, in bytes. It bounds the time to compile them too: a pattern takes up to 0.3 µs a byte.
pub(super) const PATTERNS_MAX: usize = 24 << 20;

/// Problems after which conditions are not looked at any more: one that is refused may have taken long.
const PROBLEMS_MAX: usize = 100;

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    document: Document,
    /// Tools that need approval by default.
    listed: GlobIndex,
    /// Rules by tool: places in `matchers`.
    by_tool: GlobIndex,
    /// The strictest first, equally strict ones by name: whatever the order in the document, and what a call's effort is
    /// spent on first.
    matchers: Vec<Matcher>,
}

/// A compiled rule, but for its tools.
#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) name: Arc<str>,
    /// Place in the document.
    pub(super) place: usize,
    pub(super) effect: RuleEffect,
    pub(super) message: Arc<str>,
    agents: Option<GlobIndex>,
    labels: BTreeMap<String, String>,
    condition: Option<Condition>,
}

impl Policy {
    /// Compiles a policy, on a thread with a large stack. Takes about 50 µs a condition.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(document: Document) -> Result<Self, Vec<Problem>> {
        Self::compile_from(Origin::Author, document)
    }

    /// As [`compile`](Self::compile), for a policy that was accepted before: reviewers that are not named in the one form of
    /// names are taken as they are.
    ///
    /// # Errors
    /// Everything else that is wrong with it.
    pub fn compile_stored(document: Document) -> Result<Self, Vec<Problem>> {
        Self::compile_from(Origin::Store, document)
    }

    fn compile_from(origin: Origin, document: Document) -> Result<Self, Vec<Problem>> {
        let compiling = std::thread::Builder::new().name("signoff-policy".into()).stack_size(STACK);
        let done = compiling.spawn(move || compile(origin, document)).map(std::thread::JoinHandle::join);
        let failed = |message: &str| vec![Problem { path: String::new(), message: message.to_owned() }];
        match done {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_)) => Err(failed("it cannot be compiled: a defect of this program")),
            Err(error) => Err(failed(&format!("no thread to compile it: {error}"))),
        }
    }

    /// As it was written.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    pub(super) fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The rules for a tool, the strictest first.
    pub(super) fn rules_for(&self, tool: &str) -> impl Iterator<Item = &Matcher> {
        self.by_tool.find(tool).into_iter().map(|place| &self.matchers[place as usize])
    }

    /// Whether a tool needs approval by default.
    pub(super) fn lists(&self, tool: &str) -> bool {
        self.listed.contains(tool)
    }
}

/// The built-in policy: every call needs approval.
impl Default for Policy {
    fn default() -> Self {
        let (listed, by_tool) = (GlobIndex::default(), GlobIndex::default());
        Self { document: Document::default(), listed, by_tool, matchers: Vec::new() }
    }
}

fn compile(origin: Origin, document: Document) -> Result<Policy, Vec<Problem>> {
    let mut problems = Problems(Vec::new(), origin);
    problems.check(&document);
    let mut pattern_bytes = 0;
    let mut matchers = Vec::with_capacity(document.rules.len());
    for (index, rule) in document.rules.iter().enumerate() {
        if problems.0.len() >= PROBLEMS_MAX {
            break;
        }
        let condition = match rule.when.as_str() {
            "" => None,
            source => match Condition::compile(source) {
                Ok(condition) => Some(condition),
                Err(wrong) => {
                    wrong.into_iter().for_each(|wrong| problems.add(format!("rules[{index}].when"), wrong));
                    None
                }
            },
        };
        pattern_bytes += condition.as_ref().map_or(0, Condition::pattern_bytes);
        if pattern_bytes > PATTERNS_MAX {
            let message = format!("the policy's patterns together take more than {} MiB", PATTERNS_MAX >> 20);
            problems.add(format!("rules[{index}].when"), message);
            break;
        }
        match Matcher::new(rule, index, condition) {
            Ok(matcher) => matchers.push(matcher),
            Err(wrong) => problems.add(format!("rules[{index}].agents"), wrong),
        }
    }
    if !problems.0.is_empty() {
        // Globs may be among what is wrong, and reaching is about sound rules; but other rules may be told of.
        return Err(problems.0);
    }
    matchers.sort_by(|a, b| b.effect.strictness().cmp(&a.effect.strictness()).then_with(|| a.name.cmp(&b.name)));
    let tools = matchers.iter().map(|matcher| &document.rules[matcher.place].tools);
    let by_tool = (0..).zip(tools).flat_map(|(at, tools)| tools.iter().map(move |tool| (tool.as_str(), at)));
    let listed = document.tools.iter().map(|tool| (tool.as_str(), 0));
    match (GlobIndex::new(listed), GlobIndex::new(by_tool)) {
        (Ok(listed), Ok(by_tool)) => {
            let policy = Policy { listed, by_tool, matchers, document };
            shadowing::check(&policy, &mut problems);
            if problems.0.is_empty() { Ok(policy) } else { Err(problems.0) }
        }
        (listed, by_tool) => {
            for (path, wrong) in [("tools", listed.err()), ("rules", by_tool.err())] {
                wrong.into_iter().for_each(|wrong| problems.add(path, wrong));
            }
            Err(problems.0)
        }
    }
}

impl Matcher {
    fn new(rule: &Rule, place: usize, condition: Option<Condition>) -> Result<Self, String> {
        let agents = if rule.agents.is_empty() {
            None
        } else {
            Some(GlobIndex::new(rule.agents.iter().map(|glob| (glob.as_str(), 0)))?)
        };
        // A rule without an effect is a problem that was found already.
        let effect = rule.effect.clone().unwrap_or(RuleEffect::AutoReject { message: String::new() });
        let message = match &effect {
            RuleEffect::AutoApprove {} => "",
            RuleEffect::RequireApproval(Asks { message, .. }) | RuleEffect::AutoReject { message } => message,
        };
        let (name, message, labels) = (rule.name.as_str().into(), message.into(), rule.labels.clone());
        Ok(Self { name, place, message, effect, agents, labels, condition })
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

    /// Whether the rule applies to a call of one of its tools, and why not.
    pub(super) fn evaluate(
        &self,
        call: &Call<'_>,
        scope: &Scope<'_>,
        meter: &Meter,
    ) -> (RuleOutcome, std::borrow::Cow<'static, str>) {
        let not = |why: &'static str| (RuleOutcome::NotMatched, why.into());
        if self.agents.as_ref().is_some_and(|agents| !agents.contains(&call.agent.name)) {
            return not("the agent does not fit");
        }
        if self.labels.iter().any(|(key, value)| call.labels.get(key) != Some(value)) {
            return not("the labels do not fit");
        }
        match self.condition.as_ref().map_or(Ok(true), |condition| condition.holds(scope, meter)) {
            Ok(true) => (RuleOutcome::Matched, self.effect.name().into()),
            Ok(false) => not("the condition does not hold"),
            Err(error) => (RuleOutcome::Failed, cut(error.to_string()).into()),
        }
    }
}

/// Longest detail of a trace, in bytes.
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

    /// The stricter, the greater.
    pub(super) const fn strictness(&self) -> u8 {
        match self {
            Self::AutoApprove {} => 0,
            Self::RequireApproval(_) => 1,
            Self::AutoReject { .. } => 2,
        }
    }
}
