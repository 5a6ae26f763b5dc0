//! The page of one approval: what it shows, and what its forms do.

use axum::body::HttpBody as _;

use super::*;
use crate::{
    desk::texts::approval as texts,
    domain::{Choice, ExecutionResult, NewClaim, NewDecision, NewReport, Seen, Status, Surface},
    test_support::{member, reviewer, settle},
};

fn path(id: ApprovalId) -> String {
    format!("/approvals/{id}")
}

fn form_of(page: &Page, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let start = page.body.find(&field).unwrap_or_else(|| panic!("{name} in {}", page.body)) + field.len();
    page.body[start..].split('"').next().unwrap().to_owned()
}

/// Submits the bar of a page.
async fn decide(world: &World, person: &Person, id: ApprovalId, page: &Page, more: &[(&str, &str)]) -> Page {
    let (seen, key) = (form_of(page, "seen"), form_of(page, "request_id"));
    let mut fields = vec![("seen", seen.as_str()), ("request_id", key.as_str())];
    fields.extend_from_slice(more);
    world.post(person, &format!("{}/decide", path(id)), &fields).await
}

async fn vote(world: &World, n: usize, id: ApprovalId, choice: Choice, edit: Option<Value>) {
    let new = NewDecision {
        id,
        request_id: None,
        choice,
        seen: Seen::Revision(world.approval(id).await.revision),
        comment: "theirs".into(),
        edit: edit.map(|edit| arguments(&edit)),
        on_behalf_of: None,
        surface: Surface::Grpc,
        opened: Vec::new(),
    };
    world.desk.approvals.decide(&reviewer(n), new).await.unwrap();
}

fn two_of_two() -> Value {
    json!({"unlisted_tools": {"require_approval": {"quorum": 2}}})
}

#[tokio::test]
async fn approve_and_reject_record_what_was_seen_and_opened() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"amount": 12400})).await;
    let page = world.get(&person, &path(id)).await;
    assert!(page.body.contains("12<span class=\"group\">,</span>400"), "{}", page.body);
    let fields = [("choice", "approve"), ("comment", "fine\r\nby me"), ("opened", r#"["raw"]"#), ("reason", "ignored")];
    let done = decide(&world, &person, id, &page, &fields).await;
    assert_eq!((done.status, done.headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, path(id).as_str()));
    let approval = world.approval(id).await;
    let [vote] = &*approval.votes else { panic!() };
    assert_eq!((approval.status, vote.comment.as_str(), vote.seen), (Status::Approved, "fine\nby me", 1));
    let provenance = vote.provenance.clone().unwrap();
    assert_eq!((provenance.surface, provenance.opened), (Surface::Desk, vec!["raw".to_owned()]));
    let page = world.get(&person, &path(id)).await;
    assert!(page.body.contains(texts::CAN_BE_CLAIMED) && !page.body.contains("id=\"approve\""), "{}", page.body);

    let id = world.ask("pay", json!({})).await;
    let page = world.get(&person, &path(id)).await;
    decide(&world, &person, id, &page, &[("choice", "reject"), ("reason", "wrong"), ("comment", "see 4711")]).await;
    let approval = world.approval(id).await;
    assert_eq!((approval.status, approval.votes[0].comment.as_str()), (Status::Rejected, "wrong\nsee 4711"));
}

#[tokio::test]
async fn a_repeated_form_is_one_decision() {
    let world = World::with_policy(two_of_two()).await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({})).await;
    let page = world.get(&person, &path(id)).await;
    for _ in 0..2 {
        let done = decide(&world, &person, id, &page, &[("choice", "approve")]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(world.approval(id).await.votes.len(), 1);
    let page = world.get(&person, &path(id)).await;
    assert!(page.body.contains(texts::YOU_APPROVED) && !page.body.contains("id=\"approve\""), "{}", page.body);
    assert!(page.body.contains("1 of 2 approvals") && page.body.contains("id=\"reject\""));
}

#[tokio::test]
async fn a_stale_page_is_refused_says_what_changed_and_keeps_the_comment() {
    let world = World::with_policy(two_of_two()).await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"amount": 5})).await;
    let page = world.get(&person, &path(id)).await;
    vote(&world, 2, id, Choice::Approve, Some(json!({"amount": 50}))).await;
    let fields = [("choice", "approve"), ("comment", "fine, <five>")];
    let refused = decide(&world, &person, id, &page, &fields).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains(texts::STALE) && refused.body.contains(texts::CHANGED_HEADING));
    assert!(refused.body.contains("fine, &#60;five&#62;</textarea>"), "{}", refused.body);
    assert!(refused.body.contains("<del>") && refused.body.contains("reviewer-2"));
    assert_eq!(world.approval(id).await.votes.len(), 1);
    // The page that says so has the current revision.
    let done = decide(&world, &person, id, &refused, &fields).await;
    assert_eq!((done.status, world.approval(id).await.status), (StatusCode::SEE_OTHER, Status::Approved));
}

