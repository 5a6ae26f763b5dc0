//! Whole policies: decisions, traces, and problems.

mod channels;
mod properties;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;
use crate::domain::{
    MinAssurance, REMEMBERED_REJECTION_RULE, Requirement, RuleOutcome, Status,
    samples::{a_request, arguments, at},
};

fn rule(name: &str, tools: &[&str], when: &str, effect: RuleEffect) -> Rule {
    Rule {
        name: name.into(),
        description: String::new(),
        tools: tools.iter().map(ToString::to_string).collect(),
        agents: Vec::new(),
        labels: BTreeMap::new(),
        when: when.into(),
        summary: Vec::new(),
        redact: Vec::new(),
        reject_reasons: Vec::new(),
        notify: Vec::new(),
        effect: Some(effect),
    }
}

fn approve() -> RuleEffect {
    RuleEffect::AutoApprove {}
}

fn ask(seconds: u64) -> RuleEffect {
    let timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
    let claim_window = timeout.map(|span| span / 2);
    RuleEffect::RequireApproval(Asks { timeout, claim_window, message: "ask".into(), ..Asks::default() })
}

fn reject() -> RuleEffect {
    RuleEffect::AutoReject { message: "no".into() }
}

fn policy(document: Document) -> Policy {
    Policy::compile(document).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn of(rules: Vec<Rule>) -> Policy {
    policy(Document { tools: vec!["pay".into()], unlisted_tools: Some(approve()), rules, ..Document::default() })
}

fn judged(policy: &Policy, tool_name: &str, args: &Json) -> Judgement {
    let (request, _) = a_request("r");
    let call = Call {
        tool_name,
        arguments: &arguments(args),
        agent: &request.agent,
        labels: &request.labels,
        caller: &request.caller,
        now: at(0),
    };
    policy.judge(&call, Effort::Full)
}

fn told(judgement: &Judgement) -> (Status, &str) {
    (judgement.effect.status(), &judgement.rule)
}

#[test]
fn without_rules_the_defaults_decide() {
    let built_in = Policy::default();
    assert_eq!(told(&judged(&built_in, "pay", &json!({}))), (Status::Pending, "unlisted_tools"));
    let policy = of(Vec::new());
    assert_eq!(told(&judged(&policy, "pay", &json!({}))), (Status::Pending, "tools"));
    assert_eq!(told(&judged(&policy, "search", &json!({}))), (Status::AutoApproved, "unlisted_tools"));
    let strict = self::policy(Document { unlisted_tools: Some(reject()), ..Document::default() });
    let judgement = judged(&strict, "search", &json!({}));
    assert_eq!((told(&judgement), &*judgement.message), ((Status::AutoRejected, "unlisted_tools"), "no"));
    assert_eq!(judgement.trace.len(), 1);
}

#[test]
fn the_strictest_rule_wins() {
    let policy = of(vec![
        rule("a", &["pay"], "args.n < 10", approve()),
        rule("b", &["p*"], "args.n > 5", ask(60)),
        rule("c", &["*"], "args.n > 8", reject()),
        rule("d", &["pay"], "args.n > 7", ask(30)),
    ]);
    for (n, status, name, timeout) in [
        (1, Status::AutoApproved, "a", None),
        (6, Status::Pending, "b", Some(60)),
        (8, Status::Pending, "b", Some(30)),
        (9, Status::AutoRejected, "c", None),
        (50, Status::AutoRejected, "c", None),
    ] {
        let judgement = judged(&policy, "pay", &json!({ "n": n }));
        assert_eq!(told(&judgement), (status, name), "{n}");
        if let Effect::RequireApproval(Requirement { timeout: got, .. }) = judgement.effect {
            assert_eq!(got, timeout.map(Duration::from_secs));
            assert_eq!(judgement.claim_window, timeout.map(|seconds| Duration::from_secs(seconds) / 2));
        }
        assert_eq!(judgement.trace.len(), 4);
    }
    assert_eq!(judged(&policy, "search", &json!({"n": 1})).trace.len(), 2, "one rule, and the default");
}

#[test]
fn agents_and_labels_select() {
    let mut one = rule("one", &["*"], "", reject());
    one.agents = vec!["b?t".into(), "other".into()];
    let mut two = rule("two", &["*"], "", ask(0));
    two.labels = [("team".to_owned(), "billing".to_owned())].into();
    let mut three = rule("three", &["*"], "", reject());
    three.labels = [("team".to_owned(), "sales".to_owned())].into();
    let mut four = rule("four", &["*"], "", reject());
    four.agents = vec!["planner".into()]; // handed the task on, and does not make the call
    let judgement = judged(&of(vec![two.clone(), three, four]), "x", &json!({}));
    assert_eq!(told(&judgement), (Status::Pending, "two"));
    let outcomes: Vec<_> = judgement.trace.iter().map(|trace| (&*trace.rule, trace.outcome, &*trace.detail)).collect();
    assert_eq!(
        outcomes,
        [
            ("four", RuleOutcome::NotMatched, "the agent does not match"),
            ("three", RuleOutcome::NotMatched, "the labels do not match"),
            ("two", RuleOutcome::Matched, "require_approval"),
        ]
    );
    assert_eq!(told(&judged(&of(vec![one, two]), "x", &json!({}))), (Status::AutoRejected, "one"));
}

#[test]
fn a_failure_asks_a_person() {
    let failing = "args.missing > 1";
    for (rules, expected) in [
        (vec![rule("f", &["*"], failing, approve())], (Status::Pending, "f")),
        (vec![rule("f", &["*"], failing, reject())], (Status::Pending, "f")),
        (vec![rule("f", &["*"], failing, ask(9))], (Status::Pending, "f")),
        (vec![rule("a", &["*"], "", approve()), rule("f", &["*"], failing, approve())], (Status::Pending, "f")),
        (vec![rule("a", &["*"], "", approve()), rule("f", &["*"], failing, reject())], (Status::Pending, "f")),
        (
            vec![rule("f", &["x"], failing, approve()), rule("r", &["*"], "args.n == 1", reject())],
            (Status::AutoRejected, "r"),
        ),
        (vec![rule("f", &["y"], failing, reject())], (Status::AutoApproved, "unlisted_tools")),
    ] {
        let judgement = judged(&of(rules), "x", &json!({"n": 1}));
        assert_eq!(told(&judgement), expected);
    }
    // A condition that fails must not bypass a required approval.
    let judgement =
        judged(&of(vec![rule("f", &["*"], failing, ask(9)), rule("g", &["*"], "", ask(60))]), "x", &json!({}));
    let Effect::RequireApproval(requirement) = judgement.effect else { panic!() };
    assert_eq!(requirement.timeout, Some(Duration::from_secs(9)));
    assert_eq!(judgement.trace[0].outcome, RuleOutcome::Failed);
    assert_eq!(judgement.trace[0].detail, "there is no args.missing; use `has()` to test for optional values");
}

#[test]
fn more_panels_than_an_approval_can_have_reject() {
    let asked_by = |panels: usize| {
        let rules =
            (0..panels).map(|n| rule(&format!("ask-{n:0>4}"), &["pay"], "", asks(&json!({"quorum": 2})))).collect();
        judged(&of(rules), "pay", &json!({}))
    };
    match asked_by(PANELS_MAX).effect {
        Effect::RequireApproval(requirement) => assert_eq!(requirement.panels.len(), PANELS_MAX),
        other => panic!("{other:?}"),
    }
    for panels in [PANELS_MAX + 1, 300] {
        let judgement = asked_by(panels);
        assert_eq!((&judgement.effect, &*judgement.rule), (&Effect::AutoReject, TOO_MANY_PANELS_RULE));
        assert!(judgement.message.starts_with(&format!("{panels} rules")), "{}", judgement.message);
        assert!(judgement.trace.iter().any(|one| *one.rule == *TOO_MANY_PANELS_RULE), "{panels}");
    }
}

#[test]
fn too_much_work_asks_a_person_and_says_so() {
    let policy = of(vec![rule("a", &["*"], "args.l.all(x, args.l.all(y, x + y >= 0))", approve())]);
    let judgement = judged(&policy, "x", &json!({ "l": (0..5_000).collect::<Vec<_>>() }));
    assert_eq!(told(&judgement), (Status::Pending, "a"));
    assert!(judgement.exhausted && judgement.trace[0].detail.contains("step limit"));
    assert!(!judged(&policy, "x", &json!({"l": [1]})).exhausted);
}

#[test]
fn the_strictest_rules_spend_the_effort_first() {
    let policy = of(vec![
        rule("burn", &["*"], "args.l.all(x, args.l.all(y, x + y >= 0))", approve()),
        rule("no", &["*"], "args.q == 'drop'", reject()),
    ]);
    let args = json!({"q": "drop", "l": (0..3_000).collect::<Vec<_>>()});
    assert_eq!(told(&judged(&policy, "x", &args)), (Status::AutoRejected, "no"));
}

#[test]
fn a_failure_keeps_the_spans_of_the_default() {
    let rules = vec![rule("a", &["*"], "", approve()), rule("f", &["*"], "args.missing > 1", reject())];
    let judgement =
        judged(&policy(Document { unlisted_tools: Some(ask(60)), rules, ..Document::default() }), "x", &json!({}));
    let Effect::RequireApproval(requirement) = &judgement.effect else { panic!() };
    assert_eq!((&*judgement.rule, requirement.timeout), ("f", Some(Duration::from_secs(60))));
    assert_eq!(judgement.claim_window, Some(Duration::from_secs(30)));
}

#[test]
fn globs_that_cost_are_counted() {
    let globs = |count: usize, glob: &str| Document {
        tools: (0..count).map(|n| format!("{glob}{n}")).collect(),
        ..Document::default()
    };
    assert!(problems(globs(256, "a?")).is_empty() && problems(globs(1_000, "*a")).is_empty());
    assert!(problems(globs(257, "a?"))[0].starts_with("has 257 complex globs; at most 256"));
}

#[test]
fn long_traces_keep_what_counted() {
    let mut rules: Vec<_> =
        (0..1_000).map(|n| rule(&format!("n{n}"), &["*"], &format!("args.n == {n}"), approve())).collect();
    rules.push(rule("last", &["*"], "args.n == 999", reject()));
    let judgement = judged(&of(rules), "x", &json!({"n": 999}));
    assert_eq!(told(&judgement), (Status::AutoRejected, "last"));
    assert_eq!((judgement.trace.len(), judgement.trace_omitted), (TRACE_MAX, 745));
    let counted: Vec<_> = judgement.trace.iter().filter(|one| one.outcome == RuleOutcome::Matched).collect();
    assert_eq!(counted.iter().map(|one| &*one.rule).collect::<Vec<_>>(), ["last", "n999"]);
    assert_eq!((&*judgement.trace[0].rule, &*judgement.trace[1].rule), ("last", "n0"));

    let rules =
        (0..400).map(|n| rule(&format!("m{n:03}"), &["*"], "args.n > 0", if n == 399 { reject() } else { approve() }));
    let judgement = judged(&of(rules.collect()), "x", &json!({"n": 1}));
    assert_eq!((judgement.trace.len(), judgement.trace_omitted), (TRACE_MAX, 144));
    assert!(judgement.trace.iter().any(|one| *one.rule == *"m399"), "the deciding rule is in its trace");
}

#[test]
fn details_are_cut() {
    let key = "k".repeat(900);
    let judgement = judged(&of(vec![rule("f", &["*"], &format!("args.{key} == 1"), approve())]), "x", &json!({}));
    let detail = &judgement.trace[0].detail;
    assert!(detail.len() <= 256 && detail.ends_with('…'), "{detail}");
}

/// Every problem of a document, as text.
fn problems(document: Document) -> Vec<String> {
    Policy::compile(document).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn every_problem_is_told() {
    let mut wrong = rule("Bad name", &["a[", "x", "x"], "arg.x", reject());
    wrong.agents = vec![String::new()];
    wrong.labels = [("sp ace".to_owned(), "v".to_owned()), ("k".to_owned(), "v".repeat(257))].into();
    wrong.description = "d".repeat(1_025);
    let mut nothing = rule("tools", &[], "", reject());
    nothing.effect = None;
    let document = Document {
        tools: vec!["b{".into(), "t".repeat(129)],
        unlisted_tools: Some(RuleEffect::AutoReject { message: "\u{1b}".into() }),
        rules: vec![wrong, nothing, rule("same", &["*"], "", approve()), rule("same", &["*"], "", approve())],
        redact: vec!["card".into()],
        ..Document::default()
    };
    let found = problems(document);
    for expected in [
        "tools[0]: \"b{\" is not a valid glob",
        "tools[1]: has 129 characters; at most 128",
        "rules[0].name: \"Bad name\" is not a valid name",
        "rules[0].tools[0]: \"a[\" is not a valid glob",
        "rules[0].tools[2]: \"x\" is a duplicate of rules[0].tools[1]",
        "rules[0].agents[0]: must not be empty",
        "rules[0].labels: invalid label \"sp ace\"",
        "rules[0].labels: the value of \"k\" has 257 characters",
        "rules[0].description: has 1025 bytes; at most 1024",
        "rules[0].when: column 1: unknown variable arg",
        "rules[1].name: \"tools\" is reserved for a default",
        "rules[1].tools: is required",
        "rules[1]: has no effect; set auto_approve, require_approval or auto_reject",
        "rules[3].name: \"same\" is already the name of rules[2]",
        "unlisted_tools.auto_reject.message: contains U+001B",
        "redact[0]: the path \"card\" must begin with `args`",
    ] {
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected} is missing in {found:#?}");
    }
    assert_eq!(found.len(), 16, "{found:#?}");
}

#[test]
fn limits_hold() {
    let rules = |count: usize| (0..count).map(|n| rule(&format!("r{n}"), &["x"], "", approve())).collect();
    assert!(problems(Document { rules: rules(RULES_MAX), ..Document::default() }).is_empty());
    let many = problems(Document { rules: rules(RULES_MAX + 1), ..Document::default() });
    assert!(many.contains(&"rules: has 10001 rules; at most 10000 are allowed".to_owned()), "{many:?}");
    let mut large: Vec<Rule> = rules(1_100);
    large.iter_mut().for_each(|rule| rule.description = "d".repeat(1_000));
    assert!(problems(Document { rules: large, ..Document::default() })[0].contains("at most 1048576 are allowed"));
    let mut globs = rule("g", &[], "", approve());
    globs.tools = (0..65).map(|n| format!("t{n}")).collect();
    assert_eq!(
        problems(Document { rules: vec![globs], ..Document::default() }),
        ["rules[0].tools: has 65 globs; at most 64 are allowed"]
    );
}

#[test]
fn patterns_are_bounded_together_and_problems_end_the_search() {
    let patterns = |count: usize, pattern: &str| -> Vec<String> {
        let rules =
            (0..count).map(|n| rule(&format!("r{n}"), &["x"], &format!("args.t.matches('{pattern}')"), approve()));
        problems(Document { rules: rules.collect(), ..Document::default() })
    };
    let found = patterns(200, "(");
    assert_eq!(found.len(), 100, "{}", found.len());
    let found = patterns(8_200, "a");
    assert_eq!(
        found,
        ["rules[6144].when: the policy's patterns need too much memory; at most 24 MiB are allowed in total"]
    );
}

#[test]
fn rules_that_nothing_reaches_are_refused() {
    let unreached = |rules: Vec<Rule>| problems(Document { rules, ..Document::default() });
    assert_eq!(
        unreached(vec![rule("a", &["x"], "1 > 2", approve())]),
        ["rules[0].when: is always false, so the rule can never match"]
    );
    let wall = || rule("wall", &["sql.*", "x"], "", reject());
    let refusal = |name: &str| {
        format!(
            "rules[1]: can never decide: for these tools, rule \"wall\" always matches, and auto_reject is stricter than \
             {name}"
        )
    };
    assert_eq!(
        unreached(vec![wall(), rule("b", &["sql.read", "x"], "args.n > 1", approve())]),
        [refusal("auto_approve")]
    );
    assert_eq!(unreached(vec![wall(), rule("b", &["sql.r*"], "", ask(1))]), [refusal("require_approval")]);
    for reached in [
        rule("b", &["sql.read", "y"], "", approve()),
        rule("b", &["sql*"], "", approve()),
        rule("b", &["x"], "", reject()),
    ] {
        assert!(unreached(vec![wall(), reached]).is_empty());
    }
    for mut low_wall in [rule("wall", &["*"], "args.n > 1", reject()), rule("wall", &["*"], "", reject())] {
        low_wall.agents = if low_wall.when.is_empty() { vec!["bot".into()] } else { Vec::new() };
        assert!(unreached(vec![low_wall, rule("b", &["x"], "", approve())]).is_empty());
    }
}

fn asks(asks: &Json) -> RuleEffect {
    serde_json::from_value(json!({ "require_approval": asks })).unwrap()
}

#[test]
fn several_rules_that_ask_ask_for_the_strictest_of_each() {
    let finance = asks(&json!({
        "reviewers": ["group:finance"], "quorum": 2, "reject_threshold": 3, "allow_edits": true, "timeout": "600s",
        "escalate": [{"after": "300s", "reviewers": ["group:directors"]}, {"after": "60s", "priority": "PRIORITY_HIGH"}],
    }));
    let legal = asks(&json!({
        "reviewers": ["group:legal", "user:dev/alice"], "reject_threshold": 2, "allow_edits": false,
        "comment_required": true, "timeout": "900s", "escalate": [{"after": "120s", "priority": "PRIORITY_URGENT"}],
    }));
    let rules = vec![rule("finance", &["pay"], "", finance), rule("legal", &["p*"], "args.n > 5", legal)];
    let requirement = |policy: &Policy, n: i32| match judged(policy, "pay", &json!({ "n": n })).effect {
        Effect::RequireApproval(requirement) => requirement,
        effect => panic!("{effect:?}"),
    };
    let (policy, turned) = (of(rules.clone()), of(rules.into_iter().rev().collect()));
    let one = requirement(&policy, 1);
    assert_eq!((one.panels.len(), one.quorum(), one.reject_threshold, one.allow_edits), (1, 2, 3, true));
    let both = requirement(&policy, 6);
    assert_eq!(both, requirement(&turned, 6), "the order of rules means nothing");
    let panels: Vec<_> = both.panels.iter().map(|panel| (&*panel.rule, panel.quorum, panel.reviewers.len())).collect();
    assert_eq!(panels, [("finance", 2, 1), ("legal", 1, 2)]);
    assert_eq!((both.reject_threshold, both.comment_required, both.allow_edits), (2, true, false));
    assert_eq!(both.timeout, Some(Duration::from_secs(600)));
    let times: Vec<_> = both.escalations.iter().map(|one| (&*one.rule, one.after.as_secs())).collect();
    assert_eq!(times, [("finance", 60), ("legal", 120), ("finance", 300)]);
    // A failed condition asks as if it matched: arguments cannot exclude a panel.
    let policy_with_text = judged(&policy, "pay", &json!({"n": "many"}));
    assert!(matches!(policy_with_text.effect, Effect::RequireApproval(asked) if asked.panels.len() == 2));
}

#[test]
fn a_rejection_is_remembered_as_the_strictest_rules_say() {
    let remembered = |spans: &[Option<&str>]| {
        let rules = spans.iter().zip(["a", "b", "c"]).map(|(span, name)| {
            let asked = span.map_or_else(|| json!({}), |span| json!({ "remember_rejection": span }));
            rule(name, &["pay"], "", asks(&asked))
        });
        match judged(&of(rules.collect()), "pay", &json!({})).effect {
            Effect::RequireApproval(asked) => asked.remember_rejection.map(|span| span.as_secs()),
            effect => panic!("{effect:?}"),
        }
    };
    assert_eq!(remembered(&[None]), None);
    assert_eq!(remembered(&[Some("600s")]), Some(600));
    assert_eq!(remembered(&[Some("600s"), Some("60s"), Some("900s")]), Some(60));
    for spans in [[None, Some("600s")], [Some("600s"), None]] {
        assert_eq!(remembered(&spans), None, "one of them wants to be asked each time");
    }
    let unlisted_tools = Some(asks(&json!({"remember_rejection": "30s"})));
    let document = Document { tools: vec!["listed".into()], unlisted_tools, ..Document::default() };
    let by_default = |tool| judged(&policy(document.clone()), tool, &json!({})).effect.requirement().remember_rejection;
    assert_eq!((by_default("x"), by_default("listed")), (Some(Duration::from_secs(30)), None));
    // A rule whose evaluation fails asks as if it matched, also here.
    let unsure = rule("b", &["pay"], "args.n > 5", asks(&json!({})));
    let sure = rule("a", &["pay"], "", asks(&json!({"remember_rejection": "30s"})));
    let both = of(vec![sure, unsure]);
    for (args, seconds) in [(json!({"n": 1}), Some(30)), (json!({"n": 6}), None), (json!({}), None)] {
        let asked = judged(&both, "pay", &args).effect.requirement().remember_rejection;
        assert_eq!(asked.map(|span| span.as_secs()), seconds, "{args}");
    }
}

#[test]
fn no_rule_has_a_name_that_the_server_uses() {
    for name in [REMEMBERED_REJECTION_RULE, "_freeze", "_"] {
        let rules = vec![rule(name, &["pay"], "", approve())];
        let problems = Policy::compile(Document { rules, ..Document::default() }).unwrap_err();
        assert!(problems[0].to_string().contains("reserved for the server's rules"), "{problems:?}");
    }
}

#[test]
fn what_is_asked_of_people_is_checked() {
    let cases = [
        (json!({"reviewers": ["finance"]}), "reviewers[0]: must be group:NAME or user:ISSUER/SUBJECT"),
        (json!({"reviewers": ["group:a", "group:a"]}), "reviewers[1]: \"group:a\" is a duplicate of "),
        (json!({"reviewers": vec!["group:a"; 65]}), "reviewers: has 65 reviewers; at most 64"),
        (json!({"quorum": 33}), "quorum: is 33; 1 to 32"),
        (json!({"reject_threshold": 0}), "reject_threshold: is 0; 1 to 32"),
        (json!({"reviewers": ["user:dev/a"], "quorum": 2}), "quorum: is 2, more than the number of reviewers, 1"),
        (json!({"escalate": [{"after": "60s"}]}), "escalate[0]: changes nothing"),
        (json!({"escalate": [{"priority": "PRIORITY_HIGH"}]}), "escalate[0].after: is required"),
        (json!({"escalate": [{"after": "60s", "reviewers": ["group:a"]}]}), "escalate[0].reviewers: have no effect"),
        (
            json!({"timeout": "60s", "escalate": [{"after": "60s", "priority": "PRIORITY_HIGH"}]}),
            "so the escalation never happens",
        ),
        (
            json!({"escalate": vec![json!({"after": "1s", "priority": "PRIORITY_HIGH"}); 5]}),
            "has 5 escalations; at most 4",
        ),
    ];
    for (asked, expected) in cases {
        let rules = vec![rule("a", &["pay"], "", asks(&asked))];
        let problems = Policy::compile(Document { rules, ..Document::default() }).unwrap_err();
        assert!(problems.len() == 1 && problems[0].to_string().contains(expected), "{asked}: {problems:?}");
        assert!(problems[0].path.starts_with("rules[0].require_approval"), "{problems:?}");
    }
}
