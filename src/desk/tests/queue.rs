//! The lists of pending requests.

use axum::body::Body;
use futures_util::StreamExt as _;

use super::*;
use crate::{
    domain::{Choice, NewDecision, Permission, Role, Seen, Status, Surface},
    test_support::{member, principal, reviewer},
};

/// The ids of the rows on a page, in their order.
fn rows(page: &Page) -> Vec<String> {
    let parts = page.body.split("data-approval-id=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
}

fn ids(ids: &[ApprovalId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn within(tool: &str, seconds: u64) -> NewRequest {
    NewRequest { timeout: Duration::from_secs(seconds), ..asking(tool, json!({})) }
}

/// The next event of a stream: its name and its content.
async fn event(body: &mut axum::body::BodyDataStream) -> (String, Value) {
    let bytes = body.next().await.unwrap().unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default().to_owned();
    let data = line("data: ");
    (line("event: "), serde_json::from_str(&data).unwrap_or(Value::Null))
}

async fn opened(body: Body) -> axum::body::BodyDataStream {
    let mut events = body.into_data_stream();
    assert_eq!(event(&mut events).await.0, "hello");
    events
}

async fn decide(world: &World, n: usize, id: ApprovalId, choice: Choice) {
    let new = NewDecision {
        id,
        request_id: None,
        choice,
        seen: Seen::Revision(world.approval(id).await.revision),
        comment: String::new(),
        edit: None,
        on_behalf_of: None,
        surface: Surface::Grpc,
        opened: Vec::new(),
    };
    world.desk.approvals.decide(&reviewer(n), new).await.unwrap();
}

#[tokio::test]
async fn the_nearest_deadline_comes_first_and_urgent_ones_before() {
    let rule = json!({
        "name": "urgent", "tools": ["urgent"],
        "require_approval": {"escalate": [{"after": "1s", "priority": "PRIORITY_URGENT"}]},
    });
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "rules": [rule]})).await;
    let person = world.sign_in(&reviewer(1)).await;
    assert!(world.get(&person, "/").await.body.contains("Nothing waits for you."));
    let late = world.ask_for(within("late", 500)).await;
    let soon = world.ask_for(within("soon", 200)).await;
    let urgent = world.ask_for(within("urgent", 600)).await;
    let page = world.get(&person, "/").await;
    assert_eq!(rows(&page), ids(&[soon, late, urgent]));
    assert!(page.body.contains("<title>(3) Waiting for you"), "{}", page.body);
    world.clock.advance(Duration::from_secs(2));
    world.desk.approvals.do_due(100).await.unwrap();
    let page = world.get(&person, "/").await;
    assert_eq!(rows(&page), ids(&[urgent, soon, late]));
    assert!(page.body.contains("URGENT"));
}

