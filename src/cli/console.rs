//! Where output goes: results to stdout, everything else to stderr.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};

use std::os::fd::AsFd;

use unicode_width::UnicodeWidthStr as _;

use super::{
    failure::Failure,
    json,
    table::{Table, fit},
    text::escape,
};

/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;

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
    /// Width of the terminal on which results are read, if it is one.
    pub(super) out_width: Option<usize>,
    /// Width of the terminal that stderr is, if it is one: a line can be overwritten there.
    pub(super) err_width: Option<usize>,
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
            out_width: width(&io::stdout()),
            err_width: width(&io::stderr()),
            live: 0,
        }
    }

    /// Whether a model may read what goes to stderr: no person does, and no program that asked for JSON.
    pub(super) fn is_read_by_a_model(&self) -> bool {
        self.err_width.is_none() && !self.json
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

    /// A table: for the terminal's width, or whole where it is not read on one.
    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        let width = if self.results_to_stderr { self.err_width } else { self.out_width };
        let text = table.lines(width).join("\n");
        self.line(&text)
    }

    /// Replaces the live line, which stays within the terminal: clearing it would leave a rest behind. The last column
    /// stays free, as some terminals go to the next line after it.
    pub(super) fn live(&mut self, line: &str) -> io::Result<()> {
        self.clear_live()?;
        let line = fit(&escape(line), self.err_width.unwrap_or(USUAL_WIDTH).saturating_sub(1));
        self.live = line.width();
        write!(self.err, "{line}")?;
        self.err.flush()
    }

    // Spaces instead of an escape sequence: right on every terminal, NO_COLOR or not.
    fn clear_live(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.live) {
            0 => Ok(()),
            width => write!(self.err, "\r{:width$}\r", ""),
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

/// The width of the terminal that a stream is, if it is one.
fn width(stream: &(impl io::IsTerminal + AsFd)) -> Option<usize> {
    let told = || rustix::termios::tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col));
    stream.is_terminal().then(|| told().filter(|width| *width > 0).unwrap_or(USUAL_WIDTH))
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
