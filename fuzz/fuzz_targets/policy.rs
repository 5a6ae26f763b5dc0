//! Any policy of a few rules and any call: the strictest rule wins in any order, and a failure never approves.

#![no_main]

mod asked;
mod grammar;

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use signoff::{
    domain::{Arguments, Effect, MinAssurance, RuleOutcome, RuleTrace},
    policy::{Asks, Document, Judgement, Policy, Rule, RuleEffect},
};

use asked::judged;

const TOOLS: [&str; 4] = ["pay", "sql.drop", "sql.read", "x"];
const GLOBS: [&str; 8] = ["pay", "sql.drop", "sql.*", "*", "p?y", "{pay,x}", "[a-p]*", "*.read"];
const AGENTS: [&str; 4] = ["bot", "b*", "*", "planner"];

fuzz_target!(|bytes: &[u8]| {
    // Not enough bytes for an input.
    let _ = attempt(&mut Unstructured::new(bytes));
});

fn attempt(u: &mut Unstructured<'_>) -> Result<()> {
    let mut document = Document {
        tools: globs(u, &GLOBS, 0)?,
        unlisted_tools: if u.arbitrary()? { Some(effect(u)?) } else { None },
        rules: Vec::new(),
        summary: Vec::new(),
        redact: Vec::new(),
        reject_reasons: Vec::new(),
        notify: channels(u)?,
    };
    for n in 0..u.int_in_range(1..=8)? {
        document.rules.push(rule(u, n)?);
    }
    let (tool, arguments) = (*u.choose(&TOOLS)?, Arguments::new(grammar::arguments(u)?).expect("canonical"));
    let turn = u.arbitrary::<u8>()?;
    let Some(policy) = sound(&mut document) else { return Ok(()) };
    let (judgement, _) = judged(&policy, tool, &arguments);
    let matched = |trace: &RuleTrace| trace.outcome == RuleOutcome::Matched;
    let rejects = |rule: &Rule| matches!(rule.effect, Some(RuleEffect::AutoReject { .. }));
    let rejected = judgement.trace.iter().filter(|trace| matched(trace)).any(|trace| {
        let rule = document.rules.iter().find(|rule| *rule.name == *trace.rule);
        rule.is_some_and(rejects)
    });
    assert!(!rejected || judgement.effect == Effect::AutoReject, "{judgement:?}");

    let mut turned = document.clone();
    turned.rules.rotate_left(usize::from(turn) % document.rules.len().max(1));
    turned.rules.reverse();
    let turned = Policy::compile(turned).unwrap_or_else(|problems| panic!("{problems:?}\n{document:?}"));
    let (other, _) = judged(&turned, tool, &arguments);
    // The order decides which condition runs out of steps, but not the result.
    if judgement.exhausted || other.exhausted {
        assert!(judgement.effect != Effect::AutoApprove && other.effect != Effect::AutoApprove);
    } else {
        assert_eq!(sorted(judgement), sorted(other), "{document:?}");
    }
    Ok(())
}

/// Compiles a document, without its invalid rules. The rest is valid, unless its defaults are not.
fn sound(document: &mut Document) -> Option<Policy> {
    loop {
        let problems = match Policy::compile(document.clone()) {
            Ok(policy) => return Some(policy),
            Err(problems) => problems,
        };
        let refused = |n: usize| problems.iter().any(|problem| problem.path.starts_with(&format!("rules[{n}]")));
        let mut n = 0..;
        let before = document.rules.len();
        document.rules.retain(|_| !n.next().is_some_and(refused));
        if document.rules.len() == before {
            return None;
        }
    }
}

fn sorted(mut judgement: Judgement) -> Judgement {
    judgement.trace.sort_by(|a, b| a.rule.cmp(&b.rule));
    judgement
}

fn rule(u: &mut Unstructured<'_>, n: usize) -> Result<Rule> {
    Ok(Rule {
        name: format!("r{n}"),
        description: String::new(),
        tools: globs(u, &GLOBS, 1)?,
        agents: globs(u, &AGENTS, 0)?,
        labels: match u.int_in_range(0..=7)? {
            0 => BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
            1 => BTreeMap::from([("team".to_owned(), "sales".to_owned())]),
            _ => BTreeMap::new(),
        },
        when: grammar::condition(u)?,
        summary: Vec::new(),
        redact: Vec::new(),
        reject_reasons: Vec::new(),
        notify: channels(u)?,
        effect: Some(effect(u)?),
    })
}

/// Some of `known`, each at most once.
fn globs(u: &mut Unstructured<'_>, known: &[&str], least: usize) -> Result<Vec<String>> {
    let chosen = u.arbitrary::<u8>()? & u.arbitrary::<u8>()?;
    let mut globs: Vec<_> = (0..known.len()).filter(|n| chosen >> n & 1 == 1).map(|n| known[n].to_owned()).collect();
    if globs.len() < least {
        globs.push((*u.choose(known)?).to_owned());
    }
    Ok(globs)
}

/// Some channels.
fn channels(u: &mut Unstructured<'_>) -> Result<Vec<String>> {
    globs(u, &["finance", "oncall", "mail"], 0)
}

fn effect(u: &mut Unstructured<'_>) -> Result<RuleEffect> {
    let mut span =
        || Ok(if u.arbitrary()? { Some(std::time::Duration::from_secs(u.int_in_range(1..=3)?)) } else { None });
    let (timeout, claim_window) = (span()?, span()?);
    let message = String::new();
    Ok(match u.int_in_range(0..=7)? {
        0 => RuleEffect::AutoReject { message },
        1..=3 => RuleEffect::RequireApproval(Asks {
            timeout,
            claim_window,
            message,
            quorum: u.arbitrary::<bool>()?.then_some(2),
            comment_required: u.arbitrary()?,
            allow_edits: u.arbitrary()?,
            min_assurance: u.arbitrary::<bool>()?.then_some(MinAssurance::Chat),
            ..Asks::default()
        }),
        _ => RuleEffect::AutoApprove {},
    })
}