#[tokio::test]
async fn a_decided_or_late_request_is_shown_as_such() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let [decided, late] = [world.ask("a", json!({})).await, world.ask("b", json!({})).await];
    let [first, second] = [world.get(&person, &path(decided)).await, world.get(&person, &path(late)).await];
    vote(&world, 2, decided, Choice::Reject, None).await;
    let refused = decide(&world, &person, decided, &first, &[("choice", "approve")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains(texts::ALREADY_DECIDED) && refused.body.contains("reviewer-2"));
    world.clock.advance(Duration::from_secs(301));
    // Nobody has noticed yet that the time is over.
    assert!(world.get(&person, &path(late)).await.body.contains(texts::DEADLINE_PASSED));
    let refused = decide(&world, &person, late, &second, &[("choice", "approve")]).await;
    assert_eq!((refused.status, world.approval(late).await.status), (StatusCode::CONFLICT, Status::TimedOut));
    assert!(refused.body.contains("Timed out"));
}

#[tokio::test]
async fn a_form_without_a_revision_or_a_choice_decides_nothing() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({})).await;
    let page = world.get(&person, &path(id)).await;
    let refused = decide(&world, &person, id, &page, &[]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    for seen in ["", "0", "2", "x", "-1"] {
        let fields = [("choice", "approve"), ("seen", seen)];
        let refused = world.post(&person, &format!("{}/decide", path(id)), &fields).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{seen}");
    }
    let long = "x".repeat(4_097);
    let refused = decide(&world, &person, id, &page, &[("choice", "approve"), ("comment", &long)]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("comment: has 4097 bytes; at most 4096 are allowed"));
    assert_eq!(world.approval(id).await.revision, 1);
}

#[tokio::test]
async fn a_missing_comment_is_asked_for() {
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {"comment_required": true}}})).await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({})).await;
    let page = world.get(&person, &path(id)).await;
    assert!(page.body.contains("aria-required=\"true\""));
    let refused = decide(&world, &person, id, &page, &[("choice", "reject")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains(texts::COMMENT_MISSING));
}

#[tokio::test]
async fn a_warning_asks_a_second_time_and_repeats_what_matters() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"amount": 12400, "to": "Acme GmbH\u{200b}"})).await;
    let page = world.get(&person, &path(id)).await;
    assert!(
        page.body.contains("1 warning<")
            && page.body.contains("1 invisible character (U+200B zero width space) after ")
    );
    let asked = decide(&world, &person, id, &page, &[("choice", "approve"), ("comment", "mine")]).await;
    assert_eq!((asked.status, world.approval(id).await.revision), (StatusCode::OK, 1));
    assert!(
        asked.body.contains(texts::CONFIRM_TITLE) && asked.body.contains("400</span>") && asked.body.contains("mine")
    );
    // The first button of the form, which Enter presses, goes back.
    let form = asked.body.split("/decide\"").nth(1).unwrap();
    assert!(form[form.find("<button").unwrap()..].starts_with(&format!("<button formaction=\"{}\">", path(id))));
    let again = world.post(&person, &path(id), &[("comment", "mine"), ("seen", "1")]).await;
    assert!(again.status == StatusCode::OK && again.body.contains("mine</textarea>"));
    let fields = [("choice", "approve"), ("comment", "mine"), ("confirmed", "yes")];
    decide(&world, &person, id, &asked, &fields).await;
    assert_eq!(world.approval(id).await.status, Status::Approved);
}

