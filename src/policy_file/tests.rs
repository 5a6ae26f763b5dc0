use proptest::prelude::*;
use prost_types::{Struct, value::Kind};

use super::*;

/// The displayed problems.
fn wrong(text: &str) -> Vec<String> {
    lines::<v1::Policy>(text)
}

fn lines<M: FileForm + std::fmt::Debug>(text: &str) -> Vec<String> {
    let problems = read::<M>(text).finish().expect_err(text);
    problems.to_string().lines().map(str::to_owned).collect()
}

fn policy(text: &str) -> v1::Policy {
    read(text).finish().unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn cases(text: &str) -> Vec<v1::PolicyTestCase> {
    let read: Read<v1::PolicyTestCases> = read(text);
    read.finish().unwrap_or_else(|problems| panic!("{problems}\n{text}")).cases
}

/// The example of the documentation.
pub(super) const EXAMPLE: &str = r#"
tools: [send_email, delete_record, process_payment]   # sensitive: they need approval unless a rule says otherwise
unlisted_tools: { require_approval: {} }              # the default for every other tool; may be auto_approve: {}
rules:
  - name: internal-email
    description: Emails to @company.com are auto-approved
    tools: [send_email]
    when: args.to.endsWith("@company.com")
    auto_approve: {}
  - name: large-payment
    tools: [process_payment]
    when: double(args.amount) >= 10000.0
    require_approval: { timeout: 1800s, claimWindow: 1.5s }
  - name: no-drop
    tools: ["sql.*"]
    labels: {env: prod}
    when: args.query.matches("(?i)drop\\s+table")
    auto_reject: { message: "Dropping tables is not allowed." }
"#;

#[test]
fn the_example_is_read() {
    let policy = policy(EXAMPLE);
    assert_eq!(policy.tools, ["send_email", "delete_record", "process_payment"]);
    let effect = policy.unlisted_tools.unwrap().effect.unwrap();
    assert!(matches!(effect, v1::unlisted_tools::Effect::RequireApproval(_)));
    let [email, payment, drop] = &policy.rules[..] else { panic!() };
    assert_eq!(email.when, r#"args.to.endsWith("@company.com")"#);
    assert!(matches!(email.effect, Some(v1::policy_rule::Effect::AutoApprove(v1::AutoApprove {}))));
    let Some(v1::policy_rule::Effect::RequireApproval(asks)) = &payment.effect else { panic!() };
    assert_eq!(asks.timeout, Some(prost_types::Duration { seconds: 1_800, nanos: 0 }));
    assert_eq!(asks.claim_window, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));
    // Plain in YAML: backslashes are themselves.
    assert_eq!(drop.when, r#"args.query.matches("(?i)drop\\s+table")"#);
    assert_eq!(drop.labels["env"], "prod");
}

#[test]
fn json_is_yaml_too() {
    let text = r#"{"unlistedTools": {"autoApprove": {}}, "rules": [{"name": "a", "tools": ["*"]}]}"#;
    let policy = policy(text);
    assert!(policy.tools.is_empty());
    assert!(matches!(policy.unlisted_tools.unwrap().effect, Some(v1::unlisted_tools::Effect::AutoApprove(_))));
    assert_eq!(policy.rules[0].name, "a");
    assert_eq!(read::<v1::Policy>("{}").finish().unwrap(), v1::Policy::default());
}

/// A rule with an empty restriction would apply to every call.
#[test]
fn empty_values_are_rejected() {
    let lines =
        ["when:", "when: # a < 1", "when: ''", "agents: []", "agents:", "labels: {}", "labels:", "description: ''"];
    for line in lines {
        let text = format!("rules: [{{name: a, tools: ['*'], auto_approve: {{}},\n  {line}\n}}]");
        let problems = read::<v1::Policy>(&text).finish().expect_err(line);
        let [problem] = problems.as_slice() else { panic!("{line}: {problems}") };
        assert!(problem.message.contains("is empty; set a value, or remove the line"), "{line}: {problem}");
    }
    for text in ["tools: []", "rules:", "unlisted_tools:"] {
        assert!(read::<v1::Policy>(text).finish().is_err(), "{text}");
    }
}

#[test]
fn all_problems_are_reported_together_with_line_and_column() {
    let text = "\
tools: send_email
rulez: []
rules:
  - name: 5
    tools: [a, 7, b]
    when: true
    wen: x
    name: b
    require_approval:
      timeout: 5m
      claim_window: 300
      message: [x]
    auto_reject:
      mesage: no
  - nonsense
  - labels: {env: 1, 2: x, ok: yes, env: y}
    autoApprove:
    description: &d x
";
    let expected = [
        "1:8: tools: is \"send_email\"; it must be a list",
        "2:1: rulez: is unknown; known: tools, unlisted_tools, rules, summary, redact, reject_reasons, notify",
        "4:11: rules[0].name: is a number; it must be a string: write \"5\"",
        "5:16: rules[0].tools[1]: is a number; it must be a string: write \"7\"",
        "6:11: rules[0].when: is a boolean; it must be a string: write \"true\"",
        "7:5: rules[0].wen: is unknown; known: name, description, tools, agents, labels, when, auto_approve, \
         require_approval, auto_reject, summary, redact, reject_reasons, notify",
        "8:5: rules[0].name: is set twice; the first is at 4:5",
        "10:16: rules[0].require_approval.timeout: is \"5m\"; it must be a duration in seconds: write 300s",
        "11:21: rules[0].require_approval.claim_window: is a number without a unit; write 300s",
        "12:16: rules[0].require_approval.message: is a list; it must be a string",
        "13:5: rules[0].auto_reject: conflicts with require_approval at 9:5; set only one of auto_approve, \
         require_approval, auto_reject",
        "14:7: rules[0].auto_reject.mesage: is unknown; did you mean message? Known: message",
        "15:5: rules[1]: is \"nonsense\"; it must be a mapping with the fields name, description, tools, agents, labels, \
         when, auto_approve, require_approval, auto_reject, summary, redact, reject_reasons, notify",
        "16:19: rules[2].labels[\"env\"]: is a number; it must be a string: write \"1\"",
        "16:22: rules[2].labels: a key is a number; it must be a string: write \"2\"",
        "16:37: rules[2].labels[\"env\"]: is set twice; the first is at 16:14",
        "17:5: rules[2].auto_approve: is empty and therefore not set; write `auto_approve: {}`",
        "18:18: rules[2].description: anchors are not allowed; remove it",
    ];
    assert_eq!(wrong(text), expected);
}

#[test]
fn a_misspelled_field_is_read_as_the_similar_one() {
    let text = "rule:\n  - name: a\n    toools: [5]\n    auto_aprove: {}\n    autoApprove: {}\n";
    let expected = [
        "1:1: rule: is unknown; did you mean rules? Known: tools, unlisted_tools, rules, summary, redact, \
         reject_reasons, notify",
        "3:5: rules[0].toools: is unknown; did you mean tools? Known: name, description, tools, agents, labels, when, \
         auto_approve, require_approval, auto_reject, summary, redact, reject_reasons, notify",
        "3:14: rules[0].tools[0]: is a number; it must be a string: write \"5\"",
    ];
    let found = wrong(text);
    assert_eq!(found[..3], expected);
    let read: Read<v1::Policy> = read(text);
    assert_eq!(read.message.rules[0].tools, [""]);
    assert!(read.message.rules[0].effect.is_some());
    assert_eq!(read.place("rules[0].tools[0]"), Position { line: 3, column: 14 });
}

#[test]
fn later_checks_are_placed_by_path() {
    let mut read: Read<v1::Policy> = read(EXAMPLE.trim_start());
    let cases = [
        ("rules[1].when", "11:11"),
        ("rules[1].require_approval.claim_window", "12:54"),
        ("rules[1].require_approval.message", "12:23"),
        ("rules[1].agents[3]", "9:5"),
        ("rules[1]", "9:5"),
        ("rules[7].name", "3:1"),
        ("rules", "3:1"),
        ("tools[1]", "1:21"),
        ("rules[2].labels[\"env\"]", "15:19"),
        ("rules[2].labels[\"other\"]", "15:13"),
        ("rules[2].tools[0]", "14:13"),
        ("", "1:1"),
        ("nothing", "1:1"),
        ("rules[99999999999999999999]", "3:1"),
        ("rules[", "3:1"),
        ("[\"", "1:1"),
    ];
    for (path, expected) in cases {
        assert_eq!(read.place(path).to_string(), expected, "{path}");
    }
    read.refuse("rules[1].when", "does not compile");
    read.refuse("tools[0]", "is no glob");
    let problems = read.finish().unwrap_err();
    let expected = "p.yaml:1:9: tools[0]: is no glob\np.yaml:11:11: rules[1].when: does not compile";
    assert_eq!(problems.in_file("p.yaml").to_string(), expected);
    assert_eq!(problems.as_slice()[1].path, "rules[1].when");
    assert_eq!(problems.more(), 0);
}

#[test]
fn omitted_values_are_not_rejected_again() {
    let mut read: Read<v1::Policy> = read("rules:\n  - name: 5\n    tools: [7, a]\n    auto_approve: 1\n  - x\n");
    for path in ["rules[0].name", "rules[0].tools[0]", "rules[1]", "rules[1].name"] {
        read.refuse(path, "is required");
    }
    read.refuse("rules[0].tools[1]", "is no glob");
    read.refuse("rules[0].when", "is too long");
    let lines: Vec<_> = read.finish().unwrap_err().to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert_eq!(lines[0], "2:5: rules[0].when: is too long");
    assert_eq!(lines[3], "3:16: rules[0].tools[1]: is no glob");

    // The first of two is read, and so is the rest of a mapping with a bad key.
    let mut read: Read<v1::Policy> = super::read("5: x\nrules:\n  - name: A\n    name: b\n    ~: c\n    when: '['\n");
    for path in ["rules[0].name", "rules[0].when", "rules[0].tools"] {
        read.refuse(path, "is wrong");
    }
    assert_eq!(read.finish().unwrap_err().as_slice().len(), 6);

    let mut broken: Read<v1::Policy> = super::read("rules: [");
    broken.refuse("rules", "is empty");
    assert_eq!(broken.finish().unwrap_err().as_slice().len(), 1);
}

#[test]
fn problems_beyond_a_hundred_are_counted() {
    let text: String = (0..250).map(|n| format!("key{n}: 1\n")).collect();
    let found = wrong(&text);
    assert_eq!((found.len(), found[100].as_str()), (101, "… and 150 more"));

    // As many as a file can hold, and names too long to compare.
    for (line, count) in [("k{}: 1\n", 90_000), ("tool: 1\n", 120_000), ("- {}\n", 100_000)] {
        let text: String = (0..count).map(|n| line.replace("{}", &n.to_string())).collect();
        let rules = format!("rules: {{tools: [{}]}}", "1,".repeat(count));
        for text in [text, rules] {
            assert!(text.len() < TEXT_MAX && !wrong(&text).is_empty());
        }
    }
    assert!(wrong(&format!("? {}\n: 1", "k".repeat(TEXT_MAX - 6)))[0].contains("is unknown"));
}

#[test]
fn the_root_must_be_a_mapping() {
    for (text, given) in [("- a", "a list"), ("a", "\"a\""), ("5", "a number (\"5\")")] {
        let expected = format!(
            "1:1: is {given}; it must be a mapping with the fields tools, unlisted_tools, rules, summary, redact, \
             reject_reasons, notify"
        );
        assert_eq!(wrong(text), [expected]);
    }
}

#[test]
fn spans_of_time() {
    let of = |span: &str| read::<v1::Policy>(&format!("rules: [{{require_approval: {{timeout: {span}}}}}]"));
    for (span, seconds, nanos) in [
        ("300s", 300, 0),
        ("\"1.5s\"", 1, 500_000_000),
        ("-0.000000001s", 0, -1),
        ("315576000000s", 315_576_000_000, 0),
        ("007s", 7, 0),
    ] {
        let policy = of(span).finish().unwrap();
        let Some(v1::policy_rule::Effect::RequireApproval(asks)) = &policy.rules[0].effect else { panic!() };
        assert_eq!(asks.timeout, Some(prost_types::Duration { seconds, nanos }), "{span}");
    }
    for (span, expected) in [
        ("1h 30m", "write 5400s"),
        ("1500ms", "write 1.500s"),
        ("'300'", "such as 300s or 1.5s"),
        ("s", "such as 300s"),
        ("1.s", "such as 300s"),
        (".5s", "such as 300s"),
        ("+1s", "such as 300s"),
        ("1e3s", "such as 300s"),
        ("1.0000000001s", "such as 300s"),
        ("315576000000.1s", "in seconds"),
        ("99999999999999999999s", "such as 300s"),
        ("1.5", "write 1.5s"),
        ("1e3", "is a number (\"1e3\"); it must be a duration in seconds, such as 300s or 1.5s"),
        ("true", "is a boolean"),
    ] {
        let found = of(span).finish().unwrap_err().to_string();
        assert!(found.contains(expected), "{span}: {found}");
    }
}

#[test]
fn test_cases_are_read() {
    let text = r#"
cases:
  - name: internal mail
    tool_name: send_email
    arguments: {to: a@company.com, n: 5, x: 0x1F, big: 1e23, f: [1.5, ~, true, "5", {deep: []}], yes: no}
    agent: {name: bot, run_id: r, chain: [a, b]}
    labels: {env: prod}
    caller: {kind: PERSON, issuer: test, subject: ann}
    time: 2026-01-31T12:00:00.5+01:00
    expect: AUTO_APPROVED
    expect_rule: internal-email
  - tool_name: t
    expect: APPROVAL_STATUS_PENDING
"#;
    let [first, second] = &cases(text)[..] else { panic!() };
    let expected = r#"{"to":"a@company.com","n":5,"x":31,"big":1e23,"f":[1.5,null,true,"5",{"deep":[]}],"yes":"no"}"#;
    assert_eq!(first.arguments, Some(crate::wire::structs::from_json(expected)));
    let caller = v1::Actor { kind: v1::ActorKind::Person.into(), issuer: "test".into(), subject: "ann".into() };
    assert_eq!(first.caller, Some(caller));
    assert_eq!(first.time, Some(prost_types::Timestamp { seconds: 1_769_857_200, nanos: 500_000_000 }));
    assert_eq!(first.expect(), v1::ApprovalStatus::AutoApproved);
    assert_eq!(first.agent.as_ref().unwrap().chain, ["a", "b"]);
    assert_eq!(second.expect(), v1::ApprovalStatus::Pending);
}

#[test]
fn problems_of_test_cases_are_reported() {
    let text = "\
cases:
  - arguments: {n: 9007199254740993, inf: .inf, a: [1, 1.00000000000000000001], 5: x, b: &x 1}
    time: 2026-01-31
    expect: APPROVE
    caller: {kind: 2}
    agent: {chain: [~]}
  - arguments: []
    time: 5
";
    let expected = [
        "2:20: cases[0].arguments.n: is a number that a double cannot represent exactly; write the string \
         \"9007199254740993\"",
        "2:43: cases[0].arguments.inf: is a number that a double cannot represent exactly; write the string \".inf\"",
        "2:56: cases[0].arguments.a[1]: is a number that a double cannot represent exactly; write the string \
         \"1.00000000000000000001\"",
        "2:81: cases[0].arguments: a key is a number; it must be a string: write \"5\"",
        "2:90: cases[0].arguments.b: anchors are not allowed; remove it",
        "3:11: cases[0].time: is \"2026-01-31\"; it must be a time, such as 2026-01-31T12:00:00Z",
        "4:13: cases[0].expect: is \"APPROVE\"; it must be one of PENDING, APPROVED, REJECTED, TIMED_OUT, CANCELLED, \
         AUTO_APPROVED, AUTO_REJECTED",
        "5:20: cases[0].caller.kind: is a number (\"2\"); it must be one of AGENT, PERSON, SERVICE, POLICY, SERVER",
        "6:21: cases[0].agent.chain[0]: is null; it must be a string",
        "7:16: cases[1].arguments: is a list; it must be a mapping",
        "8:11: cases[1].time: is a number (\"5\"); it must be a time, such as 2026-01-31T12:00:00Z",
    ];
    assert_eq!(lines::<v1::PolicyTestCases>(text), expected);
}

#[test]
fn arguments_may_be_as_deep_as_a_call_can_have_them() {
    let nested = |levels: usize| {
        let (open, close) = ("{a: ".repeat(levels - 1), "}".repeat(levels - 1));
        format!("cases: [{{arguments: {open}{{}}{close}}}]")
    };
    let mut arguments = cases(&nested(32))[0].arguments.clone().unwrap();
    let mut levels = 1;
    while let Some(Kind::StructValue(inner)) = arguments.fields.remove("a").and_then(|value| value.kind) {
        arguments = inner;
        levels += 1;
    }
    assert_eq!((levels, arguments), (32, Struct::default()));
    let found = lines::<v1::PolicyTestCases>(&nested(33));
    assert!(found[0].ends_with("is nested too deeply; at most 32 levels are allowed"), "{found:?}");
    let lists = format!("cases: [{{arguments: {{a: {}{}}}}}]", "[".repeat(31), "]".repeat(31));
    assert!(cases(&lists)[0].arguments.is_some());
}

#[test]
fn messages_contain_no_terminal_controls() {
    for text in ["\"\\e[2J\": 1", "tools: \"\\e[2J\"", "tools: !%1b[2J x", "rules: [{name: [\"\\e\"]}]"] {
        let found = wrong(text).join("\n");
        assert!(!found.contains('\u{1b}'), "{found:?}");
    }
    let long = wrong(&format!("tools: {}", "a".repeat(100_000))).join("\n");
    assert!(long.len() < 200, "{long}");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ \\-:,\\[\\]{}&*!|>'\"%@#?~<\\n\\t\\r\\\\=.]{1,4}",
        "tools|rules|name|when|labels|auto_approve|require_approval|timeout|arguments|cases|expect|time",
        Just(": ".to_owned()),
        Just("\n  - ".to_owned()),
        Just("!!str ".to_owned()),
        "[0-9]{1,20}(\\.[0-9]{0,3})?(e[0-9]{1,3})?s?",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Every text is read or rejected, and every problem has a position in it.
    #[test]
    fn no_text_is_too_strange(text in prop_oneof![any::<String>(), pieces()]) {
        let lines = text.split(['\n', '\r']).count();
        for problems in [read::<v1::Policy>(&text).finish().err(), read::<v1::PolicyTestCases>(&text).finish().err()] {
            for problem in problems.iter().flat_map(Problems::as_slice) {
                let Position { line, column } = problem.position;
                prop_assert!((1..=lines + 1).contains(&line) && column >= 1, "{problem} in {text:?}");
            }
        }
    }

    #[test]
    fn no_path_is_too_strange(path in "[a-z.\\[\\]\"0-9\\\\]{0,20}") {
        let read = read::<v1::Policy>(EXAMPLE);
        prop_assert!(read.place(&path).line >= 1);
    }
}

#[test]
fn channels_and_the_assurance_are_read_and_their_problems_have_a_position() {
    let text = "\
notify: [all]
rules:
  - name: a
    tools: [pay]
    notify: [finance-slack]
    require_approval:
      min_assurance: CHAT
      escalate: [{ after: 60s, notify: [oncall] }]
";
    let policy = policy(text);
    assert_eq!(
        (&policy.notify[..], &policy.rules[0].notify[..]),
        (&["all".to_owned()][..], &["finance-slack".to_owned()][..])
    );
    let Some(v1::policy_rule::Effect::RequireApproval(asks)) = &policy.rules[0].effect else { panic!() };
    assert_eq!(
        (asks.min_assurance(), &asks.escalate[0].notify[..]),
        (v1::MinAssurance::Chat, &["oncall".to_owned()][..])
    );

    let text = "\
notify: [all, all]
rules:
  - name: a
    tools: [pay]
    notify:
      - '#pay'
    require_approval:
      min_assurance: SESSION
      escalate:
        - after: 60s
          notify: [On-Call]
        - after: 90s
";
    let found = load(std::path::Path::new("p.yaml"), text.as_bytes()).unwrap_err();
    let form = "it must be 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit";
    let expected = [
        "p.yaml:1:15: notify[1]: \"all\" is a duplicate of notify[0]".to_owned(),
        format!("p.yaml:6:9: rules[0].notify[0]: \"#pay\" is not the name of a channel; {form}"),
        "p.yaml:8:22: rules[0].require_approval.min_assurance: is \"SESSION\"; it must be one of CHAT, CREDENTIALS"
            .to_owned(),
        format!(
            "p.yaml:11:20: rules[0].require_approval.escalate[0].notify[0]: \"On-Call\" is not the name of a channel; \
             {form}"
        ),
        "p.yaml:12:11: rules[0].require_approval.escalate[1]: changes nothing; set reviewers, notify, or a priority \
         above PRIORITY_NORMAL"
            .to_owned(),
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn problems_of_paths_have_their_position() {
    let text = "\
summary: [args.to, args.card.number]
redact:
  - args.card
  - card
rules:
  - name: a
    tools: [pay]
    redact: ['args[\"a.b\"', args.to]
    reject_reasons:
      - \"\"
    require_approval: {}
";
    let found = load(std::path::Path::new("p.yaml"), text.as_bytes()).unwrap_err();
    let expected = [
        "p.yaml:1:20: summary[1]: args.card.number is redacted by redact[0], args.card; a summary cannot show redacted \
         arguments",
        "p.yaml:4:5: redact[1]: the path \"card\" must begin with `args`, such as args.card.number",
        "p.yaml:8:14: rules[0].redact[0]: the path \"args[\\\"a.b\\\"\" has invalid brackets at character 5; write \
         [\"any name\"], [0] or [*]",
        "p.yaml:8:28: rules[0].redact[1]: redacts args.to, which the policy's summary[0] shows; set a summary \
         for this rule without it",
        "p.yaml:10:9: rules[0].reject_reasons[0]: is empty; a reason has 1 to 128 characters",
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}
