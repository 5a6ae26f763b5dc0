//! What is shown and what is redacted, by the rules that judged an approval.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{
        Approval, Decision, Digest, Effect, Outcome, Requirement, RuleTrace, Status, Verdict, Vote,
        samples::{arguments, at, claim_id, opened, reviewer, verdict},
    },
    policy::display::redacted_value::{PATHS_BYTES_MAX, REDACTIONS_MAX},
};

fn display(document: Value) -> Display {
    Display::new("1", &serde_json::from_value(document).unwrap()).unwrap()
}

/// A rule of this name with more fields.
fn rule(name: &str, fields: &Value) -> Value {
    let mut rule = json!({"name": name, "tools": ["*"], "require_approval": {}});
    rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    rule
}

/// A verdict of version 1 that the first of these rules reached.
fn reached(trace: &[(&str, RuleOutcome)]) -> Arc<Verdict> {
    let one = |(rule, outcome): &(&str, RuleOutcome)| RuleTrace {
        rule: (*rule).into(),
        outcome: *outcome,
        detail: "".into(),
    };
    Arc::new(Verdict {
        rule: trace.first().map_or("unlisted_tools", |(rule, _)| rule).into(),
        trace: trace.iter().map(one).collect(),
        ..Verdict::clone(&verdict(Effect::RequireApproval(Requirement::any(1))))
    })
}

fn approval(args: &Value, verdict: Arc<Verdict>) -> Approval {
    Approval { arguments: arguments(args), ..opened(verdict) }
}

fn redacted(redact: Value, args: &Value) -> (Value, Vec<String>) {
    let arguments = display(json!({"redact": redact})).redacted_arguments(&approval(args, reached(&[])));
    (serde_json::to_value(arguments.members()).unwrap(), arguments.paths().to_vec())
}

fn summary(items: &[SummaryItem]) -> Value {
    items.iter().map(|item| (item.path.clone(), serde_json::to_value(&item.value).unwrap())).collect()
}

