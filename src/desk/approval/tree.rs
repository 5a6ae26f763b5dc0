//! Arguments as a tree that a person can read. Nothing is left out: what is long is folded, with its size.

use askama::{Template, filters::HtmlSafe};
use serde_json::{Map, Number, Value};

use super::told::Told;
use crate::desk::marks::{Notice, excerpt, is_inexact};
use crate::{desk::texts::approval as texts, wire::field_path};

/// A text with more characters is folded.
const LONG: usize = 240;
/// A text with more lines is folded.
const LINES: usize = 8;
/// A list or an object with more entries is folded.
const ENTRIES: usize = 24;

/// An argument, or a member of an object in it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Told,
    pub(super) value: Shown,
    /// Whether the last edit changed it.
    pub(super) changed: bool,
}

/// A value.
#[derive(Clone, Debug, Template)]
#[template(path = "approval/value.html")]
pub(super) struct Shown {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Text(Told),
    Long { start: String, told: Told, size: String, part: String },
    Number { digits: Digits, notice: Option<Notice> },
    Word(&'static str),
    Empty(&'static str),
    Members { members: Vec<Member>, fold: Option<Fold> },
    Items { items: Vec<Shown>, fold: Option<Fold> },
}

/// What a folded list or object is called, and how many entries it has.
#[derive(Clone, Debug)]
struct Fold {
    part: String,
    size: String,
}

/// A number, in groups of three digits. A script and styles keep the separators out of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Digits(Vec<String>);

/// A rendered value is HTML.
impl HtmlSafe for Shown {}

impl Shown {
    fn new(value: &Value, path: &str) -> Self {
        let kind = match value {
            Value::Null => Kind::Word("null"),
            Value::Bool(true) => Kind::Word("true"),
            Value::Bool(false) => Kind::Word("false"),
            Value::Number(number) => Kind::Number { digits: Digits::of(number), notice: inexact(number) },
            Value::String(text) if text.is_empty() => Kind::Empty(texts::EMPTY_TEXT),
            Value::String(text) => text_of(text, path),
            Value::Array(items) if items.is_empty() => Kind::Empty(texts::EMPTY_LIST),
            Value::Object(members) if members.is_empty() => Kind::Empty(texts::EMPTY_OBJECT),
            Value::Array(items) => {
                let fold = fold(items.len(), path, texts::items);
                let item = |(index, item): (usize, &Value)| {
                    let mut path = path.to_owned();
                    field_path::push_index(&mut path, index);
                    Self::new(item, &path)
                };
                Kind::Items { items: items.iter().enumerate().map(item).collect(), fold }
            }
            Value::Object(members) => {
                let fold = fold(members.len(), path, texts::entries);
                let member = |(name, value): (&String, &Value)| member(name, value, path, false);
                Kind::Members { members: members.iter().map(member).collect(), fold }
            }
        };
        Self { kind }
    }

    /// Warnings about the value and all in it.
    fn warnings(&self) -> usize {
        match &self.kind {
            Kind::Text(told) | Kind::Long { told, .. } => told.notices.len(),
            Kind::Number { notice, .. } => usize::from(notice.is_some()),
            Kind::Word(_) | Kind::Empty(_) => 0,
            Kind::Members { members, .. } => members.iter().map(Member::warnings).sum(),
            Kind::Items { items, .. } => items.iter().map(Self::warnings).sum(),
        }
    }
}

impl Member {
    /// A value inside an argument, under its path.
    pub(super) fn of_path(path: &str, value: &Value) -> Self {
        Self { name: Told::new(path), value: Shown::new(value, path), changed: false }
    }

    /// Warnings about the name, the value and all in it.
    pub(super) fn warnings(&self) -> usize {
        self.name.notices.len() + self.value.warnings()
    }
}

/// The arguments: those that `first` names, in its order, then the others in theirs. `changed` says of each whether the
/// last edit changed it.
pub(super) fn members(
    arguments: &Map<String, Value>,
    first: &[String],
    changed: impl Fn(&str) -> bool,
) -> (Vec<Member>, Vec<Member>) {
    let member = |(name, value): (&String, &Value)| member(name, value, texts::ARGUMENTS_PATH, changed(name));
    let named = first.iter().filter_map(|name| arguments.get_key_value(name)).map(member).collect();
    let others = arguments.iter().filter(|(name, _)| !first.contains(name)).map(member).collect();
    (named, others)
}

fn member(name: &str, value: &Value, path: &str, changed: bool) -> Member {
    let mut path = path.to_owned();
    field_path::push_key(&mut path, name);
    let shown = if name.is_empty() { texts::EMPTY_NAME } else { name };
    Member { name: Told::new(shown), value: Shown::new(value, &path), changed }
}

fn text_of(text: &str, path: &str) -> Kind {
    let (length, lines) = (text.chars().count(), text.lines().count());
    let told = Told::new(text);
    if length <= LONG && lines <= LINES {
        return Kind::Text(told);
    }
    let first: String = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().into();
    let mut start = excerpt(&first);
    if !start.ends_with('…') {
        start.push('…');
    }
    Kind::Long { start, told, size: texts::length(length, lines), part: path.to_owned() }
}

fn fold(count: usize, path: &str, size: impl Fn(usize) -> String) -> Option<Fold> {
    (count > ENTRIES).then(|| Fold { part: path.to_owned(), size: size(count) })
}

fn inexact(number: &Number) -> Option<Notice> {
    is_inexact(number).then(|| Notice::plain(texts::INEXACT))
}

impl Digits {
    fn of(number: &Number) -> Self {
        let text = number.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let (whole, rest) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
        // An exponent says how large it is; groups would hide it.
        if whole.len() < 4 || rest.contains('e') {
            return Self(vec![text]);
        }
        let (first, others) = whole.split_at((whole.len() - 1) % 3 + 1);
        let mut groups = vec![format!("{sign}{first}")];
        groups.extend(others.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned()));
        if let Some(last) = groups.last_mut() {
            last.push_str(rest);
        }
        Self(groups)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn html(value: &Value) -> String {
        Shown::new(value, "args.x").render().unwrap()
    }

    #[test]
    fn numbers_are_grouped_and_copy_without_gaps() {
        for (number, groups) in [
            (json!(123), vec!["123"]),
            (json!(1234), vec!["1", "234"]),
            (json!(12400), vec!["12", "400"]),
            (json!(-123_456), vec!["-123", "456"]),
            (json!(1_234_567), vec!["1", "234", "567"]),
            (json!(12345.5), vec!["12", "345.5"]),
            (json!(-0.0001), vec!["-0.0001"]),
            (json!(1e300), vec!["1e+300"]),
        ] {
            let Value::Number(number) = number else { panic!() };
            assert_eq!(Digits::of(&number).0, groups);
        }
        assert!(html(&json!(12400)).contains("12<span class=\"group\">,</span>400"));
    }

    #[test]
    fn numbers_that_may_not_be_exact_are_named() {
        let warned = |value| Shown::new(&value, "args.x").warnings();
        assert_eq!(warned(json!(9_007_199_254_740_991_u64)), 0);
        assert_eq!(warned(json!(9_007_199_254_740_992_u64)), 1);
        assert_eq!(warned(json!(-9_007_199_254_740_992_i64)), 1);
        assert!(html(&json!(1e300)).contains(texts::INEXACT));
    }

    #[test]
    fn what_is_long_is_folded_with_its_length_and_kept_whole() {
        let long = format!("begin {}<end>", "x".repeat(12 << 10));
        let shown = html(&json!(long));
        assert!(shown.contains("<details") && shown.contains("12,299 characters"), "{}", &shown[..400]);
        assert!(shown.contains("x&lt;end&gt;"), "the end is there");
        assert!(!html(&json!("x".repeat(LONG))).contains("<details"));
        assert!(html(&json!("a\n".repeat(9))).contains("9 lines"));
        let list: Vec<_> = (0..25).collect();
        assert!(html(&json!(list)).contains("25 items"));
        assert!(!html(&json!(list[..24])).contains("<details"));
    }

    #[test]
    fn names_and_values_cannot_be_markup() {
        let shown = html(&json!({"<b>": ["<script>", {"&": null}], "": ""}));
        assert!(!shown.contains("<b>") && !shown.contains("<script>"), "{shown}");
        assert!(shown.contains("&lt;b&gt;") && shown.contains("&lt;script&gt;"));
    }

    #[test]
    fn warnings_are_counted_at_every_depth() {
        let object = json!({"a\u{200b}": {"b": ["c\u{200b}", 1e20]}, "d": 1});
        let (first, others) = members(object.as_object().unwrap(), &["d".into()], |_| false);
        assert_eq!((first.len(), others.len()), (1, 1));
        assert_eq!(others[0].warnings(), 3);
    }
}
