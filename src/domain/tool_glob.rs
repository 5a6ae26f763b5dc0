//! Globs over tool names, for policies and freezes.

use std::{borrow::Cow, fmt, sync::OnceLock};

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::name::shown;

/// Longest glob, in characters.
pub const GLOB_MAX: usize = 128;

/// The characters of globs that tool names do not have.
const SYNTAX: &str = r"*?[]{}!^,\";

/// Compiles a glob. Tool names are not paths: `*` and `?` also match `/`.
///
/// # Errors
/// When it is not a valid glob.
pub fn compile_glob(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(false).backslash_escape(true).build()
}

/// Checks a glob.
///
/// # Errors
/// The problem, as a message for the author of the glob.
pub fn check_glob(glob: &str) -> Result<Glob, String> {
    if glob.is_empty() {
        return Err("must not be empty; \"*\" matches everything".to_owned());
    }
    compile_glob(glob).map_err(|error| format!("{glob:?} is not a valid glob: {}", error.kind()))
}

/// A single glob.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub struct ToolGlob {
    text: String,
    glob: Box<Glob>,
    /// Compiled at the first match: globs that are only listed never need it.
    matcher: OnceLock<Box<GlobMatcher>>,
}

impl ToolGlob {
    /// Parses a glob of at most [`GLOB_MAX`] characters. Rejects characters that no tool name has: such a glob would
    /// look valid and match nothing.
    ///
    /// # Errors
    /// The problem.
    pub fn new(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if length > GLOB_MAX {
            return Err(format!("has {length} characters; at most {GLOB_MAX} are allowed"));
        }
        let fits = |c: &char| c.is_ascii_alphanumeric() || "_.:/-".contains(*c) || SYNTAX.contains(*c);
        if let Some(odd) = text.chars().find(|c| !fits(c)) {
            let odd = shown(odd);
            return Err(format!("contains {odd}; only A-Z a-z 0-9 _ . : / - and {SYNTAX} are allowed"));
        }
        Ok(Self { glob: Box::new(check_glob(text)?), text: text.to_owned(), matcher: OnceLock::new() })
    }

    /// Whether it matches a tool.
    #[must_use]
    pub fn matches(&self, tool_name: &str) -> bool {
        self.matcher.get_or_init(|| Box::new(self.glob.compile_matcher())).is_match(tool_name)
    }

    /// The glob as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for ToolGlob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ToolGlob {}

impl fmt::Display for ToolGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<ToolGlob> for String {
    fn from(glob: ToolGlob) -> Self {
        glob.text
    }
}

impl TryFrom<Cow<'_, str>> for ToolGlob {
    type Error = String;

    fn try_from(text: Cow<'_, str>) -> Result<Self, String> {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_has_only_what_names_and_globs_have() {
        for (glob, name) in
            [("sql.*", "sql.query"), ("{a,b}[0-9]", "b7"), ("fs:/tmp/*-?", "fs:/tmp/x-1"), (r"a\*", "a*")]
        {
            let glob = ToolGlob::new(glob).unwrap();
            assert!(glob.matches(name) && !glob.matches("other"), "{glob}");
        }
        for odd in ["send_email\u{200b}", "send_email ", "a\nINFO thawed", "a\0", "\u{202e}a", "ünder"] {
            let wrong = ToolGlob::new(odd).unwrap_err();
            assert!(wrong.starts_with("contains ") && !wrong.contains("\\u"), "{wrong}");
        }
        assert!(ToolGlob::new(&"x".repeat(GLOB_MAX + 1)).is_err() && ToolGlob::new("").is_err());
    }
}
