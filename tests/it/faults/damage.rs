//! Flipped bits, lost, swapped or stale blocks, truncated or missing files: damage that a disk can do to a store at
//! rest.
//!
//! Afterwards everything acknowledged is there, or the server rejects the store with a message, or answers for an
//! approval with an error. No approval is lost silently, or claimed twice.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use signoff::proto::v1::GetApprovalRequest;
use tonic::Code;

use super::{
    SETTINGS, any_moment, assert_sentence, copy,
    exported::{Exported, export, revision},
    random, runs, seed, thorough,
    work::{self, Acknowledgement, Told, claim},
};
use crate::{
    load::Random,
    server::{Process, Server, serve, soon},
};

const CALLERS: usize = 16;

/// Approvals in the store: few, but enough for several pages; or many, as after a year.
const FEW: usize = 800;
const MANY: usize = 10_000;

/// Damages of one store that was killed.
const PER_KILL: usize = 25;

/// Second claims in each run.
const CLAIMS: usize = 12;

/// The end of the log, which is damaged most often: it is not in a snapshot of sled yet.
const TAIL: u64 = 4_096;

/// The size of a segment of sled's log. Each starts with a checksum, and its inverted position in the log.
const SEGMENT: u64 = 512 * 1_024;

/// The place of the damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// In the last bytes that sled wrote.
    Tail,
    /// In bytes of the log that are in use.
    Live,
    /// As [`Tail`](Self::Tail) and [`Live`](Self::Live), in a store whose server was killed under load.
    AfterKill,
    /// In any file.
    Anywhere,
}

const PLACES: [Where; 4] = [Where::Tail, Where::Live, Where::AfterKill, Where::Anywhere];

/// A store at rest, with everything that it acknowledged.
struct Image {
    directory: tempfile::TempDir,
    /// The lines of its export.
    lines: HashMap<String, String>,
    acknowledged: HashMap<String, Acknowledgement>,
}

/// The results of the runs for one place.
#[derive(Debug, Default)]
struct Count {
    equal: usize,
    refused: usize,
    errors: usize,
    /// Runs in which unacknowledged data was missing: only after a kill.
    unacknowledged: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_survived_or_detected() {
    let seed = seed("damage");
    let base = Image::new(seed).await;
    println!("{} approvals, {} bytes of log", base.lines.len(), log_length(base.directory.path()));
    let runs = runs(16, 1);
    for (index, place) in PLACES.into_iter().enumerate() {
        let (mut count, mut killed) = (Count::default(), None);
        for run in (index..runs).step_by(PLACES.len()) {
            let mut random = random(seed, run);
            let image = if place == Where::AfterKill {
                if killed.is_none() || (run / PLACES.len()).is_multiple_of(PER_KILL) {
                    killed = Some(base.killed(&mut random).await);
                }
                killed.as_ref().expect("made above")
            } else {
                &base
            };
            image.damage(place, &format!("FAULT_SEED={seed}, run {run}"), &mut random, &mut count).await;
        }
        println!("{place:?}: {count:?}");
    }
}

impl Image {
    async fn new(seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path(), &SETTINGS).await;
        let (told, mut random) = (Arc::new(Told::default()), random(seed, usize::MAX));
        let lives = if thorough() { MANY } else { FEW } / CALLERS;
        let mut callers = work::start(&server, &told, CALLERS, lives, &mut random, || 0);
        while let Some(caller) = callers.join_next().await {
            caller.expect("no caller panics").expect("the server is well");
        }
        assert!(server.stop().await.success());
        Self::read(directory, &told).await
    }