#[tokio::test]
async fn rows_show_labels_and_say_what_they_leave_out() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let label = |n: u32| (format!("key{n}"), if n == 0 { format!("<{}", "x".repeat(49)) } else { format!("value{n}") });
    let ask = |labels: u32| {
        let labels = (0..labels).map(label).collect();
        world.ask_for(NewRequest { labels, ..asking("send", json!({})) })
    };
    for (labels, left_out) in [(6, ""), (7, "1 more label"), (9, "3 more labels")] {
        ask(labels).await;
        for path in ["/", "/pending", "/history"] {
            let page = world.get(&person, path).await.body;
            let row = page.split("<p class=\"labels\">").find(|row| row.contains("key0")).unwrap();
            let row = row.split("</p>").next().unwrap();
            let shown =
                |key: &str, value: &str| format!("<bdi class=\"agent\">{key}</bdi>=<bdi class=\"agent\">{value}</bdi>");
            for n in 1..6 {
                assert!(row.contains(&shown(&format!("key{n}"), &format!("value{n}"))), "{path}: {row}");
            }
            assert!(row.contains(&shown("key0", &format!("&lt;{}", "x".repeat(39)))), "{path}: {row}");
            assert!(row.contains("(10 more characters)") && !row.contains("key6"), "{path}: {row}");
            assert!(
                if left_out.is_empty() { !row.contains("more label") } else { row.contains(left_out) },
                "{path}: {row}"
            );
        }
        world.clock.advance(Duration::from_secs(400));
        world.desk.approvals.do_due(100).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_viewer_may_not_see_does_not_exist() {
    let rule = json!({"name": "secret", "tools": ["secret"], "require_approval": {"reviewers": ["group:finance"]}});
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "rules": [rule]})).await;
    let (hidden, shown) = (world.ask("secret", json!({})).await, world.ask("open", json!({})).await);
    let outsider = world.sign_in(&reviewer(1)).await;
    for path in ["/", "/pending", "/history"] {
        let page = world.get(&outsider, path).await;
        assert_eq!(rows(&page), ids(&[shown]), "{path}");
        assert!(!page.body.contains("secret"), "{path}");
    }
    let mut events = opened(world.stream(&outsider, "/events?view=pending").await).await;
    let (name, content) = event(&mut events).await;
    assert_eq!((name.as_str(), &content["ids"], &content["count"]), ("entry", &json!([shown]), &json!(1)));
    for path in ["/bulk", "/bulk/decide"] {
        let select = format!("{hidden}:1");
        let page = world.post(&outsider, path, &[("choice", "reject"), ("select", &select)]).await;
        assert!(!page.body.contains("secret") && page.body.contains("does not exist"), "{path}: {}", page.body);
    }
    assert_eq!(world.approval(hidden).await.status, Status::Pending);
    let insider = world.sign_in(&member(2, &["finance"])).await;
    assert_eq!(rows(&world.get(&insider, "/").await).len(), 2);
}

