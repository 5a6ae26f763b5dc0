//! Where output goes: results to stdout, everything else to stderr.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};

use comfy_table::{ContentArrangement, Table};

use super::{failure::Failure, json, text};

/// The live line stays within a narrow terminal, or clearing it would leave a rest behind.
const LIVE_WIDTH: usize = 78;

/// Longest answer to a question, in bytes; a longer one is a no.
const ANSWER_MAX: u64 = 1 << 10;

/// The terminal, or what stands in for it.
pub(super) struct Console {
    pub(super) out: Box<dyn Write + Send>,
    pub(super) err: Box<dyn Write + Send>,
    pub(super) input: Box<dyn BufRead + Send>,
    /// Results go to stderr too: stdout is somebody else's.
    pub(super) results_to_stderr: bool,
    /// Print messages as JSON.
    pub(super) json: bool,
    /// Somebody sits in front of it and can answer.
    pub(super) can_ask: bool,
    /// Results are read on a terminal.
    pub(super) out_is_terminal: bool,
    /// stderr is a terminal, where a line can be overwritten.
    pub(super) err_is_terminal: bool,
    /// Width of the live line that stands on the terminal now.
    pub(super) live: usize,
}

impl Console {
    /// The process's own streams. Colours are dropped where anstream says so: no terminal, `NO_COLOR`, `TERM=dumb`.
    pub(super) fn standard(json: bool) -> Self {
        Self {
            out: if json { Box::new(io::stdout()) } else { Box::new(anstream::stdout()) },
            err: Box::new(anstream::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            results_to_stderr: false,
            json,
            can_ask: io::stdin().is_terminal() && io::stderr().is_terminal(),
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            live: 0,
        }
    }

    /// A line of results. Its parts must be escaped already.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.clear_live()?;
        let out = self.results();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn results(&mut self) -> &mut (dyn Write + Send) {
        if self.results_to_stderr { &mut *self.err } else { &mut *self.out }
    }

    /// A message as a line of JSON.
    pub(super) fn message<M: json::Printed>(&mut self, message: &M) -> io::Result<()> {
        let mut line = json::line(message)?;
        line.push(b'\n');
        self.raw(&line)
    }

    /// Bytes of results, as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.clear_live()?;
        let out = self.results();
        out.write_all(bytes)?;
        out.flush()
    }

    /// A line beside the results. Its parts must be escaped already.
    pub(super) fn note(&mut self, line: &str) -> io::Result<()> {
        self.clear_live()?;
        writeln!(self.err, "{line}")?;
        self.err.flush()
    }

    /// A table, as wide as the terminal, or as it needs where nobody's eyes are concerned.
    pub(super) fn table(&mut self, table: &mut Table) -> io::Result<()> {
        table.load_style(comfy_table::presets::NOTHING);
        if self.out_is_terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
        }
        let text = table.trim_fmt();
        self.line(&text)
    }

    /// Replaces the live line.
    pub(super) fn live(&mut self, line: &str) -> io::Result<()> {
        self.clear_live()?;
        let line = text::shorten(line, LIVE_WIDTH);
        self.live = line.chars().count();
        write!(self.err, "{line}")?;
        self.err.flush()
    }

    // Spaces instead of an escape sequence: right on every terminal, NO_COLOR or not. Wide characters take two.
    fn clear_live(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.live) {
            0 => Ok(()),
            width => write!(self.err, "\r{:width$}\r", "", width = (2 * width).min(LIVE_WIDTH)),
        }
    }

    /// Asks a yes-or-no question; anything but a yes is a no. Waits in place: nothing else is going on.
    pub(super) fn confirm(&mut self, question: &str) -> io::Result<bool> {
        self.clear_live()?;
        write!(self.err, "{question} [y/N] ")?;
        self.err.flush()?;
        // Bytes: the limit may cut a character in two.
        let mut answer = Vec::new();
        self.input.as_mut().take(ANSWER_MAX + 1).read_until(b'\n', &mut answer)?;
        let complete = answer.len() as u64 <= ANSWER_MAX;
        Ok(complete && matches!(answer.trim_ascii().to_ascii_lowercase().as_slice(), b"y" | b"yes"))
    }

    /// Prints why a command failed. A reader that went away is not told that it did.
    pub(super) fn failure(&mut self, failure: &Failure, has_token: bool) {
        if failure.is_broken_pipe() {
            return;
        }
        let report = failure.report(has_token);
        let text = if self.json { report.to_json() } else { report.to_string() };
        // Nothing is left to report to when stderr is gone too.
        _ = self.note(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirms(answer: &str) -> bool {
        let mut console = Console {
            input: Box::new(io::Cursor::new(answer.to_owned())),
            out: Box::new(io::sink()),
            err: Box::new(io::sink()),
            ..Console::standard(false)
        };
        console.confirm("Sure?").unwrap()
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y\n", " YES \n", "yes"].into_iter().all(confirms));
        assert!(!["", "\n", "n\n", "yé\n"].into_iter().any(confirms));
    }

    #[test]
    fn an_answer_that_is_too_long_is_a_no() {
        let longest = ANSWER_MAX as usize;
        let padded = |length: usize| format!("{:length$}\n", "y");
        assert!(confirms(&padded(longest - 1)));
        assert!(!confirms(&padded(longest)));
        // Its first bytes alone would be a yes.
        assert!(!confirms(&format!("{:longest$}es, but not now\n", "y")));
        // Two bytes each: the limit cuts one.
        assert!(!confirms(&"é".repeat(longest)));
    }
}
