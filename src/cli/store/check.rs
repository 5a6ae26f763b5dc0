use std::{env, path::PathBuf, process::ExitCode};

use super::failed;
use crate::{
    cli::{json, text::escape},
    store::{Findings, check},
};

pub(super) const LONG: &str = "\
Compare everything in a store with everything else, and report every fault

Replays the history of every approval, follows the chains of events and of groups of commits, and compares records, \
indexes, versions of the policy, tokens and the watermark. The server must not be running. The store is not changed: \
its files are copied to another directory and opened there.

Exits 0 when nothing is wrong, 1 when something is, or the store cannot be read.";

/// What to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Data directory of a server that is not running
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Directory for the copy, with room for all of the store [default: the system's directory for temporary files]
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
    let Findings { approvals, events, policies, tokens, freezes, groups, faults, notes } = findings;
    let frozen = if *freezes == 0 { String::new() } else { format!("{freezes} freezes, ") };
    anstream::println!(
        "whole: {approvals} approvals with {events} events, {policies} versions of the policy, {tokens} tokens, {frozen}{groups} groups of commits"
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
            "{count} fault{}. Restore a backup, or save what is whole with `signoff store salvage` and import it into a new directory.",
            if count == 1 { "" } else { "s" }
        ),
    }
}
