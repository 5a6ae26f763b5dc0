//! `signoff export` and `signoff import`: a store as JSON Lines.
//!
//! In this order: policy versions, SetPolicy calls that changed nothing, tokens (with hashes, not secrets), freezes,
//! blocks of subjects, `request_id`s of forgotten approvals, approvals with their events, and lanes: what channels are
//! still to be told about them. Sessions do not move: people sign in again.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};

use super::{stored::StoredArgs, text::escape};
use crate::{
    bounded_file,
    clock::{OutOfRange, SystemWall},
    domain::{Block, Freeze, Lane, Token},
    private_files,
    store::{self, Forgotten, History, OpenError, PolicyVersion, Store, StoreConfig, StoreError, UnchangedPolicy},
};

/// Records per read or write.
const BATCH: usize = 200;

/// Policy versions per read or write: each can have 1 MiB.
const POLICIES: usize = 8;

/// Maximum length of a line, in bytes. Far above an approval with the maximum of edits and votes, or a policy.
const LINE_MAX: u64 = 16 << 20;

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

/// The first line of an export.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    format: String,
    version: u32,
}

/// The last line of an export. Without it, the file is truncated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trailer {
    pub(super) approvals: usize,
    #[serde(default)]
    pub(super) policies: usize,
    /// SetPolicy calls that changed nothing.
    #[serde(default)]
    pub(super) unchanged_policies: usize,
    #[serde(default)]
    pub(super) tokens: usize,
    #[serde(default)]
    pub(super) freezes: usize,
    #[serde(default)]
    pub(super) blocks: usize,
    /// `request_id`s of forgotten approvals.
    #[serde(default)]
    pub(super) forgotten: usize,
    /// Lanes of the outbox.
    #[serde(default)]
    pub(super) lanes: usize,
}

impl std::fmt::Display for Trailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { approvals, policies, unchanged_policies, tokens, freezes, blocks, forgotten, lanes } = self;
        write!(f, "{approvals} approvals, {policies} policy versions and {tokens} tokens")?;
        if *freezes > 0 {
            write!(f, ", {freezes} freezes")?;
        }
        if *blocks > 0 {
            write!(f, ", {blocks} blocks")?;
        }
        if *lanes > 0 {
            write!(f, ", {lanes} message queues")?;
        }
        if *unchanged_policies > 0 {
            write!(f, ", {unchanged_policies} request_ids of unchanged policies")?;
        }
        if *forgotten == 0 { Ok(()) } else { write!(f, ", and {forgotten} request_ids of forgotten approvals") }
    }
}

/// A line between header and trailer, or the trailer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Policy { policy: PolicyVersion },
    UnchangedPolicy { unchanged_policy: UnchangedPolicy },
    Token { token: Box<Token> },
    Freeze { freeze: Freeze },
    Block { block: Block },
    Forgotten { forgotten: Forgotten },
    Lane { lane: Box<Lane> },
    Approval(History),
    End(Trailer),
}

/// The line of a policy version.
#[derive(Debug, Serialize)]
pub(super) struct PolicyLine<'a> {
    pub(super) policy: &'a PolicyVersion,
}

/// The line of a SetPolicy call that changed nothing.
#[derive(Debug, Serialize)]
pub(super) struct UnchangedPolicyLine<'a> {
    pub(super) unchanged_policy: &'a UnchangedPolicy,
}

/// The line of a token.
#[derive(Debug, Serialize)]
pub(super) struct TokenLine<'a> {
    pub(super) token: &'a Token,
}

/// The line of a freeze.
#[derive(Debug, Serialize)]
pub(super) struct FreezeLine<'a> {
    pub(super) freeze: &'a Freeze,
}

/// The line of a block of a subject.
#[derive(Debug, Serialize)]
pub(super) struct BlockLine<'a> {
    pub(super) block: &'a Block,
}

/// The line of the `request_id` of a forgotten approval.
#[derive(Debug, Serialize)]
pub(super) struct ForgottenLine<'a> {
    pub(super) forgotten: &'a Forgotten,
}

/// The line of a lane of the outbox.
#[derive(Debug, Serialize)]
pub(super) struct LaneLine<'a> {
    pub(super) lane: &'a Lane,
}

