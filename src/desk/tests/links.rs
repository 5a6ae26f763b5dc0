//! One-tap links.

use axum::http::Method as Verb;

use super::*;
use crate::{
    domain::{Choice, KeyPurpose, Status, Surface},
    store::SigningKeyStore as _,
    test_support::reviewer,
};

async fn mint(world: &World, id: ApprovalId, choice: Choice) -> String {
    let approval = world.approval(id).await;
    let person = reviewer(1).actor.clone();
    let token = world.desk.links.mint(&approval, &person, choice, world.clock.now()).await.unwrap();
    format!("/links/{token}")
}

fn seen(page: &Page) -> String {
    page.hidden("seen")
}

#[tokio::test]
async fn a_link_shows_one_page_with_one_button_and_decides_by_it() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"to": "Acme", "amount": 12})).await;
    let path = mint(&world, id, Choice::Approve).await;
    let before = world.approval(id).await;
    let page = world.get(&person, &path).await;
    assert_eq!(page.status, StatusCode::OK);
    page.assert_has(&["Approve this request?", "Acme", "bot", "5:00 left", &format!("/approvals/{id}")]);
    let (_, main) = page.body.split_once("<main").unwrap();
    assert_eq!(main.matches("<button").count(), 1, "{main}");
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(page.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(world.approval(id).await, before);
    let decided = world.post(&person, &path, &[("seen", &seen(&page)), ("comment", "fine")]).await;
    assert_eq!(decided.location(), format!("/approvals/{id}"));
    let approval = world.approval(id).await;
    let decision = approval.decision.as_ref().unwrap();
    assert_eq!((decision.status, &*decision.comment), (Status::Approved, "fine"));
    assert_eq!(decision.provenance.as_ref().unwrap().surface, Surface::Link);
    // Again: the same result, and the page says so.
    let again = world.post(&person, &path, &[("seen", &seen(&page)), ("comment", "fine")]).await;
    assert_eq!(again.location(), format!("/approvals/{id}"));
    let used = world.get(&person, &path).await;
    used.assert_has(&["You have used this link", "Approved", &format!("/approvals/{id}")]);
    assert!(!used.body.split_once("<main").unwrap().1.contains("<button"));
    assert_eq!(world.approval(id).await, approval);
}

#[tokio::test]
async fn a_rejection_takes_a_preset_reason() {
    let policy = json!({"reject_reasons": ["Wrong amount"], "unlisted_tools": {"require_approval": {}}});
    let world = World::with_policy(policy).await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"to": "Acme"})).await;
    let path = mint(&world, id, Choice::Reject).await;
    let page = world.get(&person, &path).await;
    page.assert_has(&["Reject this request?", "<option>Wrong amount</option>"]);
    let fields = [("seen", &*seen(&page)), ("reason", "Wrong amount"), ("choice", "approve")];
    world.post(&person, &path, &fields).await.location();
    let approval = world.approval(id).await;
    assert_eq!((approval.status, &*approval.decision.as_ref().unwrap().comment), (Status::Rejected, "Wrong amount"));
}

#[tokio::test]
async fn a_required_comment_is_asked_for() {
    let policy = json!({"unlisted_tools": {"require_approval": {"comment_required": true}}});
    let world = World::with_policy(policy).await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"to": "Acme"})).await;
    let path = mint(&world, id, Choice::Approve).await;
    let page = world.get(&person, &path).await;
    let refused = world.post(&person, &path, &[("seen", &seen(&page))]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.assert_has(&["role=\"alert\"", "Approve this request?"]);
    let long = "x".repeat(20_000);
    let refused = world.post(&person, &path, &[("seen", &seen(&page)), ("comment", &long)]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.approval(id).await.revision, 1);
    world.post(&person, &path, &[("seen", &seen(&page)), ("comment", "fine")]).await.location();
}

#[tokio::test]
async fn links_that_do_not_decide_say_why() {
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {"quorum": 2}}})).await;
    let [one, two] = [world.sign_in(&reviewer(1)).await, world.sign_in(&reviewer(2)).await];
    let id = world.ask("pay", json!({"to": "Acme"})).await;
    let link_to_it = format!("href=\"/approvals/{id}\"");
    let path = mint(&world, id, Choice::Approve).await;

    let foreign = world.get(&two, &path).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    foreign.assert_has(&["This link is for another person", &link_to_it]);
    assert!(!foreign.body.contains("Acme"));
    assert_eq!(world.post(&two, &path, &[("seen", "1")]).await.status, StatusCode::FORBIDDEN);

    let middle = path.len() / 2;
    let other = if &path[middle..=middle] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &path[..middle], &path[middle + 1..]);
    for forged in [&*forged, "/links/x", &path[..path.len() - 1], &format!("{path}A")] {
        for page in [world.get(&one, forged).await, world.post(&one, forged, &[("seen", "1")]).await] {
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{forged}");
            page.assert_has(&["This link is not valid"]);
        }
    }

    // An edit by the other reviewer.
    let fields = [("seen", "1"), ("choice", "approve"), ("request_id", "k"), ("confirmed", "yes")];
    let edited = [("as", "json"), ("arguments", "{\"to\": \"Bcme\"}")];
    let fields: Vec<_> = fields.into_iter().chain(edited).collect();
    let page = world.post(&two, &format!("/approvals/{id}/edit/approve"), &fields).await;
    assert_eq!(page.location(), format!("/approvals/{id}"));
    let changed = world.get(&one, &path).await;
    assert_eq!(changed.status, StatusCode::CONFLICT);
    changed.assert_has(&["The arguments have changed", &link_to_it]);
    let revision = world.approval(id).await.revision.to_string();
    assert_eq!(world.post(&one, &path, &[("seen", &revision)]).await.status, StatusCode::CONFLICT);

    let path = mint(&world, id, Choice::Approve).await;
    let page = world.get(&one, &path).await;
    let fields = [("seen", &*seen(&page)), ("choice", "reject"), ("request_id", "r")];
    world.post(&one, &format!("/approvals/{id}/decide"), &fields).await.location();
    let decided = world.get(&one, &path).await;
    assert_eq!(decided.status, StatusCode::CONFLICT);
    decided.assert_has(&["This request is decided", "Rejected", &link_to_it]);
    assert_eq!(world.post(&one, &path, &[("seen", &revision)]).await.status, StatusCode::CONFLICT);
    assert_eq!(world.approval(id).await.status, Status::Rejected);
}

