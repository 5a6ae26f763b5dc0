//! The simple mode: an incoming webhook.

use super::{receiver::Reply, *};
use crate::test_support::member;

/// The channel, whose secret is the URL of a webhook of the receiver.
fn webhook(world: &World) -> Arc<dyn Channel> {
    let path = world.secrets.path().join("url");
    std::fs::write(&path, format!("{}/services/T0/B0/xyz", world.slack.origin)).unwrap();
    let fields = format!(
        "kind = 'slack-webhook'\nurl_file = '{}'\nallow_http = true\nallowed_networks = ['127.0.0.0/8']",
        path.display()
    );
    let settings = ChannelSettings::parse("simple".parse().unwrap(), fields.parse().unwrap()).unwrap();
    let links = Links::new(Some("https://signoff.example".parse().unwrap()));
    settings.kind.build(&Resources { clock: Arc::clone(&world.clock) as Arc<dyn Clock>, links, minter: None }).unwrap()
}

#[tokio::test]
async fn a_request_and_its_end_have_a_message_with_a_link() {
    let world = World::with(policy(json!({ "quorum": 2 }))).await;
    let channel = webhook(&world);
    assert!(channel.habits().for_people && !channel.habits().replaces);
    let id = world.ask(json!({ "amount": 1, "to": "<!here>" })).await;
    for voter in 1..=2 {
        let sent = channel.send(&world.newest(id).await, None).await.unwrap();
        assert_eq!(sent.skipped, voter == 2, "the first vote decides nothing");
        world.decide(id, &member(voter, &["finance"]), Choice::Approve).await;
    }
    channel.send(&world.newest(id).await, None).await.unwrap();
    let sent = world.slack.webhooks();
    assert_eq!(sent.len(), 2, "the first vote decides nothing");
    assert!(sent[0]["text"].as_str().unwrap().starts_with("process_payment: approval needed"));
    assert!(sent[1]["text"].as_str().unwrap().starts_with("process_payment: approved"));
    for message in sent {
        assert_eq!(receiver::labels(&message), [""; 0]);
        assert!(message.to_string().contains(&format!("<https://signoff.example/approvals/{id}|Open the request>")));
    }
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn errors_of_webhooks_have_their_meaning() {
    let world = World::new().await;
    let channel = webhook(&world);
    let id = world.ask(json!({ "amount": 1 })).await;
    for (status, body, expected) in [
        (404, "no_service", "gone"),
        (410, "channel_is_archived", "gone"),
        (403, "action_prohibited", "gone"),
        (400, "invalid_payload", "rejected"),
        (429, "", "retry"),
        (500, "rollup_error", "retry"),
    ] {
        let reply = Reply { status, headers: "retry-after: 7\r\n", body: body.into() };
        world.slack.answer_next("services/T0/B0/xyz", reply);
        let error = channel.send(&world.newest(id).await, None).await.unwrap_err();
        let kind = match &error {
            SendError::Retry { after, .. } if *after == Some(Duration::from_secs(7)) => "retry",
            SendError::Retry { .. } => "retry at once",
            SendError::Rejected { .. } => "rejected",
            SendError::Gone { .. } => "gone",
        };
        assert_eq!(kind, expected, "{status}");
        assert!(!error.to_string().contains("xyz"), "the URL is a secret: {error}");
    }
    let empty = "kind = 'slack-webhook'\nurl = 'https://hooks.slack.com/services/T0/B0/xyz'".parse().unwrap();
    let problems = ChannelSettings::parse("simple".parse().unwrap(), empty).unwrap_err();
    assert_eq!(problems.wrong[0].problem, "must not be in the configuration; set url_file or url_env");
}
