use std::collections::HashMap;

use proptest::prelude::*;
use prost_types::{Duration, ListValue};

use super::*;
use crate::{
    policy_file::{FileForm, descriptor, read, write},
    proto::v1,
    unicode::samples::{INVISIBLE, VISIBLE},
};

fn rule(effect: v1::policy_rule::Effect) -> v1::PolicyRule {
    v1::PolicyRule {
        name: "r".into(),
        tools: vec!["*".into(), "sql.*".into()],
        effect: Some(effect),
        ..Default::default()
    }
}

#[test]
fn a_policy_looks_as_people_write_it() {
    let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
    let require = v1::RequireApproval { timeout: seconds(1_800), message: "a: b".into(), ..Default::default() };
    let mut first = rule(v1::policy_rule::Effect::RequireApproval(require));
    first.description = "One line.\n\n  Another.\n".into();
    first.labels = [("team", "5"), ("env", "no"), ("on", ""), ("a b", "'x'")].map(|(k, v)| (k.into(), v.into())).into();
    first.when = r#"args.query.matches("(?i)drop\\s+table")"#.into();
    let mut second = rule(v1::policy_rule::Effect::AutoReject(v1::AutoReject { message: "b\u{202e}\tc".into() }));
    second.when = r#""a" == tool"#.into();
    second.agents = vec!["a\nb".into()];
    let effect = v1::unlisted_tools::Effect::AutoApprove(v1::AutoApprove {});
    let policy = v1::Policy {
        tools: vec!["send_email".into(), "{a,b}".into()],
        unlisted_tools: Some(v1::UnlistedTools { effect: Some(effect) }),
        rules: vec![first, second],
        summary: vec!["args.amount".into(), r#"args["a.b"]"#.into()],
        ..v1::Policy::default()
    };
    let expected = r#"tools:
  - send_email
  - "{a,b}"
unlisted_tools:
  auto_approve: {}
rules:
  - name: r
    description: |
      One line.

        Another.
    tools:
      - "*"
      - sql.*
    labels:
      a b: "'x'"
      env: "no"
      "on": ""
      team: "5"
    when: args.query.matches("(?i)drop\\s+table")
    require_approval:
      timeout: 1800s
      message: "a: b"
  - name: r
    tools:
      - "*"
      - sql.*
    agents:
      - |-
        a
        b
    when: '"a" == tool'
    auto_reject:
      message: "b\u202e\tc"
summary:
  - args.amount
  - args["a.b"]
"#;
    assert_eq!(write(&policy), expected);
    assert_eq!(read::<v1::Policy>(expected).finish().unwrap(), policy);
    assert_eq!(write(&v1::Policy::default()), "{}\n");
}

/// The types that the reader and the writer support.
#[test]
fn every_field_of_a_file_is_of_a_kind_that_files_hold() {
    fn look(of: &prost_reflect::MessageDescriptor, seen: &mut Vec<String>) {
        if of.full_name().starts_with("google.") {
            let known = ["google.protobuf.Duration", "google.protobuf.Timestamp", "google.protobuf.Struct"];
            assert!(known.contains(&of.full_name()), "{}", of.full_name());
            return;
        }
        if seen.iter().any(|name| name == of.full_name()) {
            return;
        }
        seen.push(of.full_name().to_owned());
        for field in of.fields() {
            assert!(!matches!(field.kind(), Kind::Float | Kind::Bytes), "{}", field.full_name());
            match field.kind().as_message() {
                Some(entry) if field.is_map() => {
                    assert_eq!(entry.map_entry_key_field().kind(), Kind::String, "{}", field.full_name());
                    let value = entry.map_entry_value_field().kind();
                    assert_eq!(value, Kind::String, "{}", field.full_name());
                }
                Some(of) => look(of, seen),
                None => {}
            }
        }
    }
    let mut seen = Vec::new();
    look(&descriptor::<v1::Policy>(), &mut seen);
    look(&descriptor::<v1::PolicyTestCases>(), &mut seen);
    assert!(seen.len() >= 8, "{seen:?}");
}

/// Texts that need quotes or escapes.
#[rustfmt::skip]
const NASTY: &[&str] = &[
    "", " ", "~", "null", "true", "Yes", "off", "5", "0x1F", "1e3", ".inf", "-", "---", "...", "- a", "? a", ": ",
    "a: b", "a #b", "#a", "a:", "a ", " a", "[a]", "{a}", "a, b", "*", "&a", "!a", "|", ">", "'", "\"", "a'b\"c\\",
    "%a", "@a", "`a", "<<", "=", "\u{feff}", "\u{85}", "\u{2028}", "a\n", "\n", "\na", "a\n\n", "a\n b\n", " a\nb",
    "a \nb", "a\tb\nc", "\t", "\r\n", "a\rb", "\0", "\u{1b}[2J", "\u{7f}", "é🙂", "\u{202e}", "\u{e000}", "300s",
    "\u{3164}", "a\u{fe0f}\nb", "\u{3000}", "\u{e0101}", "a\n#b", "a\n---\nb", "a\n...\nb", "|-\n  a", "a:\n  b", "\u{a0}", "\u{10ffff}", "\u{d7ff}", "\u{fffe}",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(NASTY).prop_map(str::to_owned),
        2 => proptest::collection::vec(proptest::sample::select(NASTY), 0..6).prop_map(|words| words.concat()),
        2 => any::<String>(),
        1 => "[ -~\\n]{0,40}",
    ]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(text(), 0..3)
}

fn span() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of((-315_576_000_000_i64..315_576_000_000, 0..1_000_000_000_i32)).prop_map(|span| {
        span.map(|(seconds, nanos)| Duration { seconds, nanos: if seconds < 0 { -nanos } else { nanos } })
    })
}

