//! Policies and test cases as files: YAML, which is the JSON mapping of their messages.
//!
//! [`read`] finds everything that is wrong with a file, each with its line and column, and places what later checks
//! find, which know only a field's path. It is as strict as it can be, for what a file seems to say and what it means
//! must be the same: unknown fields, keys that are there twice, aliases, several documents and numbers that a double
//! would round are refused. Any text is either read or refused: depth and size are limited.

mod enums;
mod json_schema;
mod load;
mod message;
mod places;
mod problem;
mod scalar;
mod well_known;
mod write;
mod yaml;

#[cfg(test)]
mod tests;

use prost_reflect::{DynamicMessage, MessageDescriptor};

pub use load::{load, load_cases, place_warnings};
pub use problem::{Position, Problem, Problems};
use yaml::Node;

use crate::proto::{self, v1};

/// Most bytes of a file.
pub const TEXT_MAX: usize = 1 << 20;

/// Most levels of lists and mappings in a file.
pub const DEPTH_MAX: usize = 64;

/// A message that has a file form.
pub trait FileForm: prost::Message + Default {
    /// Its full name.
    const NAME: &'static str;
}

impl FileForm for v1::Policy {
    const NAME: &'static str = "signoff.v1.Policy";
}

impl FileForm for v1::PolicyTestCases {
    const NAME: &'static str = "signoff.v1.PolicyTestCases";
}

fn descriptor<M: FileForm>() -> MessageDescriptor {
    proto::DESCRIPTORS.get_message_by_name(M::NAME).expect("it is in the protos")
}

/// The text of a file that says `message`: fields by the proto's names and in its order, in block style.
///
/// [`read`] gives back the same message, if the proto's JSON mapping can hold it: spans within ten thousand years,
/// known enum values, finite numbers.
#[must_use]
pub fn write<M: FileForm>(message: &M) -> String {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic.transcode_from(message).expect("it is the same message");
    write::write(&dynamic)
}

/// The JSON Schema (2020-12) of such files, for editors, indented.
///
/// It marks what [`read`] refuses and a schema can tell, and also what only later checks refuse: a rule without an
/// effect. It knows no lowerCamelCase and no null.
#[must_use]
pub fn json_schema<M: FileForm>() -> String {
    format!("{:#}\n", json_schema::of(&descriptor::<M>()))
}

/// A file that was read, with what is wrong with it so far.
#[derive(Debug)]
pub struct Read<M> {
    /// What it says, without what is wrong: for further checks, which tell more when they also see the rest.
    pub message: M,
    problems: Problems,
    /// Paths of what the message lacks because it is wrong; the empty one if that is everything.
    unread: Vec<String>,
    root: Option<Node>,
}

/// Reads the text of a file.
#[must_use]
pub fn read<M: FileForm>(text: &str) -> Read<M> {
    let mut problems = Problems::default();
    let (root, message, unread) = match yaml::parse(text) {
        Ok(mut root) => {
            let (dynamic, unread) = message::read(&mut root, descriptor::<M>(), &mut problems);
            let message = dynamic.transcode_to().unwrap_or_else(|error| {
                problems.add(root.at, "", format!("cannot be read: {error}"));
                M::default()
            });
            (Some(root), message, unread)
        }
        Err(failure) => {
            problems.add(failure.at, "", failure.message);
            (None, M::default(), vec![String::new()])
        }
    };
    Read { message, problems, unread, root }
}

/// Whether the field `path` is `outer` or lies beneath it.
fn is_within(outer: &str, path: &str) -> bool {
    let rest = path.strip_prefix(outer);
    rest.is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

impl<M> Read<M> {
    /// Adds what a later check found wrong with the field `path`, such as `rules[3].when`; empty for the whole. Ignored
    /// when reading found that field, or one around it, wrong already: the check has not seen it.
    pub fn refuse(&mut self, path: &str, message: impl Into<String>) {
        if !self.unread.iter().any(|unread| is_within(unread, path)) {
            self.problems.add(self.place(path), path, message);
        }
    }

    /// Where the field stands; if it does not, then the nearest one around it.
    #[must_use]
    pub fn place(&self, path: &str) -> Position {
        self.root.as_ref().map_or(Position::START, |root| places::locate(root, path))
    }

    /// The message, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is, in the order of the file.
    pub fn finish(self) -> Result<M, Problems> {
        let Self { message, mut problems, .. } = self;
        if problems.is_empty() {
            return Ok(message);
        }
        problems.sort();
        Err(problems)
    }
}