#[tokio::test]
async fn a_value_of_the_summary_inside_an_argument_warns_once() {
    let paths = ["args.card.number"];
    let rule = json!({"name": "cards", "tools": ["*"], "require_approval": {}, "summary": paths});
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "rules": [rule]})).await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"card": {"number": "4711\u{200b}", "of": "Acme"}})).await;
    let page = world.get(&person, &path(id)).await;
    let (_, summary) = page.body.split_once("id=\"part-summary\"").unwrap();
    let (summary, _) = summary.split_once("</section>").unwrap();
    assert!(summary.contains("args.card.number") && summary.contains("4711"), "{summary}");
    assert!(page.body.contains("1 warning<"), "{}", page.body);
}

#[tokio::test]
async fn what_one_may_not_see_does_not_exist() {
    let rule = json!({"name": "legal", "tools": ["sign"], "require_approval": {"reviewers": ["group:legal"]}});
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "rules": [rule]})).await;
    let (outsider, lawyer) = (world.sign_in(&reviewer(1)).await, world.sign_in(&member(2, &["legal"])).await);
    let id = world.ask("sign", json!({"secret": "x"})).await;
    assert_eq!(world.get(&lawyer, &path(id)).await.status, StatusCode::OK);
    let nowhere = "/approvals/01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
    let missing = world.get(&outsider, &nowhere).await;
    for page in ["", "/edit", "/events"] {
        let hidden = world.get(&outsider, &format!("{}{page}", path(id))).await;
        assert_eq!((hidden.status, hidden.body.clone()), (StatusCode::NOT_FOUND, missing.body.clone()), "{page}");
    }
    for form in ["", "/decide", "/edit", "/edit/approve", "/revoke"] {
        for fields in [&[("choice", "approve"), ("seen", "1"), ("confirmed", "yes")][..], &[]] {
            let hidden = world.post(&outsider, &format!("{}{form}", path(id)), fields).await;
            assert_eq!((hidden.status, hidden.body), (StatusCode::NOT_FOUND, missing.body.clone()), "{form}");
        }
    }
    assert_eq!(world.get(&outsider, "/approvals/x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.approval(id).await.revision, 1);
}

#[tokio::test]
async fn looking_changes_nothing() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"to": "a\u{200b}"})).await;
    for method in ["GET", "HEAD"] {
        for page in
            ["", "/edit", "/events", "/decide", "/revoke", "/edit/approve", "?choice=approve&seen=1&confirmed=yes"]
        {
            if (method, page) == ("GET", "/events") {
                drop(world.stream(&person, &format!("{}{page}", path(id))).await); // it has no end
                continue;
            }
            let request = person.request(method, &format!("{}{page}", path(id)));
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert!(answer.status == StatusCode::OK || answer.status == StatusCode::METHOD_NOT_ALLOWED);
        }
    }
    world.post(&person, &format!("{}/edit", path(id)), &[("seen", "1")]).await;
    assert_eq!(world.approval(id).await.revision, 1);
}

#[tokio::test]
async fn markup_in_every_field_stays_text() {
    const EVIL: &str = "\"'><script>alert(1)</script><b>";
    let rule = json!({"name": "all", "tools": ["*"], "require_approval": {}, "reject_reasons": [EVIL]});
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "rules": [rule]})).await;
    let person = world.sign_in(&reviewer(1)).await;
    let asked = NewRequest {
        agent: Agent { name: EVIL.into(), run_id: EVIL.into(), chain: vec![EVIL.into()] },
        reason: EVIL.into(),
        labels: [(EVIL.to_owned(), EVIL.to_owned())].into(),
        schema: Some(json!({"properties": {EVIL: {"enum": [EVIL], "description": EVIL}}}).to_string().into()),
        ..asking(EVIL, json!({EVIL: EVIL, "list": [EVIL, {EVIL: EVIL}], "long": EVIL.repeat(99)}))
    };
    let id = world.ask_for(asked).await;
    let page = world.get(&person, &path(id)).await;
    let edit = world.get(&person, &format!("{}/edit", path(id))).await;
    let kept = world.post(&person, &path(id), &[("comment", EVIL), ("reason", EVIL), ("seen", EVIL)]).await;
    let edited = json!({EVIL: EVIL, "more": EVIL}).to_string();
    let fields = [("step", "review"), ("as", "json"), ("arguments", edited.as_str()), ("seen", "1"), ("comment", EVIL)];
    let review = world.post(&person, &format!("{}/edit", path(id)), &fields).await;
    decide(&world, &person, id, &page, &[("choice", "reject"), ("comment", EVIL)]).await;
    let decided = world.get(&person, &path(id)).await;
    for page in [page, edit, kept, review, decided] {
        let scripts = page.body.matches("<script").count();
        let own = page.body.matches("<script type=\"module\" src=\"/assets/").count();
        assert_eq!((page.status, scripts, page.body.matches("<b>").count()), (StatusCode::OK, own, 0), "{}", page.body);
    }
}

