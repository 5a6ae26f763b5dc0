use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{samples::*, *},
    telemetry::{Format, test_logs::capture},
};

/// Events of an approval with a secret in every text that must not be logged, and a line break in a name.
fn approvals_events() -> (Approval, Vec<Event>) {
    let (asked, arguments) = a_request("r1");
    let asked = Request {
        reason: "secret reason".into(),
        agent: Agent { name: "bot\n2026-01-01 INFO forged".into(), ..asked.agent.clone() },
        labels: [("team".to_owned(), "secret label".to_owned())].into(),
        on_behalf_of: Some(actor(ActorKind::Person, "alice")),
        ..asked
    };
    let (mut approval, first) = request(id(0, 1), Arc::new(asked), arguments, quorum(2), at(0)).unwrap();
    let mut events = vec![first];
    let comment = "secret comment".to_owned();
    let vote = |n| Deciding { comment: comment.clone(), ..decide(reviewer(n), Choice::Approve, Seen::Revision(1)) };
    let digest = approval.digest;
    let claim = Claiming { actor: agent(), request_id: None, claim_id: claim_id(7), digest };
    let message = "secret message".to_owned();
    let result = ExecutionResult::Failed;
    let report = Reporting { actor: agent(), request_id: None, claim_id: claim_id(7), result, message };
    let commands = [
        Command::Decide(vote(1)),
        Command::Decide(Deciding { via: Some(actor(ActorKind::Service, "bridge")), ..vote(2) }),
        Command::Claim(claim),
        Command::Report(report),
    ];
    for (command, seconds) in commands.iter().zip([10, 90, 100, 110]) {
        let step = step(&approval, command, at(seconds));
        assert!(step.outcome.is_ok(), "{command:?}: {:?}", step.outcome);
        (approval, events) = (step.approval, events.into_iter().chain(step.events).collect());
    }
    (approval, events)
}

fn written(format: Format) -> (String, Approval) {
    let (lines, _guard) = capture(format, "info", None);
    let (approval, events) = approvals_events();
    events.iter().filter_map(|event| Line::of(&approval, event)).for_each(|line| line.write());
    (lines.text(), approval)
}

#[test]
fn each_event_has_one_line_with_ids_and_names() {
    let (text, approval) = written(Format::Json);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let id = approval.id.to_string();
    let line = |by: &str, fields: Value| {
        let mut line = json!({
            "level": "INFO", "target": "signoff::approvals", "approval_id": id, "tool": "send_email", "by": by,
        });
        line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        line
    };
    let expected = [
        line(
            "test/agent",
            json!({
                "message": "asked", "on_behalf_of": "test/alice", "status": "PENDING", "rule": "rule",
                "policy_version": "1", "agent": "bot\n2026-01-01 INFO forged", "run_id": "run-1", "request_id": "r1",
            }),
        ),
        line("test/reviewer-1", json!({"message": "voted"})),
        line(
            "test/reviewer-2",
            json!({"message": "decided", "via": "test/bridge", "status": "APPROVED", "rule": "rule", "waited_s": 90.0}),
        ),
        line("test/agent", json!({"message": "claimed", "claim_id": claim_id(7).to_string()})),
        line("test/agent", json!({"message": "reported", "result": "FAILED"})),
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (mut line, expected) in lines.into_iter().zip(expected) {
        line.as_object_mut().unwrap().retain(|key, _| !["timestamp", "spans"].contains(&key.as_str()));
        assert_eq!(line, expected);
    }
}

#[test]
fn no_line_tells_what_may_be_secret_and_no_name_makes_a_line() {
    for format in [Format::Text, Format::Json] {
        let (text, _) = written(format);
        assert!(!text.contains("secret") && !text.contains("company.com"), "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
    }
}

#[test]
fn a_log_that_is_behind_leaves_lines_out_and_counts_them() {
    let (jobs, received) = sync_channel(1);
    let log = ApprovalLog { jobs, left_out: Arc::default() };
    let (lines, _guard) = capture(Format::Json, "info", None);
    let (approval, events) = approvals_events();
    events.iter().for_each(|event| log.tell(&approval, event));
    assert_eq!(log.left_out.load(Ordering::Relaxed), 4);
    let left_out = Arc::clone(&log.left_out);
    drop(log);
    write(&received, &left_out);
    let lines = lines.json();
    assert_eq!((lines[0]["message"].as_str(), lines[1]["missing"].as_u64()), (Some("asked"), Some(4)), "{lines:?}");
}

#[test]
fn nothing_is_prepared_for_a_log_that_leaves_it_out() {
    let (jobs, received) = sync_channel(1);
    let log = ApprovalLog { jobs, left_out: Arc::default() };
    let (_lines, _guard) = capture(Format::Json, "info,signoff::approvals=warn", None);
    let (approval, events) = approvals_events();
    events.iter().for_each(|event| log.tell(&approval, event));
    assert!(received.try_recv().is_err() && log.left_out.load(Ordering::Relaxed) == 0);
}

#[test]
fn what_was_told_is_written_before_the_end() {
    let log = ApprovalLog::start().unwrap();
    log.flush(); // answers: the thread is there
}