    async fn read(directory: tempfile::TempDir, told: &Told) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        copy(directory.path(), scratch.path());
        let lines = export(scratch.path()).await.whole("the undamaged store");
        Self { directory, lines, acknowledged: told.newest(0) }
    }

    /// The same store, after more work, which a kill interrupted.
    async fn killed(&self, random: &mut Random) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(self.directory.path(), directory.path());
        let server = Server::start(directory.path(), &SETTINGS).await;
        let told = Arc::new(Told::default());
        let mut callers = work::start(&server, &told, CALLERS, usize::MAX, random, || 0);
        any_moment(random, Duration::from_millis(500)).await;
        server.kill().await;
        while let Some(caller) = soon("the callers notice", callers.join_next()).await {
            caller.expect("no caller panics").expect_err("the server is gone");
        }
        let mut image = Self::read(directory, &told).await;
        image.acknowledged.extend(self.acknowledged.clone());
        image
    }

    async fn damage(&self, place: Where, context: &str, random: &mut Random, count: &mut Count) {
        let target = tempfile::tempdir().unwrap();
        copy(self.directory.path(), target.path());
        let what = damage(target.path(), place, random);
        let context = format!("{context}: {place:?}, {what}");
        match export(target.path()).await {
            Exported::Whole(lines) => {
                let server = match Process::spawn(target.path(), serve(target.path(), &SETTINGS)).listening().await {
                    Ok(server) => server,
                    Err((status, log)) => panic!("{context}: exported, but not served: {status}\n{log}"),
                };
                self.compare(&lines, &context, count);
                self.claim_again(server, random, &context).await;
            }
            Exported::Refused(code, output) => {
                assert_sentence(code, &output, &context);
                match Process::spawn(target.path(), serve(target.path(), &SETTINGS)).listening().await {
                    Err((status, log)) => {
                        assert_sentence(status.code(), &log, &context);
                        count.refused += 1;
                    }
                    Ok(server) => {
                        self.ask_for_each(&server, &context).await;
                        self.claim_again(server, random, &context).await;
                        count.errors += 1;
                    }
                }
            }
        }
    }

    /// Compares an export with the one before the damage.
    fn compare(&self, lines: &HashMap<String, String>, context: &str, count: &mut Count) {
        if *lines == self.lines {
            count.equal += 1;
            return;
        }
        for (id, line) in lines {
            let known = self.lines.get(id).unwrap_or_else(|| panic!("{context}: {id} was never acknowledged: {line}"));
            assert!(line == known || revision(line) < revision(known), "{context}: {id} changed: {known}, now {line}");
        }
        for (id, known) in &self.acknowledged {
            let line = lines.get(id).unwrap_or_else(|| panic!("{context}: {id} was acknowledged and is missing"));
            assert!(revision(line) >= known.revision, "{context}: {id} lost events: {known:?}, now {line}");
        }
        count.unacknowledged += 1;
    }

    /// Checks that every approval is unchanged, or gets an error that reports the damage.
    async fn ask_for_each(&self, server: &Server, context: &str) {
        let mut client = server.operator();
        for (id, known) in &self.acknowledged {
            let request = GetApprovalRequest { approval_id: id.clone(), include_events: true };
            match soon(context, client.get_approval(request)).await {
                Ok(reply) => {
                    let reply = reply.into_inner();
                    let approval = reply.approval.expect("an approval");
                    assert!(approval.revision >= known.revision, "{context}: {id} lost events");
                    assert_eq!(reply.events.len() as u64, approval.revision, "{context}: {id} lost events");
                    assert_eq!(approval.digest, known.digest, "{context}: {id} changed");
                }
                Err(status) => assert!(damaged(status.code()), "{context}: {id} gave {status:?}"),
            }
        }
    }

    /// Checks that no claim is granted twice. Stops the server, unless it fails by itself because of a page that it
    /// needs to write.
    async fn claim_again(&self, mut server: Server, random: &mut Random, context: &str) {
        let claimed: Vec<_> = self.acknowledged.values().filter(|known| known.claimed).collect();
        let mut agent = server.agent();
        for n in 0..CLAIMS {
            let known = claimed[random.below(claimed.len())];
            let again = claim(&known.id, &known.digest, &format!("again-{n}"));
            let refused = soon(context, agent.claim_execution(again)).await.map(drop);
            let code = refused.expect_err(context).code();
            assert!(code == Code::FailedPrecondition || damaged(code), "{context}: {} gave {code:?}", known.id);
        }
        server.terminate();
        let code = server.ended().await.code();
        assert!(code == Some(0) || server.log().contains("the store failed"), "{context}: {code:?}\n{}", server.log());
        if code != Some(0) {
            assert_sentence(code, &server.log(), context);
        }
    }
}

/// Errors for unreadable data, and errors of calls whose connection ended when the server failed.
fn damaged(code: Code) -> bool {
    [Code::DataLoss, Code::Unavailable, Code::Cancelled].contains(&code)
}

fn log(data: &Path) -> PathBuf {
    data.join("sled/db")
}

fn log_length(data: &Path) -> u64 {
    fs::metadata(log(data)).expect("the log").len()
}

