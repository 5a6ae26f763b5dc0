//! What the person at the terminal types: single keys, and a line where the answer needs one.

use std::{
    io::{self, Read as _},
    thread,
};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use serde_json::Number;
use tokio::sync::mpsc;

use crate::cli::text::escape;

/// Bytes of one read: more than a person types between two of them.
const CHUNK: usize = 256;
/// Longest line, in bytes: well under what a comment may have.
const LINE_MAX: usize = 1 << 10;
/// Characters of a long line that are shown: all of the prompt fits in 80 columns.
const SHOWN: usize = 20;

const BACKSPACE: [u8; 2] = [0x08, 0x7f];
const ESCAPE: u8 = 0x1b;

/// The keyboard, by single keys and without echo until it is dropped. Ctrl-C still interrupts.
pub(super) struct Keyboard {
    before: Termios,
    chunks: mpsc::Receiver<Vec<u8>>,
}

impl Keyboard {
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut keys = before.clone();
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        keys.special_codes[SpecialCodeIndex::VMIN] = 1;
        keys.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
        let (send, chunks) = mpsc::channel(16);
        let keyboard = Self { before, chunks };
        // A thread of its own: a read of a terminal cannot be cancelled, and the runtime would wait for one of its own.
        let read = move || {
            let (mut stdin, mut chunk) = (io::stdin().lock(), [0; CHUNK]);
            while let Ok(length @ 1..) = stdin.read(&mut chunk) {
                if send.blocking_send(chunk[..length].to_vec()).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("signoff-keys".into()).spawn(read)?;
        Ok(keyboard)
    }

    /// What was typed next; `None` after the end of input.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        self.chunks.recv().await
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // The terminal may be gone.
        _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Approve,
    /// With a comment, which may be empty.
    Reject(String),
    /// With another amount.
    Edit(Number),
}

/// Turns what is typed into an answer.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    asks: Asks,
    typed: Vec<u8>,
    /// What was wrong with the last line.
    problem: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asks {
    #[default]
    Choice,
    Comment,
    Amount,
}

impl Prompt {
    /// Takes bytes as they are typed. Esc returns to the choice.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Option<Answer> {
        // The arrow keys and others send sequences that begin with Esc.
        if let [ESCAPE, rest @ ..] = chunk {
            if rest.is_empty() {
                *self = Self::default();
            }
            return None;
        }
        chunk.iter().find_map(|byte| self.byte(*byte))
    }

    fn byte(&mut self, byte: u8) -> Option<Answer> {
        match (self.asks, byte) {
            (Asks::Choice, b'a' | b'A') => return Some(Answer::Approve),
            (Asks::Choice, b'r' | b'R') => self.asks = Asks::Comment,
            (Asks::Choice, b'e' | b'E') => self.asks = Asks::Amount,
            (Asks::Choice, _) => {}
            (_, b'\r' | b'\n') => return self.line(),
            (_, byte) if BACKSPACE.contains(&byte) => while self.typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            (_, byte) if byte >= b' ' && self.typed.len() < LINE_MAX => self.typed.push(byte),
            _ => {}
        }
        None
    }

    fn line(&mut self) -> Option<Answer> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.typed)).trim().to_owned();
        if self.asks == Asks::Comment {
            *self = Self::default();
            return Some(Answer::Reject(line));
        }
        match line.parse::<Number>().ok().filter(|amount| amount.as_f64().is_some_and(f64::is_finite)) {
            Some(amount) => {
                *self = Self::default();
                Some(Answer::Edit(amount))
            }
            None => {
                self.problem = Some("Not a number. ");
                None
            }
        }
    }

    /// What is shown while it waits: `progress` is the server's newest sentence.
    pub(super) fn shown(&self, progress: &str) -> String {
        let asked = match self.asks {
            Asks::Choice => return format!("{progress}. Press a, r or e."),
            Asks::Comment => "Comment",
            Asks::Amount => "Amount",
        };
        let typed = String::from_utf8_lossy(&self.typed);
        let cut = typed.chars().count().saturating_sub(SHOWN);
        let tail: String = typed.chars().skip(cut).collect();
        let mark = if cut > 0 { "…" } else { "" };
        format!("{}{asked} (Enter: send, Esc: back): {mark}{}", self.problem.unwrap_or_default(), escape(&tail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(chunks: &[&[u8]]) -> Option<Answer> {
        let mut prompt = Prompt::default();
        chunks.iter().find_map(|chunk| prompt.take(chunk))
    }

    #[test]
    fn keys_and_lines_become_answers() {
        let edit = |amount: &str| Some(Answer::Edit(amount.parse().unwrap()));
        let reject = |comment: &str| Some(Answer::Reject(comment.to_owned()));
        let cases: [(&[&[u8]], Option<Answer>); 12] = [
            (&[b"a"], Some(Answer::Approve)),
            (&[b"x", b"\n", b"A"], Some(Answer::Approve)),
            (&[b"r", b"too ", b"much", b"\r"], reject("too much")),
            (&[b"r\n"], reject("")),
            (&[b"r", "zu teuer\u{fc}\u{20ac}".as_bytes(), b"\x7f", b"\x08", b"\n"], reject("zu teuer")),
            (&[b"r", b"a", b"\x1b", b"a"], Some(Answer::Approve)),
            (&[b"r", b"\x1b[A", b"no", b"\n"], reject("no")),
            (&[b"e", b"80", b"\n"], edit("80")),
            (&[b"e", b"80.5\n"], edit("80.5")),
            (&[b"e", b"eighty\n", b"80\n"], edit("80")),
            (&[b"e", b"1e999\n"], None),
            (&[b"\x1b", b"q", b"\x04"], None),
        ];
        for (chunks, expected) in cases {
            assert_eq!(answer(chunks), expected, "{chunks:?}");
        }
    }

    #[test]
    fn the_prompt_shows_what_is_typed() {
        let mut prompt = Prompt::default();
        assert_eq!(prompt.shown("Waiting, 4 min left"), "Waiting, 4 min left. Press a, r or e.");
        assert_eq!(prompt.take(b"ex\n"), None);
        assert_eq!(prompt.shown(""), "Not a number. Amount (Enter: send, Esc: back): ");
        assert_eq!(prompt.take(&[b'7'; SHOWN + 1]), None);
        assert!(prompt.shown("").ends_with(&format!(": …{}", "7".repeat(SHOWN))), "{}", prompt.shown(""));
    }
}
