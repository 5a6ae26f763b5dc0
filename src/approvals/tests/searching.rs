//! The history, searched for a text.

use async_trait::async_trait;

use super::*;
use crate::approvals::lists::Bounds;

/// Arguments without the one named `secret`.
struct Redacting;

#[async_trait]
impl SearchableArguments for Redacting {
    async fn text(&self, approval: &Approval) -> String {
        let mut arguments = approval.arguments.to_object();
        arguments.remove("secret");
        text_of(&Value::Object(arguments))
    }
}

fn search(text: &str) -> HistoryQuery {
    HistoryQuery { filter: Filter::default(), text: text.into(), order: Order::NewestFirst, after: None, limit: 10 }
}

impl World {
    async fn found(&self, caller: &Principal, query: HistoryQuery) -> Vec<ApprovalId> {
        let page = self.approvals.history(caller, query, &Redacting).await.unwrap();
        page.approvals.iter().map(|approval| approval.id).collect()
    }
}

#[tokio::test]
async fn each_text_of_an_approval_is_found() {
    let world = World::new();
    let on_behalf_of = Some(Actor { kind: ActorKind::Person, issuer: "sso".into(), subject: "carol".into() });
    let new = NewRequest {
        tool_name: "process_payment".into(),
        agent: crate::domain::Agent { name: "Billing-Bot".into(), run_id: "run".into(), chain: vec!["Planner".into()] },
        reason: "Invoice ÄRGER 4711".into(),
        labels: [("customer".to_owned(), "ACME".to_owned())].into(),
        on_behalf_of,
        ..asking(
            json!({"to": "Say \"hi\"", "amount": 12_400, "secret": "hunter2", "quorum": 2, "deep": [{"x": "Wert"}]}),
        )
    };
    let asker = principal(&[Role::Agent], ActorKind::Agent, "agents");
    let asker = Principal { permissions: [crate::domain::Permission::AskForOthers].into(), ..Principal::clone(&asker) };
    let mut follower = Arc::clone(&world.approvals).request(Arc::new(asker), new, 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    let first = NewDecision { comment: "Looks FINE".into(), ..world.vote_on(id, Choice::Approve).await };
    world.approvals.decide(&reviewer(1), first).await.unwrap();
    let last = NewDecision { comment: "me too".into(), ..world.vote_on(id, Choice::Approve).await };
    world.approvals.decide(&reviewer(2), last).await.unwrap();
    world.ask(json!({"unlike": true})).await;
    for text in [
        "process_pay",
        "BILLING-BOT",
        "planner",
        "invoice ärger",
        "4711",
        "customer=acme",
        "acme",
        "customer",
        "looks fine",
        "Me Too",
        "say \"hi\"",
        "12400",
        "wert",
        "AMOUNT",
        "test/agents",
        "sso/Carol",
        "  wert  ",
        &id.to_string()[..13],
    ] {
        assert!(world.found(&reviewer(3), search(text)).await.contains(&id), "{text}");
    }
    for text in ["process payment", "unlike!", "\\\"", "run"] {
        assert_eq!(world.found(&reviewer(3), search(text)).await, [], "{text}");
    }
}

#[tokio::test]
async fn redacted_arguments_are_not_found() {
    let world = World::new();
    let id = world.ask(json!({"secret": "hunter2", "to": "bob"})).await;
    for (text, found) in [("bob", vec![id]), ("hunter", vec![]), ("secret", vec![])] {
        assert_eq!(world.found(&operator(), search(text)).await, found, "{text}");
    }
}

#[tokio::test]
async fn a_search_finds_what_the_caller_may_read_and_the_filter_matches() {
    let world = World::new();
    let mine = world.ask(json!({"to": "bob"})).await;
    let finance = world.ask(json!({"to": "bob", "reviewers": "group:finance"})).await;
    world.vote(1, mine, Choice::Reject).await;
    assert_eq!(world.found(&reviewer(1), search("bob")).await, [mine]);
    assert_eq!(world.found(&member(1, &["finance"]), search("bob")).await, [finance, mine]);
    let oldest = HistoryQuery { order: Order::OldestFirst, ..search("bob") };
    assert_eq!(world.found(&operator(), oldest).await, [mine, finance]);
    let filter = Filter { statuses: vec![Status::Rejected], ..Filter::default() };
    assert_eq!(world.found(&operator(), HistoryQuery { filter, ..search("bob") }).await, [mine]);
    for blank in ["", " \t"] {
        assert_eq!(world.found(&operator(), search(blank)).await, [finance, mine], "no text: no search");
    }
    let stranger = principal(&[Role::Agent], ActorKind::Agent, "stranger");
    assert_eq!(world.found(&stranger, search("bob")).await, []);
    assert_eq!(world.found(&agent(), search("bob")).await, [finance, mine]);
    let nobody = principal(&[Role::Operator], ActorKind::Person, "o");
    let denied = world.approvals.history(&nobody, search("bob"), &Redacting).await;
    assert!(matches!(denied, Err(Error::Access(_))));
}

#[tokio::test]
async fn long_texts_are_rejected() {
    let world = World::new();
    assert_eq!(world.found(&operator(), search(&"é".repeat(256))).await, []);
    let error = world.approvals.history(&operator(), search(&"é".repeat(257)), &Redacting).await.unwrap_err();
    assert_eq!(error, Error::SearchTextTooLong { found: 257 });
    assert_eq!(error.to_string(), "the text to search for has 257 characters; at most 256 are allowed");
}

#[tokio::test]
async fn a_page_examines_a_limited_number_and_the_next_goes_on() {
    let world = World::new();
    let mut wanted = Vec::new();
    for n in 0..230 {
        let id = world.ask(json!({"n": n, "kind": if n % 70 == 3 { "needle" } else { "hay" }})).await;
        if n % 70 == 3 {
            wanted.push(id);
        }
    }
    let bounds = Bounds { looks: 100, bytes: usize::MAX };
    let mut query = HistoryQuery { order: Order::OldestFirst, limit: 2, ..search("needle") };
    let (mut found, mut sizes) = (Vec::new(), Vec::new());
    loop {
        world.store.read.store(0, std::sync::atomic::Ordering::Relaxed);
        let page = world.approvals.history_within(&operator(), query.clone(), &Redacting, bounds).await.unwrap();
        assert!(world.store.read.load(std::sync::atomic::Ordering::Relaxed) <= 100);
        sizes.push(page.approvals.len());
        found.extend(page.approvals.iter().map(|approval| approval.id));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!((found, sizes), (wanted, vec![2, 1, 1]));
    let small = Bounds { looks: 100, bytes: 1 };
    let page = world.approvals.history_within(&operator(), search("nowhere"), &Redacting, small).await.unwrap();
    assert!(page.approvals.is_empty() && page.next.is_some(), "one read of the store, then the next page");
}
