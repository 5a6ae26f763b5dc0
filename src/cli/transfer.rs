//! `signoff export` and `signoff import`: the [file](crate::export_file) of a store.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use chrono::SecondsFormat;

use super::{stored::StoredArgs, text::escape};
use crate::{
    bounded_file,
    clock::{OutOfRange, SystemWall},
    domain::{Block, Freeze, Lane, Token},
    export_file::{Counts, Export, Line, LineError, Lines},
    private_files,
    store::{self, Forgotten, History, OpenError, PolicyVersion, Store, StoreConfig, StoreError, UnchangedPolicy},
};

/// Records per read or write.
const BATCH: usize = 200;

/// Policy versions per read or write: each can have 1 MiB.
const POLICIES: usize = 8;

/// The store to export, and the output.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// The store
    #[command(flatten)]
    stored: StoredArgs,
    /// File to write; it must not exist [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The store to import into, and the input.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The store; a data directory is created if absent
    #[command(flatten)]
    stored: StoredArgs,
    /// File to read [default: standard input]
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
}

/// Why a transfer stopped.
#[derive(Debug, thiserror::Error)]
enum TransferError {
    #[error(transparent)]
    Clock(#[from] OutOfRange),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("lines {first} to {last}: {source}; these lines were not imported")]
    Batch { first: usize, last: usize, source: StoreError },
    #[error("no store; set --data-dir or --store")]
    NoStore,
    #[error("cannot write an export to a terminal; set --output, or redirect standard output")]
    Terminal,
}

/// Exports a store. Exits 0, or prints an error and exits 1.
pub(super) async fn export(args: ExportArgs) -> ExitCode {
    finish("exported", write_all(args).await)
}

/// Imports an export into a store. Skips records that the store already has, so an interrupted import can be repeated.
/// Exits 0, or prints an error and exits 1.
pub(super) async fn import(args: ImportArgs) -> ExitCode {
    finish("imported", read_all(args).await)
}

fn finish(done: &str, outcome: Result<Counts, TransferError>) -> ExitCode {
    match outcome {
        Ok(count) => {
            anstream::eprintln!("{done} {count}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The store that a command names.
async fn config(stored: &StoredArgs, create: bool) -> Result<StoreConfig, TransferError> {
    stored.config(create).await?.ok_or(TransferError::NoStore)
}

async fn write_all(args: ExportArgs) -> Result<Counts, TransferError> {
    let name = args.output.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let failed = |error| TransferError::File(name.clone(), error);
    if args.output.is_none() && io::stdout().is_terminal() {
        return Err(TransferError::Terminal);
    }
    private_files::keep_new_files_private();
    SystemWall::check()?;
    let store = store::open(&config(&args.stored, false).await?, Arc::new(())).await?;
    let written = match &args.output {
        Some(path) => write_file(&*store, path).await,
        None => write_to(&*store, &mut BufWriter::new(io::stdout())).await,
    };
    store.close().await;
    written.map_err(|error| match error {
        TransferError::File(_, error) => failed(error),
        error => error,
    })
}

/// Writes a new file and makes it durable. Only the owner can read it, because arguments can be secrets.
async fn write_file(store: &dyn Store, path: &Path) -> Result<Counts, TransferError> {
    let failed = |error| TransferError::File(String::new(), error);
    let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut output = BufWriter::new(file);
    let written = write_to(store, &mut output).await.and_then(|count| {
        output.get_ref().sync_all().and_then(|()| private_files::sync_name(path)).map_err(failed)?;
        Ok(count)
    });
    if written.is_err() {
        // A partial export is useless, and its file would block the next attempt.
        let _ = std::fs::remove_file(path);
    }
    written
}

async fn write_to(store: &dyn Store, output: &mut (impl Write + Send)) -> Result<Counts, TransferError> {
    let failed = |error| TransferError::File(String::new(), error);
    let mut export = Export::of(store.snapshot().await?);
    while let Some(lines) = export.next().await? {
        output.write_all(&lines).map_err(failed)?;
    }
    output.flush().map_err(failed)?;
    export.summary().map(|whole| whole.counts).ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))
}

async fn read_all(args: ImportArgs) -> Result<Counts, TransferError> {
    let name = args.input.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let input: Box<dyn io::Read + Send> = match &args.input {
        Some(path) => {
            Box::new(bounded_file::open_input(path).map_err(|error| TransferError::File(name.clone(), error))?)
        }
        None => Box::new(io::stdin()),
    };
    private_files::keep_new_files_private();
    let mut lines = Lines::begin(BufReader::new(input))?;
    SystemWall::check()?;
    let store = store::open(&config(&args.stored, true).await?, Arc::new(())).await?;
    let mut ended = EndedHere::default();
    let count = read_from(&*store, &mut lines, &mut ended).await;
    store.close().await;
    ended.freezes.iter().for_each(|freeze| anstream::eprintln!("{}", ending(freeze)));
    ended.blocks.iter().for_each(|block| anstream::eprintln!("{}", unblocking(block)));
    count
}

/// The message for a freeze that an import ended. The operator must know: calls that this store stopped can run again.
fn ending(freeze: &Freeze) -> String {
    let (id, scope) = (freeze.id, escape(&freeze.scope.to_string()));
    let by = freeze.thawed.as_ref().map_or_else(String::new, |thawed| {
        let at = thawed.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        format!(", by {} at {at}", escape(&thawed.actor.to_string()))
    });
    format!("THAWED: {scope}; freeze {id} was active here, but is thawed in the export{by}")
}

/// The message for a block that an import ended: its subject can call again.
fn unblocking(block: &Block) -> String {
    let (id, subject) = (block.id, escape(&block.subject.to_string()));
    let by = block.unblocked.as_ref().map_or_else(String::new, |ended| {
        let at = ended.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        format!(", by {} at {at}", escape(&ended.actor.to_string()))
    });
    format!("UNBLOCKED: {subject}; block {id} was active here, but has ended in the export{by}")
}

/// Lines of one kind, which are imported atomically.
#[derive(Debug, Default)]
enum Batch {
    #[default]
    Empty,
    Policies(Vec<PolicyVersion>),
    UnchangedPolicies(Vec<UnchangedPolicy>),
    Tokens(Vec<Token>),
    Freezes(Vec<Freeze>),
    Blocks(Vec<Block>),
    Forgotten(Vec<Forgotten>),
    Approvals(Vec<History>),
    Lanes(Vec<Lane>),
}

impl Batch {
    /// Adds a line. Returns it if it has another kind, or if the batch is full.
    fn take(&mut self, next: Line) -> Option<Line> {
        if let Self::Empty = self {
            *self = match next {
                Line::Policy { policy } => Self::Policies(vec![policy]),
                Line::UnchangedPolicy { unchanged_policy } => Self::UnchangedPolicies(vec![unchanged_policy]),
                Line::Token { token } => Self::Tokens(vec![*token]),
                Line::Freeze { freeze } => Self::Freezes(vec![freeze]),
                Line::Block { block } => Self::Blocks(vec![block]),
                Line::Forgotten { forgotten } => Self::Forgotten(vec![forgotten]),
                Line::Approval(history) => Self::Approvals(vec![history]),
                Line::Lane { lane } => Self::Lanes(vec![*lane]),
                end @ Line::End(_) => return Some(end),
            };
            return None;
        }
        match (self, next) {
            (Self::Policies(all), Line::Policy { policy }) if all.len() < POLICIES => all.push(policy),
            (Self::UnchangedPolicies(all), Line::UnchangedPolicy { unchanged_policy }) if all.len() < BATCH => {
                all.push(unchanged_policy);
            }
            (Self::Tokens(all), Line::Token { token }) if all.len() < BATCH => all.push(*token),
            (Self::Freezes(all), Line::Freeze { freeze }) if all.len() < BATCH => all.push(freeze),
            (Self::Blocks(all), Line::Block { block }) if all.len() < BATCH => all.push(block),
            (Self::Forgotten(all), Line::Forgotten { forgotten }) if all.len() < BATCH => all.push(forgotten),
            (Self::Approvals(all), Line::Approval(history)) if all.len() < BATCH => all.push(history),
            (Self::Lanes(all), Line::Lane { lane }) if all.len() < BATCH => all.push(*lane),
            (_, other) => return Some(other),
        }
        None
    }

    /// Adds the lines of this batch to the count.
    fn count(&self, read: &mut Counts) {
        match self {
            Self::Empty => {}
            Self::Policies(all) => read.policies += all.len(),
            Self::UnchangedPolicies(all) => read.unchanged_policies += all.len(),
            Self::Tokens(all) => read.tokens += all.len(),
            Self::Freezes(all) => read.freezes += all.len(),
            Self::Blocks(all) => read.blocks += all.len(),
            Self::Forgotten(all) => read.forgotten += all.len(),
            Self::Approvals(all) => read.approvals += all.len(),
            Self::Lanes(all) => read.lanes += all.len(),
        }
    }

    /// Imports the batch. Counts the new records, and collects the restrictions that ended.
    async fn import(self, store: &dyn Store, new: &mut Counts, ended: &mut EndedHere) -> Result<(), StoreError> {
        match self {
            Self::Empty => {}
            Self::Policies(all) => new.policies += store.import_policies(all).await?,
            Self::UnchangedPolicies(all) => new.unchanged_policies += store.import_unchanged_policies(all).await?,
            Self::Tokens(all) => new.tokens += store.save_tokens(all).await?,
            Self::Freezes(all) => {
                let imported = store.import_freezes(all).await?;
                new.freezes += imported.new;
                ended.freezes.extend(imported.ended);
            }
            Self::Blocks(all) => {
                let imported = store.import_blocks(all).await?;
                new.blocks += imported.new;
                ended.blocks.extend(imported.ended);
            }
            Self::Forgotten(all) => new.forgotten += store.import_forgotten(all).await?,
            Self::Approvals(all) => new.approvals += store.import(all).await?,
            Self::Lanes(all) => new.lanes += store.import_lanes(all).await?,
        }
        Ok(())
    }
}

/// Freezes and blocks that were active in this store, and have ended in the export.
#[derive(Debug, Default)]
struct EndedHere {
    freezes: Vec<Freeze>,
    blocks: Vec<Block>,
}

/// Imports all lines; returns the number of new records. `ended` collects the restrictions that the import ended, even
/// if it fails later.
async fn read_from(
    store: &dyn Store,
    lines: &mut Lines<impl BufRead + Send>,
    ended: &mut EndedHere,
) -> Result<Counts, TransferError> {
    let (mut new, mut read, mut next) = (Counts::default(), Counts::default(), lines.entry()?);
    loop {
        let first = lines.number();
        let mut batch = Batch::default();
        loop {
            match batch.take(next) {
                None => next = lines.entry()?,
                Some(other) => {
                    next = other;
                    break;
                }
            }
        }
        let last = lines.number() - 1;
        batch.count(&mut read);
        let end = if let Line::End(end) = &next { Some(end.counts) } else { None };
        if let Some(written) = end.filter(|written| *written != read) {
            let lost = format!("the file should have {written}, but has {read}");
            return Err(LineError(lines.number(), lost).into());
        }
        let failed = |source| TransferError::Batch { first, last, source };
        batch.import(store, &mut new, ended).await.map_err(failed)?;
        if end.is_some() {
            return Ok(new);
        }
    }
}

#[cfg(test)]
mod tests;
