//! Prints the story: who acts, in a column of its own, and what they do.

use std::{fmt::Write as _, time::Duration};

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use super::story::{Line, Speaker};
use crate::cli::{console::Console, failure::Failure};

/// Columns of the actor.
const INDENT: usize = 10;
/// Fewest columns of text, on the narrowest terminal.
const NARROWEST: usize = 30;

/// Prints lines, and pauses after them.
pub(super) struct Narrator<'a> {
    pub(super) console: &'a mut Console,
    pace: Duration,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(console: &'a mut Console, pace: Duration) -> Self {
        Self { console, pace }
    }

    /// Prints what belongs together, and gives the reader time for it.
    #[expect(clippy::disallowed_methods, reason = "a reader has no clock but the machine's")]
    pub(super) async fn tell(&mut self, lines: impl IntoIterator<Item = Line>) -> Result<(), Failure> {
        for line in lines {
            self.console.line(&rendered(&line, self.console.out_width))?;
        }
        if !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
        Ok(())
    }

    /// Replaces the live line.
    pub(super) fn live(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.console.live(&format!("{:INDENT$}{text}", Speaker::Server.name()))?)
    }
}

const fn style(speaker: Speaker) -> Style {
    let colour = match speaker {
        Speaker::Agent => AnsiColor::Cyan,
        Speaker::Policy => AnsiColor::Magenta,
        Speaker::Server => AnsiColor::Blue,
        Speaker::Tool => AnsiColor::Yellow,
        Speaker::You | Speaker::Reviewer => AnsiColor::Green,
    };
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// A line for a terminal of this width, or whole where there is none.
fn rendered(line: &Line, width: Option<usize>) -> String {
    match line {
        Line::Blank => String::new(),
        Line::Heading(text) => {
            let bold = Style::new().bold();
            format!("{bold}{text}{bold:#}")
        }
        Line::Said(speaker, text) => {
            let style = style(*speaker);
            format!("{style}{:INDENT$}{style:#}{}", speaker.name(), wrapped(text, width))
        }
        Line::More(text) => format!("{:INDENT$}{}", "", wrapped(text, width)),
        // Whole, to be copied.
        Line::Command(text) => format!("{:INDENT$}  {text}", ""),
        Line::Typed(text) => format!("$ {text}"),
    }
}

/// Breaks a text between words; every line but the first is indented.
fn wrapped(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let width = width.saturating_sub(INDENT).max(NARROWEST);
    let (mut lines, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let needed = strip_str(word).to_string().width();
        if used > 0 && used + 1 + needed > width {
            _ = write!(lines, "\n{:INDENT$}", "");
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += needed;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_beside_the_actor_and_commands_stay_whole() {
        let said = Line::Said(Speaker::Agent, format!("{}end", "word ".repeat(9)));
        let plain = |line: &Line, width| strip_str(&rendered(line, width)).to_string();
        let expected = "agent     word word word word word word\n          word word word end";
        assert_eq!(plain(&said, Some(41)), expected);
        assert_eq!(plain(&said, None), format!("agent     {}end", "word ".repeat(9)));
        let command = Line::Command("x ".repeat(60));
        assert_eq!(plain(&command, Some(40)), format!("            {}", "x ".repeat(60)));
    }

    #[test]
    fn colours_take_no_room() {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        let text = format!("{red}{}{red:#} end", "x".repeat(26));
        assert!(!wrapped(&text, Some(40)).contains('\n'));
    }
}
