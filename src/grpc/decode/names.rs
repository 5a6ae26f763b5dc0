//! Names and texts.

use std::collections::BTreeMap;

use unicode_general_category::{GeneralCategory, get_general_category};

use super::Checker;
use crate::{
    config::limits::{AGENT_NAME_MAX, LABEL_KEY_MAX, LABEL_VALUE_MAX, REQUEST_ID_MAX, TOOL_NAME_MAX},
    field_path,
};

/// Longest `caller` filter, issuer or subject, in characters: more than any of them needs.
pub(super) const CALLER_MAX: usize = 1_024;

/// Characters that show nothing although their category is one of letters, marks or symbols.
const BLANK: [(char, char); 9] = [
    ('\u{034f}', '\u{034f}'),   // combining grapheme joiner
    ('\u{115f}', '\u{1160}'),   // Hangul fillers
    ('\u{17b4}', '\u{17b5}'),   // Khmer inherent vowels
    ('\u{180b}', '\u{180f}'),   // Mongolian variation selectors
    ('\u{2800}', '\u{2800}'),   // empty Braille pattern
    ('\u{3164}', '\u{3164}'),   // Hangul filler
    ('\u{fe00}', '\u{fe0f}'),   // variation selectors
    ('\u{ffa0}', '\u{ffa0}'),   // half-width Hangul filler
    ('\u{e0100}', '\u{e01ef}'), // variation selectors supplement
];

/// Whether a character has no look of its own, so that two names could look the same and differ.
fn is_invisible(c: char) -> bool {
    use GeneralCategory as Is;
    match get_general_category(c) {
        Is::Control
        | Is::Format
        | Is::Surrogate
        | Is::PrivateUse
        | Is::Unassigned
        | Is::LineSeparator
        | Is::ParagraphSeparator => true,
        Is::SpaceSeparator => !matches!(c, ' ' | '\u{3000}'),
        _ => BLANK.iter().any(|(first, last)| (*first..=*last).contains(&c)),
    }
}

impl Checker {
    /// A name: at most `max` characters, none of them invisible. May be empty.
    pub(super) fn name(&mut self, field: &str, text: &str, max: usize) {
        self.length(field, text, max);
        if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
            let code = u32::from(c);
            self.refuse(
                field,
                format!("contains U+{code:04X}; control, invisible and unassigned characters are not allowed"),
            );
        }
    }

    /// A name of ASCII letters, digits and `symbols`, not empty.
    fn strict_name(&mut self, field: &str, text: &str, max: usize, symbols: &str) {
        if text.is_empty() {
            self.refuse(field, "must not be empty");
        }
        self.length(field, text, max);
        if let Some(c) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !symbols.contains(*c)) {
            let allowed: String = symbols.chars().flat_map(|symbol| [' ', symbol]).collect();
            self.refuse(field, format!("contains {c:?}; only A-Z a-z 0-9{allowed} are allowed"));
        }
    }

    fn length(&mut self, field: &str, text: &str, max: usize) {
        let length = text.chars().count();
        if length > max {
            self.refuse(field, format!("has {length} characters; at most {max} are allowed"));
        }
    }

    pub(super) fn tool_name(&mut self, field: &str, text: &str) {
        self.strict_name(field, text, TOOL_NAME_MAX, "_.:/-");
    }

    /// An idempotency key; `None` when empty.
    pub(super) fn request_id(&mut self, text: String) -> Option<String> {
        self.name("request_id", &text, REQUEST_ID_MAX);
        (!text.is_empty()).then_some(text)
    }

    /// A text for people: at most `max` bytes, without control characters other than line feed and tab.
    pub(super) fn text(&mut self, field: &str, text: &str, max: usize) {
        if text.len() > max {
            self.refuse(field, format!("has {} bytes; at most {max} are allowed", text.len()));
        }
        if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            let code = u32::from(c);
            self.refuse(
                field,
                format!("contains U+{code:04X}; control characters other than line feed and tab are not allowed"),
            );
        }
    }

    /// At most `max` labels.
    pub(super) fn labels<'a>(&mut self, labels: impl ExactSizeIterator<Item = (&'a String, &'a String)>, max: u32) {
        if u32::try_from(labels.len()).is_ok_and(|count| count <= max) {
            for (key, value) in labels {
                let mut field = "labels".to_owned();
                field_path::push_quoted(&mut field, key);
                if key.is_empty() {
                    self.refuse(&field, "has an empty key; a key must have at least 1 character");
                } else {
                    self.strict_name(&field, key, LABEL_KEY_MAX, "_./-");
                }
                self.name(&field, value, LABEL_VALUE_MAX);
            }
        } else {
            self.refuse("labels", format!("has {} labels; at most {max} are allowed", labels.len()));
        }
    }

    /// A filter on a tool; `None` when empty.
    pub(super) fn tool_filter(&mut self, text: String) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        self.tool_name("tool_name", &text);
        Some(text)
    }

    /// A filter on an agent; `None` when empty.
    pub(super) fn agent_filter(&mut self, text: String) -> Option<String> {
        self.name("agent_name", &text, AGENT_NAME_MAX);
        (!text.is_empty()).then_some(text)
    }

    /// A filter on a caller, as `issuer/subject`; `None` when empty.
    pub(super) fn caller_filter(&mut self, text: String) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        self.name("caller", &text, CALLER_MAX);
        if text.split_once('/').is_none_or(|(issuer, subject)| issuer.is_empty() || subject.is_empty()) {
            self.refuse("caller", "must be `issuer/subject`, for example `dev/agent`");
        }
        Some(text)
    }

    /// A filter on labels.
    pub(super) fn label_filter(
        &mut self,
        labels: std::collections::HashMap<String, String>,
        max: u32,
    ) -> BTreeMap<String, String> {
        self.labels(labels.iter(), max);
        labels.into_iter().collect()
    }
}