impl Header {
    pub(super) fn current() -> Self {
        Self { format: "signoff-export".into(), version: 1 }
    }
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
    #[error("line {0}: {1}")]
    Line(usize, String),
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

fn finish(done: &str, outcome: Result<Trailer, TransferError>) -> ExitCode {
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

async fn write_all(args: ExportArgs) -> Result<Trailer, TransferError> {
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
async fn write_file(store: &dyn Store, path: &Path) -> Result<Trailer, TransferError> {
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

async fn write_to(store: &dyn Store, output: &mut (impl Write + Send)) -> Result<Trailer, TransferError> {
    let failed = |error| TransferError::File(String::new(), error);
    let mut written = Trailer::default();
    line(output, &Header::current()).map_err(failed)?;
    let mut newest = 0;
    loop {
        let versions = store.export_policies(newest, POLICIES).await?;
        let Some(last) = versions.last() else { break };
        newest = last.head.version;
        written.policies += versions.len();
        for policy in &versions {
            line(output, &PolicyLine { policy }).map_err(failed)?;
        }
    }
    let mut after = None;
    loop {
        let calls = store.export_unchanged_policies(after, BATCH).await?;
        after = calls.last().cloned();
        written.unchanged_policies += calls.len();
        let write = |unchanged_policy| line(output, &UnchangedPolicyLine { unchanged_policy });
        calls.iter().try_for_each(write).map_err(failed)?;
        if after.is_none() {
            break;
        }
    }
    let tokens = store.tokens().await?;
    written.tokens = tokens.len();
    tokens.iter().try_for_each(|token| line(output, &TokenLine { token })).map_err(failed)?;
    let freezes = store.freezes().await?;
    written.freezes = freezes.len();
    freezes.iter().try_for_each(|freeze| line(output, &FreezeLine { freeze })).map_err(failed)?;
    let blocks = store.blocks().await?;
    written.blocks = blocks.len();
    blocks.iter().try_for_each(|block| line(output, &BlockLine { block })).map_err(failed)?;
    let mut after = None;
    loop {
        let forgotten = store.export_forgotten(after, BATCH).await?;
        after = forgotten.last().cloned();
        written.forgotten += forgotten.len();
        forgotten.iter().try_for_each(|forgotten| line(output, &ForgottenLine { forgotten })).map_err(failed)?;
        if after.is_none() {
            break;
        }
    }
    let mut after = None;
    loop {
        let histories = store.export(after, BATCH).await?;
        let Some(last) = histories.last() else { break };
        after = Some(last.id);
        written.approvals += histories.len();
        for history in &histories {
            line(output, history).map_err(failed)?;
        }
    }
    let mut after = None;
    loop {
        let lanes = store.export_lanes(after, BATCH).await?;
        after = lanes.last().map(|lane| (lane.approval, lane.channel.clone()));
        written.lanes += lanes.len();
        lanes.iter().try_for_each(|lane| line(output, &LaneLine { lane })).map_err(failed)?;
        if after.is_none() {
            break;
        }
    }
    line(output, &written).map_err(failed)?;
    output.flush().map_err(failed)?;
    Ok(written)
}

pub(super) fn line(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")
}

async fn read_all(args: ImportArgs) -> Result<Trailer, TransferError> {
    let name = args.input.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let input: Box<dyn io::Read + Send> = match &args.input {
        Some(path) => {
            Box::new(bounded_file::open_input(path).map_err(|error| TransferError::File(name.clone(), error))?)
        }
        None => Box::new(io::stdin()),
    };
    private_files::keep_new_files_private();
    let mut lines = Lines { input: BufReader::new(input), number: 0 };
    let header: Header = lines.next()?.ok_or_else(|| TransferError::Line(1, "the file is empty".into()))?;
    if header != Header::current() {
        return Err(TransferError::Line(1, "not an export, or not of a supported version".into()));
    }
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
    fn count(&self, read: &mut Trailer) {
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
    async fn import(self, store: &dyn Store, new: &mut Trailer, ended: &mut EndedHere) -> Result<(), StoreError> {
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
) -> Result<Trailer, TransferError> {
    let (mut new, mut read, mut next) = (Trailer::default(), Trailer::default(), lines.entry()?);
    loop {
        let first = lines.number;
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
        let last = lines.number - 1;
        batch.count(&mut read);
        let end = if let Line::End(trailer) = next { Some(trailer) } else { None };
        if let Some(written) = end.filter(|written| *written != read) {
            let lost = format!("the file should have {written}, but has {read}");
            return Err(TransferError::Line(lines.number, lost));
        }
        let failed = |source| TransferError::Batch { first, last, source };
        batch.import(store, &mut new, ended).await.map_err(failed)?;
        if end.is_some() {
            return Ok(new);
        }
    }
}

struct Lines<R> {
    input: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// The next line after the header.
    fn entry(&mut self) -> Result<Line, TransferError> {
        let truncated = "the file is truncated: its last line, with the counts, is missing";
        self.next()?.ok_or_else(|| TransferError::Line(self.number + 1, truncated.into()))
    }

    fn next<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, TransferError> {
        use io::Read as _;
        self.number += 1;
        let wrong = |what: String| TransferError::Line(self.number, what);
        // Reads bytes, because the limit may split a character.
        let mut line = Vec::new();
        (&mut self.input).take(LINE_MAX + 1).read_until(b'\n', &mut line).map_err(|error| wrong(error.to_string()))?;
        if line.len() as u64 > LINE_MAX {
            return Err(wrong(format!("is larger than the limit of {LINE_MAX} bytes")));
        }
        if line.is_empty() {
            self.number -= 1;
            return Ok(None);
        }
        let text = bounded_file::text(line).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| wrong(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
