use std::{env, path::PathBuf, process::ExitCode};

use super::failed;
use crate::{
    cli::{json, text::escape},
    store::{Findings, check},
};

pub(super) const LONG: &str = "\
Verify a store, and report every fault

Replays the history of every approval, verifies the hash chains of events and commit groups, and compares records, \
indexes, policy versions, tokens and the watermark. The server must be stopped. The store does not change: the command \
copies its files to another directory and opens the copy.

Exit codes: 0 no faults; 1 faults, or the store cannot be read.";

/// The store to check.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Data directory of a stopped server
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Directory for the copy, with space for the whole store [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

pub(super) fn run(args: &CheckArgs, as_json: bool) -> ExitCode {
    let scratch = args.scratch.clone().unwrap_or_else(env::temp_dir);
    let findings = match check(&args.data_dir, &scratch) {
        Ok(findings) => findings,
        Err(error) => return failed(&error),
    };
    if as_json {
        match json::text(&findings) {
            Ok(line) => anstream::println!("{line}"),
            Err(error) => return failed(&error),
        }
    } else {
        print(&findings);
    }
    if findings.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(findings: &Findings) {
    let Findings {
        approvals,
        events,
        policies,
        tokens,
        freezes,
        sessions,
        blocks,
        lanes,
        signing_keys,
        groups,
        faults,
        notes,
    } = findings;
    let some = |count: u64, name: &str| if count == 0 { String::new() } else { format!("{count} {name}, ") };
    let (frozen, signed_in) = (some(*freezes, "freezes"), some(*sessions, "sessions"));
    let (blocked, queued) = (some(*blocks, "blocked subjects"), some(*lanes, "message queues"));
    let keys = some(*signing_keys, "signing keys");
    anstream::println!(
        "intact: {approvals} approvals with {events} events, {policies} policy versions, {tokens} tokens, \
         {frozen}{signed_in}{blocked}{queued}{keys}{groups} commit groups"
    );
    for fault in faults {
        let what = escape(&fault.what);
        match fault.approval_id {
            Some(id) => anstream::println!("fault: {id}: {what}"),
            None => anstream::println!("fault: {what}"),
        }
    }
    for note in notes {
        anstream::println!("note: {}", escape(note));
    }
    match faults.len() {
        0 => anstream::println!("no faults"),
        count => anstream::println!(
            "{count} fault{}. Restore a backup, or salvage the intact records with `signoff store salvage` and import \
             them into a new directory.",
            if count == 1 { "" } else { "s" }
        ),
    }
}