/// Damages a data directory; returns a description.
fn damage(data: &Path, place: Where, random: &mut Random) -> String {
    let in_tail = place == Where::Tail || (place == Where::AfterKill && random.percent(50));
    let (path, range) = match place {
        Where::Anywhere => {
            let files = files(data);
            let path = files[random.below(files.len())].clone();
            let length = fs::metadata(&path).expect("a file").len();
            (path, 0..length)
        }
        _ => {
            let segments = segments(&log(data));
            let live = if in_tail { segments.len() - 1 } else { random.below(segments.len()) };
            let (start, end) = segments[live];
            (log(data), if in_tail { end.saturating_sub(TAIL).max(start)..end } else { start..end })
        }
    };
    let file = File::options().read(true).write(true).open(&path).expect("a file");
    let length = (range.end - range.start).max(1) as usize;
    let at = range.start + random.below(length) as u64;
    let name = path.strip_prefix(data).expect("below it").display().to_string();
    let block = [64, 512, 4_096][random.below(3)].min(length);
    match random.below(if place == Where::Anywhere { 9 } else { 8 }) {
        0..=2 => {
            let mut byte = [0];
            if file.read_at(&mut byte, at).expect("a byte") == 0 {
                return format!("{name} is empty");
            }
            let bit = random.below(8);
            file.write_all_at(&[byte[0] ^ (1 << bit)], at).expect("a byte");
            format!("bit {bit} of {name}:{at} flipped")
        }
        3 => {
            file.set_len(at).expect("it can be cut");
            format!("{name} cut at {at}")
        }
        4 => {
            file.write_all_at(&vec![0; block], at).expect("a block");
            format!("{block} bytes of {name}:{at} zeroed")
        }
        5 => {
            let (first, second) = (aligned(at, block), aligned(range.start + random.below(length) as u64, block));
            let (one, other) = (bytes(&file, first, block), bytes(&file, second, block));
            file.write_all_at(&other, first).expect("a block");
            file.write_all_at(&one, second).expect("a block");
            format!("{block} bytes of {name}:{first} and :{second} swapped")
        }
        6 => {
            let (from, to) = (aligned(at, block), aligned(range.start + random.below(length) as u64, block));
            file.write_all_at(&bytes(&file, from, block), to).expect("a block");
            format!("{block} bytes of {name}:{from} also at :{to}")
        }
        7 => {
            let log = File::options().read(true).write(true).open(log(data)).expect("the log");
            let start = at / SEGMENT * SEGMENT % log.metadata().expect("its length").len().max(1);
            log.write_all_at(&vec![0; SEGMENT as usize], start).expect("a segment");
            format!("the segment of sled/db:{start} zeroed")
        }
        _ => {
            fs::remove_file(&path).expect("it can be deleted");
            format!("{name} deleted")
        }
    }
}

const fn aligned(at: u64, block: usize) -> u64 {
    at / block as u64 * block as u64
}

/// A block; shorter at the end of the file.
fn bytes(file: &File, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let read = file.read_at(&mut bytes, at).expect("a block");
    bytes.truncate(read);
    bytes
}

/// The files of development mode beside the store. The server rejects them when they are damaged.
fn of_development_mode(name: &OsStr) -> bool {
    name == "dev-tokens.json" || Path::new(name).extension().is_some_and(|extension| extension == "env")
}

/// Every file of the store below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry")) {
        if entry.file_type().expect("a type").is_dir() {
            found.extend(files(&entry.path()));
        } else if !of_development_mode(&entry.file_name()) {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// Segments of sled's log that are in use, by their order in the log: where each begins, and where its content ends.
fn segments(log: &Path) -> Vec<(u64, u64)> {
    let content = crate::files::read(log).expect("the log");
    let mut segments: Vec<(i64, u64, u64)> = Vec::new();
    for (index, segment) in content.chunks(SEGMENT as usize).enumerate() {
        let place = segment.get(4..12).map(|bytes| i64::from_le_bytes(bytes.try_into().expect("8 bytes")) ^ i64::MAX);
        let end = segment.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        if let Some(place) = place.filter(|place| *place >= 0 && end > 20) {
            let start = index as u64 * SEGMENT;
            segments.push((place, start, start + end));
        }
    }
    segments.sort_unstable();
    segments.into_iter().map(|(_, start, end)| (start, end)).collect()
}
