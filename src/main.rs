//! The `signoff` program.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use signoff::{
    cli::{self, ClientCommand, ConnectionArgs, DemoArgs, ExportArgs, ImportArgs, StoreCommand},
    config::{self, ServeFlags},
    identity,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Play the story of an approval in this terminal, with a server of its own
    Demo(DemoArgs),
    /// Check the configuration, or explain it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write every approval, with its events, as JSON Lines
    Export(ExportArgs),
    /// Read an export into a store
    Import(ImportArgs),
    /// Check a store, or save what is whole of a damaged one
    #[command(subcommand)]
    Store(StoreCommand),
    #[command(flatten)]
    Client(ClientCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Report every error, in the files that the settings name too, or print each setting and where it comes from
    Check(ServeFlags),
    /// Print the table of settings, as Markdown
    Reference,
    /// Print the table of who may make which call, as Markdown
    Roles,
}

/// Least threads of the runtime: when the only one waits for a disk, nobody looks at the network or at timers.
const THREADS: usize = 2;

/// The whole command line.
fn command() -> clap::Command {
    cli::hide_unused_options(Cli::command())
}

fn main() -> ExitCode {
    let mut command = command();
    let matches = command.get_matches_mut();
    let cli = cli::check_options(&mut command, &matches).and_then(|()| Cli::from_arg_matches(&matches));
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
        Command::Serve(flags) => cli::serve(&flags).await,
        Command::Demo(args) => cli::demo(args).await,
        Command::Config(ConfigCommand::Check(flags)) => cli::config_check(&flags).await,
        Command::Config(ConfigCommand::Reference) => {
            anstream::print!("{}", config::reference_markdown());
            ExitCode::SUCCESS
        }
        Command::Config(ConfigCommand::Roles) => {
            anstream::print!("{}", identity::reference_markdown());
            ExitCode::SUCCESS
        }
        Command::Export(args) => cli::export(args).await,
        Command::Import(args) => cli::import(args).await,
        Command::Store(command) => cli::store(command, connection.json),
        Command::Client(command) => cli::run(command, &connection, self::command).await,
    }
}
