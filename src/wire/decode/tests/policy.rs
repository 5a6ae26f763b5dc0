use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;
use serde_json::json;

use super::{one, refused, span};
use crate::{
    domain::{Actor, ActorKind, MinAssurance, Priority, Status, limits::RequestLimits},
    policy::{Asks, Document, Escalate, Rule, RuleEffect, TestCase},
    proto::v1,
    wire::{
        decode::{self, Violation, Violations, test_cases},
        encode, structs,
    },
};

fn asking(timeout: Option<prost_types::Duration>, claim_window: Option<prost_types::Duration>) -> v1::PolicyRule {
    let asks = v1::RequireApproval { timeout, claim_window, message: "m".into(), ..Default::default() };
    v1::PolicyRule { effect: Some(v1::policy_rule::Effect::RequireApproval(asks)), ..Default::default() }
}

fn remembering(remember_rejection: Option<prost_types::Duration>) -> v1::PolicyRule {
    let asks = v1::RequireApproval { remember_rejection, ..Default::default() };
    v1::PolicyRule { effect: Some(v1::policy_rule::Effect::RequireApproval(asks)), ..Default::default() }
}

fn lines(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect()
}

#[test]
fn spans_that_a_policy_cannot_hold_are_all_named_and_left_out() {
    let asks = v1::RequireApproval { timeout: span(0, 0), ..Default::default() };
    let effect = Some(v1::unlisted_tools::Effect::RequireApproval(asks));
    let rules = vec![
        asking(span(604_800, 0), span(3_600, 0)),
        asking(span(604_800, 1), span(3_601, 0)),
        v1::PolicyRule { name: "x".repeat(1_000), ..Default::default() },
        asking(span(-1, 0), span(1, -1)),
        remembering(span(86_401, 0)),
        remembering(span(86_400, 0)),
    ];
    let unlisted_tools = Some(v1::UnlistedTools { effect });
    let message = v1::Policy { tools: vec!["[".into()], unlisted_tools, rules, ..v1::Policy::default() };
    let (document, violations) = decode::document(message);
    let expected = [
        "unlisted_tools.require_approval.timeout: is 0 s; it must be from 1s to 7d",
        "rules[1].require_approval.timeout: is 604800.000000001 s; it must be from 1s to 7d",
        "rules[1].require_approval.claim_window: is 3601 s; it must be from 1s to 1h",
        "rules[3].require_approval.timeout: is negative; it must be from 1s to 7d",
        "rules[3].require_approval.claim_window: is malformed: 1 s and -1 ns; nanos must have the sign of \
         seconds, and be less than 1 s",
        "rules[4].require_approval.remember_rejection: is 86401 s; it must be from 1s to 1d",
    ];
    assert_eq!(lines(&violations), expected);
    let asks = |timeout, claim_window| {
        Some(RuleEffect::RequireApproval(Asks { timeout, claim_window, message: "m".into(), ..Asks::default() }))
    };
    let week = Some(Duration::from_secs(604_800));
    assert_eq!(document.rules[0].effect, asks(week, Some(Duration::from_secs(3_600))));
    assert_eq!(document.rules[1].effect, asks(None, None));
    // Names, globs and a missing effect are checked when the document is compiled.
    assert_eq!((document.rules[2].effect.as_ref(), document.rules.len(), document.tools.len()), (None, 6, 1));
    let remembered = |place: usize| match &document.rules[place].effect {
        Some(RuleEffect::RequireApproval(asks)) => asks.remember_rejection,
        effect => panic!("{effect:?}"),
    };
    assert_eq!((remembered(4), remembered(5)), (None, Some(Duration::from_secs(86_400))));
}

#[test]
fn a_default_without_an_effect_is_refused() {
    let message = v1::Policy { unlisted_tools: Some(v1::UnlistedTools { effect: None }), ..Default::default() };
    let (document, violations) = decode::document(message);
    assert_eq!(
        lines(&violations),
        ["unlisted_tools: has no effect; set auto_approve, require_approval or auto_reject"]
    );
    assert_eq!(document, Document::default());
    assert_eq!(decode::document(v1::Policy::default()), (Document::default(), Vec::new()));
}

