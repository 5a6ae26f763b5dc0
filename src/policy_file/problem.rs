use std::fmt;

/// Maximum number of problems that are kept; further ones are counted.
const KEPT: usize = 100;

/// A position in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Starts at 1.
    pub line: usize,
    /// Starts at 1; counts characters.
    pub column: usize,
}

impl Position {
    /// The start of a file.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One problem of a file. Displayed as `12:7: rules[3].when: …`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Its position.
    pub position: Position,
    /// Path of the field in the message; empty for the file as a whole, and for invalid YAML.
    pub path: String,
    /// The problem, and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, path, message } = self;
        if path.is_empty() { write!(f, "{position}: {message}") } else { write!(f, "{position}: {path}: {message}") }
    }
}

/// All problems of a file. Displayed with one problem per line, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// The problems, at most 100.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.kept
    }

    /// The number of further problems.
    #[must_use]
    pub const fn more(&self) -> usize {
        self.more
    }

    /// Displayed with the file's name before each problem: `policy.yaml:12:7: …`.
    #[must_use]
    pub const fn in_file<'a>(&'a self, name: &'a str) -> impl fmt::Display + 'a {
        InFile { problems: self, name: Some(name) }
    }

    /// Adds a problem. Returns whether it is kept.
    pub(super) fn add(&mut self, position: Position, path: &str, message: impl Into<String>) -> bool {
        let room = self.kept.len() < KEPT;
        if room {
            self.kept.push(Problem { position, path: path.to_owned(), message: message.into() });
        } else {
            self.more += 1;
        }
        room
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Sorts by position; problems at one position keep their order.
    pub(super) fn sort(&mut self) {
        self.kept.sort_by_key(|problem| problem.position);
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        InFile { problems: self, name: None }.fmt(f)
    }
}

impl std::error::Error for Problems {}

struct InFile<'a> {
    problems: &'a Problems,
    name: Option<&'a str>,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.name.map_or_else(String::new, |name| format!("{name}:"));
        for (index, problem) in self.problems.kept.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{prefix}{problem}")?;
        }
        match self.problems.more {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}