fn require() -> impl Strategy<Value = v1::RequireApproval> {
    let escalation = (span(), texts(), 0..=3_i32, texts())
        .prop_map(|(after, reviewers, priority, notify)| v1::Escalation { after, reviewers, priority, notify });
    let demands = (texts(), any::<u32>(), any::<u32>(), any::<bool>(), any::<Option<bool>>(), 0..=2_i32);
    let escalate = proptest::collection::vec(escalation, 0..3);
    let spans = (span(), span(), span());
    (spans, text(), demands, escalate).prop_map(|(spans, message, demands, escalate)| {
        let (timeout, claim_window, remember_rejection) = spans;
        let (reviewers, quorum, reject_threshold, comment_required, allow_edits, min_assurance) = demands;
        v1::RequireApproval {
            timeout,
            claim_window,
            message,
            reviewers,
            quorum,
            reject_threshold,
            comment_required,
            allow_edits,
            escalate,
            remember_rejection,
            min_assurance,
        }
    })
}

fn any_rule() -> impl Strategy<Value = v1::PolicyRule> {
    use v1::policy_rule::Effect;
    let effect = prop_oneof![
        Just(Effect::AutoApprove(v1::AutoApprove {})),
        require().prop_map(Effect::RequireApproval),
        text().prop_map(|message| Effect::AutoReject(v1::AutoReject { message })),
    ];
    let labels = proptest::collection::hash_map(text(), text(), 0..4);
    let shown = (texts(), texts(), texts(), texts());
    (text(), text(), texts(), texts(), labels, text(), proptest::option::of(effect), shown).prop_map(
        |(name, description, tools, agents, labels, when, effect, (summary, redact, reject_reasons, notify))| {
            v1::PolicyRule {
                name,
                description,
                tools,
                agents,
                labels,
                when,
                effect,
                summary,
                redact,
                reject_reasons,
                notify,
            }
        },
    )
}

fn any_policy() -> impl Strategy<Value = v1::Policy> {
    use v1::unlisted_tools::Effect;
    let effect = prop_oneof![
        Just(Effect::AutoApprove(v1::AutoApprove {})),
        require().prop_map(Effect::RequireApproval),
        text().prop_map(|message| Effect::AutoReject(v1::AutoReject { message })),
    ];
    let unlisted = proptest::option::of(proptest::option::of(effect).prop_map(|effect| v1::UnlistedTools { effect }));
    let shown = (texts(), texts(), texts(), texts());
    (texts(), unlisted, proptest::collection::vec(any_rule(), 0..4), shown).prop_map(
        |(tools, unlisted_tools, rules, (summary, redact, reject_reasons, notify))| v1::Policy {
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

fn any_value() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        Just(AnyKind::NullValue(0)),
        any::<bool>().prop_map(AnyKind::BoolValue),
        proptest::num::f64::NORMAL.prop_map(AnyKind::NumberValue),
        any::<i32>().prop_map(|number| AnyKind::NumberValue(number.into())),
        text().prop_map(AnyKind::StringValue),
    ];
    leaf.prop_map(|kind| Any { kind: Some(kind) }).prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| Any { kind: Some(AnyKind::ListValue(ListValue { values })) }),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|fields| Any { kind: Some(AnyKind::StructValue(Struct { fields })) }),
        ]
    })
}

fn returns<M: FileForm + PartialEq + std::fmt::Debug>(message: &M) -> Result<(), TestCaseError> {
    let text = write(message);
    let back = read::<M>(&text).finish().map_err(|problems| TestCaseError::fail(format!("{problems}\n{text}")))?;
    prop_assert_eq!(&back, message, "{}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_policy_reads_back(policy in any_policy()) {
        returns(&policy)?;
    }

    #[test]
    fn any_arguments_read_back(fields in proptest::collection::btree_map(text(), any_value(), 0..4)) {
        let case = v1::PolicyTestCase {
            arguments: Some(Struct { fields }),
            expect: v1::ApprovalStatus::AutoRejected.into(),
            time: Some(Timestamp { seconds: 1_769_857_200, nanos: 5_000 }),
            ..Default::default()
        };
        returns(&v1::PolicyTestCases { cases: vec![case] })?;
    }

    #[test]
    fn nothing_hidden_is_written(text in text()) {
        let policy = v1::Policy { tools: vec![text], ..Default::default() };
        prop_assert!(!write(&policy).chars().any(|c| c != '\n' && is_invisible(c)));
    }
}

#[test]
fn long_keys_and_texts_read_back() {
    for length in [999, 1_001, 1_025, 5_000] {
        let labels = HashMap::from(["a", "é", "\u{7}"].map(|unit| (unit.repeat(length), unit.repeat(length))));
        let rule = v1::PolicyRule { labels, ..Default::default() };
        let policy = v1::Policy { rules: vec![rule], ..Default::default() };
        assert_eq!(read::<v1::Policy>(&write(&policy)).finish(), Ok(policy));
    }
}

#[test]
fn invisible_characters_are_escaped() {
    for c in INVISIBLE {
        let code = u32::from(*c);
        let escape = match code {
            0..=0xff => format!("\\x{code:02x}"),
            0x100..=0xffff => format!("\\u{code:04x}"),
            _ => format!("\\U{code:08x}"),
        };
        let policy = v1::Policy { tools: vec![format!("a{c}b")], ..Default::default() };
        assert_eq!(write(&policy), format!("tools:\n  - \"a{escape}b\"\n"));
        assert_eq!(read::<v1::Policy>(&write(&policy)).finish(), Ok(policy));
    }
    for text in VISIBLE {
        let policy = v1::Policy { tools: vec![(*text).to_owned()], ..Default::default() };
        assert!(write(&policy).contains(text), "{text:?}");
    }
}
