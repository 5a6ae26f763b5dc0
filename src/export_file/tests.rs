use std::{
    io::{BufRead, BufReader},
    path::Path,
};

use super::*;
use crate::{
    bounded_file,
    domain::{samples, token_samples::token},
    store::{Forgotten, MemoryStore, Record, SnapshotStore as _, TokenStore as _},
};

fn refused(input: impl BufRead) -> String {
    Lines::begin(input).err().unwrap().to_string()
}

#[test]
fn a_line_without_an_end_is_rejected() {
    let input = bounded_file::open_input(Path::new("/dev/zero")).unwrap();
    let error = refused(BufReader::new(input));
    assert_eq!(error, "line 1: is larger than the limit of 16777216 bytes");
}

#[test]
fn a_long_line_is_rejected_for_its_length_even_if_the_limit_splits_a_character() {
    // Each character has two bytes: the limit splits one.
    let text = "é".repeat(LINE_MAX as usize / 2 + 1);
    let error = refused(text.as_bytes());
    assert_eq!(error, "line 1: is larger than the limit of 16777216 bytes");
    let error = refused(&b"\"\xff\"\n"[..]);
    assert_eq!(error, "line 1: stream did not contain valid UTF-8");
}

/// A file with two tokens, and its summary.
async fn two_tokens() -> (String, Summary) {
    let store = MemoryStore::default();
    store.save_tokens(vec![token(1), token(2)]).await.unwrap();
    let mut export = Export::of(store.snapshot().await.unwrap());
    let mut text = Vec::new();
    assert_eq!(export.summary(), None);
    while let Some(lines) = export.next().await.unwrap() {
        text.extend(lines);
    }
    (String::from_utf8(text).unwrap(), export.summary().unwrap().clone())
}

#[tokio::test]
async fn the_summary_is_that_of_the_whole_file() {
    let (text, summary) = two_tokens().await;
    let mut hash = sha2::Sha256::default();
    sha2::Digest::update(&mut hash, &text);
    let counts = Counts { tokens: 2, ..Counts::default() };
    assert_eq!(summary, Summary { counts, bytes: text.len() as u64, sha256: write::shown(hash) });
}

#[tokio::test]
async fn a_file_with_a_changed_line_is_rejected_at_its_end() {
    let (text, _) = two_tokens().await;
    let end = |text: &str| {
        let mut lines = Lines::begin(text.as_bytes()).unwrap();
        lines.entry().unwrap();
        lines.entry().unwrap();
        lines.entry().map_err(|error| error.to_string())
    };
    assert!(matches!(end(&text), Ok(Line::End(End { counts: Counts { tokens: 2, .. }, .. }))));
    let changed = text.replacen("\"token\":", "\"token\" :", 1);
    let error = end(&changed).unwrap_err();
    assert!(error.starts_with("line 4: the file is damaged: its lines have sha256:"), "{error}");
    // Earlier versions wrote no hash.
    let unhashed = text.split(",\"sha256\"").next().unwrap().to_owned() + "}\n";
    assert!(matches!(end(&unhashed), Ok(Line::End(End { sha256: None, .. }))));
}

/// Every later build must read this.
#[test]
fn the_lines_are_pinned() {
    let (mut encoder, mut lines) = Encoder::begin().unwrap();
    let (issuer, subject, request_id) = ("idp".into(), "bot".into(), "r1".into());
    let forgotten = Forgotten { at: samples::at(0), issuer, subject, request_id };
    encoder.record(&Record::Forgotten(forgotten), &mut lines).unwrap();
    encoder.end(&mut lines).unwrap();
    let pinned = concat!(
        "{\"format\":\"signoff-export\",\"version\":1}\n",
        "{\"forgotten\":{\"at\":\"2027-01-15T08:00:00.000000Z\",\"issuer\":\"idp\",\"subject\":\"bot\",\"request_id\":\"r1\"}}\n",
        "{\"approvals\":0,\"policies\":0,\"unchanged_policies\":0,\"tokens\":0,\"freezes\":0,\"blocks\":0,\"forgotten\":1,\"lanes\":0,\"sha256\":\"sha256:8faea384be0c18652b46203bf9b5b7a233bb5dc9f23dd62c64a9f1cb2143aeea\"}\n",
    );
    assert_eq!(String::from_utf8(lines).unwrap(), pinned);
}
