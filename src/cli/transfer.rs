//! `signoff export` and `signoff import`: every version of the policy, then every approval with its events, one JSON
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

use crate::store::{History, OpenError, PolicyVersion, SledStore, Store, StoreError};

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
}

impl std::fmt::Display for Trailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} approvals and {} versions of the policy", self.approvals, self.policies)
    }
}

/// A line between header and trailer, or the trailer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Policy { policy: PolicyVersion },
    Approval(History),
    End(Trailer),
}

/// The line of a version of the policy.
#[derive(Debug, Serialize)]
struct PolicyLine<'a> {
    policy: &'a PolicyVersion,
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
        let (first, mut policies, mut histories) = (lines.number, Vec::new(), Vec::new());
        // Of one kind only: a batch is imported as a whole, or not at all.
        loop {
            match next {
                Line::Policy { policy } if histories.is_empty() && policies.len() < POLICIES => policies.push(policy),
                Line::Approval(history) if policies.is_empty() && histories.len() < BATCH => histories.push(history),
                other => {
                    next = other;
                    break;
                }
            }
            next = lines.entry()?;
        }
        let last = lines.number - 1;
        read.policies += policies.len();
        read.approvals += histories.len();
        let end = if let Line::End(trailer) = next { Some(trailer) } else { None };
        if let Some(written) = end.filter(|written| *written != read) {
            let lost = format!("the file was written with {written}, but has {read}");
            return Err(TransferError::Line(lines.number, lost));
        }
        let refused = |source| TransferError::Batch { first, last, source };
        new.policies += store.import_policies(policies).await.map_err(refused)?;
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
mod tests {
    use super::*;
    use crate::{
        domain::{Choice, Command, Seen, samples},
        store::{MemoryStore, NewPolicy, Submission},
    };

    const FILLED: Trailer = Trailer { approvals: 450, policies: 20 };

    fn submission(n: u64, request_id: &str) -> Submission {
        let (request, arguments) = samples::a_request(request_id);
        let (request, verdict) = (Arc::new(request), samples::quorum(1));
        Submission { id: samples::id(0, n), request, arguments, verdict, now: samples::at(0), pending_limit: 1_000 }
    }

    async fn filled() -> MemoryStore {
        let store = MemoryStore::default();
        for n in 0..20 {
            let (document, author, comment) = (format!("{{\"n\":{n}}}").into(), samples::reviewer(1), "c".into());
            let (request_id, expected, now) = (Some(format!("r{n}")), Some(n), samples::at(0));
            store.put_policy(NewPolicy { document, author, comment, request_id, expected, now }).await.unwrap();
        }
        for n in 0..450 {
            let id = store.submit(submission(n, &format!("r{n}"))).await.unwrap().approval.id;
            if n % 2 == 0 {
                let decide = samples::decide(samples::reviewer(1), Choice::Approve, Seen::Revision(1));
                store.transition(id, Command::Decide(decide), samples::at(1)).await.unwrap();
            }
        }
        store
    }

    #[tokio::test]
    async fn everything_comes_back() {
        let (from, to) = (filled().await, MemoryStore::default());
        let mut text = Vec::new();
        assert_eq!(write_to(&from, &mut text).await.unwrap(), FILLED);
        for expected in [FILLED, Trailer::default()] {
            let mut lines = Lines { input: &text[..], number: 0 };
            assert_eq!(lines.next::<Header>().unwrap(), Some(Header::current()));
            assert_eq!(read_from(&to, &mut lines).await.unwrap(), expected);
        }
        assert_eq!(to.export(None, 1_000).await.unwrap(), from.export(None, 1_000).await.unwrap());
        assert_eq!(to.export_policies(0, 99).await.unwrap(), from.export_policies(0, 99).await.unwrap());
    }

    #[tokio::test]
    async fn an_export_without_policies_is_read() {
        let mut text = Vec::new();
        write_to(&filled().await, &mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        let older: String = text
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("{\"policy\":"))
            .map(|line| if line.starts_with("{\"approvals\":") { "{\"approvals\":450}\n" } else { line })
            .collect();
        let mut lines = Lines { input: older.as_bytes(), number: 0 };
        lines.next::<Header>().unwrap();
        let new = read_from(&MemoryStore::default(), &mut lines).await.unwrap();
        assert_eq!(new, Trailer { policies: 0, ..FILLED });
    }

    #[tokio::test]
    async fn what_conflicts_is_named_and_nothing_with_it_is_taken() {
        let mut text = Vec::new();
        write_to(&filled().await, &mut text).await.unwrap();
        let policy = {
            let (document, author, comment) = ("{}".into(), samples::reviewer(1), String::new());
            NewPolicy { document, author, comment, request_id: None, expected: None, now: samples::at(0) }
        };
        let (other_policy, other_approval) = (MemoryStore::default(), MemoryStore::default());
        other_policy.put_policy(policy).await.unwrap();
        other_approval.submit(submission(0, "other")).await.unwrap();
        for (store, complaint, policies, approvals) in [
            (other_policy, "lines 2 to 9: version 1 of the policy", 1, 0),
            (other_approval, "lines 22 to 221: another approval", 20, 1),
        ] {
            let mut lines = Lines { input: &text[..], number: 0 };
            lines.next::<Header>().unwrap();
            let error = read_from(&store, &mut lines).await.unwrap_err();
            assert!(error.to_string().starts_with(complaint), "{error}");
            assert_eq!(store.policies(None, 99).await.unwrap().len(), policies);
            assert_eq!(store.export(None, 99).await.unwrap().len(), approvals);
        }
    }

    #[tokio::test]
    async fn a_cut_export_is_refused() {
        let mut text = Vec::new();
        write_to(&filled().await, &mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let without_end = lines[..lines.len() - 1].concat();
        let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat().concat();
        let (without_one, without_policy) = (without(25), without(20));
        for (text, complaint) in [
            (without_end, "the file is cut"),
            (without_one, "450 approvals and 20 versions of the policy, but has 449 approvals and 20"),
            (without_policy, "450 approvals and 20 versions of the policy, but has 450 approvals and 19"),
        ] {
            let mut lines = Lines { input: text.as_bytes(), number: 0 };
            lines.next::<Header>().unwrap();
            let error = read_from(&MemoryStore::default(), &mut lines).await.unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
        }
    }

    #[tokio::test]
    async fn a_bad_line_is_named() {
        let mut text = Vec::new();
        write_to(&filled().await, &mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        let torn: String = text.split_inclusive('\n').take(3).collect::<String>() + "{\"id\":";
        let mut lines = Lines { input: torn.as_bytes(), number: 0 };
        lines.next::<Header>().unwrap();
        let error = read_from(&MemoryStore::default(), &mut lines).await.unwrap_err();
        assert!(error.to_string().starts_with("line 4: "), "{error}");
    }
}
