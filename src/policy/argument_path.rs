//! Paths into the arguments of a call, as policies write them: `args.card.number`, `args["card.number"]`,
//! `args.items[0].price`, `args.items[*].price`.
//!
//! They are written as in a condition, so that an author learns one notation. A name with other characters than `A-Z
//! a-z 0-9 _` is a JSON string in brackets, so a dot in a name is never taken for a step.

use std::{fmt, str::FromStr};

/// Longest path, in bytes.
pub const ARGUMENT_PATH_MAX: usize = 128;

/// Maximum number of steps: arguments have at most 32 levels, so no longer path could lead to a value.
const STEPS_MAX: usize = 32;

/// The root of every path.
const ROOT: &str = "args";

/// A path to a value in the arguments, or to a value in every item of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArgumentPath(Vec<Step>);

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// A member of an object.
    Member(String),
    /// An item of a list.
    Item(usize),
    /// Every item of a list.
    EveryItem,
}

/// Why a text is not a path. The messages continue the text of the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentPathError {
    /// Too long.
    #[error("has {0} bytes; at most {ARGUMENT_PATH_MAX} are allowed")]
    TooLong(usize),
    /// Does not begin at the arguments.
    #[error("must begin with `args`, such as args.card.number")]
    NoRoot,
    /// Has a character that continues no path.
    #[error(
        "has an unexpected {found:?} at character {at}; continue with .name, [\"any name\"], [0] or [*], or end there"
    )]
    Unexpected {
        /// The character.
        found: char,
        /// Its position, from 1.
        at: usize,
    },
    /// Has a dot without a name behind it.
    #[error(
        "has no name after the dot at character {0}; a name has A-Z a-z 0-9 _ and does not begin with a digit; \
         write others as [\"card.number\"]"
    )]
    NoName(usize),
    /// Has brackets without a step in them.
    #[error("has invalid brackets at character {0}; write [\"any name\"], [0] or [*]")]
    BadBrackets(usize),
    /// Goes to an item of the arguments, which are an object.
    #[error("goes to an item of args, which has named members: write args.name")]
    RootItem,
    /// Has more steps than arguments have levels.
    #[error("has {0} steps; arguments have at most {STEPS_MAX} levels")]
    TooDeep(usize),
}

impl ArgumentPath {
    /// The path of all arguments.
    pub(super) const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path of a member of the arguments.
    #[must_use]
    pub fn member(name: &str) -> Self {
        Self(vec![Step::Member(name.to_owned())])
    }

    #[cfg(test)]
    pub(super) fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether hiding the value at this path also hides a value at `other`.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len() && self.0.iter().zip(&other.0).all(|(outer, inner)| outer.meets(inner))
    }
}

impl Step {
    /// Whether a value can be behind both steps.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::EveryItem, Self::Item(_) | Self::EveryItem) | (Self::Item(_), Self::EveryItem) => true,
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for ArgumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ROOT)?;
        self.0.iter().try_for_each(|step| match step {
            Step::Member(name) if is_plain(name) => write!(f, ".{name}"),
            Step::Member(name) => write!(f, "[{}]", serde_json::Value::from(name.as_str())),
            Step::Item(index) => write!(f, "[{index}]"),
            Step::EveryItem => f.write_str("[*]"),
        })
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(in_plain_name)
}

const fn in_plain_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl FromStr for ArgumentPath {
    type Err = ArgumentPathError;

    fn from_str(text: &str) -> Result<Self, ArgumentPathError> {
        if text.len() > ARGUMENT_PATH_MAX {
            return Err(ArgumentPathError::TooLong(text.len()));
        }
        let mut rest = text.strip_prefix(ROOT).ok_or(ArgumentPathError::NoRoot)?;
        let mut steps = Vec::new();
        while let Some(found) = rest.chars().next() {
            let at = text[..text.len() - rest.len()].chars().count() + 1;
            let (step, length) = match found {
                '.' => plain_member(&rest[1..])
                    .map(|(step, length)| (step, length + 1))
                    .ok_or(ArgumentPathError::NoName(at))?,
                '[' => bracketed(rest).ok_or(ArgumentPathError::BadBrackets(at))?,
                _ if steps.is_empty() && (found.is_ascii_alphanumeric() || found == '_') => {
                    return Err(ArgumentPathError::NoRoot);
                }
                _ => return Err(ArgumentPathError::Unexpected { found, at }),
            };
            steps.push(step);
            rest = &rest[length..];
        }
        match steps.first() {
            Some(Step::Item(_) | Step::EveryItem) => Err(ArgumentPathError::RootItem),
            _ if steps.len() > STEPS_MAX => Err(ArgumentPathError::TooDeep(steps.len())),
            _ => Ok(Self(steps)),
        }
    }
}

/// A name at the beginning of the text, and its length.
fn plain_member(text: &str) -> Option<(Step, usize)> {
    let length = text.bytes().take_while(|byte| in_plain_name(*byte)).count();
    let name = &text[..length];
    is_plain(name).then(|| (Step::Member(name.to_owned()), length))
}

