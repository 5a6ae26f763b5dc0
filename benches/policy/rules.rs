//! Generates policies of any size, and calls for them.

use std::{collections::BTreeMap, fmt};

use serde_json::json;
use signoff::{
    domain::{Actor, ActorKind, Agent, Arguments, RuleOutcome, Time},
    policy::{Call, Document, Judgement, Rule, RuleEffect},
};

use crate::Outcome;

/// Number of tools, over which the rules are spread evenly.
pub(crate) const TOOLS: usize = 100;

/// The form of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each names its tool, and has a condition.
    Names,
    /// Each has a glob for its tool, and a condition.
    Globs,
    /// Each names its tool, without a condition.
    Unconditional,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Names => "rules",
            Self::Globs => "rules with globs",
            Self::Unconditional => "rules without conditions",
        })
    }
}

/// All texts are short: ten thousand rules must fit into 1 MiB, the maximum of a policy.
pub(crate) fn document(rules: usize, shape: Shape) -> Document {
    let rule = |n: usize| Rule {
        name: n.to_string(),
        description: String::new(),
        tools: vec![if shape == Shape::Globs { format!("{}.*", n % TOOLS) } else { tool(n) }],
        agents: Vec::new(),
        labels: BTreeMap::new(),
        when: if shape == Shape::Unconditional { String::new() } else { condition(n) },
        summary: Vec::new(),
        redact: Vec::new(),
        reject_reasons: Vec::new(),
        notify: Vec::new(),
        effect: Some(RuleEffect::AutoApprove {}),
    };
    Document { rules: (0..rules).map(rule).collect(), ..Document::default() }
}

fn tool(n: usize) -> String {
    format!("{}.x", n % TOOLS)
}

/// True for one amount in two, and then for one domain in three.
fn condition(n: usize) -> String {
    let domain = ["a", "b", "c"][n / TOOLS % 3];
    format!("args.amount<{n}&&args.to.endsWith('@{domain}.io')")
}

/// The parts of a call.
pub(crate) struct Asked {
    tools: Vec<String>,
    arguments: Arguments,
    agent: Agent,
    labels: BTreeMap<String, String>,
    caller: Actor,
}

impl Asked {
    /// Of every tool that has a rule.
    pub(crate) fn new(rules: usize) -> Outcome<Self> {
        let arguments = json!({
            "amount": rules / 2,
            "currency": "EUR",
            "to": "alice@a.io",
            "subject": "Your invoice of last month",
            "cc": ["bob@a.io", "carol@b.io"],
        });
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        Ok(Self {
            tools: (0..rules.min(TOOLS)).map(tool).collect(),
            arguments: Arguments::new(arguments)?,
            agent: Agent { name: "billing-bot".into(), run_id: "run-48213".into(), chain: vec!["planner".into()] },
            labels: [("team".to_owned(), "billing".to_owned())].into(),
            caller: Actor { kind: ActorKind::Agent, issuer: "dev".into(), subject: "agent".into() },
        })
    }

    /// A call of a tool.
    pub(crate) fn call(&self, tool: usize) -> Call<'_> {
        let Self { tools, arguments, agent, labels, caller } = self;
        Call { tool_name: &tools[tool], arguments, agent, labels, caller, now: Time::UNIX_EPOCH }
    }
}

/// The number of rules that apply.
pub(crate) fn matched(judgement: &Judgement) -> usize {
    let rules = judgement.trace.iter().filter(|trace| trace.rule.starts_with(|first: char| first.is_ascii_digit()));
    rules.filter(|trace| trace.outcome == RuleOutcome::Matched).count()
}
