//! `signoff export` and `signoff import`: every version of the policy, every token (without secrets, of which there are
//! only hashes), then every approval with its events, one JSON
//! object per line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    identity::Token,
    store::{History, OpenError, PolicyVersion, SledStore, Store, StoreError},
};

/// Approvals read or written at once.
const BATCH: usize = 200;

/// Versions of the policy read or written at once: each may be a MiB.
const POLICIES: usize = 8;

/// Longest line taken: an approval with every edit and vote that it can have is far shorter, and so is a policy.
const LINE_MAX: u64 = 16 << 20;

/// Where to export from and to.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Data directory of a server that is not running
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// File to write; standard output without it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Where to import from and to.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// Data directory of a server that is not running; made when absent
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// File to read; standard input without it
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
}

/// The first line of an export.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// The last line of an export: without it, the file is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trailer {
    approvals: usize,
    #[serde(default)]
    policies: usize,
    #[serde(default)]
    tokens: usize,
}

impl std::fmt::Display for Trailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { approvals, policies, tokens } = self;
        write!(f, "{approvals} approvals, {policies} versions of the policy and {tokens} tokens")
    }
}

/// A line between header and trailer, or the trailer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Policy { policy: PolicyVersion },
    Token { token: Box<Token> },
    Approval(History),
    End(Trailer),
}

/// The line of a version of the policy.
#[derive(Debug, Serialize)]
struct PolicyLine<'a> {
    policy: &'a PolicyVersion,
}

/// The line of a token.
#[derive(Debug, Serialize)]
struct TokenLine<'a> {
    token: &'a Token,
}

impl Header {
    fn current() -> Self {
        Self { format: "signoff-export".into(), version: 1 }
    }
}

/// Why a transfer stopped.
#[derive(Debug, thiserror::Error)]
enum TransferError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error("line {0}: {1}")]
    Line(usize, String),
    #[error("lines {first} to {last}: {source}; nothing of these lines was imported")]
    Batch { first: usize, last: usize, source: StoreError },
    #[error("refusing to write an export to a terminal; name a file with --output, or redirect")]
    Terminal,
}

/// Writes everything in a store. Exits 0, or 1 with the reason.
pub async fn export(args: ExportArgs) -> ExitCode {
    finish("exported", write_all(args).await)
}

/// Reads an export into a store. What is there already is skipped, so that a stopped import can be repeated.
/// Exits 0, or 1 with the reason.
pub async fn import(args: ImportArgs) -> ExitCode {
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

async fn write_all(args: ExportArgs) -> Result<Trailer, TransferError> {
    let name = args.output.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let failed = |error| TransferError::File(name.clone(), error);
    if args.output.is_none() && io::stdout().is_terminal() {
        return Err(TransferError::Terminal);
    }
    // Looked for first: a mistyped directory must not become an empty store.
    std::fs::metadata(args.data_dir.join("sled"))
        .map_err(|error| TransferError::File(args.data_dir.display().to_string(), error))?;
    let store = SledStore::open(&args.data_dir, Arc::new(()))?;
    let written = match &args.output {
        Some(path) => write_file(&store, path).await,
        None => write_to(&store, &mut BufWriter::new(io::stdout())).await,
    };
    store.close().await;
    written.map_err(|error| match error {
        TransferError::File(_, error) => failed(error),
        error => error,
    })
}

/// Writes a new file that only its owner can read, as arguments can be secrets; and makes it durable.
async fn write_file(store: &impl Store, path: &Path) -> Result<Trailer, TransferError> {
    let failed = |error| TransferError::File(String::new(), error);
    let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut output = BufWriter::new(file);
    let count = write_to(store, &mut output).await?;
    output.get_ref().sync_all().map_err(failed)?;
    Ok(count)
}

async fn write_to(store: &impl Store, output: &mut (impl Write + Send)) -> Result<Trailer, TransferError> {
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
    let tokens = store.tokens().await?;
    written.tokens = tokens.len();
    tokens.iter().try_for_each(|token| line(output, &TokenLine { token })).map_err(failed)?;
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
    line(output, &written).map_err(failed)?;
    output.flush().map_err(failed)?;
    Ok(written)
}

fn line(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")
}

async fn read_all(args: ImportArgs) -> Result<Trailer, TransferError> {
    let name = args.input.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let input: Box<dyn io::Read + Send> = match &args.input {
        Some(path) => Box::new(File::open(path).map_err(|error| TransferError::File(name.clone(), error))?),
        None => Box::new(io::stdin()),
    };
    let mut lines = Lines { input: BufReader::new(input), number: 0 };
    let header: Header = lines.next()?.ok_or_else(|| TransferError::Line(1, "the file is empty".into()))?;
    if header != Header::current() {
        return Err(TransferError::Line(1, "not an export of a version that this build reads".into()));
    }
    let store = SledStore::open(&args.data_dir, Arc::new(()))?;
    let count = read_from(&store, &mut lines).await;
    store.close().await;
    count
}

/// Returns how much was new.
async fn read_from(store: &impl Store, lines: &mut Lines<impl BufRead + Send>) -> Result<Trailer, TransferError> {
    let (mut new, mut read, mut next) = (Trailer::default(), Trailer::default(), lines.entry()?);
    loop {
        let first = lines.number;
        let (mut policies, mut tokens, mut histories) = (Vec::new(), Vec::new(), Vec::new());
        // Of one kind only: a batch is imported as a whole, or not at all.
        loop {
            match next {
                Line::Policy { policy } if tokens.is_empty() && histories.is_empty() && policies.len() < POLICIES => {
                    policies.push(policy);
                }
                Line::Token { token } if policies.is_empty() && histories.is_empty() && tokens.len() < BATCH => {
                    tokens.push(*token);
                }
                Line::Approval(history) if policies.is_empty() && tokens.is_empty() && histories.len() < BATCH => {
                    histories.push(history);
                }
                other => {
                    next = other;
                    break;
                }
            }
            next = lines.entry()?;
        }
        let last = lines.number - 1;
        read.policies += policies.len();
        read.tokens += tokens.len();
        read.approvals += histories.len();
        let end = if let Line::End(trailer) = next { Some(trailer) } else { None };
        if let Some(written) = end.filter(|written| *written != read) {
            let lost = format!("the file was written with {written}, but has {read}");
            return Err(TransferError::Line(lines.number, lost));
        }
        let refused = |source| TransferError::Batch { first, last, source };
        new.policies += store.import_policies(policies).await.map_err(refused)?;
        new.tokens += store.save_tokens(tokens).await.map_err(refused)?;
        new.approvals += store.import(histories).await.map_err(refused)?;
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
        let cut = "the file is cut: it does not end with the number of its approvals";
        self.next()?.ok_or_else(|| TransferError::Line(self.number + 1, cut.into()))
    }

    fn next<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, TransferError> {
        use io::Read as _;
        self.number += 1;
        let wrong = |what: String| TransferError::Line(self.number, what);
        let mut text = String::new();
        let read = (&mut self.input).take(LINE_MAX).read_line(&mut text).map_err(|error| wrong(error.to_string()))?;
        if read == 0 {
            self.number -= 1;
            return Ok(None);
        }
        serde_json::from_str(&text).map(Some).map_err(|error| wrong(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
