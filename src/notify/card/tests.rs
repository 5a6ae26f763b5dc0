//! What cards say.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{samples::*, *};
use crate::domain::{
    Actor, ActorKind, Approval, Effect, Escalation, Panel, Requirement, Revocation, Status,
    samples::{at, reviewer, verdict},
};

fn card(approval: &Approval, seconds: i64) -> Card {
    card_under(approval, seconds, json!({}))
}

fn card_under(approval: &Approval, seconds: i64, policy: Value) -> Card {
    Card::of(&message(approval, NotificationKind::Requested, at(seconds), policy), &Budget::CHAT)
}

fn facts(card: &Card) -> Vec<(String, String)> {
    card.facts.iter().map(|fact| (fact.name.unescaped(), fact.value.unescaped())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn asked(reviewers: &[&[&str]], quorum: u32) -> Approval {
    let panel = |(n, reviewers): (usize, &&[&str])| Panel {
        rule: format!("rule-{n}").into(),
        reviewers: reviewers.iter().map(|name| name.parse().unwrap()).collect(),
        quorum,
    };
    let panels = reviewers.iter().enumerate().map(panel).collect();
    let requirement = Requirement { panels, ..Requirement::any(1) };
    Approval { verdict: verdict(Effect::RequireApproval(requirement)), ..payment() }
}

#[test]
fn a_request_says_what_who_why_and_how_long() {
    let card = card(&payment(), 60);
    assert_eq!(card.heading.unescaped(), "process_payment: approval needed");
    assert_eq!(card.status.unescaped(), "Waiting for approval from any reviewer, 4 min left");
    assert_eq!(
        facts(&card),
        pairs(&[
            ("amount", "12400"),
            ("currency", "EUR"),
            ("iban", "DE89 3704 0044 0532 0130 00"),
            ("to", "Acme GmbH")
        ])
    );
    let details: Vec<_> = card.details.iter().map(|one| format!("{}: {}", one.label, one.value.unescaped())).collect();
    assert_eq!(
        details,
        [
            "Agent: billing-bot ← planner",
            "Caller: agent (test)",
            "Reason: Invoice 4711 is due today.",
            "Rule: rule",
            "Asked: any reviewer, 0 of 1 approval",
            "Labels: team=billing",
            "Run: run-1",
            "Requested: 08:00 UTC",
            "Deadline: 08:05 UTC (4 min left)",
        ]
    );
    assert_eq!(card.deadline.as_ref().unwrap().left, "4 min left");
    assert_eq!(card.open, Some(format!("{PUBLIC_URL}/approvals/{}", payment().id)));
    assert_eq!(card.queue, Some(format!("{PUBLIC_URL}/")));
    assert!(card.everything_shown && card.may_offer_approve() && card.warnings.is_empty() && card.cut == 0);
}

#[test]
fn the_status_names_the_reviewers_who_are_awaited() {
    for (reviewers, quorum, said) in [
        (&[&["group:finance"][..]][..], 1, "Waiting for approval from group finance, 5 min left"),
        (
            &[&["group:finance", "user:dev/alice"]],
            2,
            "Waiting for approval from group finance or dev/alice, 5 min left",
        ),
        (&[&["group:a"], &["group:b"]], 1, "Waiting for approval from group a, and from group b, 5 min left"),
        (&[&["group:a"], &["group:a"]], 1, "Waiting for approval from group a, 5 min left"),
    ] {
        assert_eq!(card(&asked(reviewers, quorum), 0).status.unescaped(), said);
    }
    let many: Vec<_> = (0..8).map(|n| format!("group:g{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let said = card(&asked(&[&many], 1), 0).status.unescaped();
    assert!(said.ends_with("group g5 and 2 more, 5 min left"), "{said}");
}

#[test]
fn every_end_says_who_and_when() {
    for (status, heading, said, tone) in [
        (
            Status::Approved,
            "process_payment: approved",
            "Approved by reviewer-1, at the desk, 08:01 UTC: fine",
            Tone::Approved,
        ),
        (
            Status::Rejected,
            "process_payment: rejected",
            "Rejected by reviewer-1, at the desk, 08:01 UTC: fine",
            Tone::Rejected,
        ),
        (
            Status::TimedOut,
            "process_payment: timed out",
            "Timed out: nobody decided before the deadline, 08:01 UTC",
            Tone::Ended,
        ),
        (Status::Cancelled, "process_payment: cancelled", "Withdrawn by agent, 08:01 UTC: fine", Tone::Ended),
        (
            Status::AutoApproved,
            "process_payment: approved by the policy",
            "Approved by the policy, 08:01 UTC: fine",
            Tone::Approved,
        ),
        (
            Status::AutoRejected,
            "process_payment: rejected by the policy",
            "Rejected by the policy, 08:01 UTC: fine",
            Tone::Rejected,
        ),
    ] {
        let card = card(&decided(payment(), status, "fine"), 120);
        assert_eq!((card.heading.unescaped().as_str(), card.status.unescaped().as_str()), (heading, said));
        assert_eq!((card.tone, card.waits(), card.deadline.is_some()), (tone, false, false), "{status:?}");
        assert!(!card.may_offer_approve());
    }
}

#[test]
fn a_revoked_approval_says_so() {
    let approved = decided(payment(), Status::Approved, "fine");
    let revocation = Some(Revocation { actor: reviewer(2), at: at(90), reason: "wrong account".into() });
    let card = card(&Approval { revocation, updated_at: at(90), ..approved }, 86_400 * 2);
    assert_eq!(card.heading.unescaped(), "process_payment: revoked");
    assert_eq!(card.status.unescaped(), "Revoked by reviewer-2, 2027-01-15 08:01 UTC: wrong account");
    assert_eq!(card.votes[0].unescaped(), "reviewer-1 approved, 2027-01-15 08:01 UTC, at the desk");
}

#[test]
fn nothing_waits_after_the_deadline() {
    let card = card(&payment(), 300);
    assert_eq!(card.heading.unescaped(), "process_payment: timed out");
    assert_eq!(card.status.unescaped(), "Timed out: nobody decided before the deadline, 08:05 UTC");
    assert!(!card.waits() && !card.may_offer_approve());
}

#[test]
fn priorities_and_what_happened_are_in_the_heading() {
    let priority = |priority| {
        let escalations = vec![Escalation {
            rule: "".into(),
            after: std::time::Duration::from_secs(1),
            reviewers: Vec::new(),
            priority,
            notify: Vec::new(),
        }];
        let requirement = Requirement { escalations, ..Requirement::any(1) };
        Approval { verdict: verdict(Effect::RequireApproval(requirement)), escalated: 1, ..payment() }
    };
    let urgent = priority(Priority::Urgent);
    assert_eq!(card(&urgent, 0).heading.unescaped(), "Urgent: process_payment: approval needed");
    assert_eq!(card(&urgent, 0).detail(DetailKey::Priority).unwrap().unescaped(), "urgent");
    assert_eq!(
        card(&priority(Priority::High), 0).heading.unescaped(),
        "High priority: process_payment: approval needed"
    );
    let decided = decided(urgent, Status::Approved, "");
    assert_eq!(card(&decided, 120).heading.unescaped(), "process_payment: approved");
    for (kind, heading) in [
        (NotificationKind::Edited, "process_payment: approval needed, arguments were changed"),
        (NotificationKind::Escalated, "process_payment: still waiting for approval"),
    ] {
        let card = Card::of(&message(&payment(), kind, at(0), json!({})), &Budget::CHAT);
        assert_eq!(card.heading.unescaped(), heading);
    }
}

#[test]
fn arguments_are_readable() {
    let args = json!({
        "card": {"number": "4111", "brand": null},
        "items": [{"sku": "a", "price": 1.5}, {"sku": "b"}],
        "tags": ["x", "y, z"],
        "none": [],
        "nothing": {},
        "empty": "",
        "text": "true",
        "flag": true,
        "card.number": "not the number of the card",
        "two words": 1,
    });
    let card = card(&with_arguments(payment(), &args), 0);
    let mut facts = facts(&card);
    facts.sort();
    assert_eq!(
        facts,
        pairs(&[
            ("[\"card.number\"]", "not the number of the card"),
            ("card.brand", "null"),
            ("card.number", "\"4111\""),
            ("empty", "(empty text)"),
            ("flag", "true"),
            ("items[0].price", "1.5"),
            ("items[0].sku", "a"),
            ("items[1].sku", "b"),
            ("none", "(empty list)"),
            ("nothing", "(empty object)"),
            ("tags", "[\"x\", \"y, z\"]"),
            ("text", "\"true\""),
            ("two words", "1"),
        ])
    );
    assert!(card.everything_shown);
}

#[test]
fn the_summary_comes_first_and_the_others_follow() {
    let policy = json!({"summary": ["args.to", "args.amount"]});
    let card = card_under(&payment(), 0, policy);
    let names: Vec<_> = card.facts.iter().map(|fact| (fact.name.unescaped(), fact.matters)).collect();
    let expected = [("to", true), ("amount", true), ("currency", false), ("iban", false)];
    assert_eq!(names, expected.map(|(name, matters)| (name.to_owned(), matters)));
    assert!(card.everything_shown);
}

#[test]
fn what_is_cut_cannot_be_approved() {
    let long = json!({"note": "x".repeat(Budget::CHAT.value + 7)});
    let shown = card(&with_arguments(payment(), &long), 0);
    assert_eq!((shown.cut, shown.facts[0].cut, shown.everything_shown), (7, 7, false));
    assert!(shown.facts[0].value.unescaped().ends_with("x (7 more characters)"));
    assert!(shown.waits() && !shown.may_offer_approve());

    let many: Value = (0..20).map(|n| (format!("a{n:02}"), json!(n))).collect();
    let shown = card(&with_arguments(payment(), &many), 0);
    assert_eq!((shown.facts.len(), shown.facts_left_out, shown.everything_shown), (16, 4, false));

    let mut request = payment().request.as_ref().clone();
    request.reason = "y".repeat(Budget::CHAT.words + 1);
    let shown = card(&Approval { request: Arc::new(request), ..payment() }, 0);
    assert_eq!((shown.cut, shown.everything_shown), (1, false));
}

#[test]
fn what_is_redacted_is_named_and_cannot_be_approved() {
    let card = card_under(&payment(), 0, json!({"redact": ["args.iban"]}));
    assert!(facts(&card).contains(&("iban".to_owned(), "redacted".to_owned())));
    assert_eq!(card.warnings.iter().map(Phrase::unescaped).collect::<Vec<_>>(), ["args.iban is redacted"]);
    assert!(!card.everything_shown && !format!("{card:?}").contains("DE89"));
}

#[test]
fn what_can_deceive_is_named() {
    let args = json!({"to": "Acme GmbH\u{200b}", "site": "https://xn--pple-43d.com", "id": 9_007_199_254_740_993_i64});
    let card = card(&with_arguments(payment(), &args), 0);
    let mut warnings: Vec<_> = card.warnings.iter().map(Phrase::unescaped).collect();
    warnings.sort();
    assert_eq!(
        warnings,
        [
            "id: the number may not be exact: it is beyond ±9,007,199,254,740,991",
            "site: 'xn--pple-43d.com' stands for '\u{430}pple.com'",
            "to: 1 invisible character (U+200B zero width space) after 'GmbH'",
        ]
    );
    assert!(!card.everything_shown);
    assert!(facts(&card).contains(&("to".to_owned(), "Acme GmbH⟨U+200B⟩".to_owned())));

    let texts = |change: &dyn Fn(&mut crate::domain::Request)| {
        let mut request = payment().request.as_ref().clone();
        change(&mut request);
        card_under(&Approval { request: Arc::new(request), ..payment() }, 0, json!({})).everything_shown
    };
    assert!(texts(&|_| {}));
    assert!(!texts(&|request| request.reason.push('\u{202e}')));
    assert!(!texts(&|request| request.tool_name.push('\u{202e}')));
    assert!(!texts(&|request| request.agent.name.push('\u{202e}')));
    assert!(!texts(&|request| request.agent.chain.push("\u{202e}".into())));
    assert!(!texts(&|request| request.agent.run_id.push('\u{202e}')));
    assert!(!texts(&|request| drop(request.labels.insert("a".into(), "\u{202e}".into()))));
    let person = |subject: &str| Actor { kind: ActorKind::Person, issuer: "test".into(), subject: subject.into() };
    assert!(texts(&|request| request.on_behalf_of = Some(person("bob"))));
    assert!(!texts(&|request| request.on_behalf_of = Some(person("b\u{202e}b"))));
}

#[test]
fn a_bundle_tells_the_past_and_has_nothing_to_decide() {
    let card = |agent, count| Card::of(&bundle(agent, count), &Budget::CHAT);
    let one = card(Some("billing-bot"), 5);
    assert_eq!(one.heading.unescaped(), "billing-bot: 5 more requests");
    assert_eq!(one.status.unescaped(), "billing-bot asked 5 more times since 08:00 UTC.");
    assert_eq!(one.detail(DetailKey::Tools).unwrap().unescaped(), "process_payment, send_email");
    assert_eq!((one.open.as_deref(), one.queue), (None, Some(format!("{PUBLIC_URL}/"))));
    assert!(!one.everything_shown && one.tone == Tone::Neutral);
    assert_eq!(card(None, 1).status.unescaped(), "Agents asked once more since 08:00 UTC.");
    assert_eq!(card(Some(""), 2).heading.unescaped(), "An agent: 2 more requests");
}

#[test]
fn a_test_is_marked_and_has_nothing_to_decide() {
    let card = Card::of(&test(), &Budget::CHAT);
    assert_eq!(card.heading.unescaped(), "Test message from Signoff");
    assert!(!card.may_offer_approve() && card.open.is_none() && card.approval.is_none());
}

#[test]
fn times_left_are_short() {
    for (seconds, text) in [
        (0, "0 s left"),
        (59, "59 s left"),
        (60, "1 min left"),
        (7_199, "119 min left"),
        (7_200, "2 h left"),
        (172_800, "2 days left"),
    ] {
        assert_eq!(texts::left(std::time::Duration::from_secs(seconds)), text);
    }
}