#[tokio::test]
async fn a_viewer_who_may_not_decide_is_led_on_and_sees_no_controls() {
    let world = World::new().await;
    world.ask("open", json!({})).await;
    let auditor = world.sign_in(&principal(&[Role::Auditor], crate::domain::ActorKind::Person, "auditor")).await;
    let page = world.get(&auditor, "/").await;
    assert_eq!((page.status, page.headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/pending"));
    let page = world.get(&auditor, "/pending").await;
    assert!(rows(&page).len() == 1 && !page.body.contains("name=\"select\"") && !page.body.contains("Approve"));
    let mut names = Vec::new();
    for path in ["/events?view=waiting", "/bulk"] {
        let post = path == "/bulk";
        let page = if post { world.post(&auditor, path, &[]).await } else { world.get(&auditor, path).await };
        names.push(page.status);
    }
    assert_eq!(names, [StatusCode::FORBIDDEN; 2]);
}

#[tokio::test]
async fn what_an_agent_writes_is_text_in_every_field() {
    let world = World::new().await;
    let evil = "<script>alert(1)</script>\u{202e}\"'&";
    let new = NewRequest {
        agent: Agent { name: evil.into(), run_id: evil.into(), chain: vec![evil.into()] },
        reason: evil.into(),
        labels: [("team".to_owned(), evil.to_owned())].into(),
        ..asking(evil, json!({evil: evil, "other": [evil]}))
    };
    world.ask_for(new).await;
    let person = world.sign_in(&reviewer(1)).await;
    for path in ["/", "/pending", "/history"] {
        let body = world.get(&person, path).await.body;
        assert!(!body.contains("<script>alert") && !body.contains('\u{202e}'), "{path}: {body}");
        assert!(body.contains("&lt;script&gt;") && body.contains("U+202E"), "{path}");
    }
    let mut events = opened(world.stream(&person, "/events?view=waiting").await).await;
    let html = event(&mut events).await.1["html"].as_str().unwrap().to_owned();
    assert!(!html.contains("<script>alert") && !html.contains('\u{202e}'), "{html}");
}

#[tokio::test]
async fn similar_requests_fold_and_pages_continue() {
    let world = World::new().await;
    for n in 0..3 {
        world.ask("delete_record", json!({"id": n})).await;
    }
    let person = world.sign_in(&reviewer(1)).await;
    let body = world.get(&person, "/").await.body;
    assert!(body.contains("<strong>3 × <bdi class=\"agent\">delete_record</bdi></strong>"), "{body}");
    let mut asked = std::collections::BTreeSet::new();
    for n in 0..117 {
        asked.insert(world.ask_for(within(&format!("tool_{n}"), 301 + n)).await.to_string());
    }
    let (mut seen, mut path) = (Vec::new(), "/".to_owned());
    loop {
        let page = world.get(&person, &path).await;
        let found = rows(&page);
        assert!(found.len() <= 16 && page.body.contains("(120) Waiting for you"));
        seen.extend(found);
        let Some((_, next)) = page.body.split_once("rel=\"next\" href=\"") else { break };
        path = next.split('"').next().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 120);
    assert!(asked.iter().all(|id| seen.contains(id)));
    assert_eq!(world.get(&person, "/?after=x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn all_pending_ones_are_reached_also_those_of_others() {
    let rule = json!({"name": "money", "tools": ["pay.*"], "require_approval": {"reviewers": ["group:finance"]}});
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "rules": [rule]})).await;
    let mut asked = Vec::new();
    for n in 0..90 {
        let tool = if n % 3 == 0 { format!("pay.{n}") } else { format!("tool_{n}") };
        asked.push(world.ask_for(within(&tool, 301 + n)).await);
    }
    let roles = [Role::Reviewer, Role::Auditor];
    let person = world.sign_in(&principal(&roles, crate::domain::ActorKind::Person, "reviewing-auditor")).await;
    for (first, expected) in [("/pending", 90), ("/", 60)] {
        let (mut seen, mut path) = (Vec::new(), first.to_owned());
        loop {
            let page = world.get(&person, &path).await;
            assert!(page.body.contains(&format!("<title>({expected}) ")), "{path}");
            seen.extend(rows(&page));
            let Some((_, next)) = page.body.split_once("rel=\"next\" href=\"") else { break };
            path = next.split('"').next().unwrap().to_owned();
        }
        let listed = asked.iter().enumerate().filter(|(n, _)| expected == 90 || n % 3 != 0).map(|(_, id)| *id);
        assert_eq!(seen, ids(&listed.collect::<Vec<_>>()), "{first}");
    }
}

#[tokio::test]
async fn an_open_page_learns_what_comes_and_goes() {
    let world = World::new().await;
    let first = world.ask("first", json!({"n": 1})).await;
    let person = world.sign_in(&reviewer(1)).await;
    let page = world.get(&person, "/").await.body;
    let seen = page.split("data-seen=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut events = opened(world.stream(&person, &format!("/events?view=waiting&seen={seen}")).await).await;
    let (name, content) = event(&mut events).await;
    assert_eq!((name.as_str(), content), ("snapshot", json!({"ids": [first], "last": null, "count": 1})));
    let second = world.ask_for(within("second", 100)).await;
    let (name, content) = event(&mut events).await;
    assert_eq!((name.as_str(), &content["ids"], &content["count"]), ("entry", &json!([second]), &json!(2)));
    let sort = |id: ApprovalId| page.split("data-sort=\"").nth(1).unwrap().contains(&id.to_string());
    assert!(sort(first) && content["html"].as_str().unwrap().contains(content["sort"].as_str().unwrap()));
    decide(&world, 2, first, Choice::Reject).await;
    let (name, content) = event(&mut events).await;
    let expected = json!({"id": first, "status": "rejected", "text": "Rejected by reviewer-2.", "count": 1});
    assert_eq!((name.as_str(), content), ("gone", expected));
    // A page that was not connected gets what it lacks, and then what is pending.
    let mut events = opened(world.stream(&person, &format!("/events?view=waiting&seen={seen}")).await).await;
    assert_eq!(event(&mut events).await.1["ids"], json!([second]));
    assert_eq!(event(&mut events).await.1, json!({"ids": [second], "last": null, "count": 1}));
}

#[tokio::test]
async fn several_are_decided_each_with_its_own_result() {
    let world = World::new().await;
    let mut asked = Vec::new();
    for tool in ["one", "two", "three", "four"] {
        asked.push(world.ask(tool, json!({"n": tool})).await);
    }
    let person = world.sign_in(&reviewer(1)).await;
    let selected: Vec<String> = asked[..3].iter().map(|id| format!("{id}:1")).collect();
    decide(&world, 2, asked[1], Choice::Reject).await;
    let mut fields = vec![("choice", "approve"), ("comment", "all fine"), ("key", "k")];
    fields.extend(selected.iter().map(|one| ("select", one.as_str())));
    let page = world.post(&person, "/bulk", &fields).await;
    assert!(
        page.body.contains("Approve 2 requests?") && page.body.contains("Rejected by reviewer-2."),
        "{}",
        page.body
    );
    assert_eq!(world.approval(asked[0]).await.status, Status::Pending, "a confirmation changes nothing");
    for _ in 0..2 {
        // The second time is a repetition, and has the same results.
        let page = world.post(&person, "/bulk/decide", &fields).await;
        assert_eq!(page.body.matches("Approved by you.").count(), 2, "{}", page.body);
        assert_eq!(rows(&page), ids(&asked[..3]));
    }
    let mut statuses = Vec::new();
    for id in &asked {
        statuses.push(world.approval(*id).await.status);
    }
    assert_eq!(statuses, [Status::Approved, Status::Rejected, Status::Approved, Status::Pending]);
    let vote = world.approval(asked[0]).await.votes[0].clone();
    assert_eq!((vote.comment.as_str(), vote.provenance.unwrap().surface), ("all fine", Surface::Desk));
}

#[tokio::test]
async fn an_invalid_selection_decides_nothing() {
    let world = World::new().await;
    let id = world.ask("one", json!({})).await;
    let person = world.sign_in(&reviewer(1)).await;
    let one = format!("{id}:1");
    let many: Vec<String> = (0..51).map(|n| format!("00000000-0000-7000-8000-{n:012}:1")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|one| ("select", one.as_str())).chain([("choice", "reject")]).collect();
    let long = "x".repeat(4_097);
    for fields in [
        vec![("choice", "approve")],
        vec![("select", one.as_str())],
        vec![("choice", "both"), ("select", &one)],
        vec![("choice", "reject"), ("select", "x")],
        vec![("choice", "reject"), ("select", &one[..36])],
        vec![("choice", "reject"), ("select", &one), ("comment", &long)],
        many,
    ] {
        let page = world.post(&person, "/bulk/decide", &fields).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{fields:?}");
    }
    let forged = world.post_fields(&person, "/bulk/decide", &format!("choice=reject&select={one}")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert_eq!(world.approval(id).await.revision, 1);
    // Another revision than the one that was shown.
    let page = world.post(&person, "/bulk/decide", &[("choice", "reject"), ("select", &format!("{id}:2"))]).await;
    assert_eq!((page.status, world.approval(id).await.status), (StatusCode::OK, Status::Pending), "{}", page.body);
}

#[tokio::test]
async fn what_a_row_cuts_or_redacts_cannot_be_approved_there() {
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "redact": ["args.card"]})).await;
    let cut = world.ask("cut", json!({"note": "x".repeat(200)})).await;
    let redacted = world.ask("redacted", json!({"card": "4111-secret"})).await;
    let deep = world.ask("deep", json!({"list": [1, 2]})).await;
    let look_alike = world.ask("look_alike", json!({"host": "\u{430}pple.com"})).await;
    let inexact = world.ask("inexact", json!({"amount": 9_007_199_254_740_992_u64})).await;
    let person = world.sign_in(&reviewer(1)).await;
    for path in ["/", "/pending", "/history?text=4111"] {
        let page = world.get(&person, path).await;
        assert!(!page.body.contains("4111-secret"), "{path}");
    }
    assert_eq!(rows(&world.get(&person, "/history?text=4111").await), Vec::<String>::new(), "a search finds it not");
    assert!(world.get(&person, "/").await.body.contains("(100 more characters)"));
    for id in [cut, redacted, deep, look_alike, inexact] {
        let select = format!("{id}:1");
        for path in ["/bulk", "/bulk/decide"] {
            let page = world.post(&person, path, &[("choice", "approve"), ("select", &select)]).await;
            assert!(page.body.contains("Open it to approve it."), "{path}: {}", page.body);
            assert!(!page.body.contains("4111-secret"));
        }
        assert_eq!(world.approval(id).await.status, Status::Pending);
        world.post(&person, "/bulk/decide", &[("choice", "reject"), ("select", &select)]).await;
        assert_eq!(world.approval(id).await.status, Status::Rejected);
    }
}

