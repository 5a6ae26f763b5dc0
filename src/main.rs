//! The `signoff` program.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use signoff::{
    cli::{self, ClientCommand, ConnectionArgs, DemoArgs, ExportArgs, ImportArgs, StoreCommand},
    config::{self, ServeFlags},
    identity, telemetry,
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
    /// Check the configuration, or print its reference
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Export a store as JSON Lines: approvals with their events, policy versions, tokens, and freezes
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
    /// Print the table of metrics, as Markdown
    Metrics,
}

/// Minimum number of runtime threads. With one thread, a slow disk would stop the network and the timers.
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
        Command::Config(ConfigCommand::Metrics) => {
            anstream::print!("{}", telemetry::reference_markdown());
            ExitCode::SUCCESS
        }
        Command::Export(args) => cli::export(args).await,
        Command::Import(args) => cli::import(args).await,
        Command::Store(command) => cli::store(command, connection.json),
        Command::Client(command) => cli::run(command, &connection, self::command).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// What a person would type: the commands of blocks, each in one line, and the pieces of code in sentences.
    #[expect(clippy::disallowed_methods, reason = "the repository's own files")]
    fn commands(page: &std::path::Path) -> (Vec<String>, Vec<String>) {
        let text = std::fs::read_to_string(page).expect("a page");
        let (mut blocks, mut mentions, mut shell) = (String::new(), Vec::new(), false);
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    shell = ["sh", "console"].contains(&&*language);
                }
                Event::End(TagEnd::CodeBlock) => shell = false,
                Event::Text(code) if shell => blocks.push_str(&code),
                Event::Code(code) => mentions.push(code.replace('\n', " ")),
                _ => {}
            }
        }
        let ours = |commands: Vec<String>| commands.into_iter().filter(|line| line.starts_with("signoff ")).collect();
        let blocks = blocks.replace("\\\n", " ");
        let blocks = blocks.lines().map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned());
        (ours(blocks.collect()), ours(mentions))
    }

    /// The words of a command, up to what belongs to the shell.
    fn words(line: &str) -> Vec<String> {
        let line = ["&&", " | ", " > ", " #"].iter().fold(line, |line, end| line.split(end).next().unwrap_or(line));
        let printed = std::process::Command::new("sh").args(["-fc", &format!(r"printf '%s\0' {line}")]).output();
        let printed = printed.expect("a shell").stdout;
        String::from_utf8(printed).expect("UTF-8").split_terminator('\0').map(str::to_owned).collect()
    }

    fn parse(line: &str) -> Result<(), clap::Error> {
        let mut command = command();
        let matches = command.try_get_matches_from_mut(words(line).iter().filter(|word| *word != "…"))?;
        cli::check_options(&mut command, &matches)?;
        Cli::from_arg_matches(&matches).map(|_| ())
    }

    #[test]
    fn every_command_in_the_documentation_parses() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let docs = root.join("docs").read_dir().expect("docs").map(|entry| entry.expect("an entry").path());
        let pages = docs.chain(["README.md", "ARCHITECTURE.md", "examples/README.md"].map(|name| root.join(name)));
        let (mut problems, mut count) = (Vec::new(), 0);
        for page in pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
            let (blocks, mentions) = commands(&page);
            count += blocks.len() + mentions.len();
            let whole = blocks.iter().filter_map(|line| parse(line).err().map(|error| (line, error)));
            // A sentence may name a command without all that it needs, and with a word for a value.
            let wrong = [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand, ErrorKind::ArgumentConflict];
            let named = mentions.iter().filter(|line| !line.contains("COMMAND")).filter_map(|line| {
                parse(line).err().filter(|error| wrong.contains(&error.kind())).map(|error| (line, error))
            });
            problems.extend(whole.chain(named).map(|(line, error)| format!("{}: `{line}`: {error}", page.display())));
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(count > 100, "only {count} commands were found");
    }
}
