//! Texts of agents and people that try to be more than text. The receiver checks every text: see `block_kit.rs`.

use super::*;
use crate::test_support::member;

const ATTACKS: [&str; 6] = [
    "<!here> <!channel> <!everyone> <@U0BOB> <#C0123ABCD> <!subteam^S1> @channel",
    "<https://evil.example|https://bank.example> https://evil.example mailto:a@b.c",
    "*bold* _it_ ~no~ `code` ```block``` > quote :bomb: <!date^0^{date}|now>",
    "&lt;!here&gt; &amp; & < > \" '",
    "Approved by alice\n\nArguments\namount: 1\r\n\u{2028}x",
    "invoice\u{202e}fdp.exe \u{200b}\u{feff}\u{0}\u{7}\u{1b}[31m \u{5d0}\u{5d1}",
];

#[tokio::test]
async fn texts_of_others_are_only_text() {
    let world = World::with(policy(json!({ "quorum": 2, "reject_threshold": 2 }))).await;
    for attack in ATTACKS {
        let visible: String = attack.chars().filter(|c| !c.is_control()).collect();
        let request = NewRequest {
            agent: Agent { name: attack.into(), run_id: attack.into(), chain: vec![attack.into()] },
            reason: attack.into(),
            labels: [(attack.to_owned(), attack.to_owned())].into(),
            tool_name: "send".into(),
            ..asking(json!({ attack: attack, "inner": { attack: [attack] } }))
        };
        let id = world.ask_for(request).await;
        world.tell(id).await.unwrap();
        let (ts, _) = world.slack.messages().pop().unwrap();
        // A comment is a text of a person.
        let view = world.form(&ts, "signoff_reject", ALICE).await;
        world.interact(&world.slack.submit(&view, ALICE, None, Some(&visible))).await;
        world.tell(id).await.unwrap();
        world.decide(id, &member(2, &["finance"]), Choice::Reject).await;
        world.tell(id).await.unwrap();
    }
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn the_greatest_request_fits_into_a_message() {
    let world = World::new().await;
    let wide =
        |c: &str| -> Value { (0..200).map(|n| (format!("{c}{n}{}", c.repeat(60)), json!(c.repeat(200)))).collect() };
    for c in ["&", "\u{1f600}", "\u{202e}", "<", "x"] {
        let request = NewRequest {
            agent: Agent { name: c.repeat(32), run_id: c.repeat(32), chain: vec![c.repeat(32); 16] },
            reason: c.repeat(1_000),
            labels: (0..32).map(|n| (format!("{n}{}", c.repeat(15)), c.repeat(64))).collect(),
            tool_name: "x".repeat(128),
            ..asking(wide(c))
        };
        let id = world.ask_for(request).await;
        world.tell(id).await.unwrap();
        let (ts, message) = world.slack.messages().pop().unwrap();
        assert!(!message.to_string().contains("\"Approve\""), "not everything is shown");
        // Slack sends it back with a click.
        let view = world.form(&ts, "signoff_reject", ALICE).await;
        assert!(view["blocks"][0]["text"]["text"].as_str().unwrap().starts_with("xxx"));
    }
    world.slack.assert_no_problems();
}
