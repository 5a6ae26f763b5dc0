//! Which channels a judgement names.

use super::*;

fn judgement(document: &Json, tool: &str, args: &Json) -> Judgement {
    judged(&policy(serde_json::from_value(document.clone()).unwrap()), tool, args)
}

fn named(document: &Json, tool: &str, args: &Json) -> Vec<String> {
    judgement(document, tool, args).notify.iter().map(ToString::to_string).collect()
}

#[test]
fn the_rules_that_decide_name_the_channels() {
    let rule = |name: &str, when: &str, notify: &[&str], effect: &str| json!({"name": name, "tools": ["pay"], "when": when, "notify": notify, effect: {}});
    let document = json!({
        "tools": ["send", "pay"],
        "notify": ["all"],
        "rules": [
            rule("a", "args.n > 1", &["finance", "audit"], "require_approval"),
            rule("b", "args.n > 2", &["ceo", "audit"], "require_approval"),
            rule("c", "args.n > 8", &["security"], "auto_reject"),
            rule("d", "args.n > 9", &["never"], "auto_reject"),
            rule("e", "args.n < 2", &["log"], "auto_approve"),
            rule("f", "args.n == 2", &["quiet"], "auto_approve"),
        ],
    });
    let named = |tool, n| named(&document, tool, &json!({"n": n}));
    assert_eq!(named("pay", 2), ["audit", "finance"], "not those of a weaker rule");
    assert_eq!(named("pay", 5), ["audit", "ceo", "finance"], "each once, in order");
    assert_eq!(named("pay", 10), ["security"], "only those of the rule that decides");
    assert_eq!(named("pay", 1), ["log"]);
    assert_eq!(named("send", 1), ["all"], "the default for listed tools asks, so the policy's own are told");
    assert_eq!(named("other", 1), ["all"]);
}

#[test]
fn the_policys_channels_are_only_for_calls_that_need_approval() {
    let document = |effect: &str| {
        json!({
            "notify": ["all"],
            "unlisted_tools": {effect: {}},
            "rules": [{"name": "a", "tools": ["a"], effect: {}}],
        })
    };
    for (effect, expected) in [("auto_approve", &[][..]), ("auto_reject", &[]), ("require_approval", &["all"])] {
        for tool in ["a", "other"] {
            assert_eq!(named(&document(effect), tool, &json!({})), expected, "{effect} {tool}");
        }
    }
}

/// A failed condition asks people. The rule's channels count like its reviewers.
#[test]
fn a_rule_that_fails_counts_if_it_requires_approval() {
    let document = |effect: &str| {
        json!({
            "notify": ["all"],
            "rules": [{"name": "a", "tools": ["a"], "when": "args.missing > 1", "notify": ["mine"], effect: {}}],
        })
    };
    assert_eq!(named(&document("require_approval"), "a", &json!({})), ["mine"]);
    assert_eq!(named(&document("auto_approve"), "a", &json!({})), ["all"]);
}

#[test]
fn a_call_that_too_many_rules_ask_about_tells_nobody() {
    let rules: Vec<_> = (0..=PANELS_MAX)
        .map(|n| json!({"name": format!("r{n}"), "tools": ["a"], "notify": ["mine"], "require_approval": {}}))
        .collect();
    let judgement = judgement(&json!({"notify": ["all"], "rules": rules}), "a", &json!({}));
    assert_eq!((&*judgement.rule, judgement.notify.len()), (TOO_MANY_PANELS_RULE, 0));
}

#[test]
fn steps_and_the_assurance_are_recorded_with_the_requirement() {
    let rule = |name: &str, asks: Json| json!({"name": name, "tools": ["pay"], "require_approval": asks});
    let step = json!([{"after": "60s", "notify": ["oncall", "boss"]}]);
    let requirement = |rules: &[Json]| {
        let Effect::RequireApproval(requirement) = judgement(&json!({"rules": rules}), "pay", &json!({})).effect else {
            panic!()
        };
        requirement
    };
    let one = rule("a", json!({"min_assurance": "MIN_ASSURANCE_CHAT", "escalate": step}));
    let requirement_of_one = requirement(std::slice::from_ref(&one));
    let told: Vec<_> = requirement_of_one.escalations[0].notify.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["boss", "oncall"]);
    assert_eq!(requirement_of_one.min_assurance, MinAssurance::Chat);
    for (other, least) in [
        (json!({}), MinAssurance::Credentials),
        (json!({"min_assurance": "MIN_ASSURANCE_CREDENTIALS"}), MinAssurance::Credentials),
        (json!({"min_assurance": "MIN_ASSURANCE_CHAT"}), MinAssurance::Chat),
    ] {
        let both = [one.clone(), rule("b", other)];
        assert_eq!(requirement(&both).min_assurance, least, "the strictest, in any order");
    }
}

#[test]
fn verdicts_of_the_server_itself_tell_nobody() {
    let document = json!({"notify": ["all"]});
    let verdict = judgement(&document, "send_email", &json!({})).verdict("1".into(), Duration::from_secs(1));
    assert_eq!(verdict.notify.len(), 1);
    let (request, _) = a_request("r");
    let mut freezes = crate::domain::Freezes::default();
    let freeze = crate::domain::NewFreeze {
        id: crate::domain::freeze_samples::freeze_id(1),
        scope: crate::domain::FreezeScope::All,
        reason: "stop".into(),
        actor: request.caller.clone(),
        request_id: None,
        now: at(0),
    };
    freezes.freeze(freeze).unwrap();
    assert!(freezes.judge(&request, &verdict).unwrap().notify.is_empty());
}