#[test]
fn a_path_hides_its_value_and_everything_below() {
    let args = json!({
        "card": {"number": "4111", "holder": {"name": "Alice"}},
        "card.number": "dotted",
        "items": [{"price": 1, "sku": "a"}, {"price": 2, "sku": "b"}],
        "grid": [[1, 2], [3, 4]],
        "to": null,
    });
    let cases = [
        (json!(["args.card.number"]), json!({"card": {"number": REDACTED, "holder": {"name": "Alice"}}})),
        (json!(["args.card"]), json!({"card": REDACTED})),
        (json!(["args.card", "args.card.number"]), json!({"card": REDACTED})),
        (json!([r#"args["card.number"]"#]), json!({"card.number": REDACTED})),
        (
            json!(["args.items[*].price"]),
            json!({"items": [{"price": REDACTED, "sku": "a"}, {"price": REDACTED, "sku": "b"}]}),
        ),
        (json!(["args.items[*]"]), json!({"items": [REDACTED, REDACTED]})),
        (json!(["args.items[1].sku"]), json!({"items": [{"price": 1, "sku": "a"}, {"price": 2, "sku": REDACTED}]})),
        (json!(["args.grid[*][0]"]), json!({"grid": [[REDACTED, 2], [REDACTED, 4]]})),
        (json!(["args.to"]), json!({"to": REDACTED})),
        (json!(["args.missing", "args.items[7].price"]), json!({})),
    ];
    for (redact, changed) in cases {
        let mut expected = args.clone();
        expected.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let (shown, paths) = redacted(redact.clone(), &args);
        assert_eq!(shown, expected, "{redact}");
        assert_eq!(paths.is_empty(), changed == json!({}), "{redact}");
    }
    assert_eq!(redacted(json!(["args.card", "args.card.number", "args.x"]), &args).1, ["args.card"]);
    assert_eq!(redacted(json!(["args"]), &args), (json!({}), vec!["args".to_owned()]));
}

#[test]
fn a_value_in_which_a_path_cannot_go_on_is_redacted() {
    for (redact, args) in [
        ("args.card.number", json!({"card": "4111"})),
        ("args.card.number", json!({"card": ["4111"]})),
        ("args.card.number", json!({"card": null})),
        ("args.card[*].number", json!({"card": {"number": "4111"}})),
        ("args.card[0]", json!({"card": "4111"})),
    ] {
        assert_eq!(redacted(json!([redact]), &args), (json!({"card": REDACTED}), vec![redact.to_owned()]), "{args}");
    }
    let nested = json!({"cards": [[{"number": "4111"}]]});
    assert_eq!(redacted(json!(["args.cards[*].number"]), &nested).0, json!({"cards": [REDACTED]}));
}

#[test]
fn the_policy_and_every_matching_rule_redact() {
    use RuleOutcome::{Failed, Matched, NotMatched};
    let rules = [
        rule("a", &json!({"redact": ["args.a"]})),
        rule("b", &json!({"redact": ["args.b"]})),
        rule("c", &json!({"redact": ["args.c"]})),
    ];
    let display = display(json!({"redact": ["args.p"], "rules": rules}));
    let args = json!({"a": 1, "b": 1, "c": 1, "p": 1, "x": 1});
    let paths = |verdict: Verdict| {
        let approval = approval(&args, Arc::new(verdict));
        display.redacted_arguments(&approval).paths().join(" ")
    };
    let verdict = |trace: &[(&str, RuleOutcome)]| Verdict::clone(&reached(trace));
    assert_eq!(paths(verdict(&[])), "args.p");
    assert_eq!(paths(verdict(&[("a", Matched), ("b", NotMatched)])), "args.a args.p");
    assert_eq!(paths(verdict(&[("a", Matched), ("b", Matched)])), "args.a args.b args.p");
    assert_eq!(paths(verdict(&[("x", Matched), ("b", Failed)])), "args.b args.p", "a failed rule counts");
    // A freeze or a remembered rejection decides, and the trace stays.
    let frozen = Verdict { rule: "_freeze".into(), effect: Effect::AutoReject, ..verdict(&[("a", Matched)]) };
    assert_eq!(paths(frozen), "args.a args.p");
    // A trace that leaves out rules that did not match is complete enough, any other is not.
    let cut = Verdict { trace_omitted: 3, ..verdict(&[("a", Matched), ("b", NotMatched)]) };
    assert_eq!(paths(cut), "args.a args.p");
    let cut = Verdict { trace_omitted: 3, ..verdict(&[("a", Matched)]) };
    assert_eq!(paths(cut), "args.a args.b args.c args.p");
    // The deciding rule counts, whatever the trace says.
    assert_eq!(paths(Verdict { trace: Vec::new(), ..verdict(&[("a", Matched)]) }), "args.a args.p");
}

#[test]
fn an_unknown_version_redacts_everything() {
    let readable = display(json!({"summary": ["args.to"], "reject_reasons": ["no"]}));
    for (display, version) in
        [(Display::unreadable("1"), "1"), (readable.clone(), "2"), (readable.clone(), ""), (readable.clone(), "01")]
    {
        let verdict = Verdict { policy_version: version.into(), ..Verdict::clone(&reached(&[])) };
        let approval = approval(&json!({"to": "secret"}), Arc::new(verdict));
        let shown = display.redacted_arguments(&approval);
        assert!(shown.is_all_redacted() && shown.members().is_empty(), "{version}");
        assert_eq!(display.redactions(&approval).as_ref(), Some(&shown));
        assert!(display.summary_of(&approval).is_empty());
        assert!(display.reject_reasons(&approval).is_empty());
        assert!(!serde_json::to_string(&display.redacted(&approval)).unwrap().contains("secret"));
    }
    let approval = approval(&json!({"to": "secret"}), reached(&[]));
    assert_eq!(readable.redactions(&approval), None);
    assert_eq!(readable.reject_reasons(&approval), ["no"]);
}

#[test]
fn the_deciding_rule_comes_before_the_policy() {
    let own = json!({"summary": ["args.b"], "reject_reasons": ["own"]});
    let rules = [rule("a", &own), rule("b", &json!({"redact": ["args.x"]}))];
    let display = display(json!({"summary": ["args.a"], "reject_reasons": ["policy"], "rules": rules}));
    for (rule, path, reason) in [
        ("a", "args.b", "own"),
        ("b", "args.a", "policy"),
        ("tools", "args.a", "policy"),
        ("_freeze", "args.a", "policy"),
    ] {
        let approval = approval(&json!({"a": 1, "b": 2}), reached(&[(rule, RuleOutcome::Matched)]));
        assert_eq!(display.summary_of(&approval)[0].path, path, "{rule}");
        assert_eq!(display.reject_reasons(&approval), [reason], "{rule}");
    }
}

#[test]
fn a_summary_follows_paths_and_never_shows_what_is_redacted() {
    let fields = json!({
        "summary": ["args.amount", "args.items[*].price", "args.items[0].sku", "args.card", "args.absent", "args.to.x"],
        "redact": ["args.card.number", "args.items[*].sku"],
    });
    let args = json!({
        "amount": 12400,
        "card": {"number": "4111", "last": "11"},
        "items": [{"price": 1, "sku": "a"}, {"sku": "b"}, 7],
        "to": "bob",
    });
    let items = display(fields.clone()).summary_of(&approval(&args, reached(&[])));
    assert_eq!(
        summary(&items),
        json!({
            "args.amount": 12400,
            "args.card": {"number": REDACTED, "last": "11"},
            "args.items[*].price": [1, REDACTED],
            "args.items[0].sku": REDACTED,
        })
    );
    assert_eq!(items[0].path, "args.amount", "in the order of the policy");
    let whole = display(fields).whole_summary_of(&approval(&args, reached(&[])));
    assert_eq!(summary(&whole)["args.card"], args["card"], "the approval's own page");
    // Another rule that matched may redact what this rule's summary shows.
    let rules = [rule("a", &json!({"summary": ["args.to"]})), rule("b", &json!({"redact": ["args.to"]}))];
    let trace = [("a", RuleOutcome::Matched), ("b", RuleOutcome::Matched)];
    let items = display(json!({"rules": rules})).summary_of(&approval(&args, reached(&trace)));
    assert_eq!(items, [SummaryItem { path: "args.to".into(), value: RedactedValue::Redacted }]);
}

#[test]
fn without_a_summary_the_first_short_arguments_are_shown() {
    let mut args = json!({"a b": 1, "b": true, "c": [1], "d": "x", "e": null, "f": "secret", "g": 2, "h": 3, "i": 4});
    args["a".repeat(65)] = 1.into();
    let items = display(json!({"redact": ["args.f"]})).summary_of(&approval(&args, reached(&[])));
    let shown = items.iter().map(|item| item.path.as_str()).collect::<Vec<_>>();
    assert_eq!(shown, [r#"args["a b"]"#, "args.b", "args.d", "args.g"]);
}

#[test]
fn too_many_redactions_redact_everything() {
    let args: Value = (0..400).map(|n| (format!("a{n}"), json!(n))).collect();
    let rules = |paths: Vec<String>| {
        let parts = paths.chunks(64).enumerate();
        let rules: Vec<_> = parts.map(|(n, paths)| rule(&format!("r{n}"), &json!({"redact": paths}))).collect();
        let names: Vec<_> = rules.iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect();
        let trace: Vec<_> = names.iter().map(|name| (name.as_str(), RuleOutcome::Matched)).collect();
        display(json!({"rules": rules})).redacted_arguments(&approval(&args, reached(&trace)))
    };
    // None of these is in the call, so none is listed.
    let absent = |count: usize| (0..count).map(|n| format!("args.b{n}")).collect();
    assert!(!rules(absent(REDACTIONS_MAX)).is_redacted());
    assert!(rules(absent(REDACTIONS_MAX + 1)).is_all_redacted());
    let present = |count: usize| (100..100 + count).map(|n| format!("args.a{n}")).collect::<Vec<_>>();
    let fitting = PATHS_BYTES_MAX / "args.a100".len();
    let shown = rules(present(fitting));
    assert_eq!((shown.paths().len(), shown.is_all_redacted()), (fitting, false));
    assert!(rules(present(fitting + 1)).is_all_redacted());
}

const SECRET: &str = "S3CRET";

/// Arguments with secrets at some places, which other values never equal.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..9_i32).prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
        Just(Value::from(SECRET)),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any_name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", Just("a.b".to_owned()), Just(String::new()), Just("\u{202e}".to_owned())]
}

fn any_arguments() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(any_name(), any_value(), 0..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// The paths of all secrets; with `every`, lists are passed through every item.
fn paths_of_secrets(value: &Value, at: &ArgumentPath, every: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text == SECRET => found.push(at.to_string()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                paths_of_secrets(item, &at.then(if every { Step::EveryItem } else { Step::Item(index) }), every, found);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                paths_of_secrets(value, &at.then(Step::Member(name.clone())), every, found);
            }
        }
        _ => {}
    }
}

/// An approval that has everything that could repeat an argument.
fn full_life(args: &Value, verdict: Arc<Verdict>) -> Approval {
    let mut approval = approval(args, verdict);
    let digest = Digest::of("send_email", &approval.arguments);
    let by = reviewer(1);
    approval.digest = digest;
    approval.votes = vec![Vote {
        actor: by.clone(),
        via: None,
        counted_for: Vec::new(),
        choice: crate::domain::Choice::Approve,
        comment: "fine".into(),
        at: at(1),
        seen: 1,
        digest,
        provenance: None,
    }];
    approval.decision = Some(Decision {
        status: Status::Approved,
        actor: by.clone(),
        via: None,
        comment: "fine".into(),
        at: at(1),
        seen: 1,
        digest,
        revision: 2,
        provenance: None,
    });
    let outcome = Outcome { result: crate::domain::ExecutionResult::Succeeded, message: "done".into(), at: at(3) };
    approval.claim = Some(crate::domain::Claim { id: claim_id(1), actor: by, at: at(2), outcome: Some(outcome) });
    let schema = format!(r#"{{"const":{}}}"#, approval.arguments.as_json());
    Arc::make_mut(&mut approval.request).schema = Some(schema.into());
    for rule in &mut Arc::make_mut(&mut approval.verdict).trace {
        rule.detail = format!("{SECRET:?} is not a time").into();
    }
    approval
}

#[test]
fn a_redacted_approval_has_all_else() {
    let approval = full_life(&json!({"to": SECRET, "n": 1}), reached(&[("a", RuleOutcome::Failed)]));
    let shown = display(json!({"redact": ["args.to"]})).redacted(&approval);
    assert_eq!((shown.votes.len(), shown.panels.len(), shown.edits), (1, 1, 0));
    assert_eq!(shown.decision.as_ref().map(|made| made.status), Some(Status::Approved));
    assert_eq!((shown.claimed_at, shown.outcome.as_ref().map(|made| made.1.as_str())), (Some(at(2)), Some("done")));
    assert_eq!(shown.arguments.paths(), ["args.to"]);
    let text = serde_json::to_string(&shown).unwrap();
    assert!(!text.contains("sha256:") && !text.contains("const"), "{text}");
}

proptest! {
    #[test]
    fn no_redacted_value_is_in_any_form(args in any_arguments(), every in any::<bool>()) {
        let mut paths = Vec::new();
        paths_of_secrets(&args, &ArgumentPath::root(), every, &mut paths);
        paths.dedup();
        let policy = display(json!({"redact": paths}));
        let approval = full_life(&args, reached(&[("a", RuleOutcome::Failed)]));
        let redacted = policy.redacted(&approval);
        let forms = [format!("{redacted:?}"), format!("{redacted:#?}"), serde_json::to_string(&redacted).unwrap()];
        for form in forms {
            prop_assert!(!form.contains(SECRET), "{}", form);
            prop_assert!(!form.contains(&approval.digest.to_string()), "{}", form);
        }
        let shown = &redacted.arguments;
        prop_assert_eq!(shown.is_redacted(), !paths.is_empty());
        // With the places of the secrets, nothing else is redacted.
        if !every {
            let text = serde_json::to_string(shown.members()).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text.replace(REDACTED, SECRET)).unwrap(), args);
        }
    }
}
