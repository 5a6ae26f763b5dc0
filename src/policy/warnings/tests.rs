use serde_json::{Value, json};

use super::*;

fn policy(document: Value) -> Policy {
    Policy::compile(serde_json::from_value(document).unwrap()).unwrap()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Warnings as `path: message`.
fn warnings(document: Value, known: &Known) -> Vec<String> {
    policy(document).warnings(known).iter().map(ToString::to_string).collect()
}

fn quiet(document: Value) {
    assert_eq!(warnings(document, &Known::default()), [""; 0]);
}

#[test]
fn a_denylist_over_a_default_that_approves() {
    let rejecting = |tools: Value, unlisted: Value, rest: Value| {
        let mut rules = vec![
            json!({"name": "no-drop", "tools": ["sql.*"], "when": "args.q.matches('(?i)drop')", "auto_reject": {}}),
        ];
        rules.extend(rest.as_array().unwrap().clone());
        let found = warnings(json!({"tools": tools, "unlisted_tools": unlisted, "rules": rules}), &Known::default());
        found.iter().any(|warning| warning.starts_with("rules[0].when: denylist: auto_reject applies"))
    };
    let (asks, approves) = (json!({"require_approval": {}}), json!({"auto_approve": {}}));
    let approve_sql = json!([{"name": "sql", "tools": ["*"], "auto_approve": {}}]);
    let ask_sql = json!([{"name": "sql", "tools": ["s*"], "require_approval": {}}]);
    assert!(rejecting(json!([]), approves.clone(), json!([])));
    assert!(rejecting(json!(["sql.query"]), approves.clone(), json!([])), "sql.execute is approved");
    assert!(rejecting(json!([]), asks.clone(), approve_sql.clone()));
    assert!(!rejecting(json!([]), asks, json!([])));
    assert!(!rejecting(json!(["sql.*"]), approves.clone(), json!([])));
    assert!(!rejecting(json!([]), approves, ask_sql));
    // Rejecting everything that is not allowed is not a denylist.
    quiet(json!({"rules": [
        {"name": "sql", "tools": ["sql"], "auto_approve": {}},
        {"name": "only", "tools": ["sql"], "when": "!args.q.matches('^SELECT [a-z]+$')", "auto_reject": {}},
    ]}));
    let asking = warnings(
        json!({"unlisted_tools": {"auto_approve": {}}, "rules": [
            {"name": "prod", "tools": ["deploy"], "when": "args.env == 'prod'", "require_approval": {}},
        ]}),
        &Known::default(),
    );
    assert!(
        asking.iter().any(|warning| warning.starts_with("rules[0].when: denylist: require_approval")),
        "{asking:?}"
    );
}

#[test]
fn channels_that_the_server_does_not_have() {
    let step = json!({"require_approval": {"escalate": [{"after": "60s", "notify": ["oncal", "oncall"]}]}});
    let document = json!({
        "notify": ["somewhere", "mail"],
        "unlisted_tools": step,
        "rules": [{"name": "a", "tools": ["a"], "notify": ["gone"], "auto_reject": {}}],
    });
    let channels = ["mail", "oncall"].map(|name| name.parse().unwrap());
    let known = Known { channels: Some(channels.into()), ..Known::default() };
    let what = "is not a channel of this server; nothing is sent there";
    assert_eq!(
        warnings(document.clone(), &known),
        [
            format!("notify[0]: \"somewhere\" {what}"),
            format!("rules[0].notify[0]: \"gone\" {what}"),
            format!(
                "unlisted_tools.require_approval.escalate[0].notify[0]: \"oncal\" {what}; did you mean \"oncall\"?"
            ),
        ]
    );
    let none = Known { channels: Some(BTreeSet::new()), ..Known::default() };
    assert_eq!(warnings(document.clone(), &none).len(), 5, "a server without channels tells nobody");
    quiet(document); // offline, no server is meant
}

#[test]
fn a_default_that_approves_what_rules_nearly_name() {
    let found = warnings(json!({"tools": ["send_email"], "unlisted_tools": {"auto_approve": {}}}), &Known::default());
    assert!(found[0].starts_with("unlisted_tools: approves every tool that the policy does not name"), "{found:?}");
    quiet(json!({"unlisted_tools": {"auto_approve": {}}}));
    quiet(json!({"tools": ["send_email"]}));
}

#[test]
fn patterns_that_do_not_say_what_is_meant() {
    let found = |when: &str| {
        let rule = json!({"name": "sql", "tools": ["sql"], "when": when, "auto_approve": {}});
        warnings(json!({"rules": [rule]}), &Known::default())
    };
    for (when, told) in [
        ("args.q.matches(\"(?-u:\\b)drop\")", "rules[0].when: column 16: the pattern contains U+0008, a backspace"),
        ("args.q.matches('\u{8}drop')", "rules[0].when: column 16: the pattern contains U+0008, a backspace"),
        ("tool == 'sql' &&\n  args.q.matches('a^b')", "rules[0].when: line 2, column 18: no text can match"),
        ("args.l.all(x, x.matches('[^\\\\s\\\\S]'))", "no character"),
    ] {
        let found = found(when);
        assert!(found.len() == 1 && found[0].contains(told), "{when}: {found:?}");
    }
    assert_eq!(found(r#"args.q.matches(r"(?-u:\b)drop")"#), [""; 0]);
}

#[test]
fn names_that_differ_within_the_policy() {
    let rule = |tool: &str| json!({"name": "mail", "tools": [tool], "auto_approve": {}});
    let found = |tool: &str| warnings(json!({"tools": ["send_email"], "rules": [rule(tool)]}), &Known::default());
    for (tool, why) in [
        ("Send_Email", "only in upper and lower case"),
        ("send-email", "only in what separates its words"),
        ("mail.send_email", "only in a prefix"),
        ("send_emai1", "in characters that look the same"),
        ("send_emial", "in one letter"),
    ] {
        let found = found(tool);
        assert_eq!(found, [format!("rules[0].tools[0]: {tool:?} differs from \"send_email\" in `tools` {why}")]);
    }
    assert_eq!(found("send_email"), [""; 0]);
    assert_eq!(found("search"), [""; 0]);
    assert!(found("s\u{435}nd_email")[0].contains("(U+0435), which no tool name can contain"));
    quiet(json!({"tools": ["send_email", "SEND_EMAIL"], "rules": [rule("SEND_EMAIL")]}));
}

#[test]
fn tools_that_were_called_by_nearly_the_same_name() {
    let document = json!({"tools": ["send_email", "sql.*"], "rules": [{"name": "search", "tools": ["search"], "auto_approve": {}}]});
    let found = |tools: &[&str]| warnings(document.clone(), &Known { tools: names(tools), ..Known::default() });
    for (tool, glob) in [
        ("SEND_EMAIL", "send_email"),
        ("send-email", "send_email"),
        ("default.send_email", "send_email"),
        ("SQL.query", "sql.*"),
        ("sql_query", "sql.*"),
        ("Search", "search"),
        ("serach", "search"),
    ] {
        let found = found(&[tool]);
        assert!(found.len() == 1 && found[0].contains(&format!("the tool {tool:?} was called")), "{tool}: {found:?}");
        assert!(found[0].contains(&format!("{glob:?}")) && found[0].ends_with("require_approval"), "{found:?}");
    }
    assert_eq!(found(&["send_email", "sql.query", "search", "sqlite.open", "read", "resend_email"]), [""; 0]);
    // The policy names it.
    let thought_of = json!({"tools": ["send_email", "SEND_EMAIL"]});
    assert_eq!(warnings(thought_of, &Known { tools: names(&["SEND_EMAIL"]), ..Known::default() }), [""; 0]);
    // `*` does not name it.
    let all = json!({"rules": [
        {"name": "all", "tools": ["*"], "auto_approve": {}},
        {"name": "mail", "tools": ["send_email"], "require_approval": {}},
    ]});
    assert_eq!(warnings(all, &Known { tools: names(&["SEND_EMAIL"]), ..Known::default() }).len(), 1);
}

#[test]
fn reviewers_that_look_like_others() {
    let asking = |reviewer: &str| json!({"rules": [{"name": "a", "tools": ["x"], "require_approval": {"reviewers": [reviewer]}}]});
    let known = Known {
        groups: names(&["finance", "Legal", "legal", "north-team", "south-team", "north-team"]),
        users: names(&["https://login.example.com/alice"]),
        ..Known::default()
    };
    let found = |reviewer: &str| warnings(asking(reviewer), &known);
    for (reviewer, part) in [
        (
            "group:Finance",
            "the group \"finance\" differs only in upper and lower case; the server has seen only that one",
        ),
        ("group:/finance", "\"finance\" differs only in what separates its words"),
        ("group:\u{ff46}inance", "\"finance\" differs in characters that look the same"),
        ("group:legal", "\"Legal\" differs only in upper and lower case; the server has seen both"),
        ("group:finanse", "\"finance\" differs in one letter; the server has seen only that one"),
        ("user:https://login.example.com/Alice", "the user \"https://login.example.com/alice\" differs only in upper"),
    ] {
        let found = found(reviewer);
        assert!(found.len() == 1 && found[0].contains(part), "{reviewer}: {found:?}");
        assert!(found[0].starts_with("rules[0].require_approval.reviewers[0]: "), "{found:?}");
    }
    let mixed = found("group:fin\u{430}nce");
    assert!(mixed.len() == 2 && mixed[0].contains("mixes letters of several scripts"), "{mixed:?}");
    for reviewer in ["group:finance", "group:sales", "group:north-team", "user:https://login.example.com/al.ice"] {
        assert_eq!(found(reviewer), [""; 0], "{reviewer}");
    }
    // In every place where a policy names a reviewer.
    let late = json!({
        "unlisted_tools": {"require_approval": {"reviewers": ["group:FINANCE"]}},
        "rules": [{"name": "a", "tools": ["x"], "require_approval": {"reviewers": ["group:sales"], "escalate": [
            {"after": "5s", "reviewers": ["group:Finance"]},
        ]}}],
    });
    let found = warnings(late, &known);
    assert!(found[0].starts_with("rules[0].require_approval.escalate[0].reviewers[0]: "), "{found:?}");
    assert!(found[1].starts_with("unlisted_tools.require_approval.reviewers[0]: "), "{found:?}");
}

/// The maximum number of names of a policy and a server: looked up, not compared in pairs.
#[test]
fn many_names_are_looked_up() {
    let globs = |of: &str| (0..20_000).map(|n| format!("{of}{n}")).collect::<Vec<_>>();
    let rules: Vec<_> = globs("tool")
        .chunks(64)
        .enumerate()
        .map(|(at, tools)| json!({"name": format!("r{at}"), "tools": tools, "auto_approve": {}}))
        .collect();
    let known = Known { tools: globs("TOOL").into_iter().collect(), ..Known::default() };
    assert_eq!(policy(json!({"rules": rules})).warnings(&known).len(), WARNINGS_MAX);
}
