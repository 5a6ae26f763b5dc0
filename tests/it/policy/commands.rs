//! `signoff policy` on the command line.

use std::{fs, process::Output};

use crate::server::{Server, signoff, soon};

pub(super) async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        soon("the program ends", signoff(arguments).kill_on_drop(true).output()).await.expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// The path of an example in the repository.
fn example(name: &str) -> String {
    format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn check_reports_every_problem_with_its_position() {
    let (code, out, _) = run(&["policy", "check", &example("policy.yaml")]).await;
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("3 rules, 3 listed tools; no problems"), "{out}");

    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    let text = "tools: [pay, 'a[']\nrules:\n  - name: one\n    tols: [x]\n    tools: [x]\n    when: args.n >\n    auto_approve: {}\n  \
                - name: one\n    tools: [y]\n    when: arg.n > 5\n    require_approval: { timeout: 8d }\n  - name: wall\n    \
                tools: [z*]\n    auto_reject: {}\n";
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let (code, out, err) = run(&["policy", "check", path]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for (place, complaint) in [
        ("1:14", "tools[1]: \"a[\" is not a valid glob"),
        ("4:5", "rules[0].tols: is unknown; known: name, "),
        ("6:11", "rules[0].when: column 9"),
        ("8:11", "rules[1].name: \"one\" is already the name of rules[0]"),
        ("10:11", "unknown variable arg, did you mean args?"),
        ("11:34", "8d"),
    ] {
        let line = err.lines().find(|line| line.starts_with(&format!("{path}:{place}: ")));
        assert!(line.is_some_and(|line| line.contains(complaint)), "{place} {complaint} is missing:\n{err}");
    }
    let (code, _, err) = run(&["--json", "policy", "check", path]).await;
    let problems = serde_json::from_str::<serde_json::Value>(&err).unwrap()["error"]["problems"].clone();
    assert_eq!((code, problems.as_array().unwrap().len()), (Some(1), 6), "{err}");
    let (code, _, err) = run(&["policy", "check", "/no/such/file"]).await;
    assert!(code == Some(1) && err.contains("/no/such/file: No such file"), "{err}");
}

#[tokio::test]
async fn cases_pass_or_fail_the_run() {
    let (code, out, err) = run(&["policy", "test", &example("policy.yaml"), &example("policy-tests.yaml")]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("30 passed, 0 failed"), "{out}");

    let data = tempfile::tempdir().unwrap();
    let cases = data.path().join("cases.yaml");
    let text = "cases:\n- {name: wrong status, tool_name: delete_record, expect: AUTO_APPROVED}\n\
                - {name: wrong rule, tool_name: delete_record, expect: PENDING, expect_rule: internal-email}\n\
                - {name: right, tool_name: process_payment, arguments: {amount: 1}, expect: AUTO_APPROVED}\n";
    fs::write(&cases, text).unwrap();
    let cases = cases.to_str().unwrap();
    let (code, out, _) = run(&["policy", "test", &example("policy.yaml"), cases, "--trace"]).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("1 passed, 2 failed"), "{out}");
    let line = out.lines().find(|line| line.contains("wrong rule")).unwrap();
    assert!(line.contains("FAIL") && line.contains("PENDING by internal-email"), "{line}");
    assert!(out.contains("the default for listed tools"), "{out}");
    let (_, out, _) = run(&["--json", "policy", "test", &example("policy.yaml"), cases]).await;
    assert_eq!(out.lines().filter(|line| line.contains("\"passed\":true")).count(), 1, "{out}");
}

#[tokio::test]
async fn a_policy_is_compared_set_shown_and_listed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let address = format!("http://{}", server.address());
    let connection = ["--address", &address, "--token", &server.tokens().operator, "policy"];
    let with =
        |arguments: &[&str]| -> Vec<String> { connection.iter().chain(arguments).map(ToString::to_string).collect() };
    let run = async |arguments: &[&str]| {
        let all = with(arguments);
        run(&all.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let file = example("policy.yaml");
    let (code, out, _) = run(&["show"]).await;
    assert!(code == Some(0) && out.contains("version 0, the built-in policy"), "{out}");
    let (code, out, _) = run(&["diff", &file]).await;
    assert!(code == Some(1) && out.contains("--- version 0\n") && out.contains("+  - name: small-payment"), "{out}");
    let (code, out, err) = run(&["set", &file, "--dry-run", "--expected-version", "0"]).await;
    assert!(code == Some(0) && out.contains("would be set: version 1"), "{out}{err}");
    let (code, out, err) = run(&["set", &file, "--comment", "small payments", "--expected-version", "0"]).await;
    assert!(code == Some(0) && out.contains("is live: version 1, set by dev/operator"), "{out}{err}");
    // The same content, however it is written, makes no version.
    for more in [&[][..], &["--comment", "again"], &["--expected-version", "1"], &["--dry-run"]] {
        let (code, out, err) = run(&[&["set", &file], more].concat()).await;
        let told = "no change; already live: version 1, set by dev/operator";
        assert!(code == Some(0) && out.contains(told) && out.contains(": small payments"), "{more:?}: {out}{err}");
    }
    let (code, _, err) = run(&["set", &file, "--expected-version", "0"]).await;
    assert!(code == Some(1) && err.contains("POLICY_CHANGED") && err.contains("signoff policy diff"), "{err}");
    let (code, _, err) = run(&["diff", &file]).await;
    assert!(code == Some(0) && err.contains("is equivalent to version 1"), "{err}");

    let (_, shown, _) = run(&["show"]).await;
    assert!(
        shown.starts_with("# version 1, set by dev/operator at ") && shown.contains(": small payments\n"),
        "{shown}"
    );
    let saved = data.path().join("saved.yaml");
    fs::write(&saved, &shown).unwrap();
    let (code, _, err) = run(&["diff", saved.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "the output can be set again: {err}");
    let (_, out, _) = run(&["history"]).await;
    let line = out.lines().nth(1).unwrap();
    assert!(
        line.trim_start().starts_with('1') && line.contains("dev/operator") && line.contains("small payments"),
        "{out}"
    );
    let (code, _, err) = run(&["show", "--version", "7"]).await;
    assert!(code == Some(1) && err.contains("POLICY_NOT_FOUND"), "{err}");
}