#[tokio::test]
async fn an_expired_link_says_so() {
    let world = World::new().await;
    let one = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"to": "Acme"})).await;
    let link_to_it = format!("href=\"/approvals/{id}\"");
    let path = mint(&world, id, Choice::Approve).await;
    world.clock.advance(Duration::from_secs(300));
    let expired = world.get(&one, &path).await;
    assert_eq!(expired.status, StatusCode::GONE);
    expired.assert_has(&["This link has expired", &link_to_it]);
    assert_eq!(world.post(&one, &path, &[("seen", "1")]).await.status, StatusCode::GONE);
    assert_eq!(world.approval(id).await.votes, []);
}

/// The message may say less than a row: both send the reader to the request.
#[tokio::test]
async fn what_a_row_does_not_show_whole_is_not_approved_by_a_link() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    // Letters of two scripts, which only the desk warns about.
    let id = world.ask("pay", json!({"to": "p\u{430}ypal.com"})).await;
    let path = mint(&world, id, Choice::Approve).await;
    for page in [world.get(&person, &path).await, world.post(&person, &path, &[("seen", "1")]).await] {
        assert_eq!(page.status, StatusCode::CONFLICT);
        page.assert_has(&["This request cannot be approved by a link", &format!("href=\"/approvals/{id}\"")]);
    }
    assert_eq!(world.approval(id).await.revision, 1);
    let path = mint(&world, id, Choice::Reject).await;
    let page = world.get(&person, &path).await;
    page.assert_has(&["Reject this request?", "⚠"]);
    world.post(&person, &path, &[("seen", &seen(&page))]).await.location();
    assert_eq!(world.approval(id).await.status, Status::Rejected);
}

/// Programs that look at mail open links, with every method, without a session; some run the page's scripts.
#[tokio::test]
async fn nobody_decides_without_a_session_and_a_form_of_the_page() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"to": "Acme"})).await;
    let path = mint(&world, id, Choice::Approve).await;
    let key = world.store.signing_key(KeyPurpose::Links).await;
    let before = world.approval(id).await;
    for verb in [Verb::GET, Verb::HEAD] {
        let request = Request::builder().method(verb.clone()).uri(&path).header(header::HOST, "127.0.0.1:7766");
        let page = world.send(request.body(Body::empty()).unwrap()).await;
        // The person comes back to the link after the sign-in.
        let expected = if verb == Verb::GET { format!("/sign-in?next={path}") } else { "/sign-in".to_owned() };
        assert_eq!(page.location(), expected);
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(page.headers[header::REFERRER_POLICY], "no-referrer");
        let mut signed_in = person.request(verb.as_str(), &path);
        signed_in = signed_in.header("sec-purpose", "prefetch");
        assert_eq!(world.send(signed_in.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
    }
    let form = "seen=1";
    let post = |request: axum::http::request::Builder, site: &str| {
        let request =
            request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").header("sec-fetch-site", site);
        world.send(request.body(Body::from(form)).unwrap())
    };
    let stranger = Request::builder().method("POST").uri(&path).header(header::HOST, "127.0.0.1:7766");
    assert_eq!(post(stranger, "none").await.location(), "/sign-in");
    // With the person's cookie, but not from the page.
    for site in ["same-origin", "cross-site"] {
        assert_eq!(post(person.request("POST", &path), site).await.status, StatusCode::FORBIDDEN);
    }
    for verb in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = person.request(verb, &path).body(Body::empty()).unwrap();
        assert_eq!(world.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED, "{verb}");
    }
    assert_eq!(world.approval(id).await, before);
    assert_eq!(world.store.signing_key(KeyPurpose::Links).await, key);
}

#[tokio::test]
async fn a_person_who_lost_the_role_is_told() {
    let world = World::new().await;
    let person =
        crate::test_support::principal(&[crate::domain::Role::Auditor], crate::domain::ActorKind::Person, "reviewer-1");
    let person = world.sign_in(&person).await;
    let id = world.ask("pay", json!({"to": "Acme"})).await;
    let path = mint(&world, id, Choice::Approve).await;
    let page = world.get(&person, &path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.split_once("<main").unwrap().1.contains("<button"), "{}", page.body);
    assert_eq!(world.post(&person, &path, &[("seen", "1")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.approval(id).await.revision, 1);
}