/// Another's vote changes the revision, but not what the list showed or left out.
#[tokio::test]
async fn a_vote_since_then_changes_nothing_about_what_was_shown() {
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {"quorum": 2}}})).await;
    let cut = world.ask("cut", json!({"note": "x".repeat(200)})).await;
    let whole = world.ask("whole", json!({"n": 1})).await;
    for id in [cut, whole] {
        decide(&world, 2, id, Choice::Approve).await;
        assert_eq!(world.approval(id).await.revision, 2);
    }
    let person = world.sign_in(&reviewer(1)).await;
    for path in ["/bulk", "/bulk/decide"] {
        // 3: not there yet.
        for revision in if path == "/bulk" { 1..=2 } else { 1..=3 } {
            let select = format!("{cut}:{revision}");
            let page = world.post(&person, path, &[("choice", "approve"), ("select", &select)]).await;
            assert!(page.body.contains("Open it to approve it."), "{path} {revision}: {}", page.body);
        }
        let page = world.post(&person, path, &[("choice", "approve"), ("select", &format!("{whole}:1"))]).await;
        assert!(!page.body.contains("Changed since"), "{path}: {}", page.body);
    }
    assert_eq!((world.approval(cut).await.revision, world.approval(whole).await.status), (2, Status::Approved));
    // It is decided: that is the result, and not what a list shows.
    decide(&world, 3, cut, Choice::Approve).await;
    let page = world.post(&person, "/bulk/decide", &[("choice", "approve"), ("select", &format!("{cut}:2"))]).await;
    assert!(!page.body.contains("Open it to approve it."), "{}", page.body);
}

