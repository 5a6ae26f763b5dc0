//! Globs over names of tools, as policies and freezes have them.

use std::{borrow::Cow, fmt};

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// Longest glob, in characters.
pub const GLOB_MAX: usize = 128;

/// Compiles a glob. Names are no paths: `*` and `?` stand for any character, `/` included.
///
/// # Errors
/// When it is not a glob.
pub fn compile_glob(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(false).backslash_escape(true).build()
}

/// What is wrong with a glob.
///
/// # Errors
/// In words, for whoever wrote it.
pub fn check_glob(glob: &str) -> Result<Glob, String> {
    if glob.is_empty() {
        return Err("must not be empty; \"*\" is everything".to_owned());
    }
    compile_glob(glob).map_err(|error| format!("{glob:?} is no glob: {}", error.kind()))
}

/// A glob that stands alone, ready to be matched.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub struct ToolGlob {
    text: String,
    matcher: GlobMatcher,
}

impl ToolGlob {
    /// Compiles a glob of at most [`GLOB_MAX`] characters.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if length > GLOB_MAX {
            return Err(format!("has {length} characters; at most {GLOB_MAX} are allowed"));
        }
        Ok(Self { matcher: check_glob(text)?.compile_matcher(), text: text.to_owned() })
    }

    /// Whether a tool is one of those that it stands for.
    #[must_use]
    pub fn matches(&self, tool_name: &str) -> bool {
        self.matcher.is_match(tool_name)
    }

    /// As it was written.
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
