//! Compiles a policy: returns its tables, or every problem.

use super::{
    Document,
    combined_requirement::channels,
    condition::{Condition, PATTERNS_MAX},
    globs::GlobIndex,
    problems::{Origin, Problem, Problems},
    rules::{Matcher, Policy},
    shadowing,
};

/// Stack size for compiling. The parser of conditions is recursive, and takes up to 4 MiB for the worst source of 1
/// KiB, six times that without optimization. Unused stack costs nothing.
const STACK: usize = 64 << 20;

/// Number of problems after which no more conditions are compiled: a rejected condition may have taken long.
const PROBLEMS_MAX: usize = 100;

impl Policy {
    /// Compiles a policy on a thread with a large stack. Takes about 50 µs per condition.
    ///
    /// # Errors
    /// Every problem in it.
    pub fn compile(document: Document) -> Result<Self, Vec<Problem>> {
        Self::compile_from(Origin::Author, document)
    }

    /// Like [`compile`](Self::compile), for a stored policy: it was accepted before, and its reviewers may be older
    /// than the normal form of names.
    ///
    /// # Errors
    /// Every other problem in it.
    pub fn compile_stored(document: Document) -> Result<Self, Vec<Problem>> {
        Self::compile_from(Origin::Store, document)
    }

    fn compile_from(origin: Origin, document: Document) -> Result<Self, Vec<Problem>> {
        let compiling = std::thread::Builder::new().name("signoff-policy".into()).stack_size(STACK);
        let done = compiling.spawn(move || compile(origin, document)).map(std::thread::JoinHandle::join);
        let failed = |message: &str| vec![Problem { path: String::new(), message: message.to_owned() }];
        match done {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_)) => Err(failed("cannot compile the policy: internal error")),
            Err(error) => Err(failed(&format!("cannot start a thread to compile the policy: {error}"))),
        }
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
            let message = format!(
                "the policy's patterns need too much memory; at most {} MiB are allowed in total",
                PATTERNS_MAX >> 20
            );
            problems.add(format!("rules[{index}].when"), message);
            break;
        }
        match Matcher::new(rule, index, condition) {
            Ok(matcher) => matchers.push(matcher),
            Err(wrong) => problems.add(format!("rules[{index}].agents"), wrong),
        }
    }
    if !problems.0.is_empty() {
        // The globs themselves may be invalid, and shadowing is only defined for valid rules.
        return Err(problems.0);
    }
    matchers.sort_by(|a, b| b.effect.strictness().cmp(&a.effect.strictness()).then_with(|| a.name.cmp(&b.name)));
    let tools = matchers.iter().map(|matcher| &document.rules[matcher.place].tools);
    let by_tool = (0..).zip(tools).flat_map(|(at, tools)| tools.iter().map(move |tool| (tool.as_str(), at)));
    let listed = document.tools.iter().map(|tool| (tool.as_str(), 0));
    match (GlobIndex::new(listed), GlobIndex::new(by_tool)) {
        (Ok(listed), Ok(by_tool)) => {
            let notify = channels([&document.notify]);
            let policy = Policy { listed, by_tool, matchers, notify, document };
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
