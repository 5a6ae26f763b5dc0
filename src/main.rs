//! The `signoff` program.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use signoff::cli::{self, ClientCommand, ConnectionArgs};

/// The approvals server for AI agents
#[derive(Parser)]
#[command(name = "signoff", version)]
struct Cli {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: ClientCommand,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { connection, command } = Cli::parse();
    cli::run(command, &connection, Cli::command).await
}
