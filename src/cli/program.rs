//! The whole command line: the server's commands and the client's, and the runtime they run on.
//!
//! It is part of the library, not of `main.rs`, because the compiler generates the code of an async function where the
//! function is awaited. Awaited in `main.rs`, the whole server was compiled once more, in one crate after the library.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::{
    ClientCommand, check_options, config_check,
    connection::ConnectionArgs,
    demo::{self, DemoArgs},
    hide_unused_options, serve,
    store::{self, StoreCommand},
    transfer::{self, ExportArgs, ImportArgs},
};
use crate::{
    config::{self, ServeFlags},
    identity, telemetry,
};

/// The approvals server for AI agents
#[derive(Parser)]
#[command(name = "signoff", version)]
struct Cli {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(ServeFlags),
    /// Play the story of an approval in this terminal, with its own server
    Demo(DemoArgs),
    /// Check the configuration, or print its reference
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Export a store as JSON Lines: approvals with their events, policy versions, tokens, freezes, and blocks
    Export(ExportArgs),
    /// Import an export into a store
    Import(ImportArgs),
    /// Check a store, or salvage a damaged one
    #[command(subcommand)]
    Store(StoreCommand),
    #[command(flatten)]
    Client(ClientCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Report every error in the settings and the files that they name; without errors, print each setting and its
    /// source
    Check(ServeFlags),
    /// Print the settings as a Markdown table
    Reference,
    /// Print which role may make which call, as a Markdown table
    Roles,
    /// Print the metrics as a Markdown table
    Metrics,
}

/// Minimum number of runtime threads. With one thread, a slow disk would stop the network and the timers.
const THREADS: usize = 2;

/// The whole command line.
fn command() -> clap::Command {
    hide_unused_options(Cli::command())
}

/// Runs the program: parses the command line, and runs its command on a runtime with a thread for each CPU.
pub fn main() -> ExitCode {
    let mut command = command();
    let matches = command.get_matches_mut();
    let cli = check_options(&mut command, &matches).and_then(|()| Cli::from_arg_matches(&matches));
    let cli = cli.unwrap_or_else(|error| error.format(&mut command).exit());
    let threads = std::thread::available_parallelism().map_or(THREADS, |threads| threads.get().max(THREADS));
    match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => {
            anstream::eprintln!("error: cannot start threads: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Cli { connection, command }: Cli) -> ExitCode {
    match command {
        Command::Serve(flags) => serve::serve(&flags).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Config(ConfigCommand::Check(flags)) => config_check::config_check(&flags).await,
        Command::Config(ConfigCommand::Reference) => {
            anstream::print!("{}", config::reference_markdown());
            ExitCode::SUCCESS
        }
        Command::Config(ConfigCommand::Roles) => {
            anstream::print!("{}", identity::reference_markdown());
            ExitCode::SUCCESS
        }
        Command::Config(ConfigCommand::Metrics) => {
            anstream::print!("{}", telemetry::reference_markdown());
            ExitCode::SUCCESS
        }
        Command::Export(args) => transfer::export(args).await,
        Command::Import(args) => transfer::import(args).await,
        Command::Store(command) => store::store(command, connection.json).await,
        Command::Client(command) => super::run(command, &connection, self::command).await,
    }
}

#[cfg(test)]
mod tests;
