//! System calls that fail while a server starts, each in turn: the next start succeeds, and finds
//! everything.

use std::path::Path;

use futures_util::{StreamExt as _, stream};
use signoff::proto::v1::GetApprovalRequest;
use tonic::Code;

use super::{SETTINGS, copy, preload::preloaded};
use crate::{
    calls::{ask, open},
    server::{Process, Server, serve},
};

/// Concurrent runs: each waits for its disk most of the time.
const AT_ONCE: usize = 4;

/// Calls, with the number of runs: about as many as a start makes. In each run another one fails.
const CALLS: [(&str, usize); 5] =
    [("write", 16), ("sync", 8), ("range", 4), ("open", 10), ("truncate,rename,unlink", 4)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_failed_at_any_call_can_be_repeated() {
    let parent = tempfile::tempdir().unwrap();
    let before = parent.path().join("before");
    let server = Server::start(&before, &SETTINGS).await;
    let (_, approval) = open(&mut server.agent(), ask("before")).await.unwrap();
    let id = approval.id;
    server.kill().await;

    let faults = CALLS.into_iter().flat_map(|(calls, last)| (1..=last).map(move |at| (calls, at)));
    let faults = faults
        .flat_map(|fault| [(fault, false), (fault, true)])
        .filter(|((calls, _), torn)| !torn || *calls == "write");
    stream::iter(faults)
        .for_each_concurrent(AT_ONCE, |((calls, at), torn)| {
            let (before, id) = (&before, &id);
            async move {
                for existing in [false, true] {
                    let directory = tempfile::tempdir().unwrap();
                    let data = directory.path().join("data");
                    if existing {
                        copy(before, &data);
                    }
                    let context = format!("{calls} {at}, torn: {torn}, existing: {existing}");
                    fail(&data, calls, at, torn, &context).await;
                    let server = match Process::spawn(&data, serve(&data, &[])).listening().await {
                        Ok(server) => server,
                        Err((status, log)) => panic!("{context}: it does not start again: {status}\n{log}"),
                    };
                    let asked = GetApprovalRequest { approval_id: id.clone(), include_events: false };
                    let found = server.operator().get_approval(asked).await.map(drop).map_err(|status| status.code());
                    let expected = if existing { Ok(()) } else { Err(Code::NotFound) };
                    assert_eq!(found, expected, "{context}");
                    server.kill().await;
                }
            }
        })
        .await;
}

/// Starts a server with one failing call. It may serve anyway.
async fn fail(data: &Path, calls: &str, at: usize, torn: bool, context: &str) {
    let at = at.to_string();
    let mut variables = vec![("FAULT_CALLS", calls), ("FAULT_AT", at.as_str()), ("FAULT_ERRNO", "5")];
    variables.extend(torn.then_some(("FAULT_TORN", "1")));
    match Process::spawn(data, preloaded(data, &SETTINGS, &variables)).listening().await {
        Ok(server) => server.kill().await,
        Err((status, log)) => assert_eq!(status.code(), Some(1), "{context}: {status}\n{log}"),
    }
}
