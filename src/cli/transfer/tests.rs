use super::*;
use crate::{
    domain::{
        ChannelName, Choice, Command, NotificationKind, Routes, Seen, Settlement, Subscription,
        block_samples::{new_block, new_unblock},
        freeze_samples::{new_freeze, new_thaw, tool},
        samples,
        session_samples::session,
        token_samples::token,
    },
    store::{
        ApprovalStore as _, BlockStore as _, FreezeStore as _, MemoryStore, NewPolicy, OutboxStore as _,
        PolicyStore as _, SessionStore as _, Submission, TokenStore as _, Transfer as _,
    },
};

const FILLED: Counts = Counts {
    approvals: 450,
    policies: 20,
    tokens: 300,
    freezes: 210,
    blocks: 3,
    forgotten: 250,
    unchanged_policies: 210,
    lanes: 225,
};

fn submission(n: u64, request_id: &str) -> Submission {
    let (request, arguments) = samples::a_request(request_id);
    let (request, verdict) = (Arc::new(request), samples::quorum(1));
    Submission { id: samples::id(0, n), request, arguments, verdict, now: samples::at(0), pending_limit: 1_000 }
}

/// A channel that is told of requests.
fn routes() -> Arc<Routes> {
    let kinds = [NotificationKind::Requested].into();
    let (name, subscription): (ChannelName, _) =
        ("a".parse().unwrap(), Subscription { kinds, after: std::time::Duration::ZERO });
    Arc::new(Routes { channels: [(name.clone(), subscription)].into(), default: [name].into() })
}

async fn filled() -> MemoryStore {
    let store = MemoryStore::with_routes(routes());
    for n in 0..20 {
        let (document, author, comment) = (format!("{{\"n\":{n}}}").into(), samples::reviewer(1), "c".into());
        let (request_id, expected, now) = (Some(format!("r{n}")), Some(n), samples::at(0));
        store.put_policy(NewPolicy { document, author, comment, request_id, expected, now }).await.unwrap();
    }
    for n in 0..210 {
        let (document, author, comment) = ("{\"n\":19}".into(), samples::reviewer(2), "c".into());
        let (request_id, expected, now) = (Some(format!("u{n}")), None, samples::at(0));
        store.put_policy(NewPolicy { document, author, comment, request_id, expected, now }).await.unwrap();
    }
    store.save_tokens((1..=300).map(token).collect()).await.unwrap();
    for n in 1..=210 {
        store.freeze(new_freeze(n, tool("other*"))).await.unwrap();
    }
    store.thaw(new_thaw(7)).await.unwrap();
    for n in 1..=3 {
        store.block(new_block(n)).await.unwrap();
    }
    store.unblock(new_unblock(2)).await.unwrap();
    store.save_sessions(vec![session(1)]).await.unwrap();
    for n in 0..450 {
        let id = store.submit(submission(n, &format!("r{n}"))).await.unwrap().approval.id;
        if n % 2 == 0 {
            let decide = samples::decide(samples::reviewer(1), Choice::Approve, Seen::Revision(1));
            store.transition(id, Command::Decide(decide), samples::at(1)).await.unwrap();
            let sent = Settlement::Sent { from: 1, up_to: 1, state: None };
            store.settle(vec![("a".parse().unwrap(), id, sent)]).await.unwrap();
        }
    }
    // Enough forgotten approvals for more than one batch.
    for n in 1_000..1_250 {
        let verdict = samples::verdict(crate::domain::Effect::AutoReject);
        store.submit(Submission { verdict, now: samples::at(-9), ..submission(n, &format!("old{n}")) }).await.unwrap();
    }
    assert_eq!(store.prune(samples::at(-8), samples::at(5), 1_000).await.unwrap(), 250);
    store
}

#[tokio::test]
async fn everything_comes_back() {
    let (from, to) = (filled().await, MemoryStore::default());
    let mut text = Vec::new();
    assert_eq!(write_to(&from, &mut text).await.unwrap(), FILLED);
    for expected in [FILLED, Counts::default()] {
        let mut lines = Lines::begin(&text[..]).unwrap();
        let mut ended = EndedHere::default();
        assert_eq!(read_from(&to, &mut lines, &mut ended).await.unwrap(), expected);
        assert!(ended.freezes.is_empty() && ended.blocks.is_empty());
    }
    assert_eq!(to.export(None, 1_000).await.unwrap(), from.export(None, 1_000).await.unwrap());
    assert_eq!(to.export_policies(0, 99).await.unwrap(), from.export_policies(0, 99).await.unwrap());
    let calls = from.export_unchanged_policies(None, 999).await.unwrap();
    assert_eq!(to.export_unchanged_policies(None, 999).await.unwrap(), calls);
    assert_eq!(to.tokens().await.unwrap(), from.tokens().await.unwrap());
    assert_eq!(to.freezes().await.unwrap(), from.freezes().await.unwrap());
    assert_eq!(to.blocks().await.unwrap(), from.blocks().await.unwrap());
    assert_eq!(to.export_lanes(None, 999).await.unwrap(), from.export_lanes(None, 999).await.unwrap());
    assert_eq!(to.sessions().await.unwrap(), [], "people sign in again");
    assert_eq!(to.export_forgotten(None, 999).await.unwrap(), from.export_forgotten(None, 999).await.unwrap());
}