#[tokio::test]
async fn refusals_are_shown_before_a_click() {
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {"allow_edits": false}}})).await;
    let id = world.ask("pay", json!({})).await;
    let page = world.get(&world.sign_in(&reviewer(1)).await, &path(id)).await;
    assert!(
        page.body.contains(texts::NO_EDITS)
            && !page.body.contains("id=\"edit\"")
            && page.body.contains("id=\"approve\"")
    );
    let auditor = world.get(&world.sign_in(&operator()).await, &path(id)).await;
    assert!(auditor.body.contains(&texts::role_cannot_decide("auditor, operator")), "{}", auditor.body);
    assert!(!auditor.body.contains("name=\"choice\""));
}

#[tokio::test]
async fn an_edit_is_confirmed_by_its_difference() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let schema = json!({"type": "object", "properties": {"amount": {"type": "number"}, "to": {"type": "string"}},
        "required": ["amount", "to"], "additionalProperties": false});
    let asked = json!({"amount": 12400, "to": "Acme"});
    let id = world.ask_for(NewRequest { schema: Some(schema.to_string().into()), ..asking("pay", asked) }).await;
    let edit = format!("{}/edit", path(id));
    let begun = world.post(&person, &edit, &[("seen", "1"), ("comment", "so")]).await;
    assert!(begun.body.contains("name=\"arg:/amount\" value=\"12400\"") && begun.body.contains("so</textarea>"));
    let fields = |amount: &'static str| {
        [
            ("seen", "1"),
            ("as", "form"),
            ("step", "review"),
            ("arg:/amount", amount),
            ("arg:/to", "Acme"),
            ("comment", "so"),
        ]
    };
    for (amount, problem) in [("much", texts::NOT_A_NUMBER), ("12400", texts::NOTHING_EDITED)] {
        let refused = world.post(&person, &edit, &fields(amount)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.body.contains(problem) && refused.body.contains(&format!("value=\"{amount}\"")),
            "{}",
            refused.body
        );
    }
    let review = world.post(&person, &edit, &fields("1240")).await;
    assert_eq!((review.status, world.approval(id).await.revision), (StatusCode::OK, 1));
    assert!(
        review.body.contains("<del>") && review.body.contains(">12400<") && review.body.contains(">1240<"),
        "{}",
        review.body
    );
    let edited = form_of(&review, "arguments").replace("&#34;", "\"");
    assert_eq!(edited, r#"{"amount":1240,"to":"Acme"}"#);
    let confirmed = [("seen", "1"), ("arguments", edited.as_str()), ("comment", "so")];
    let done = world.post(&person, &format!("{edit}/approve"), &confirmed).await;
    let approval = world.approval(id).await;
    assert_eq!((done.status, approval.status), (StatusCode::SEE_OTHER, Status::Approved));
    assert_eq!((approval.arguments.as_json(), approval.edits), (r#"{"amount":1240,"to":"Acme"}"#, 1));
    let page = world.get(&person, &path(id)).await;
    assert!(page.body.contains(texts::EDITED_HEADING) && page.body.contains("class=\"changed\""));
}

#[tokio::test]
async fn mistakes_in_an_edit_keep_what_was_typed() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let schema = json!({"properties": {"n": {"type": "integer", "maximum": 5}}}).to_string();
    let id = world.ask_for(NewRequest { schema: Some(schema.into()), ..asking("mail", json!({"n": 1})) }).await;
    let edit = format!("{}/edit", path(id));
    for (typed, status, said) in [
        ("{\r\n \"n\": [bob]\r\n}", StatusCode::BAD_REQUEST, "Line 2, column 8"),
        ("{\"n\": 9}", StatusCode::BAD_REQUEST, "/n: 9 is greater than the maximum of 5"),
        ("[]", StatusCode::BAD_REQUEST, texts::NOT_AN_OBJECT),
    ] {
        let fields = [("seen", "1"), ("as", "json"), ("step", "review"), ("arguments", typed)];
        let refused = world.post(&person, &edit, &fields).await;
        assert_eq!(refused.status, status);
        assert!(refused.body.contains(said), "{}", refused.body);
        let kept = typed.replace("\r\n", "\n").replace('"', "&#34;");
        let kept = if said.starts_with('/') { kept.replace("{", "{\n  ").replace('}', "\n}") } else { kept };
        assert!(refused.body.contains(&kept), "{kept} in {}", refused.body);
    }
    // The page of the edit is stale as every other page.
    let stale =
        world.post(&person, &edit, &[("seen", "7"), ("as", "json"), ("step", "review"), ("arguments", "{}")]).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(stale.body.contains(texts::STALE));
}

#[tokio::test]
async fn what_became_of_the_call_is_told_and_it_can_be_revoked_until_it_is_claimed() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let [revoked, run] = [world.ask("pay", json!({"n": 1})).await, world.ask("pay", json!({"n": 2})).await];
    for id in [revoked, run] {
        vote(&world, 1, id, Choice::Approve, None).await;
    }
    let revoke = format!("{}/revoke", path(revoked));
    let asked = world.post(&person, &revoke, &[]).await;
    assert!(asked.body.contains(texts::REVOKE_EXPLAINED) && world.approval(revoked).await.revocation.is_none());
    let done = world.post(&person, &revoke, &[("confirmed", "yes"), ("reason", "wrong\r\naccount")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(world.approval(revoked).await.revocation.clone().unwrap().reason, "wrong\naccount");
    let page = world.get(&person, &path(revoked)).await;
    assert!(page.body.contains(texts::REVOKED_BY) && !page.body.contains("data-events="));

    let digest = world.approval(run).await.digest;
    let claimed = NewClaim { id: run, request_id: None, digest };
    let claim_id = world.desk.approvals.claim(&agent(), claimed).await.unwrap().claim.unwrap().id;
    let page = world.get(&person, &path(run)).await;
    assert!(page.body.contains(texts::NOT_REPORTED) && !page.body.contains("id=\"revoke\""));
    assert!(page.body.contains("data-events="), "the report can still come");
    let report = NewReport {
        id: run,
        request_id: None,
        claim_id,
        result: ExecutionResult::Failed,
        message: "no <funds>".into(),
    };
    world.desk.approvals.report(&agent(), report).await.unwrap();
    let page = world.get(&person, &path(run)).await;
    assert!(page.body.contains(texts::FAILED) && page.body.contains("no &lt;funds&gt;"));
    assert!(!page.body.contains("data-events="));
    // The next request of the same caller and tool says so.
    let next = world.ask("pay", json!({"n": 3})).await;
    let page = world.get(&person, &path(next)).await;
    assert!(page.body.contains(texts::LAST_FAILURE) && page.body.contains("no &lt;funds&gt;"), "{}", page.body);
}

#[tokio::test]
async fn a_freeze_in_scope_is_shown() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({})).await;
    assert!(!world.get(&person, &path(id)).await.body.contains(texts::FROZEN));
    let scope = crate::domain::FreezeScope::Caller(agent().actor.to_string());
    world.desk.admin.freeze(&operator(), scope, "incident <7>".into(), None).await.unwrap();
    let page = world.get(&person, &path(id)).await;
    assert!(page.body.contains(texts::FROZEN) && page.body.contains("incident &lt;7&gt;"));
}

