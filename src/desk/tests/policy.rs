//! Showing, comparing, trying and setting the policy.

use super::*;
use crate::{
    domain::{ActorKind, Role},
    policy_file::TEXT_MAX,
    store::PolicyStore as _,
    test_support::principal,
};

const HOSTILE: &str = "<script>alert(1)</script>";

async fn newest(world: &World) -> u64 {
    world.store.policy(None).await.unwrap().map_or(0, |newest| newest.head.version)
}

fn first() -> Value {
    json!({
        "tools": ["pay"],
        "rules": [{
            "name": "large", "description": HOSTILE, "tools": ["pay"], "when": "args.amount > 10",
            "require_approval": {"reviewers": [format!("group:{HOSTILE}")], "quorum": 2, "timeout": "90s", "message": HOSTILE},
        }],
    })
}

#[tokio::test]
async fn a_policy_is_shown_in_words_and_as_yaml() {
    let world = World::with_policy(first()).await;
    let person = world.sign_in(&operator()).await;
    let page = world.get(&person, "/policy").await;
    page.assert_has(&[
        "Version 1",
        "Asks reviewers",
        "1 minute 30 seconds",
        "members of the group ",
        "args.amount &gt; 10",
        "Reviewers are asked about ",
        "data-copy=\"yaml\"",
        "quorum: 2",
        "test/operator",
    ]);
    assert!(!page.body.contains(HOSTILE));
    world.get(&person, "/policy/versions/0").await.assert_has(&["Built-in policy", "See the live version"]);
    world.get(&person, "/policy/versions/1").await.assert_has(&["Version 1"]);
    for path in ["/policy/versions/2", "/policy/versions/x", "/policy/compare?from=1&to=7", "/policy/versions?before=x"]
    {
        assert_eq!(world.get(&person, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/policy/compare", "/policy/compare?from=1&to=x"] {
        assert_eq!(world.get(&person, path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn versions_are_listed_and_compared() {
    let world = World::with_policy(first()).await;
    let person = world.sign_in(&operator()).await;
    world.set_policy(json!({"tools": ["pay", "refund"]})).await;
    let page = world.get(&person, "/policy/versions").await;
    page.assert_has(&["Version 1", "Version 2", "/policy/compare?from=1&amp;to=2", "test/operator"]);
    let page = world.get(&person, "/policy/compare?from=1&to=2").await;
    page.assert_has(&["1 line added", "removed.", ">added<", ">removed<", "refund"]);
    assert!(!page.body.contains(HOSTILE));
    world.get(&person, "/policy/compare?from=2&to=2").await.assert_has(&["The two have the same content."]);
    for n in 0..50 {
        world.set_policy(json!({"tools": [format!("t{n}")]})).await;
    }
    let page = world.get(&person, "/policy/versions").await;
    page.assert_has(&["Version 52", "Version 3<", "/policy/versions?before=3"]);
    assert!(!page.body.contains("Version 2<"));
    world.get(&person, "/policy/versions?before=3").await.assert_has(&["Version 2<", "Version 1<"]);
}

#[tokio::test]
async fn a_policy_is_set_after_its_difference_is_confirmed() {
    let world = World::with_policy(first()).await;
    let person = world.sign_in(&operator()).await;
    let page = world.get(&person, "/policy/edit").await;
    assert_eq!(page.hidden("expected"), "1");
    let fields = [("yaml", "tools:\r\n  - pay\r\n  - refund\r\n"), ("comment", "add refunds"), ("expected", "1")];
    let page = world.post(&person, "/policy/edit", &fields).await;
    assert_eq!((page.status, newest(&world).await), (StatusCode::OK, 1));
    page.assert_has(&["Set this policy?", "add refunds", "1 line added", "refund"]);
    let key = page.hidden("key");
    let confirmed: Vec<_> = fields.into_iter().chain([("step", "do"), ("key", key.as_str())]).collect();
    for _ in 0..2 {
        assert_eq!(world.post(&person, "/policy/edit", &confirmed).await.location(), "/policy?done=set");
    }
    let set = world.store.policy(None).await.unwrap().unwrap();
    assert_eq!((set.head.version, set.head.comment.as_str()), (2, "add refunds"));
    assert_eq!(set.head.author, operator().actor);
    world.get(&person, "/policy?done=set").await.assert_has(&["Version 2", "Set. This version", "add refunds"]);
    // The same content again is not a change.
    let fields = [("yaml", "tools: [pay, refund]"), ("expected", "2")];
    world.post(&person, "/policy/edit", &fields).await.assert_has(&["This is the live version already."]);
}

#[tokio::test]
async fn a_change_of_an_older_version_is_refused() {
    let world = World::with_policy(first()).await;
    let person = world.sign_in(&operator()).await;
    world.set_policy(json!({"tools": ["other"]})).await;
    for step in ["check", "do"] {
        let fields = [("yaml", "tools: [mine]"), ("comment", "why"), ("expected", "1"), ("step", step)];
        let page = world.post(&person, "/policy/edit", &fields).await;
        assert_eq!((page.status, newest(&world).await), (StatusCode::CONFLICT, 2), "{step}");
        page.assert_has(&["Version 2 was set while you changed version 1.", "tools: [mine]", ">\nwhy</textarea>"]);
        page.assert_has(&["/policy/compare?from=1&amp;to=2"]);
        assert_eq!(page.hidden("expected"), "2");
    }
    for expected in ["", "x", "-1"] {
        let fields = [("yaml", "tools: [mine]"), ("expected", expected), ("step", "do")];
        let page = world.post(&person, "/policy/edit", &fields).await;
        assert_eq!((page.status, newest(&world).await), (StatusCode::BAD_REQUEST, 2), "{expected}");
    }
}

#[tokio::test]
async fn every_problem_of_a_policy_is_shown_with_its_place() {
    let world = World::with_policy(first()).await;
    let person = world.sign_in(&operator()).await;
    let text =
        format!("rules:\n  - name: a\n    tools: [x]\n    when: \"1 +\"\n    auto_reject: {{}}\n# {HOSTILE}\nno: 1\n");
    for step in ["check", "do"] {
        let fields = [("yaml", text.as_str()), ("expected", "1"), ("step", step)];
        let page = world.post(&person, "/policy/edit", &fields).await;
        assert_eq!((page.status, newest(&world).await), (StatusCode::BAD_REQUEST, 1));
        page.assert_has(&["Line 4, column 11: rules[0].when: ", "Line 7, column 1: "]);
        page.assert_has(&["# &#60;script&#62;alert(1)&#60;/script&#62;"]);
    }
}

#[tokio::test]
async fn a_form_may_hold_the_longest_policy_and_no_more() {
    let world = World::with_policy(json!({})).await;
    let person = world.sign_in(&operator()).await;
    // Each byte of it takes three in the form.
    let longest = format!("# {}\n{{}}", "\u{e9}".repeat(TEXT_MAX / 2 - 4));
    let page = world.post(&person, "/policy/edit", &[("yaml", &longest), ("expected", "1")]).await;
    page.assert_has(&["This is the live version already."]);
    let longer = longest.repeat(2);
    let page = world.post(&person, "/policy/edit", &[("yaml", &longer), ("expected", "1")]).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Other forms are short.
    let page = world.post(&person, "/freezes/new", &[("scope", "all"), ("reason", &longest)]).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn where_a_file_governs_the_policy_is_not_set_here() {
    let setup = Setup { policy_file: Some("/etc/signoff/<p>.yaml".into()), ..Setup::default() };
    let world = World::with_setup(json!({"tools": ["pay"]}), setup).await;
    let person = world.sign_in(&operator()).await;
    for path in ["/policy", "/policy/edit"] {
        let page = world.get(&person, path).await;
        page.assert_has(&["The server takes the policy from this file.", "/etc/signoff/&lt;p&gt;.yaml"]);
        assert!(!page.body.contains("<textarea"), "{path}");
    }
    let fields = [("yaml", "tools: [mine]"), ("expected", "1"), ("step", "do")];
    let page = world.post(&person, "/policy/edit", &fields).await;
    assert_eq!((page.status, newest(&world).await), (StatusCode::CONFLICT, 1));
    world.desk.policies.take_file(Err(format!("p.yaml:3:1: {HOSTILE}"))).await.unwrap();
    for path in ["/policy", "/status"] {
        let page = world.get(&person, path).await;
        page.assert_has(&["p.yaml:3:1: ", "not valid"]);
        assert!(!page.body.contains(HOSTILE), "{path}");
    }
}

#[tokio::test]
async fn a_call_is_tried_without_a_request() {
    let world = World::with_policy(json!({
        "unlisted_tools": {"auto_approve": {}},
        "rules": [
            {"name": "large", "tools": ["pay"], "when": "args.amount > 10", "require_approval": {"quorum": 2}},
            {"name": "prod", "tools": ["pay"], "labels": {"env": "prod"}, "auto_reject": {"message": HOSTILE}},
            {"name": "typed", "tools": ["pay"], "when": "args.to == 'x'", "auto_approve": {}},
        ],
    }))
    .await;
    let person = world.sign_in(&operator()).await;
    world.get(&person, "/policy/try").await.assert_has(&["Nothing is requested"]);
    let page = world.post(&person, "/policy/try", &[("tool", "pay"), ("arguments", "{\"amount\": 12}")]).await;
    page.assert_has(&["Reviewers would be asked.", "2 approvals by any reviewer", "large", "did not match", "failed"]);
    let fields = [("tool", "pay"), ("arguments", "{\"amount\": 1, \"to\": \"x\"}"), ("labels", "env=prod")];
    let page = world.post(&person, "/policy/try", &fields).await;
    page.assert_has(&["The call would be rejected at once.", "the condition is false"]);
    assert!(!page.body.contains(HOSTILE));
    let fields = [("tool", "read"), ("version", "0")];
    world.post(&person, "/policy/try", &fields).await.assert_has(&["Reviewers would be asked."]);
    world.post(&person, "/policy/try", &[("tool", "read")]).await.assert_has(&["The call would be approved at once."]);
    let fields = [
        ("tool", "<b>"),
        ("arguments", "{\"a\": }"),
        ("labels", "env"),
        ("caller", "mailer"),
        ("version", "x"),
        ("agent", "a\u{202e}"),
    ];
    let page = world.post(&person, "/policy/try", &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for field in ["tool", "arguments", "labels", "caller", "version", "agent"] {
        page.assert_has(&[&format!("<li><a href=\"#{field}\">")]);
    }
    let page = world.post(&person, "/policy/try", &[("tool", "pay"), ("version", "9")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    page.assert_has(&["the policy has no version 9"]);
    assert!(
        world
            .store
            .list(crate::store::Query {
                filter: crate::store::Filter::default(),
                order: crate::store::Order::NewestFirst,
                after: None,
                limit: 1,
            })
            .await
            .unwrap()
            .approvals
            .is_empty()
    );
}

#[tokio::test]
async fn the_pages_of_the_policy_are_for_those_who_may() {
    let world = World::new().await;
    let reviewer = world.sign_in(&principal(&[Role::Reviewer], ActorKind::Person, "r")).await;
    let page = world.get(&reviewer, "/policy").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("/policy/edit") && !page.body.contains("/policy/try"), "{}", page.body);
    let fields = [("yaml", "tools: [mine]"), ("expected", "1"), ("step", "do")];
    for path in ["/policy/edit", "/policy/try"] {
        assert_eq!(world.post(&reviewer, path, &fields).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(newest(&world).await, 1);
}