#[tokio::test]
async fn a_row_says_who_asks_and_for_whom() {
    let world = World::new().await;
    let named = |name: &str| Agent { name: name.into(), ..Agent::default() };
    let person = world.sign_in(&reviewer(1)).await;
    for (name, from) in [
        ("bot", "<bdi class=\"agent\">bot</bdi> (caller <bdi class=\"agent\">agent</bdi>)"),
        ("agent", "<p class=\"from\"><bdi class=\"agent\">agent</bdi> ·"),
        ("", "<p class=\"from\"><bdi class=\"agent\">agent</bdi> ·"),
    ] {
        let id = world.ask_for(NewRequest { agent: named(name), ..asking("tool", json!({})) }).await;
        world.get(&person, "/").await.assert_has(&[from]);
        decide(&world, 2, id, Choice::Reject).await;
    }
    let customer = |subject: &str| {
        let (kind, issuer) = (crate::domain::ActorKind::Person, "crm".to_owned());
        Some(crate::domain::Actor { kind, issuer, subject: subject.into() })
    };
    let permissions = [Permission::AskForOthers].into();
    let asker = Arc::new(Principal { permissions, ..Principal::clone(&agent()) });
    let ask = async |tool: &str, subject: &str| {
        let new = NewRequest { on_behalf_of: customer(subject), ..asking(tool, json!({})) };
        let mut follower = Arc::clone(&world.desk.approvals).request(Arc::clone(&asker), new, 0).await.unwrap();
        match follower.next().await.unwrap().unwrap() {
            Message::Update { approval, .. } => approval.id,
            Message::Progress { .. } => panic!("Progress instead of an update"),
        }
    };
    let (alice, long) = (ask("first", "alice").await, ask("second", &"x".repeat(100)).await);
    world.get(&person, "/").await.assert_has(&[", on behalf of <bdi class=\"agent\">alice</bdi>"]);
    for (id, status) in [(alice, Status::Approved), (long, Status::Pending)] {
        world.post(&person, "/bulk/decide", &[("choice", "approve"), ("select", &format!("{id}:1"))]).await;
        assert_eq!(world.approval(id).await.status, status, "not all of it is shown");
    }
}

