//! Conditions that would run for minutes without a limit.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use signoff::{
    domain::{Actor, ActorKind, Agent, Arguments, Time},
    policy::{Call, Document, Effort, Policy, Rule, RuleEffect},
};

use crate::{Outcome, timed};

/// Hazards, each with arguments of about the maximum size.
fn hazards() -> Vec<(&'static str, Value)> {
    let numbers: Vec<_> = (0..9_000).collect();
    let long = json!({"l": vec![0; 9_000], "t": "a".repeat(28_000)});
    vec![
        ("args.l.all(x, args.l.all(y, x + y >= 0))", json!({ "l": numbers })),
        ("args.l.all(x, !(-1 in args.l))", json!({ "l": numbers })),
        ("args.l.all(x, args.l == args.l)", json!({ "l": numbers })),
        ("args.l.map(x, args.l + args.l).size() > 0", json!({ "l": numbers })),
        ("args.l.map(x, args.l.map(y, [x, y])).size() > 0", json!({ "l": numbers })),
        ("args.l.all(x, !args.t.contains('ab'))", long.clone()),
        ("args.l.all(x, !args.t.matches('(a|b)*a(a|b){6}c'))", long.clone()),
        ("args.l.all(x, args.t + args.t != '')", long.clone()),
        ("args.l.all(x, size(args.t) > 0)", long.clone()),
        ("args.l.all(x, args.t.upperAscii() != '')", long.clone()),
        ("args.l.all(x, args.t.split('').size() > 0)", long.clone()),
        ("[args.t].map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).all(x, x.split('a').size() > 0)", long),
    ]
}

/// The longest judgement, and its condition.
pub(crate) fn longest(rounds: usize) -> Outcome<(Duration, &'static str)> {
    let agent = Agent::default();
    let caller = Actor { kind: ActorKind::Agent, issuer: "dev".into(), subject: "agent".into() };
    let (labels, mut longest) = (BTreeMap::new(), (Duration::ZERO, ""));
    for (when, arguments) in hazards() {
        let rule = Rule {
            name: "hazard".into(),
            description: String::new(),
            tools: vec!["*".into()],
            agents: Vec::new(),
            labels: BTreeMap::new(),
            when: when.into(),
            summary: Vec::new(),
            redact: Vec::new(),
            reject_reasons: Vec::new(),
            notify: Vec::new(),
            effect: Some(RuleEffect::AutoApprove {}),
        };
        let document = Document { rules: vec![rule], ..Document::default() };
        let policy = Policy::compile(document).map_err(|problems| format!("{when}: {:?}", problems.first()))?;
        let arguments = Arguments::new(serde_json::from_value(arguments)?)?;
        let now = Time::UNIX_EPOCH;
        let call = Call { tool_name: "t", arguments: &arguments, agent: &agent, labels: &labels, caller: &caller, now };
        // The fastest of several runs, to exclude time that other processes took.
        let times = (0..rounds).map(|_| timed(|| policy.judge(&call, Effort::Full)));
        let (judgement, took) = times.min_by_key(|(_, took)| *took).ok_or("no rounds")?;
        if !judgement.exhausted {
            return Err(format!("{when} is no hazard").into());
        }
        longest = longest.max((took, when));
    }
    Ok(longest)
}
