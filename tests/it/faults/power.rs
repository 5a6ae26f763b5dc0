//! Power losses: the server's writes are recorded, cut at a random moment, and the store is opened from the rest.

use std::{fs, sync::Arc, time::Duration};

use super::{
    SETTINGS, any_moment,
    exported::{Exported, export, revision},
    preload::preloaded,
    random,
    record::Record,
    runs, seed,
    work::{self, Told},
};
use crate::server::{Process, soon};

const CALLERS: usize = 8;

/// Starts of the server whose writes are recorded: opening writes, too.
const SESSIONS: usize = 4;

/// Maximum time between a start and its kill.
const LOAD: Duration = Duration::from_millis(800);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_losses_lose_nothing_that_was_acknowledged() {
    let seed = seed("power losses");
    let parent = tempfile::tempdir().unwrap();
    // Created before the recording starts, so it counts as durable.
    let (data, file) = (parent.path().join("data"), parent.path().join("record"));
    fs::create_dir(&data).unwrap();
    let told = Arc::new(Told::default());
    let mut choices = random(seed, usize::MAX);
    for session in 0..SESSIONS {
        let variables = [("FAULT_RECORD", file.to_str().unwrap())];
        let server = Process::spawn(&data, preloaded(&data, &SETTINGS, &variables)).listening().await.unwrap();
        let recorded = file.clone();
        let clock = move || fs::metadata(&recorded).expect("the record").len();
        let mut callers = work::start(&server, &told, CALLERS, usize::MAX, &mut choices, clock);
        any_moment(&mut choices, LOAD).await;
        if session % 2 == 0 {
            server.kill().await;
        } else {
            server.stop().await;
        }
        while let Some(caller) = soon("the callers notice", callers.join_next()).await {
            assert!(caller.expect("no caller panics").is_err());
        }
    }
    let record = Record::read(&file, &data);
    println!("{} changes, {} acknowledgements", record.len(), told.len());
    assert!(record.len() > 200 && told.len() > 20, "too few calls to be a load");

    let runs = runs(16, 4);
    let mut held = 0;
    for run in 0..runs {
        let mut random = random(seed, run);
        let (changes, target) = (random.below(record.len() + 1), tempfile::tempdir().unwrap());
        let fate = record.lose_power(changes, &mut random, target.path());
        let context = format!("FAULT_SEED={seed}, run {run}: {fate}");
        let acknowledged = told.newest(record.moment(changes));
        if !target.path().join("sled").exists() {
            assert!(acknowledged.is_empty(), "{context}: nothing is left of the store");
            continue;
        }
        let lines = export(target.path()).await;
        if let Exported::Refused(..) = lines {
            keep(target, &context);
        }
        let lines = lines.whole(&context);
        for (id, known) in &acknowledged {
            let line = lines.get(id).unwrap_or_else(|| panic!("{context}: {id} was acknowledged and is missing"));
            assert!(revision(line) >= known.revision, "{context}: {id} lost events: {known:?}, now {line}");
        }
        held += acknowledged.len();
    }
    println!("{runs} power losses, {held} acknowledged approvals found");
}

/// Keeps the files of a failed run for inspection.
fn keep(target: tempfile::TempDir, context: &str) {
    println!("{context}: kept in {}", target.keep().display());
}