#[tokio::test]
async fn the_next_request_that_waits_is_one_step_away() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let within = |seconds| NewRequest { timeout: Duration::from_secs(seconds), ..asking("pay", json!({})) };
    let [second, first] = [world.ask_for(within(200)).await, world.ask_for(within(100)).await];
    let page = world.get(&person, &path(first)).await;
    assert!(page.body.contains("1 of 2") && page.body.contains(&format!("href=\"{}\" rel=\"next\"", path(second))));
    vote(&world, 1, first, Choice::Approve, None).await;
    let page = world.get(&person, &path(first)).await;
    assert!(page.body.contains(&format!("class=\"button\" href=\"{}\"", path(second))));
    assert!(page.body.contains("1 request waits for you"));
}

/// The next part of a stream that is ready, without its comments.
async fn part(body: &mut Body) -> Option<String> {
    settle().await;
    let frame = std::future::poll_fn(|context| {
        let polled = std::pin::Pin::new(&mut *body).poll_frame(context);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(frame) => frame,
            std::task::Poll::Pending => None,
        })
    });
    frame.await.map(|frame| String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn an_open_page_gets_each_change_also_after_the_decision() {
    let world = World::with_policy(two_of_two()).await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"amount": 5})).await;
    let mut stream = world.stream(&person, &format!("{}/events?after=1", path(id))).await;
    let hello = part(&mut stream).await.unwrap();
    assert!(hello.contains("event: hello") && hello.contains("data: "), "browsers do not dispatch events without data");
    assert!(part(&mut stream).await.unwrap().contains("event: current"));
    assert_eq!(part(&mut stream).await, None);
    vote(&world, 2, id, Choice::Approve, Some(json!({"amount": 50}))).await;
    let update = part(&mut stream).await.unwrap();
    assert!(update.contains("event: update") && update.contains("id: 3"), "{update}");
    assert!(update.contains(texts::CHANGED_HEADING) && update.contains("<del>") && update.contains("value=\"3\""));
    vote(&world, 1, id, Choice::Approve, None).await;
    assert!(part(&mut stream).await.unwrap().contains(texts::CAN_BE_CLAIMED));
    let digest = world.approval(id).await.digest;
    world.desk.approvals.claim(&agent(), NewClaim { id, request_id: None, digest }).await.unwrap();
    assert!(part(&mut stream).await.unwrap().contains(texts::NOT_REPORTED));
    // A page that has got all of it, and connects again, gets nothing twice.
    let mut again = world.stream(&person, &format!("{}/events?after=5", path(id))).await;
    assert!(part(&mut again).await.unwrap().contains("event: hello"));
    assert!(part(&mut again).await.unwrap().contains("event: current"));
    assert_eq!(part(&mut again).await, None);
    // One that has missed something hears that first.
    let mut late = world.stream(&person, &format!("{}/events?after=2", path(id))).await;
    assert!(part(&mut late).await.unwrap().contains("event: hello"));
    assert!(part(&mut late).await.unwrap().contains("event: update"));
    assert_eq!(part(&mut late).await, None);
}

