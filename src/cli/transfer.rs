//! `signoff export` and `signoff import`: every approval with its events, one JSON object per line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::store::{History, OpenError, SledStore, Store, StoreError};

/// Approvals read or written at once.
const BATCH: usize = 200;

/// Longest line taken: an approval with every edit and vote that it can have is far shorter.
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trailer {
    approvals: usize,
}

/// A line between header and trailer, or the trailer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Approval(History),
    End(Trailer),
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

fn finish(done: &str, outcome: Result<usize, TransferError>) -> ExitCode {
    match outcome {
        Ok(count) => {
            anstream::eprintln!("{done} {count} approvals");
            ExitCode::SUCCESS
        }
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn write_all(args: ExportArgs) -> Result<usize, TransferError> {
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
async fn write_file(store: &impl Store, path: &Path) -> Result<usize, TransferError> {
    let failed = |error| TransferError::File(String::new(), error);
    let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut output = BufWriter::new(file);
    let count = write_to(store, &mut output).await?;
    output.get_ref().sync_all().map_err(failed)?;
    Ok(count)
}

async fn write_to(store: &impl Store, output: &mut (impl Write + Send)) -> Result<usize, TransferError> {
    let failed = |error| TransferError::File(String::new(), error);
    let (mut after, mut count) = (None, 0);
    line(output, &Header::current()).map_err(failed)?;
    loop {
        let histories = store.export(after, BATCH).await?;
        let Some(last) = histories.last() else {
            line(output, &Trailer { approvals: count }).map_err(failed)?;
            output.flush().map_err(failed)?;
            return Ok(count);
        };
        after = Some(last.id);
        count += histories.len();
        for history in &histories {
            line(output, history).map_err(failed)?;
        }
    }
}

fn line(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")
}

async fn read_all(args: ImportArgs) -> Result<usize, TransferError> {
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

async fn read_from(store: &impl Store, lines: &mut Lines<impl BufRead + Send>) -> Result<usize, TransferError> {
    let (mut new, mut read) = (0, 0);
    loop {
        let (first, mut batch, mut end) = (lines.number + 1, Vec::with_capacity(BATCH), None);
        while batch.len() < BATCH && end.is_none() {
            match lines.next::<Line>()? {
                Some(Line::Approval(history)) => batch.push(history),
                Some(Line::End(trailer)) => end = Some(trailer),
                None => {
                    let cut = "the file is cut: it does not end with the number of its approvals";
                    return Err(TransferError::Line(lines.number + 1, cut.into()));
                }
            }
        }
        let last = lines.number;
        read += batch.len();
        if let Some(Trailer { approvals }) = end.as_ref().filter(|trailer| trailer.approvals != read) {
            let lost = format!("the file was written with {approvals} approvals, but has {read}");
            return Err(TransferError::Line(last, lost));
        }
        new += store.import(batch).await.map_err(|source| TransferError::Batch { first, last, source })?;
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
        store::{MemoryStore, Submission},
    };

    async fn filled() -> MemoryStore {
        let store = MemoryStore::default();
        for n in 0..450 {
            let (request, arguments) = samples::a_request(&format!("r{n}"));
            let (request, verdict) = (Arc::new(request), samples::quorum(1));
            let (id, now) = (samples::id(0, n), samples::at(0));
            let submission = Submission { id, request, arguments, verdict, now, pending_limit: 1_000 };
            store.submit(submission).await.unwrap();
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
        assert_eq!(write_to(&from, &mut text).await.unwrap(), 450);
        for expected in [450, 0] {
            let mut lines = Lines { input: &text[..], number: 0 };
            assert_eq!(lines.next::<Header>().unwrap(), Some(Header::current()));
            assert_eq!(read_from(&to, &mut lines).await.unwrap(), expected);
        }
        assert_eq!(to.export(None, 1_000).await.unwrap(), from.export(None, 1_000).await.unwrap());
    }

    #[tokio::test]
    async fn a_cut_export_is_refused() {
        let mut text = Vec::new();
        write_to(&filled().await, &mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let without_end = lines[..lines.len() - 1].concat();
        let without_one = [&lines[..5], &lines[6..]].concat().concat();
        for (text, complaint) in [(without_end, "the file is cut"), (without_one, "450 approvals, but has 449")] {
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
