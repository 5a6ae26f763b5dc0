//! `signoff store`: commands for the files of a server that is not running.

mod check;
mod salvage;

use std::process::ExitCode;

/// What to do with a store.
#[derive(Debug, clap::Subcommand)]
pub enum StoreCommand {
    /// Compare everything in a store with everything else, and report every fault
    #[command(long_about = check::LONG)]
    Check(check::CheckArgs),
    /// Save what is provably whole of a damaged store, as a file for `signoff import`
    #[command(long_about = salvage::LONG)]
    Salvage(salvage::SalvageArgs),
}

/// Runs a command, and returns the process's exit code: 0 nothing is wrong, 1 something is, or it failed; 2 usage.
#[must_use]
pub fn store(command: StoreCommand, json: bool) -> ExitCode {
    match command {
        StoreCommand::Check(args) => check::run(&args, json),
        StoreCommand::Salvage(args) => salvage::run(&args, json),
    }
}

/// Says why a command could not do its work.
fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    anstream::eprintln!("error: {error}");
    ExitCode::FAILURE
}
