//! Precedence, for random sets of rules: properties that hold for all rules and arguments.

use proptest::prelude::*;

use super::*;

/// Rules whose conditions are true, false or fail, depending on the arguments.
fn any_rule() -> impl Strategy<Value = Rule> {
    let conditions = vec![
        "",
        "args.n > 1",
        "args.n < 3",
        "args.s == 'x'",
        "args.missing > 1",
        "has(args.s) || args.n == 0",
        "tool == 'x'",
        "args.l.all(x, args.l.all(y, x + y >= 0))",
    ];
    let effects = prop_oneof![
        3 => Just(approve()),
        2 => prop::sample::select(vec![0, 5, 60]).prop_map(ask),
        1 => Just(reject()),
    ];
    let tools = prop::sample::select(vec!["x", "y", "*", "x*", "?"]);
    (tools, prop::sample::select(conditions), effects, prop::option::of(prop::sample::select(vec!["bot", "o*"])))
        .prop_map(|(tool, when, effect, agent)| {
            let mut rule = rule("", &[tool], when, effect);
            rule.agents.extend(agent.map(str::to_owned));
            rule
        })
}

fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(any_rule(), 0..8).prop_map(|mut rules| {
        rules.iter_mut().enumerate().for_each(|(n, rule)| rule.name = format!("r{n}"));
        rules
    })
}

/// Policies with shadowed rules are rejected, but this test needs them.
fn reachable(document: &Document) -> Option<Policy> {
    Policy::compile(document.clone()).ok()
}

fn strictness(effect: &Effect) -> u8 {
    match effect {
        Effect::AutoApprove => 0,
        Effect::RequireApproval(_) => 1,
        Effect::AutoReject => 2,
    }
}

fn any_args() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!({}),
        json!({"n": 2}),
        json!({"n": 0, "s": "x"}),
        json!({"n": "2"}),
        json!({"s": "x"}),
    ])
}

fn any_default() -> impl Strategy<Value = Option<RuleEffect>> {
    prop::option::of(prop_oneof![Just(approve()), Just(ask(30)), Just(reject())])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_rules_does_not_matter(
        (rules, shuffled) in any_rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        unlisted_tools in any_default(),
        args in any_args(),
        tool in prop::sample::select(vec!["x", "y", "z"]),
    ) {
        let tools = vec!["y".to_owned()];
        let one = reachable(&Document { tools: tools.clone(), unlisted_tools: unlisted_tools.clone(), rules, ..Document::default() });
        let other = reachable(&Document { tools, unlisted_tools, rules: shuffled, ..Document::default() });
        prop_assert_eq!(one.is_some(), other.is_some());
        if let (Some(one), Some(other)) = (one, other) {
            prop_assert_eq!(judged(&one, tool, &args), judged(&other, tool, &args));
        }
    }

    #[test]
    fn another_auto_approve_rule_weakens_nothing_that_rules_demand(
        rules in any_rules(),
        mut another in any_rule(),
        args in any_args(),
        unlisted_tools in any_default(),
    ) {
        another.effect = Some(approve());
        another.name = "a-new-one".into();
        let before = Document { tools: vec!["y".into()], unlisted_tools, rules, ..Document::default() };
        let mut after = before.clone();
        after.rules.push(another);
        if let (Some(before), Some(after)) = (reachable(&before), reachable(&after)) {
            for tool in ["x", "y", "z"] {
                let (before, after) = (judged(&before, tool, &args), judged(&after, tool, &args));
                let by_default = ["tools", "unlisted_tools"].contains(&&*before.rule);
                if !by_default {
                    prop_assert!(strictness(&after.effect) >= strictness(&before.effect), "{:?} {:?}", before, after);
                    if let (Effect::RequireApproval(one), Effect::RequireApproval(other)) = (&before.effect, &after.effect) {
                        prop_assert_eq!(one, other);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_approved_where_a_rule_failed(rules in any_rules(), args in any_args(), unlisted_tools in any_default()) {
        if let Some(policy) = reachable(&Document { tools: Vec::new(), unlisted_tools, rules, ..Document::default() }) {
            for tool in ["x", "y"] {
                let judgement = judged(&policy, tool, &args);
                let failed = judgement.trace.iter().any(|one| one.outcome == RuleOutcome::Failed);
                prop_assert!(!failed || judgement.effect != Effect::AutoApprove, "{:?}", judgement);
            }
        }
    }
}
