//! How names look: which ones people, and agents, take for each other.

use unicode_normalization::UnicodeNormalization as _;

use crate::unicode::skeleton;

/// What separates the words of a name.
const SEPARATORS: [char; 5] = ['_', '-', '.', ':', '/'];

/// In what a name differs from another one that it is taken for.
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
}

impl Difference {
    /// In a sentence that ends with it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Case => "only in upper and lower case",
            Self::LookAlike => "in characters that look the same",
            Self::Separators => "only in what separates its words",
            Self::Prefix => "only in a prefix",
        }
    }
}

/// Upper and lower case, and the compatible forms of a character, made one.
pub(super) fn folded(name: &str) -> String {
    // Over upper case: some lower-case letters have it in common.
    name.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// As the name looks when case does not count: the same for those that may be taken for each other. As it stands too,
/// for a capital I looks like a small l, and a small i does not.
pub(super) fn skeletons(name: &str) -> [String; 2] {
    [skeleton(name), skeleton(&folded(name))]
}

/// The name's words, folded, with nothing between them.
pub(super) fn words(name: &str) -> String {
    folded(name).replace(SEPARATORS, "")
}

/// The name folded, with one kind of separator.
pub(super) fn with_one_separator(name: &str) -> String {
    folded(name).replace(SEPARATORS, "_")
}

/// The name's last part, if it has several: what is left without the prefix of a server or a namespace.
pub(super) fn last_part(name: &str) -> Option<&str> {
    let dotted = name.rsplit(['.', ':', '/']).next().filter(|part| part.len() < name.len());
    let part = dotted.or_else(|| name.rsplit_once("__").map(|(_, part)| part))?;
    let part = part.rsplit_once("__").map_or(part, |(_, part)| part);
    (!part.is_empty()).then_some(part)
}

/// In what two names differ that look the same. `None` when they do not look the same, or are the same.
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

/// In what two names of tools or groups differ that may be taken for each other.
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
        (is(last_part(a), &other) || is(last_part(b), &whole)).then_some(Difference::Prefix)
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
        ] {
            assert_eq!(difference(a, b), expected, "{a} {b}");
            assert_eq!(difference(b, a), expected, "{b} {a}");
        }
    }
}
