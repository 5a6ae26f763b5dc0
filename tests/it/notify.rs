//! Notifications from the real server to real receivers: late, repeated, in order, and never lost.

mod kills;
pub(crate) mod receiver;

use std::{collections::BTreeMap, path::Path};

use signoff::proto::v1::{Approval, CancelApprovalRequest, GetApprovalRequest, GetStatusRequest, VoteChoice};

use self::receiver::{Answer, Arrived, Receiver, SECRET};
use crate::{
    calls::{ask, decide, open},
    server::{Process, Server, serve, soon},
};

/// Writes a configuration with these channels, all of them told of every request.
fn configure(data: &Path, channels: &[(&str, &Receiver)]) {
    let secret = data.join("webhook-secret");
    std::fs::write(&secret, SECRET).unwrap();
    let names: Vec<_> = channels.iter().map(|(name, _)| *name).collect();
    let mut text = format!("[notify]\ndefault = {names:?}\n");
    for (name, receiver) in channels {
        text += &receiver.channel(name, secret.to_str().unwrap());
    }
    std::fs::write(data.join("signoff.toml"), text).unwrap();
}

/// Starts a server with the configuration of [`configure`].
async fn start(data: &Path, settings: &[&str]) -> Server {
    let mut command = serve(data, settings);
    command.arg("--config").arg(data.join("signoff.toml"));
    match Process::spawn(data, command).listening().await {
        Ok(server) => server,
        Err((status, log)) => panic!("the server ended with {status}:\n{log}"),
    }
}

async fn asked(server: &Server, request_id: &str) -> Approval {
    open(&mut server.agent(), ask(request_id)).await.unwrap().1
}

async fn approved(server: &Server, approval: &Approval) {
    server.reviewer().decide(decide(approval, "", VoteChoice::Approve)).await.unwrap();
}

/// Messages that the receiver accepted, by approval, without repetitions: their kinds in order of arrival. Checks what
/// holds for all of them.
fn accepted(arrived: &[Arrived]) -> BTreeMap<String, Vec<String>> {
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    for message in arrived {
        let Arrived { id, kind, approval, revision, answer } = message;
        let plain = approval.replace('-', "");
        assert!(id.starts_with(&format!("msg_{plain}_{revision}_")), "{message:?}");
        let known = newest.entry(approval).or_default();
        assert!(revision >= known, "an older event came after a newer one: {message:?}");
        if matches!(answer, Answer::Ok | Answer::Cut) && revision > known {
            *known = *revision;
            kinds.entry(approval.clone()).or_default().push(kind.clone());
        }
    }
    kinds
}

fn accepted_count(arrived: &[Arrived]) -> usize {
    accepted(arrived).values().map(Vec::len).sum()
}

/// One line of the metrics.
async fn metric(server: &Server, name: &str) -> Option<f64> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

pub(crate) async fn until_metric(server: &Server, name: &str, enough: impl Fn(f64) -> bool) {
    soon(name, async { while !metric(server, name).await.is_some_and(&enough) {} }).await;
}

async fn problems(server: &Server) -> Vec<String> {
    let status = server.admin(&server.tokens().operator).get_status(GetStatusRequest {}).await.unwrap().into_inner();
    status.status.unwrap().notification_problems
}

