//! The operator's commands: a gRPC client of a running server. Those that need no server (`serve`, `store`, `export`,
//! `import`) are here too; `program` lists them.
//!
//! People get tables and sentences; with `--json` programs get the protocol's own messages, one JSON object per line.
//! Everything that came from somebody else is data: invisible characters are shown as escapes, never interpreted.

mod arguments;
mod call;
mod cause;
mod config_check;
mod connection;
mod console;
mod decide;
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
mod show;
mod shutdown_watchdog;
mod status;
mod store;
mod table;
mod text;
mod token;
mod transfer;
mod watch;
mod whoami;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use connection::ConnectionArgs;
use console::Console;
use failure::Failure;
pub use program::main;

/// The commands that talk to a server. Mount it with `#[command(flatten)]` beside the server's own commands.
#[derive(Debug, clap::Subcommand)]
enum ClientCommand {
    /// Ask for approval of a tool call and wait for the decision; the exit code tells the outcome
    Request(request::RequestArgs),
    /// Run a command once it is approved: ask, wait, claim, run, and report how it ended
    Exec(exec::ExecArgs),
    /// List what waits for a decision, the oldest first
    Pending(pending::PendingArgs),
    /// Show one approval in full
    Show(show::ShowArgs),
    /// Approve a pending call, as it is or with edited arguments
    Approve(decide::ApproveArgs),
    /// Reject a pending call
    Reject(decide::RejectArgs),
    /// Withdraw a pending request of one's own
    Cancel(decide::CancelArgs),
    /// Revoke an approved call before it is claimed, so that it never runs
    Revoke(revoke::RevokeArgs),
    /// Freeze calls in an emergency: none is claimed until the thaw, and new requests are rejected
    Freeze(freeze::FreezeArgs),
    /// End a freeze
    Thaw(freeze::ThawArgs),
    /// List the freezes that stand, the oldest first
    Freezes,
    /// Show how the server is: its policy, what is pending, and what is frozen
    Status,
    /// List approvals of any status, the newest first
    History(history::HistoryArgs),
    /// Check and try policies; read and set the server's
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Make, list and take back the server's own tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Ask the server who it takes you for
    Whoami,
    /// Ask whether the server is serving; exits 0 when it is, else 1
    Health(health::HealthArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
}

/// The command line with its help as it should be: options of a connection only where there is one.
fn hide_unused_options(root: clap::Command) -> clap::Command {
    connection::hide_unused_options(root)
}

/// Checks what clap does not: options of a connection on a command that connects to nothing are an error of use.
///
/// # Errors
///
/// The error to print, with exit code 2.
fn check_options(root: &mut clap::Command, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
    connection::refuse_unused_options(root, matches)
}

/// Runs one command and returns the process's exit code: 0 success, 1 failure, 2 usage; `request` and `exec` have more,
/// listed in their help. Failures are printed to stderr. `root` gives the program's whole command, for completions.
///
/// Needs a tokio runtime with I/O and time. Ctrl-C is handled by `request` and `exec` alone.
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
        ClientCommand::Whoami => whoami::run(connection, console).await.map(|()| 0),
        ClientCommand::Health(args) => health::run(args, connection, console).await,
        ClientCommand::Completions { shell } => complete(shell, root, console).map(|()| 0),
    };
    done.unwrap_or_else(|failure| {
        console.failure(&failure, connection.has_token());
        failure.exit_code()
    })
}

fn complete(shell: clap_complete::Shell, root: fn() -> clap::Command, console: &mut Console) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut root(), "signoff", &mut script);
    Ok(console.raw(&script)?)
}
