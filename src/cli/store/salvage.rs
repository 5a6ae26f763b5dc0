use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::failed;
use crate::{
    cli::{json, text::escape},
    clock::{SystemWall, WallClock as _},
    export_file::{Counts, Encoder},
    private_files,
    store::{Record, Salvaged, salvage},
};

pub(super) const LONG: &str = "\
Salvage the intact records of a damaged store into a file for `signoff import`

Reads the files without changing them, even if the server cannot open them. The server must be stopped.

Saves an approval only with all its acknowledged events. Names, and leaves out, every approval that may have a later \
decision or claim. The request_id of such an approval counts as forgotten for 8 days: its tool may have run, so the \
server rejects a repeated request. If any record is unreadable, all tokens are left out, because a revoked token could \
become valid again. A thawed freeze, or an ended block, may become active again. Sessions are never saved.

Exit codes: 0 nothing left out; 1 records left out, or the store cannot be read.";

/// The damaged store, and the file to write.
#[derive(Debug, clap::Args)]
pub(crate) struct SalvageArgs {
    /// Data directory of a stopped server
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// File to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &SalvageArgs, as_json: bool) -> ExitCode {
    let salvaged = match salvage(&args.data_dir, SystemWall.wall()) {
        Ok(salvaged) => salvaged,
        Err(error) => return failed(&error),
    };
    let written = match write(&salvaged, &args.out) {
        Ok(written) => written,
        Err(error) => return failed(&format!("{}: {error}", args.out.display())),
    };
    if as_json {
        let report = serde_json::json!({
            "approvals": written.approvals,
            "policies": written.policies,
            "tokens": written.tokens,
            "freezes": written.freezes,
            "blocks": written.blocks,
            "forgotten": written.forgotten,
            "lanes": written.lanes,
            "left_out": salvaged.left_out,
        });
        match json::text(&report) {
            Ok(line) => anstream::println!("{line}"),
            Err(error) => return failed(&error),
        }
    } else {
        for fault in &salvaged.left_out {
            let why = escape(&fault.what);
            match fault.approval_id {
                Some(id) => anstream::println!("left out: {id}: {why}"),
                None => anstream::println!("left out: {why}"),
            }
        }
        anstream::println!("saved {written}; left out {}", salvaged.left_out.len());
    }
    if salvaged.left_out.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes a new file and makes it durable. Only the owner can read it, because arguments can be secrets.
fn write(salvaged: &Salvaged, path: &Path) -> io::Result<Counts> {
    whole_or_none(path, |file| {
        let mut output = BufWriter::new(file);
        let written = write_to(salvaged, &mut output)?;
        output.flush()?;
        Ok(written)
    })
}

/// Creates a file. Removes it after an error: a partial file would block the next attempt.
fn whole_or_none<T>(path: &Path, write: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let written = write(&file).and_then(|written| {
        file.sync_all()?;
        private_files::sync_name(path)?;
        Ok(written)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

fn write_to(salvaged: &Salvaged, output: &mut impl io::Write) -> io::Result<Counts> {
    let Salvaged { policies, unchanged_policies, tokens, freezes, blocks, forgotten, histories, lanes, left_out: _ } =
        salvaged;
    let records = policies.iter().cloned().map(Record::Policy);
    let records = records.chain(unchanged_policies.iter().cloned().map(Record::UnchangedPolicy));
    let records = records.chain(tokens.iter().cloned().map(Record::Token));
    let records = records.chain(freezes.iter().cloned().map(Record::Freeze));
    let records = records.chain(blocks.iter().cloned().map(Record::Block));
    let records = records.chain(forgotten.iter().cloned().map(Record::Forgotten));
    let records = records.chain(histories.iter().cloned().map(Record::Approval));
    let records = records.chain(lanes.iter().cloned().map(Record::Lane));
    let (mut encoder, mut lines) = Encoder::begin()?;
    for record in records {
        encoder.record(&record, &mut lines)?;
        output.write_all(&lines)?;
        lines.clear();
    }
    let whole = encoder.end(&mut lines)?;
    output.write_all(&lines)?;
    Ok(whole.counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded_file;

    #[test]
    fn half_a_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("saved.jsonl");
        let half = |mut file: &File| file.write_all(b"half").and_then(|()| Err::<(), _>(io::Error::other("full")));
        assert_eq!(whole_or_none(&path, half).unwrap_err().to_string(), "full");
        assert!(!path.exists());
        write(&Salvaged::default(), &path).unwrap();
        let written = bounded_file::whole(&path);
        assert!(!written.is_empty());
        // An existing file stays.
        assert_eq!(write(&Salvaged::default(), &path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(bounded_file::whole(&path), written);
    }
}
