//! The largest records that the limits allow.

use super::*;
use crate::domain::limits::{OPENED_CHARS_MAX, OPENED_MAX};

/// A request with the maximum size in every field.
pub(in crate::store) fn largest(n: u64) -> Submission {
    let text = |length: usize| "x".repeat(length);
    let mut new = submission(0, n);
    new.arguments = arguments(&serde_json::json!({ "body": text(48 * 1024 - 11) }));
    assert_eq!(new.arguments.as_json().len(), 48 * 1024);
    new.verdict = quorum(MAX_VOTES);
    with(new, |request| {
        request.tool_name = text(128);
        request.request_id = format!("{n:0>128}");
        request.reason = text(4 * 1024);
        request.agent = Agent { name: text(128), run_id: text(128), chain: vec![text(128); 16] };
        request.labels = (0..32).map(|label| (format!("{label:0>63}"), text(256))).collect();
        request.schema = Some(format!("{{\"title\":\"{}\"}}", text(16 * 1024 - 12)).into());
    })
}

fn vote(n: usize, seen: Revision) -> Command {
    let deciding = decide(reviewer(n), Choice::Approve, Seen::Revision(seen));
    let opened = (0..OPENED_MAX).map(|part| format!("{part:0>OPENED_CHARS_MAX$}")).collect();
    let provenance = Some(Provenance { opened, ..at_the_desk() });
    keyed(Command::Decide(Deciding { comment: format!("{n:0>4096}"), provenance, ..deciding }), "k")
}

pub async fn the_largest_records_survive_a_reopen(mut subject: impl Subject) {
    for n in 1..=2 {
        subject.store().submit(largest(n)).await.unwrap();
        let mut seen = 1;
        for edits in 0..u64::from(MAX_EDITS) {
            let text = format!("{edits}{}", "y".repeat(48 * 1024 - 12));
            let edited = arguments(&serde_json::json!({ "body": text }));
            let command = edit(1, seen, edited, quorum(MAX_VOTES));
            seen = subject.store().transition(id(0, n), command, at(1)).await.unwrap().revision;
        }
        for voter in 2..=MAX_VOTES as usize {
            subject.store().transition(id(0, n), vote(voter, seen), at(2)).await.unwrap();
        }
    }
    let before = everything(&**subject.store()).await;
    assert_eq!(before.0[0].status, Status::Approved);
    assert_eq!(before.0[0].votes.len(), MAX_VOTES as usize);
    assert_eq!(before.0[0].receipts.len(), MAX_VOTES as usize - 1);
    for approval in &before.0 {
        assert_eq!(
            Approval::replay(approval.id, &subject.store().events(approval.id, 0, 99).await.unwrap()).as_ref(),
            Ok(approval)
        );
    }
    subject.reopen().await;
    assert_eq!(everything(&**subject.store()).await, before);
    assert!(!subject.store().submit(largest(2)).await.unwrap().created);
    let labelled = Filter { labels: largest(1).request.labels.clone(), ..Filter::default() };
    assert_eq!(listed(&**subject.store(), labelled).await.len(), 2);
    assert_eq!(subject.store().prune(at(1_000), at(1_000), 10).await.unwrap(), 2);
    assert_eq!(everything(&**subject.store()).await, (Vec::new(), Vec::new(), Due::default(), 0));
}

pub async fn readers_never_see_half_a_record(subject: impl Subject) {
    let store = subject.store();
    for round in 1..=4 {
        let new = Submission { verdict: quorum(MAX_VOTES), ..submission(0, round) };
        let asked = store.submit(new).await.unwrap().approval;
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (store, id) = (Arc::clone(store), asked.id);
                tokio::spawn(async move {
                    loop {
                        let approval = match store.get(id).await {
                            Err(StoreError::NotFound) => return, // pruned
                            found => found.unwrap(),
                        };
                        let comments: Vec<_> = approval.votes.iter().map(|vote| vote.comment.parse()).collect();
                        let expected: Vec<_> = (1..approval.revision).map(Ok).collect();
                        assert_eq!(comments, expected);
                        let events = store.events(id, 0, Revision::MAX).await.unwrap();
                        assert!(events.is_empty() || events.len() as u64 >= approval.revision);
                        for history in store.export(None, 1).await.unwrap() {
                            assert!(history.events.len() as u64 >= approval.revision);
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for voter in 1..=MAX_VOTES as usize {
            store.transition(asked.id, vote(voter, 1), at(1)).await.unwrap();
        }
        store.prune(at(2), at(2), 1).await.unwrap();
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