#[tokio::test]
async fn every_event_arrives_in_order_whatever_the_receiver_answers() {
    let data = tempfile::tempdir().unwrap();
    // Each message fails once, in a different way.
    let failures = [
        Answer::Status("500 Internal Server Error", ""),
        Answer::Status("429 Too Many Requests", "retry-after: 1\r\n"),
        Answer::Garbage,
        Answer::Close,
        Answer::Hang,
        Answer::Cut,
        Answer::Status("302 Found", "location: http://127.0.0.1:1/\r\n"),
    ];
    let mut seen = BTreeMap::new();
    let receiver = Receiver::start(move |message: &Arrived| {
        let number = seen.len();
        let mut first = false;
        seen.entry(message.id.clone()).or_insert_with(|| first = true);
        if first && number < failures.len() { failures[number].clone() } else { Answer::Ok }
    });
    configure(data.path(), &[("hook", &receiver)]);
    let server = start(data.path(), &[]).await;
    let mut expected = BTreeMap::new();
    for n in 0..4 {
        let approval = asked(&server, &format!("ask-{n}")).await;
        approved(&server, &approval).await;
        expected.insert(approval.id, vec!["approval.requested".to_owned(), "approval.decided".to_owned()]);
    }
    let arrived = receiver.until("every message arrives", |arrived| accepted_count(arrived) == 8).await;
    assert_eq!(accepted(&arrived), expected);
    assert_eq!(metric(&server, r#"signoff_deliveries_total{channel="hook",outcome="dead"}"#).await, Some(0.0));
}

#[tokio::test]
async fn a_receiver_that_is_down_gets_everything_after_it_is_up_and_the_server_restarted() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Answer::Ok);
    receiver.go_down().await;
    configure(data.path(), &[("hook", &receiver)]);
    let server = start(data.path(), &[]).await;
    let mut approvals = Vec::new();
    for n in 0..10 {
        let approval = asked(&server, &format!("ask-{n}")).await;
        approved(&server, &approval).await;
        approvals.push(approval.id);
    }
    let failed = r#"signoff_deliveries_total{channel="hook",outcome="failed"}"#;
    until_metric(&server, failed, |value| value >= 1.0).await;
    let problem = &problems(&server).await[0];
    assert!(problem.starts_with("channel hook fails, last at "), "{problem}");
    until_metric(&server, r#"signoff_deliveries_waiting{channel="hook"}"#, |value| value == 10.0).await;
    assert!(server.log().contains("cannot send a message"));
    server.stop().await;

    receiver.listen();
    let server = start(data.path(), &[]).await;
    let arrived = receiver.until("every message arrives", |arrived| accepted_count(arrived) == 20).await;
    assert!(accepted(&arrived).keys().eq(approvals.iter().collect::<std::collections::BTreeSet<_>>()));
    until_metric(&server, r#"signoff_deliveries_waiting{channel="hook"}"#, |value| value == 0.0).await;
    assert_eq!(problems(&server).await, [""; 0]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_or_hangs_delays_no_other_channel() {
    let data = tempfile::tempdir().unwrap();
    let gone = Receiver::start(|_| Answer::Status("410 Gone", ""));
    let hung = Receiver::start(|_| Answer::Hang);
    let good = Receiver::start(|_| Answer::Ok);
    configure(data.path(), &[("gone", &gone), ("good", &good), ("hung", &hung)]);
    let server = start(data.path(), &[]).await;
    for n in 0..100 {
        asked(&server, &format!("ask-{n}")).await;
    }
    let arrived = good.until("the good channel gets everything", |arrived| arrived.len() == 100).await;
    assert_eq!(accepted_count(&arrived), 100);
    until_metric(&server, r#"signoff_deliveries_dead{channel="gone"}"#, |value| value == 100.0).await;
    let problems = problems(&server).await;
    assert!(problems[0].starts_with("channel gone is disabled: "), "{problems:?}");
    assert!(gone.arrived().len() <= 16, "what was in flight when it said so");
    assert_eq!(accepted_count(&hung.arrived()), 0);
    server.stop().await;

    // After a restart the channel is tried again, and a dead delivery is still dead.
    gone.answer(|_| Answer::Ok);
    let server = start(data.path(), &[]).await;
    let approval = asked(&server, "another").await;
    let arrived = gone.until("the channel works again", |arrived| accepted_count(arrived) == 1).await;
    assert_eq!(arrived.last().map(|message| &message.approval), Some(&approval.id));
}

#[tokio::test]
async fn every_end_is_told() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Answer::Ok);
    configure(data.path(), &[("hook", &receiver)]);
    let server = start(data.path(), &["limits.timeout_min=10ms"]).await;
    let decided = asked(&server, "decided").await;
    approved(&server, &decided).await;
    let cancelled = asked(&server, "cancelled").await;
    let cancel = CancelApprovalRequest { approval_id: cancelled.id.clone(), ..Default::default() };
    server.agent().cancel_approval(cancel).await.unwrap();
    let mut short = ask("timed out");
    short.timeout = Some(prost_types::Duration { seconds: 0, nanos: 20_000_000 });
    let timed_out = open(&mut server.agent(), short).await.unwrap().1;
    let arrived = receiver.until("every message arrives", |arrived| accepted_count(arrived) == 6).await;
    let accepted = accepted(&arrived);
    let ends = [(decided, "approval.decided"), (cancelled, "approval.cancelled"), (timed_out, "approval.timed_out")];
    for (approval, end) in ends {
        assert_eq!(accepted[&approval.id], ["approval.requested", end]);
        let request = GetApprovalRequest { approval_id: approval.id, include_events: false };
        server.operator().get_approval(request).await.unwrap();
    }
}
