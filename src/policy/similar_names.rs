//! Similar names: those that people and agents confuse.

use unicode_normalization::UnicodeNormalization as _;

use crate::unicode::skeleton;

/// Separators of the words in a name.
const SEPARATORS: [char; 5] = ['_', '-', '.', ':', '/'];

/// How a name differs from a similar one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// `SEND_EMAIL`, `send_email`.
    Case,
    /// `send_emai1`, `send_email`.
    LookAlike,
    /// `send-email`, `send_email`.
    Separators,
    /// `default.send_email`, `send_email`.
    Prefix,
    /// `send_emial`, `send_email`.
    Typing,
}

impl Difference {
    /// The end of a sentence about the difference.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Case => "only in upper and lower case",
            Self::LookAlike => "in characters that look the same",
            Self::Separators => "only in what separates its words",
            Self::Prefix => "only in a prefix",
            Self::Typing => "in one letter",
        }
    }
}

/// Folds case, and compatibility forms of characters.
pub(super) fn folded(name: &str) -> String {
    // Via upper case: some lower-case letters share one.
    name.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// The skeletons of a name, equal for names that look the same, with and without case folding. Both are needed: a
/// capital I looks like a small l, but a small i does not.
pub(super) fn skeletons(name: &str) -> [String; 2] {
    [skeleton(name), skeleton(&folded(name))]
}

/// The name's words, folded and joined without separators.
pub(super) fn words(name: &str) -> String {
    folded(name).replace(SEPARATORS, "")
}

/// The name, folded, with one kind of separator.
pub(super) fn with_one_separator(name: &str) -> String {
    folded(name).replace(SEPARATORS, "_")
}

/// The last part of a name, without the prefix of a server or a namespace. `None` if it has only one part.
pub(super) fn last_part(name: &str) -> Option<&str> {
    let dotted = name.rsplit(['.', ':', '/']).next().filter(|part| part.len() < name.len());
    let part = dotted.or_else(|| name.rsplit_once("__").map(|(_, part)| part))?;
    let part = part.rsplit_once("__").map_or(part, |(_, part)| part);
    (!part.is_empty()).then_some(part)
}

/// How two names differ that look the same. `None` if they do not look the same, or are equal.
pub(super) fn look_difference(a: &str, b: &str) -> Option<Difference> {
    if a == b {
        return None;
    }
    if a.to_lowercase() == b.to_lowercase() {
        return Some(Difference::Case);
    }
    let (a, b) = (skeletons(a), skeletons(b));
    (a[0] == b[0] || a[1] == b[1]).then_some(Difference::LookAlike)
}

/// Length of words in which a typo is detected: short names are often similar by chance, and long ones are expensive.
const TYPED: std::ops::RangeInclusive<usize> = 6..=40;

/// Whether words differ by one missing, additional or other letter, or by two exchanged ones. Digits and endings do not
/// count, because they differ on purpose: `get_user` and `get_users`, `team-1` and `team-2`, `squad-a` and `squad-b`.
fn is_mistyped(a: &str, b: &str) -> bool {
    let typed = |words: &str| TYPED.contains(&words.chars().count());
    let digits = |words: &str| words.chars().filter(char::is_ascii_digit).collect::<String>();
    let but_last = |words: &str| words.chars().rev().skip(1).collect::<String>();
    let plural = |one: &str, many: &str| many.strip_suffix('s') == Some(one);
    typed(a)
        && typed(b)
        && !plural(a, b)
        && !plural(b, a)
        && but_last(a) != but_last(b)
        && digits(a) == digits(b)
        && strsim::damerau_levenshtein(a, b) == 1
}

/// Keys that words share with those that [`is_mistyped`] finds: the words with one letter removed. Digits are never
/// removed: numbered names would share keys with many others.
pub(super) fn with_one_letter_less(words: &str) -> Vec<String> {
    if !TYPED.contains(&words.chars().count()) {
        return Vec::new();
    }
    let letters = words.char_indices().filter(|(_, c)| !c.is_ascii_digit());
    letters.map(|(at, c)| [&words[..at], &words[at + c.len_utf8()..]].concat()).collect()
}

/// How two similar names of tools or groups differ.
pub(super) fn difference(a: &str, b: &str) -> Option<Difference> {
    if a == b {
        return None;
    }
    look_difference(a, b).or_else(|| {
        let (whole, other) = (words(a), words(b));
        if whole == other {
            return Some(Difference::Separators);
        }
        let is = |part: Option<&str>, whole: &str| part.is_some_and(|part| words(part) == whole);
        if is(last_part(a), &other) || is(last_part(b), &whole) {
            return Some(Difference::Prefix);
        }
        is_mistyped(&whole, &other).then_some(Difference::Typing)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_for_each_other() {
        for (a, b, expected) in [
            ("send_email", "SEND_EMAIL", Some(Difference::Case)),
            ("Straße", "STRASSE", Some(Difference::LookAlike)),
            ("send_email", "send-email", Some(Difference::Separators)),
            ("send_email", "sendEmail", Some(Difference::Separators)),
            ("send_email", "SEND.EMAIL", Some(Difference::Separators)),
            ("send_email", "default.send_email", Some(Difference::Prefix)),
            ("send_email", "mcp__mail__send_email", Some(Difference::Prefix)),
            ("mail/send_email", "Send-Email", Some(Difference::Prefix)),
            ("send_email", "send_emai1", Some(Difference::LookAlike)),
            ("finance", "fin\u{430}nce", Some(Difference::LookAlike)), // a Cyrillic a
            ("finance", "\u{ff46}inance", Some(Difference::LookAlike)), // a full-width f
            ("finance", "/finance", Some(Difference::Separators)),
            ("finance", "finance", None),
            ("finance", "finances", None),
            ("mail.send", "sms.send", None),
            ("send_email", "read_email", None),
            ("send_email", "send_emial", Some(Difference::Typing)),
            ("send_email", "SendEmal", Some(Difference::Typing)),
            ("delete_record", "delete_recordd", Some(Difference::Typing)),
            ("finance", "finanze", Some(Difference::Typing)),
            ("get_user", "get_users", None),
            ("export_v1", "export_v2", None),
            ("squad-a", "squad-b", None),
        ] {
            assert_eq!(difference(a, b), expected, "{a} {b}");
            assert_eq!(difference(b, a), expected, "{b} {a}");
        }
    }
}