/// The step in brackets at the beginning of the text, and its length with them.
fn bracketed(text: &str) -> Option<(Step, usize)> {
    let inner = text.strip_prefix('[')?;
    if inner.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = strings.next()?.ok()?;
        let end = strings.byte_offset();
        return inner[end..].starts_with(']').then_some((Step::Member(name), end + 2));
    }
    let (inner, _) = inner.split_once(']')?;
    let is_index = inner == "0" || !inner.starts_with('0') && inner.bytes().all(|byte| byte.is_ascii_digit());
    let step = match inner {
        "*" => Step::EveryItem,
        _ if is_index => Step::Item(inner.parse().ok()?),
        _ => return None,
    };
    Some((step, inner.len() + 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> ArgumentPath {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn paths_are_written_as_in_conditions() {
        let member = |name: &str| Step::Member(name.to_owned());
        let cases = [
            ("args", vec![]),
            ("args.card.number", vec![member("card"), member("number")]),
            (r#"args["card.number"]"#, vec![member("card.number")]),
            (r#"args["a\"]b"].c"#, vec![member("a\"]b"), member("c")]),
            (r#"args[""]"#, vec![member("")]),
            (r#"args["naïve key"]"#, vec![member("naïve key")]),
            ("args.items[*].price", vec![member("items"), Step::EveryItem, member("price")]),
            ("args.rows[0][12]", vec![member("rows"), Step::Item(0), Step::Item(12)]),
        ];
        for (text, steps) in cases {
            assert_eq!(path(text).0, steps, "{text}");
            assert_eq!(path(text).to_string(), text);
        }
        assert_eq!(path(r#"args["card"]["\u006eumber"]"#).to_string(), "args.card.number");
    }

    #[test]
    fn other_texts_are_refused_with_their_place() {
        use ArgumentPathError::{BadBrackets, NoName, NoRoot, RootItem, TooDeep, TooLong, Unexpected};
        let cases = [
            ("", NoRoot),
            ("card.number", NoRoot),
            ("Args.card", NoRoot),
            ("arguments.card", NoRoot),
            ("argsx", NoRoot),
            ("args.", NoName(5)),
            ("args..a", NoName(5)),
            ("args.a.1b", NoName(7)),
            ("args.é", NoName(5)),
            ("args.*", NoName(5)),
            ("args.a-b", Unexpected { found: '-', at: 7 }),
            ("args.a b", Unexpected { found: ' ', at: 7 }),
            (" args.a", NoRoot),
            ("args.a[", BadBrackets(7)),
            ("args.a[]", BadBrackets(7)),
            ("args.a[-1]", BadBrackets(7)),
            ("args.a[01]", BadBrackets(7)),
            ("args.a[1.5]", BadBrackets(7)),
            ("args.a[99999999999999999999999]", BadBrackets(7)),
            ("args.a[b]", BadBrackets(7)),
            ("args.a['b']", BadBrackets(7)),
            (r#"args.a["b]"#, BadBrackets(7)),
            (r#"args.a["b" ]"#, BadBrackets(7)),
            (r#"args.a["\ud800"]"#, BadBrackets(7)),
            ("args[0]", RootItem),
            ("args[*].a", RootItem),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<ArgumentPath>(), Err(error), "{text:?}");
        }
        let long = format!("args.{}", "a".repeat(ARGUMENT_PATH_MAX - 5));
        assert!(long.parse::<ArgumentPath>().is_ok());
        assert_eq!(format!("{long}a").parse::<ArgumentPath>(), Err(TooLong(ARGUMENT_PATH_MAX + 1)));
        let deep = |steps| format!("args{}", ".a".repeat(steps)).parse::<ArgumentPath>();
        assert!(deep(STEPS_MAX).is_ok());
        assert_eq!(deep(STEPS_MAX + 1), Err(TooDeep(STEPS_MAX + 1)));
    }

    #[test]
    fn a_path_covers_everything_below_it() {
        for (outer, inner, covers) in [
            ("args", "args.a", true),
            ("args.a", "args.a", true),
            ("args.a", "args.a.b[3]", true),
            ("args.a.b", "args.a", false),
            ("args.a", "args.ab", false),
            (r#"args["a.b"]"#, "args.a.b", false),
            ("args.a[*]", "args.a[0].b", true),
            ("args.a[0]", "args.a[*].b", true),
            ("args.a[0]", "args.a[1]", false),
            ("args.a[*]", "args.a.b", false),
        ] {
            assert_eq!(path(outer).covers(&path(inner)), covers, "{outer} {inner}");
        }
    }

    proptest! {
        #[test]
        fn every_path_is_read_back(names in proptest::collection::vec(".{0,6}", 0..6), items in any::<[Option<usize>; 2]>()) {
            let mut steps: Vec<_> = names.into_iter().map(Step::Member).collect();
            if !steps.is_empty() {
                steps.extend(items.map(|item| item.map_or(Step::EveryItem, Step::Item)));
            }
            let path = ArgumentPath(steps);
            let text = path.to_string();
            prop_assume!(text.len() <= ARGUMENT_PATH_MAX);
            prop_assert_eq!(text.parse::<ArgumentPath>(), Ok(path));
        }

        #[test]
        fn no_text_panics(text in "(args)?[.a\\[\\]\"*0-9é\\\\ ]{0,20}") {
            let _ = text.parse::<ArgumentPath>();
        }
    }
}