#[tokio::test]
async fn arguments_with_any_name_are_shown() {
    let world = World::new().await;
    let id = world.ask("mail", json!({"to-address": "a@b.example", "card.number": 7})).await;
    let person = world.sign_in(&reviewer(1)).await;
    let page = world.get(&person, "/").await;
    page.assert_has(&["<bdi class=\"agent\">to-address</bdi>", "card.number&quot;]</bdi>"]);
    assert!(!page.body.contains("more argument") && !page.body.contains("Open it to approve it."), "{}", page.body);
    world.post(&person, "/bulk/decide", &[("choice", "approve"), ("select", &format!("{id}:1"))]).await;
    assert_eq!(world.approval(id).await.status, Status::Approved);
}

#[tokio::test]
async fn looking_changes_nothing_and_the_first_page_is_light() {
    let world = World::new().await;
    let mut asked = Vec::new();
    for n in 0..60 {
        asked.push(world.ask(&format!("tool_{n}"), json!({"amount": n, "to": "Acme GmbH"})).await);
    }
    let person = world.sign_in(&reviewer(1)).await;
    for path in ["/", "/pending", "/history", "/history?tool=x&status=approved", "/bulk", "/bulk/decide"] {
        for verb in ["GET", "HEAD"] {
            world.send(person.request(verb, path).body(Body::empty()).unwrap()).await;
        }
    }
    for id in asked {
        assert_eq!(world.approval(id).await.revision, 1);
    }
    let page = world.get(&person, "/").await.body;
    assert!(page.len() < 28 << 10, "{} bytes", page.len());
}

#[tokio::test]
async fn the_history_filters_and_continues() {
    let world = World::new().await;
    let mut asked = Vec::new();
    for n in 0..60 {
        asked.push(world.ask(["mail", "pay"][n % 2], json!({"to": format!("person-{n}")})).await);
    }
    decide(&world, 2, asked[1], Choice::Approve).await;
    let person = world.sign_in(&reviewer(1)).await;
    let page = world.get(&person, "/history").await;
    let newest: Vec<ApprovalId> = asked.iter().rev().take(50).copied().collect();
    assert_eq!(rows(&page), ids(&newest));
    let next = page.body.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(rows(&world.get(&person, next).await).len(), 10);
    for (query, count) in [
        ("tool=pay", 30),
        ("status=approved", 1),
        ("agent=bot&text=person-7", 1),
        ("text=PERSON-7", 1),
        ("caller=test%2Fagent&tool=mail", 30),
        ("label=team%3Dbilling&tool=mail", 30),
        ("label=team%3Dother", 0),
        ("from=2000-01-01T00:00&tool=mail", 30),
        ("before=2000-01-01T00:00", 0),
    ] {
        assert_eq!(rows(&world.get(&person, &format!("/history?{query}")).await).len(), count, "{query}");
    }
    for wrong in ["label=x", "from=yesterday", "page=x", "from=2020-01-02&before=2020-01-01"] {
        let page = world.get(&person, &format!("/history?{wrong}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(page.body.contains("role=\"alert\""), "{wrong}");
    }
}

/// The switches are a part of a page, for people who signed in; their script is not on the first page.
#[tokio::test]
async fn notifications_cost_the_first_page_nothing() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let queue = world.get(&person, "/").await;
    queue.assert_has(&["id=\"alerts-open\" hidden"]);
    assert!(!queue.body.contains("alerts.js"));
    let switches = world.get(&person, "/alerts").await;
    switches.assert_has(&["<dialog id=\"alerts\"", "name=\"notify\"", "name=\"sound\""]);
    assert!(!switches.body.contains("checked") && !switches.body.contains("<html"));
    let stranger = Request::builder().uri("/alerts").header(header::HOST, "127.0.0.1:7766");
    let stranger = world.send(stranger.body(Body::empty()).unwrap()).await;
    assert_eq!(stranger.location(), "/sign-in?next=/alerts");
}
