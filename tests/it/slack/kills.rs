//! `kill -9` around a message: no approval that has ended keeps buttons in Slack.

use rustix::process::{Pid, Signal, kill_process};
use signoff::proto::v1::{CancelApprovalRequest, RequestApprovalRequest, VoteChoice};
use tokio::sync::oneshot;

use super::{Receiver, asking, configure, labels, message_of, start};
use crate::{
    calls::{decide, open, terminal},
    ledger::list,
    notify::until_metric,
    server::{Server, soon},
};

/// Kills in CI, each moment once. `SIGNOFF_SLACK_KILLS=60 cargo test --test it slack::kills` makes more.
const KILLS: usize = MOMENTS.len();

/// The metric of deliveries that are not settled.
const WAITING: &str = r#"signoff_deliveries_waiting{channel="chat"}"#;

/// A method of Slack, whether the message has buttons before, and whether the server gets the answer.
const MOMENTS: [(&str, bool, bool); 6] = [
    ("chat.postMessage", false, false),
    ("chat.postMessage", false, true),
    ("chat.update", false, false),
    ("chat.update", false, true),
    ("chat.update", true, false),
    ("chat.update", true, true),
];

/// Kills the server at its next call of a method: before the answer, or as soon as the answer is on its way.
fn kill_at(slack: &Receiver, server: &Server, method: &str, answered: bool) -> oneshot::Receiver<()> {
    let (called, wait) = oneshot::channel();
    let pid = Pid::from_raw(server.pid().cast_signed()).unwrap();
    slack.before_next(method, move || {
        if !answered {
            kill_process(pid, Signal::KILL).unwrap();
        }
        let _ = called.send(());
    });
    wait
}

fn shows_buttons(slack: &Receiver, id: &str) -> bool {
    message_of(slack, id).is_some_and(|(_, message)| !labels(&message).is_empty())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_leave_no_buttons_of_an_approval_that_ended() {
    let kills = std::env::var("SIGNOFF_SLACK_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let (data, slack) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    configure(data.path(), &slack);
    for round in 0..kills {
        let (method, has_buttons, answered) = MOMENTS[round % MOMENTS.len()];
        let server = start(data.path()).await;
        until_metric(&server, WAITING, |waiting| waiting == 0.0).await;
        let mut killed = (!has_buttons).then(|| kill_at(&slack, &server, method, answered));
        // Some end while the server is down.
        let timeout = (round % 2 == 0 && !has_buttons).then_some(prost_types::Duration { seconds: 5, nanos: 0 });
        let request = RequestApprovalRequest { timeout, ..asking(&format!("bot-{round}")) };
        // Without an answer when the server is killed before it.
        let asked = open(&mut server.agent(), request).await;
        if has_buttons {
            let (_, approval) = asked.unwrap();
            soon("buttons", slack.until(|slack| shows_buttons(slack, &approval.id))).await;
            killed = Some(kill_at(&slack, &server, method, answered));
            let _ = server.reviewer().decide(decide(&approval, "", VoteChoice::Approve)).await;
        }
        soon("the call of Slack", killed.unwrap()).await.unwrap();
        server.kill().await;
    }
    let server = start(data.path()).await;
    let approvals = list(&server.operator(), &[]).await;
    for approval in approvals.iter().filter(|approval| !terminal(approval)) {
        let cancel = CancelApprovalRequest { approval_id: approval.id.clone(), ..Default::default() };
        let _ = server.agent().cancel_approval(cancel).await; // its deadline may pass meanwhile
    }
    let approvals = list(&server.operator(), &[]).await;
    assert!(approvals.iter().all(terminal), "{approvals:#?}");
    // A deadline of an earlier round may cause the kill, before the request of this round is on record.
    assert!(approvals.len() <= kills && approvals.len() >= kills.div_ceil(2), "{}", approvals.len());
    until_metric(&server, WAITING, |waiting| waiting == 0.0).await;

    let messages = slack.messages();
    let with_buttons: Vec<_> = messages.iter().filter(|(_, message)| !labels(message).is_empty()).collect();
    assert!(with_buttons.is_empty(), "{with_buttons:#?}");
    let had_buttons = slack.calls("chat.update").iter().filter(|call| !labels(call).is_empty()).count();
    let (posted, asked) = (messages.len(), approvals.len());
    println!("{kills} kills: {posted} messages of {asked} approvals, {had_buttons} times with buttons");
    assert!(had_buttons >= kills / 3, "too few messages had buttons");
    assert!(posted >= kills / 2 && posted <= 2 * kills, "{posted} messages");
    slack.assert_no_problems();
}
