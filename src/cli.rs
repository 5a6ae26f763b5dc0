//! The commands of `signoff`. Most are gRPC clients of a running server. `serve`, `demo`, `config check`, `store`,
//! `export` and `import` need no server; `program` lists them.
//!
//! People get tables and sentences. With `--json`, programs get protocol messages, one JSON object per line. Text from
//! other users is data: the commands print its invisible characters as escapes.

mod arguments;
mod backup;
mod call;
mod cause;
mod config_check;
mod connection;
mod console;
mod decide;
mod demo;
mod describe;
mod difference;
mod exec;
mod failure;
mod filters;
mod freeze;
mod health;
mod history;
mod ids;
mod json;
mod man_pages;
mod notify;
mod pending;
mod policy;
mod program;
mod progress_printer;
mod reporter;
mod request;
mod retry;
mod review;
mod revoke;
mod rows;
mod serve;
mod server_time;
mod session;
mod show;
mod shutdown_watchdog;
mod status;
mod store;
mod stored;
mod subject;
mod table;
mod text;
mod token;
mod transfer;
mod watch;
mod whoami;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, process::ExitCode};

use connection::ConnectionArgs;
use console::Console;
use failure::Failure;
pub use program::main;

/// The commands that connect to a server. Flattened into the program's command list.
#[derive(Debug, clap::Subcommand)]
enum ClientCommand {
    /// Request approval of a tool call and wait for the decision; the exit code is the outcome
    Request(request::RequestArgs),
    /// Run a command after approval: request, wait, claim, run, and report the outcome
    Exec(exec::ExecArgs),
    /// List pending approvals, oldest first
    Pending(pending::PendingArgs),
    /// Show one approval in full
    Show(show::ShowArgs),
    /// Approve a pending call, optionally with edited arguments
    Approve(decide::ApproveArgs),
    /// Reject a pending call
    Reject(decide::RejectArgs),
    /// Cancel your own pending request
    Cancel(decide::CancelArgs),
    /// Revoke an approved call before it is claimed, so that it never runs
    Revoke(revoke::RevokeArgs),
    /// Freeze calls in an emergency: block claims and reject new requests until the thaw
    Freeze(freeze::FreezeArgs),
    /// End a freeze
    Thaw(freeze::ThawArgs),
    /// List active freezes, oldest first
    Freezes,
    /// Show the server's status: version, policy, pending approvals, and active freezes
    Status,
    /// List approvals of any status, newest first
    History(history::HistoryArgs),
    /// Check and test policy files; show and set the server's policy
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Create, list, and revoke the server's tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// List and end sessions of people who signed in at the desk
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Block people and programs, whatever credentials they have; unblock and list them
    #[command(subcommand)]
    Subject(subject::SubjectCommand),
    /// Back up a running server into a file for `signoff import`
    #[command(long_about = backup::LONG)]
    Backup(backup::BackupArgs),
    /// List channels of notifications and their deliveries, retry deliveries, and test channels
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// Show the identity that the server sees for your credentials
    Whoami,
    /// Check whether the server is serving; exit 0 if it is, 1 if not
    Health(health::HealthArgs),
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command
    ManPages {
        /// Directory to write them into; created if absent
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// Removes the connection options from the help of commands that do not connect.
fn hide_unused_options(root: clap::Command) -> clap::Command {
    connection::hide_unused_options(root)
}

/// Rejects connection options on commands that do not connect. Clap cannot: the options are global.
///
/// # Errors
///
/// The error to print, with exit code 2.
fn check_options(root: &mut clap::Command, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
    connection::reject_unused_options(root, matches)
}

/// Runs one command and returns the exit code of the process: 0 success, 1 failure, 2 usage error. The help of
/// `request` and `exec` lists theirs. Prints failures to stderr. `root` returns the whole command line, for
/// completions.
///
/// Needs a tokio runtime with I/O and time. Only `request`, `exec` and `backup` handle Ctrl-C.
async fn run(command: ClientCommand, connection: &ConnectionArgs, root: fn() -> clap::Command) -> ExitCode {
    let mut console = Console::standard(connection.json);
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    ExitCode::from(execute(command, connection, root, &mut console, interrupt).await)
}

async fn execute(
    command: ClientCommand,
    connection: &ConnectionArgs,
    root: fn() -> clap::Command,
    console: &mut Console,
    interrupt: impl Future<Output = ()>,
) -> u8 {
    let done = match command {
        ClientCommand::Request(args) => request::run(args, connection, console, interrupt).await,
        ClientCommand::Exec(args) => exec::run(args, connection, console).await,
        ClientCommand::Pending(args) => pending::run(args, connection, console).await.map(|()| 0),
        ClientCommand::Show(args) => show::run(args, connection, console).await.map(|()| 0),
        ClientCommand::Approve(args) => decide::approve(args, connection, console).await.map(|()| 0),
        ClientCommand::Reject(args) => decide::reject(args, connection, console).await.map(|()| 0),
        ClientCommand::Cancel(args) => decide::cancel(args, connection, console).await.map(|()| 0),
        ClientCommand::Revoke(args) => revoke::run(args, connection, console).await.map(|()| 0),
        ClientCommand::Freeze(args) => freeze::freeze(args, connection, console).await.map(|()| 0),
        ClientCommand::Thaw(args) => freeze::thaw(args, connection, console).await.map(|()| 0),
        ClientCommand::Freezes => freeze::list(connection, console).await.map(|()| 0),
        ClientCommand::Status => status::run(connection, console).await.map(|()| 0),
        ClientCommand::History(args) => history::run(args, connection, console).await.map(|()| 0),
        ClientCommand::Policy(command) => policy::run(command, connection, console).await,
        ClientCommand::Token(command) => token::run(command, connection, console).await.map(|()| 0),
        ClientCommand::Session(command) => session::run(command, connection, console).await.map(|()| 0),
        ClientCommand::Subject(command) => subject::run(command, connection, console).await.map(|()| 0),
        ClientCommand::Backup(args) => backup::run(args, connection, console, interrupt).await.map(|()| 0),
        ClientCommand::Notify(command) => notify::run(command, connection, console).await.map(|()| 0),
        ClientCommand::Whoami => whoami::run(connection, console).await.map(|()| 0),
        ClientCommand::Health(args) => health::run(args, connection, console).await,
        ClientCommand::Completions { shell } => complete(shell, root, console).map(|()| 0),
        ClientCommand::ManPages { directory } => man_pages::write(root(), &directory).map(|()| 0).map_err(|error| {
            Failure::Files(vec![format!("{}: {error}", text::escape(&directory.display().to_string()))])
        }),
    };
    done.unwrap_or_else(|failure| {
        console.failure(&failure, connection.credentials());
        failure.exit_code()
    })
}

fn complete(shell: clap_complete::Shell, root: fn() -> clap::Command, console: &mut Console) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut root(), "signoff", &mut script);
    Ok(console.raw(&script)?)
}
