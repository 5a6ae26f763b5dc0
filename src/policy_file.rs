//! Policies and test cases as YAML files, by the JSON mapping of their messages.
//!
//! [`read`] finds every problem of a file, each with its line and column. It also locates the problems of later checks,
//! which know only a field's path. It is strict, so that a file means what it seems to say: it rejects unknown fields,
//! duplicate keys, aliases, several documents, and numbers that a double would round. It limits depth and size.

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

/// Maximum size of a file, in bytes.
pub const TEXT_MAX: usize = 1 << 20;

/// Maximum nesting depth of lists and mappings in a file.
pub const DEPTH_MAX: usize = 64;

/// A message that has a file form.
pub trait FileForm: prost::Message + Default {
    /// Full name of the message.
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

/// Writes `message` as a file: fields with the proto's names and in its order, in block style.
///
/// [`read`] returns the same message if the proto's JSON mapping can represent it: durations within ten thousand years,
/// known enum values, finite numbers.
#[must_use]
pub fn write<M: FileForm>(message: &M) -> String {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic.transcode_from(message).expect("it is the same message");
    write::write(&dynamic)
}

/// The JSON Schema (2020-12) of such files for editors, indented.
///
/// It covers what [`read`] rejects as far as a schema can express it, and also a rule without an effect, which later
/// checks reject. It allows neither lowerCamelCase nor null.
#[must_use]
pub fn json_schema<M: FileForm>() -> String {
    format!("{:#}\n", json_schema::of(&descriptor::<M>()))
}

/// A file that was read, with its problems so far.
#[derive(Debug)]
pub struct Read<M> {
    /// The message without invalid values. Later checks run on it, to find more problems.
    pub message: M,
    problems: Problems,
    /// Paths of omitted invalid values; the empty path if nothing could be read.
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

/// Whether the field `path` is `outer` or inside it.
fn is_within(outer: &str, path: &str) -> bool {
    let rest = path.strip_prefix(outer);
    rest.is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

impl<M> Read<M> {
    /// Adds a problem that a later check found in the field `path`, such as `rules[3].when`; the empty path is the
    /// file. Does nothing if that field or one around it was omitted as invalid: the check has not seen its value.
    pub fn refuse(&mut self, path: &str, message: impl Into<String>) {
        if !self.unread.iter().any(|unread| is_within(unread, path)) {
            self.problems.add(self.place(path), path, message);
        }
    }

    /// Position of a field, or of the nearest field around it that the file has.
    #[must_use]
    pub fn place(&self, path: &str) -> Position {
        self.root.as_ref().map_or(Position::START, |root| places::locate(root, path))
    }

    /// The message, if there are no problems.
    ///
    /// # Errors
    /// All problems, in the order of the file.
    pub fn finish(self) -> Result<M, Problems> {
        let Self { message, mut problems, .. } = self;
        if problems.is_empty() {
            return Ok(message);
        }
        problems.sort();
        Err(problems)
    }
}