#[test]
fn every_mistake_of_a_file_is_placed_whoever_finds_it() {
    let text = "\
tools: [a]
rules:
  - name: Bad Name
    tools: ['*']
    when: args.x ==
    require_approval: {timeout: 0s, claim_window: 5m}
  - name: b
    tools: [\"[\"]
    lables: {env: prod}
    auto_aprove: {}
";
    let mut read = crate::policy_file::read::<v1::Policy>(text);
    let (document, violations) = decode::document(read.message.clone());
    for Violation { field, description } in violations {
        read.refuse(&field, description);
    }
    for problem in crate::policy::Policy::compile(document).unwrap_err() {
        read.refuse(&problem.path, problem.message);
    }
    let problems = read.finish().unwrap_err();
    let found: Vec<_> =
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.position, problem.path)).collect();
    let expected = [
        "3:11 rules[0].name",
        "5:11 rules[0].when",
        "6:33 rules[0].require_approval.timeout",
        "6:51 rules[0].require_approval.claim_window",
        "8:13 rules[1].tools[0]",
        "9:5 rules[1].lables",
        "10:5 rules[1].auto_aprove",
    ];
    assert_eq!(found, expected, "{problems}");
}

fn any_effect() -> impl Strategy<Value = RuleEffect> {
    prop_oneof![
        Just(RuleEffect::AutoApprove {}),
        any::<String>().prop_map(|message| RuleEffect::AutoReject { message }),
        any_asks().prop_map(RuleEffect::RequireApproval),
    ]
}

fn any_span(max: u64) -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of((1_000_000..=max * 1_000_000).prop_map(Duration::from_micros))
}

fn any_asks() -> impl Strategy<Value = Asks> {
    let texts = || proptest::collection::vec(any::<String>(), 0..3);
    let priority = prop_oneof![Just(None), Just(Some(Priority::Normal)), Just(Some(Priority::Urgent))];
    let escalate = (any_span(604_800), texts(), priority, texts())
        .prop_map(|(after, reviewers, priority, notify)| Escalate { after, reviewers, priority, notify });
    let assurance = prop_oneof![Just(None), Just(Some(MinAssurance::Chat)), Just(Some(MinAssurance::Credentials))];
    let votes = || proptest::option::of(1..=u32::MAX);
    let demands = (texts(), votes(), votes(), any::<bool>(), any::<Option<bool>>(), assurance);
    let escalate = proptest::collection::vec(escalate, 0..3);
    let spans = (any_span(604_800), any_span(3_600), any_span(86_400));
    (demands, escalate, spans, any::<String>()).prop_map(
        |(demands, escalate, (timeout, claim_window, remember_rejection), message)| {
            let (reviewers, quorum, reject_threshold, comment_required, allow_edits, min_assurance) = demands;
            let demands =
                Asks { reviewers, quorum, reject_threshold, comment_required, allow_edits, ..Asks::default() };
            let demands = Asks { min_assurance, ..demands };
            Asks { escalate, timeout, claim_window, remember_rejection, message, ..demands }
        },
    )
}

fn any_document() -> impl Strategy<Value = Document> {
    let texts = || proptest::collection::vec(any::<String>(), 0..3);
    let labels = proptest::collection::btree_map(any::<String>(), any::<String>(), 0..3);
    let effect = proptest::option::of(any_effect());
    let shown = || (texts(), texts(), texts(), texts());
    let rule =
        (any::<String>(), any::<String>(), texts(), texts(), labels, any::<String>(), shown(), effect).prop_map(
            |(name, description, tools, agents, labels, when, (summary, redact, reject_reasons, notify), effect)| {
                Rule { name, description, tools, agents, labels, when, summary, redact, reject_reasons, notify, effect }
            },
        );
    (texts(), proptest::option::of(any_effect()), proptest::collection::vec(rule, 0..4), shown()).prop_map(
        |(tools, unlisted_tools, rules, (summary, redact, reject_reasons, notify))| Document {
            tools,
            unlisted_tools,
            rules,
            summary,
            redact,
            reject_reasons,
            notify,
        },
    )
}

