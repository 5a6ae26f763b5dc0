//! The command's output: results to stdout, everything else to stderr.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};

use std::os::fd::AsFd;

use unicode_width::UnicodeWidthStr as _;

use super::{
    failure::{Credentials, Failure},
    json,
    table::{Table, fit},
    text::escape,
};

/// Width for a terminal that does not report its own.
const USUAL_WIDTH: usize = 80;

/// Maximum size of an answer, in bytes. A longer answer counts as no.
const ANSWER_MAX: u64 = 1 << 10;

/// The streams that a command reads and writes, and the width of their terminals.
pub(super) struct Console {
    pub(super) out: Box<dyn Write + Send>,
    pub(super) err: Box<dyn Write + Send>,
    pub(super) input: Box<dyn BufRead + Send>,
    /// Results go to stderr too: stdout belongs to the command that `exec` runs.
    pub(super) results_to_stderr: bool,
    /// Print protocol messages as JSON.
    pub(super) json: bool,
    /// A person at the terminal can answer.
    pub(super) can_ask: bool,
    /// Width of stdout's terminal; `None` without one.
    pub(super) out_width: Option<usize>,
    /// Width of stderr's terminal, where a line can be overwritten; `None` without one.
    pub(super) err_width: Option<usize>,
    /// Width of the live line that is on the terminal now.
    pub(super) live: usize,
}

impl Console {
    /// The streams of the process. anstream removes colours without a terminal, with `NO_COLOR`, or with `TERM=dumb`.
    pub(super) fn standard(json: bool) -> Self {
        Self {
            out: if json { Box::new(io::stdout()) } else { Box::new(anstream::stdout()) },
            err: Box::new(anstream::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            results_to_stderr: false,
            json,
            can_ask: io::stdin().is_terminal() && io::stderr().is_terminal(),
            out_width: width(&io::stdout()),
            err_width: width(&io::stderr()),
            live: 0,
        }
    }

    /// Whether a model may read stderr: it is not a terminal, and no program asked for JSON.
    pub(super) fn is_read_by_a_model(&self) -> bool {
        self.err_width.is_none() && !self.json
    }

    /// Prints a line of results. Its parts must already be escaped.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.clear_live()?;
        let out = self.results();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn results(&mut self) -> &mut (dyn Write + Send) {
        if self.results_to_stderr { &mut *self.err } else { &mut *self.out }
    }

    /// Prints a message as a line of JSON.
    pub(super) fn message<M: json::Printed>(&mut self, message: &M) -> io::Result<()> {
        let mut line = json::line(message)?;
        line.push(b'\n');
        self.raw(&line)
    }

    /// Prints bytes of results without changing them.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.clear_live()?;
        let out = self.results();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Prints a line to stderr. Its parts must already be escaped.
    pub(super) fn note(&mut self, line: &str) -> io::Result<()> {
        self.clear_live()?;
        writeln!(self.err, "{line}")?;
        self.err.flush()
    }

    /// Prints a table: fitted to the terminal's width, or uncut without a terminal.
    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        let width = if self.results_to_stderr { self.err_width } else { self.out_width };
        let text = table.lines(width).join("\n");
        self.line(&text)
    }

    /// Replaces the live line. The line is cut to the terminal's width, because a wrapped line could not be cleared.
    /// The last column stays free: some terminals wrap after it.
    pub(super) fn live(&mut self, line: &str) -> io::Result<()> {
        self.clear_live()?;
        let line = fit(&escape(line), self.err_width.unwrap_or(USUAL_WIDTH).saturating_sub(1));
        self.live = line.width();
        write!(self.err, "{line}")?;
        self.err.flush()
    }

    // Spaces work on every terminal, also with NO_COLOR. An escape sequence does not.
    fn clear_live(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.live) {
            0 => Ok(()),
            width => write!(self.err, "\r{:width$}\r", ""),
        }
    }

    /// Asks a yes-or-no question. Every answer except yes is no. Blocks the thread; nothing else runs at this time.
    pub(super) fn confirm(&mut self, question: &str) -> io::Result<bool> {
        self.clear_live()?;
        write!(self.err, "{question} [y/N] ")?;
        self.err.flush()?;
        // Reads bytes, because the limit may split a character.
        let mut answer = Vec::new();
        self.input.as_mut().take(ANSWER_MAX + 1).read_until(b'\n', &mut answer)?;
        let complete = answer.len() as u64 <= ANSWER_MAX;
        Ok(complete && matches!(answer.trim_ascii().to_ascii_lowercase().as_slice(), b"y" | b"yes"))
    }

    /// Prints why a command failed. Prints nothing if the reader of its output has closed the pipe.
    pub(super) fn failure(&mut self, failure: &Failure, credentials: Credentials) {
        if failure.is_broken_pipe() {
            return;
        }
        let report = failure.report(credentials);
        let text = if self.json { report.to_json() } else { report.to_string() };
        // If stderr has failed too, there is nowhere left to report to.
        _ = self.note(&text);
    }
}

/// The width of a stream's terminal; `None` without one.
fn width(stream: &(impl io::IsTerminal + AsFd)) -> Option<usize> {
    let reported = || rustix::termios::tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col));
    stream.is_terminal().then(|| reported().filter(|width| *width > 0).unwrap_or(USUAL_WIDTH))
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
        // The first bytes alone would be a yes.
        assert!(!confirms(&format!("{:longest$}es, but not now\n", "y")));
        // Each character has two bytes: the limit splits one.
        assert!(!confirms(&"é".repeat(longest)));
    }
}
