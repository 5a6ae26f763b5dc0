//! `notify`.

use super::{fake::Server, *};
use crate::proto::v1::{
    Delivery, DeliveryState, ListChannelsResponse, ListDeliveriesResponse, NotificationChannel, NotificationKind,
    RetryDeliveryResponse, TestChannelResponse,
};

const FIRST: &str = "msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_1_hook";
const SECOND: &str = "msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_2_hook";

fn moment(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn channel(name: &str) -> NotificationChannel {
    let events = vec![NotificationKind::Requested.into(), NotificationKind::TimedOut.into()];
    NotificationChannel { name: name.to_owned(), kind: "webhook".to_owned(), events, ..Default::default() }
}

fn delivery(id: &str) -> Delivery {
    Delivery {
        id: id.to_owned(),
        channel: "hook".to_owned(),
        kind: NotificationKind::Decided.into(),
        state: DeliveryState::Dead.into(),
        attempts: 12,
        last_error: "404\u{202e} Not Found".to_owned(),
        create_time: moment(1_767_225_600),
        ..Delivery::default()
    }
}

#[tokio::test]
async fn channels_are_listed_with_their_state() {
    let server = Server::start().await;
    let channels = vec![
        NotificationChannel { waiting_count: 3, oldest_since_time: moment(1_767_225_600), ..channel("unused") },
        NotificationChannel { last_success_time: moment(2), last_failure_time: moment(1), ..channel("works") },
        NotificationChannel {
            last_failure_time: moment(1),
            last_error: "timed\u{202e} out".to_owned(),
            ..channel("failing")
        },
        NotificationChannel { disabled_reason: "410 Gone".to_owned(), dead_count: 2, ..channel("disabled") },
        NotificationChannel { kind: String::new(), events: vec![], ..channel("removed") },
    ];
    server.fake.channels.answers(Ok(ListChannelsResponse { channels: channels.clone() }));
    let ran = signoff(&server.address, &["notify", "channels"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let rows: Vec<_> = ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows[0], "CHANNEL KIND STATE WAITING DEAD OLDEST DUE EVENTS ERROR");
    assert_eq!(rows[1], "unused webhook UNUSED 3 0 2026-01-01T00:00:00Z requested, timed_out -");
    assert_eq!(rows[2], "works webhook WORKS 0 0 - requested, timed_out -");
    assert_eq!(rows[3], "failing webhook FAILING 0 0 - requested, timed_out timed\\u{202e} out");
    assert_eq!(rows[4], "disabled webhook DISABLED 0 2 - requested, timed_out 410 Gone");
    assert_eq!(rows[5], "removed - NOT CONFIGURED 0 0 - - -");
    server.fake.channels.answers(Ok(ListChannelsResponse { channels: channels[..1].to_vec() }));
    let ran = signoff(&server.address, &["notify", "channels", "--json"]).await;
    assert!(ran.out.starts_with("{\"name\":\"unused\",\"kind\":\"webhook\""), "{ran:?}");
    server.fake.channels.answers(Ok(ListChannelsResponse::default()));
    let ran = signoff(&server.address, &["notify", "channels"]).await;
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", "no channels are configured\n"));
}

#[tokio::test]
async fn deliveries_are_listed_in_pages() {
    let server = Server::start().await;
    for (id, token) in [(FIRST, "t1"), (SECOND, "t2")] {
        let page = ListDeliveriesResponse { deliveries: vec![delivery(id)], next_page_token: token.to_owned() };
        server.fake.deliveries.answers(Ok(page));
    }
    let line =
        ["notify", "deliveries", "--channel", "hook", "--approval", "0190f3b2", "--dead", "--limit", "2"].as_slice();
    let ran = signoff(&server.address, line).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, "there are more; raise --limit (2)\n"), "{ran:?}");
    let rows: Vec<_> = ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows[0], "ID EVENT STATE ATTEMPTS SINCE NEXT ATTEMPT ERROR");
    assert_eq!(rows[1], format!("{FIRST} DECIDED DEAD 12 2026-01-01T00:00:00Z - 404\\u{{202e}} Not Found"));
    assert!(rows[2].starts_with(SECOND), "{rows:?}");
    let asked = server.fake.deliveries.asked();
    let pages: Vec<_> = asked.iter().map(|page| (page.page_size, page.page_token.as_str())).collect();
    assert_eq!(pages, [(2, ""), (1, "t1")]);
    for page in &asked {
        assert_eq!((page.channel.as_str(), page.approval_id.as_str(), page.dead_only), ("hook", "0190f3b2", true));
    }
    for (line, told) in [
        (&["notify", "deliveries"][..], "no deliveries wait\n"),
        (&["notify", "deliveries", "--dead"], "no dead deliveries\n"),
        (&["notify", "deliveries", "--json"], ""),
    ] {
        server.fake.deliveries.answers(Ok(ListDeliveriesResponse::default()));
        let ran = signoff(&server.address, line).await;
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", told));
    }
    let deliveries = vec![delivery(FIRST)];
    server.fake.deliveries.answers(Ok(ListDeliveriesResponse { deliveries, ..Default::default() }));
    let ran = signoff(&server.address, &["notify", "deliveries", "--json"]).await;
    assert!(
        ran.out.starts_with(&format!("{{\"id\":\"{FIRST}\"")) && ran.out.contains("DELIVERY_STATE_DEAD"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn deliveries_are_retried_by_id_or_all_dead_ones_of_a_channel() {
    let server = Server::start().await;
    let retried = |id: &str| Ok(RetryDeliveryResponse { delivery: Some(delivery(id)) });
    let both = || {
        for id in [FIRST, SECOND] {
            server.fake.retry.answers(retried(id));
        }
    };
    both();
    let ran = signoff(&server.address, &["notify", "retry", FIRST, SECOND]).await;
    assert_eq!((ran.code, ran.out), (0, format!("retrying: {FIRST}\nretrying: {SECOND}\n")));
    let asked = server.fake.retry.asked();
    assert_eq!((asked[0].delivery_id.as_str(), asked[1].delivery_id.as_str()), (FIRST, SECOND));
    assert!(asked[0].request_id != asked[1].request_id && asked[0].request_id.len() == 36);
    both();
    for (id, token) in [(FIRST, "t1"), (SECOND, "")] {
        let page = ListDeliveriesResponse { deliveries: vec![delivery(id)], next_page_token: token.to_owned() };
        server.fake.deliveries.answers(Ok(page));
    }
    let ran = signoff(&server.address, &["notify", "retry", "--all-dead", "--channel", "hook"]).await;
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "{ran:?}");
    let asked = server.fake.deliveries.asked();
    assert!(asked.iter().all(|page| page.channel == "hook" && page.dead_only), "{asked:?}");
    // One that is gone meanwhile does not stop the others.
    let page = ListDeliveriesResponse { deliveries: vec![delivery(FIRST), delivery(SECOND)], ..Default::default() };
    server.fake.deliveries.answers(Ok(page));
    server.fake.retry.answers(Err(refusal(Code::NotFound, "DELIVERY_NOT_FOUND", &[])));
    server.fake.retry.answers(retried(SECOND));
    let ran = signoff(&server.address, &["notify", "retry", "--all-dead", "--channel", "hook"]).await;
    assert_eq!((ran.code, ran.out), (0, format!("retrying: {SECOND}\n")));
    server.fake.deliveries.answers(Ok(ListDeliveriesResponse::default()));
    let ran = signoff(&server.address, &["notify", "retry", "--all-dead", "--channel", "hook"]).await;
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", "no dead deliveries\n"));
    server.fake.retry.answers(retried(FIRST));
    let ran = signoff(&server.address, &["notify", "retry", FIRST, "--json"]).await;
    assert!(ran.out.starts_with("{\"delivery\":{\"id\":"), "{ran:?}");
    server.fake.retry.answers(Err(refusal(Code::NotFound, "DELIVERY_NOT_FOUND", &[])));
    assert_eq!(signoff(&server.address, &["notify", "retry", FIRST]).await.code, 1);
}

#[test]
fn a_retry_names_deliveries_or_a_channel() {
    for line in [
        &["notify", "retry"][..],
        &["notify", "retry", "--all-dead"],
        &["notify", "retry", "--channel", "hook"],
        &["notify", "retry", FIRST, "--all-dead", "--channel", "hook"],
        &["notify", "test"],
    ] {
        let error = Cli::try_parse_from(["signoff"].iter().chain(line)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line:?}");
    }
}

#[tokio::test]
async fn a_test_prints_what_the_receiver_said() {
    let server = Server::start().await;
    let answers = |accepted, answer: &str| {
        server.fake.test.answers(Ok(TestChannelResponse { accepted, answer: answer.to_owned() }));
    };
    answers(true, "200 OK\u{202e}");
    let ran = signoff(&server.address, &["notify", "test", "hook"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "hook accepted the test message: 200 OK\\u{202e}\n"));
    assert_eq!(server.fake.test.asked()[0].channel, "hook");
    answers(false, "the name does not resolve");
    let ran = signoff(&server.address, &["notify", "test", "hook"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("hook did not accept the test message: the name does not resolve"), "{ran:?}");
    answers(false, "no");
    let ran = signoff(&server.address, &["notify", "test", "hook", "--json"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, "{\"answer\":\"no\"}\n"));
    answers(true, "yes");
    let ran = signoff(&server.address, &["notify", "test", "hook", "--json"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "{\"accepted\":true,\"answer\":\"yes\"}\n"));
    // A message may have been sent: the call is not repeated.
    server.fake.test.answers(Err(Status::unavailable("gone")));
    assert_eq!(signoff(&server.address, &["notify", "test", "hook"]).await.code, 1);
    assert_eq!(server.fake.test.asked().len(), 5);
}