proptest! {
    #[test]
    fn a_document_comes_back_from_the_wire(document in any_document()) {
        prop_assert_eq!(decode::document(encode::document(&document)), (document, Vec::new()));
    }
}

fn case(change: impl FnOnce(&mut v1::PolicyTestCase)) -> Result<TestCase, Violations> {
    let mut case = v1::PolicyTestCase { tool_name: "send_email".into(), ..Default::default() };
    change(&mut case);
    test_cases(vec![case], &RequestLimits::default()).map(|mut cases| cases.remove(0))
}

#[test]
fn a_full_case_arrives_whole() {
    let arguments = json!({"to": "bob", "n": 3});
    let arrived = case(|case| {
        case.name = "n".into();
        case.arguments = Some(structs::from_object(arguments.as_object().unwrap().clone()));
        case.agent = Some(v1::Agent { name: "bot".into(), run_id: "r".into(), chain: vec!["a".into()] });
        case.labels = HashMap::from([("env".into(), "prod".into())]);
        case.caller = Some(v1::Actor { kind: v1::ActorKind::Service.into(), issuer: "i".into(), subject: "s".into() });
        case.time = Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 1 });
        case.expect = v1::ApprovalStatus::AutoRejected.into();
        case.expect_rule = "tools".into();
    })
    .unwrap();
    assert_eq!(arrived.arguments.as_json(), r#"{"n":3,"to":"bob"}"#);
    assert_eq!((arrived.agent.name.as_str(), arrived.labels["env"].as_str()), ("bot", "prod"));
    assert_eq!(arrived.caller, Actor { kind: ActorKind::Service, issuer: "i".into(), subject: "s".into() });
    assert_eq!(arrived.time.unwrap().timestamp_micros(), 1_800_000_000_000_001);
    assert_eq!((arrived.expect, arrived.expect_rule.as_deref()), (Some(Status::AutoRejected), Some("tools")));
}

#[test]
fn a_case_needs_only_a_tool() {
    let least = case(|_| {}).unwrap();
    assert_eq!(least.caller, Actor { kind: ActorKind::Agent, issuer: "test".into(), subject: "agent".into() });
    assert_eq!(least.arguments.as_json(), "{}");
    assert_eq!((least.time, least.expect, least.expect_rule), (None, None, None));
}

#[test]
fn every_case_is_checked_like_a_request() {
    let wrong = v1::PolicyTestCase {
        tool_name: "a b".into(),
        arguments: Some(structs::from_json(r#"{"a":1}"#)),
        agent: Some(v1::Agent { chain: vec![String::new()], ..Default::default() }),
        labels: HashMap::from([(String::new(), "x".into())]),
        caller: Some(v1::Actor { kind: v1::ActorKind::Server.into(), issuer: "\u{200b}".into(), ..Default::default() }),
        time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        expect: v1::ApprovalStatus::Approved.into(),
        expect_rule: "x".repeat(65),
        name: "\u{7}".into(),
    };
    let limits = RequestLimits { arguments_bytes: 2, ..RequestLimits::default() };
    let lines = refused(test_cases(vec![wrong.clone(), wrong], &limits));
    let fields: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let each = [
        "agent.chain[0]",
        "arguments",
        "caller.issuer",
        "caller.kind",
        "expect",
        "expect_rule",
        "labels[\"\"]",
        "name",
        "time",
        "tool_name",
    ];
    let expected: Vec<_> = (0..2).flat_map(|index| each.map(|field| format!("cases[{index}].{field}"))).collect();
    assert_eq!(fields, expected, "{lines:#?}");
    assert!(lines[4].contains("is 2, which is unknown; it must be APPROVAL_STATUS_PENDING"), "{}", lines[4]);
}

#[test]
fn a_test_has_a_case_and_at_most_a_thousand() {
    let cases = |count| {
        test_cases(
            vec![v1::PolicyTestCase { tool_name: "t".into(), ..Default::default() }; count],
            &RequestLimits::default(),
        )
    };
    assert_eq!(one(cases(0)), "cases: has 0 cases; 1 to 1000 are allowed");
    assert_eq!(one(cases(1_001)), "cases: has 1001 cases; 1 to 1000 are allowed");
    assert_eq!(cases(1_000).unwrap().len(), 1_000);
}