#[tokio::test]
async fn an_open_page_does_not_keep_its_session_from_being_idle() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({})).await;
    let events = format!("{}/events?after=1", path(id));
    let minutes = |minutes: u64| world.clock.advance(Duration::from_secs(60 * minutes));
    minutes(59);
    assert_eq!(world.get(&person, &path(id)).await.status, StatusCode::OK);
    minutes(59);
    for events in [events.as_str(), "/events?view=waiting"] {
        drop(world.stream(&person, events).await);
    }
    minutes(1);
    let request = person.request("HEAD", &events).header(header::ACCEPT, "text/event-stream");
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get(&person, &path(id)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_json_editor_names_invisible_characters() {
    let world = World::new().await;
    let person = world.sign_in(&reviewer(1)).await;
    let id = world.ask("pay", json!({"to": "Acme\u{200b}"})).await;
    let edit = format!("{}/edit", path(id));
    let fields = [("seen", "1"), ("as", "json"), ("step", "json"), ("arguments", "{\"to\": \"Bcme\u{200b}\"}")];
    for page in [world.get(&person, &edit).await, world.post(&person, &edit, &fields).await] {
        page.assert_has(&["id=\"arguments\"", "invisible character", "U+200B"]);
    }
    let plain = world.ask("pay", json!({"to": "Acme"})).await;
    let page = world.get(&person, &format!("{}/edit", path(plain))).await;
    assert!(!page.body.contains("odd-count"), "{}", page.body);
}
