//! `signoff store`: commands for the store itself. Those for a data directory need a stopped server.

mod check;
mod database;
mod salvage;

use std::process::ExitCode;

/// The subcommands of `signoff store`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum StoreCommand {
    /// Verify a store, and report every fault
    #[command(long_about = check::LONG)]
    Check(check::CheckArgs),
    /// Salvage the intact records of a damaged store into a file for `signoff import`
    #[command(long_about = salvage::LONG)]
    Salvage(salvage::SalvageArgs),
    /// Create the tables in a PostgreSQL database, or bring them to this build's version
    Migrate(database::DatabaseArgs),
    /// Show the version of the tables in a PostgreSQL database
    Status(database::DatabaseArgs),
}

/// Runs a command and returns the exit code of the process: 0 no faults, 1 faults or a failure, 2 usage error.
#[must_use]
pub(super) async fn store(command: StoreCommand, json: bool) -> ExitCode {
    match command {
        StoreCommand::Migrate(args) => database::migrate(&args, json).await,
        StoreCommand::Status(args) => database::status(&args, json).await,
        StoreCommand::Check(args) => check::run(&args, json),
        StoreCommand::Salvage(args) => salvage::run(&args, json),
    }
}

/// Prints why a command failed.
fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    anstream::eprintln!("error: {error}");
    ExitCode::FAILURE
}