#[tokio::test]
async fn an_export_without_policies_and_tokens_is_read() {
    let mut text = Vec::new();
    write_to(&filled().await, &mut text).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let older: String = text
        .split_inclusive('\n')
        .filter(|line| {
            ![
                "{\"policy\":",
                "{\"unchanged_policy\":",
                "{\"token\":",
                "{\"freeze\":",
                "{\"block\":",
                "{\"forgotten\":",
                "{\"lane\":",
            ]
            .iter()
            .any(|kind| line.starts_with(kind))
        })
        .map(|line| if line.starts_with("{\"approvals\":") { "{\"approvals\":450}\n" } else { line })
        .collect();
    let mut lines = Lines::begin(older.as_bytes()).unwrap();
    let new = read_from(&MemoryStore::default(), &mut lines, &mut EndedHere::default()).await.unwrap();
    assert_eq!(
        new,
        Counts {
            policies: 0,
            unchanged_policies: 0,
            tokens: 0,
            freezes: 0,
            blocks: 0,
            forgotten: 0,
            lanes: 0,
            ..FILLED
        }
    );
}

#[tokio::test]
async fn a_conflict_is_named_and_its_batch_is_not_imported() {
    let mut text = Vec::new();
    write_to(&filled().await, &mut text).await.unwrap();
    let policy = {
        let (document, author, comment) = ("{}".into(), samples::reviewer(1), String::new());
        NewPolicy { document, author, comment, request_id: None, expected: None, now: samples::at(0) }
    };
    let (other_policy, other_approval) = (MemoryStore::default(), MemoryStore::default());
    other_policy.put_policy(policy).await.unwrap();
    other_approval.submit(submission(0, "other")).await.unwrap();
    for (store, complaint, policies, approvals) in [
        (other_policy, "lines 2 to 9: version 1 of the policy", 1, 0),
        (other_approval, "lines 995 to 1194: approval ", 20, 1),
    ] {
        let mut lines = Lines::begin(&text[..]).unwrap();
        let error = read_from(&store, &mut lines, &mut EndedHere::default()).await.unwrap_err();
        assert!(error.to_string().starts_with(complaint), "{error}");
        assert_eq!(store.policies(None, 99).await.unwrap().len(), policies);
        assert_eq!(store.export(None, 99).await.unwrap().len(), approvals);
    }
}

#[tokio::test]
async fn a_truncated_export_is_rejected() {
    let mut text = Vec::new();
    write_to(&filled().await, &mut text).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let without_end = lines[..lines.len() - 1].concat();
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat().concat();
    let (without_one, without_policy) = (without(995), without(20));
    // Earlier versions wrote counts only.
    let unhashed = without_one.split(",\"sha256\"").next().unwrap().to_owned() + "}\n";
    for (text, complaint) in [
        (without_end, "the file is truncated"),
        (without_one, "line 1669: the file is damaged: its lines have sha256:"),
        (unhashed, "and 250 request_ids of forgotten approvals, but has 449 approvals"),
        (without_policy, "version 20 of the policy is invalid: a call refers to it"),
    ] {
        let mut lines = Lines::begin(text.as_bytes()).unwrap();
        let error = read_from(&MemoryStore::default(), &mut lines, &mut EndedHere::default()).await.unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
}

#[tokio::test]
async fn a_bad_line_is_named() {
    let mut text = Vec::new();
    write_to(&filled().await, &mut text).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let torn: String = text.split_inclusive('\n').take(3).collect::<String>() + "{\"id\":";
    let mut lines = Lines::begin(torn.as_bytes()).unwrap();
    let error = read_from(&MemoryStore::default(), &mut lines, &mut EndedHere::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("line 4: "), "{error}");
}

#[tokio::test]
async fn a_pipe_without_a_writer_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let [_, pipe, _] = bounded_file::samples::endless(directory.path());
    let data_dir = directory.path().join("data");
    let stored = StoredArgs { data_dir: Some(data_dir.clone()), store: None };
    let error = read_all(ImportArgs { stored, input: Some(pipe.clone()) }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{}: is a pipe without a writer", pipe.display()));
    assert!(!data_dir.exists());
}

#[tokio::test]
async fn a_freeze_that_an_import_ends_is_named() {
    let (from, to) = (MemoryStore::default(), MemoryStore::default());
    for store in [&from, &to] {
        store.freeze(new_freeze(1, tool("sql.*"))).await.unwrap();
    }
    let freeze = from.thaw(new_thaw(1)).await.unwrap();
    let mut text = Vec::new();
    write_to(&from, &mut text).await.unwrap();
    for expected in [vec![freeze.clone()], Vec::new()] {
        let (mut lines, mut ended) = (Lines::begin(&text[..]).unwrap(), EndedHere::default());
        read_from(&to, &mut lines, &mut ended).await.unwrap();
        assert_eq!(ended.freezes, expected);
    }
    let thawed = freeze.thawed.as_ref().unwrap();
    let at = thawed.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let (id, by) = (freeze.id, &thawed.actor);
    let expected = format!(
        "THAWED: calls of the tool sql.*; freeze {id} was active here, but is thawed in the export, by {by} at {at}"
    );
    assert_eq!(ending(&freeze), expected);
}

#[tokio::test]
async fn a_block_that_an_import_ends_is_named() {
    let (from, to) = (MemoryStore::default(), MemoryStore::default());
    for store in [&from, &to] {
        store.block(new_block(1)).await.unwrap();
    }
    let block = from.unblock(new_unblock(1)).await.unwrap();
    let mut text = Vec::new();
    write_to(&from, &mut text).await.unwrap();
    for expected in [vec![block.clone()], Vec::new()] {
        let (mut lines, mut ended) = (Lines::begin(&text[..]).unwrap(), EndedHere::default());
        read_from(&to, &mut lines, &mut ended).await.unwrap();
        assert_eq!(ended.blocks, expected);
    }
    let end = block.unblocked.as_ref().unwrap();
    let at = end.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let (id, by) = (block.id, &end.actor);
    let expected = format!(
        "UNBLOCKED: https://idp/mallory-1; block {id} was active here, but has ended in the export, by {by} at {at}"
    );
    assert_eq!(unblocking(&block), expected);
}
