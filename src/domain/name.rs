//! Names by which authorities know people, programs and groups.
//!
//! A name has one form: composed (NFC), with no blanks around it and no character that shows nothing. Two names are the
//! same when these forms are equal, to the letter and its case. Whatever brings a name in asks [`normal`] for it:
//! requests, tokens, a provider's claims, settings and policies. What cannot be brought into that form is refused, not
//! mended: a character that is dropped would make two names of an authority one.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::unicode::is_invisible;

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A blank at one of its ends.
    #[error("begins or ends with a space; remove it")]
    OuterBlank,
    /// A character without a look of its own.
    #[error("contains U+{:04X}; control, invisible and unassigned characters are not allowed", u32::from(*.0))]
    Invisible(char),
}

/// A name in its one form. The form never changes once it is taken: Unicode keeps it for assigned characters, and
/// others are refused. May be empty, and is not limited in length.
///
/// # Errors
/// When the text has no such form.
pub fn normal(text: &str) -> Result<Cow<'_, str>, NameError> {
    if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
        return Err(NameError::Invisible(c));
    }
    if text.trim().len() != text.len() {
        return Err(NameError::OuterBlank);
    }
    Ok(composed(text))
}

/// A text in its composed form: for names that were recorded before names had one form, and must still be read.
#[must_use]
pub fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// Whether two names are the same, also when one of them was recorded before names had one form.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    // A name that is not ASCII may have a form that is: the Kelvin sign is a K.
    one == other || (!(one.is_ascii() && other.is_ascii()) && one.nfc().eq(other.nfc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unicode::samples::{INVISIBLE, VISIBLE};

    /// José with one letter for the last, and with two.
    const COMPOSED: &str = "Jos\u{e9}";
    const DECOMPOSED: &str = "Jose\u{301}";

    #[test]
    fn a_name_has_one_form() {
        for (text, form) in [
            ("", ""),
            ("alice", "alice"),
            ("a b", "a b"),
            (COMPOSED, COMPOSED),
            (DECOMPOSED, COMPOSED),
            ("\u{212a}ate", "Kate"),                  // Kelvin sign
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"), // Hangul in letters, and as a syllable
            ("q\u{323}\u{307}", "q\u{323}\u{307}"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"), // marks in another order
        ] {
            assert_eq!(normal(text).unwrap(), form, "{text:?}");
            assert_eq!(normal(form).unwrap(), form, "the form of a form");
            assert!(same(text, form) && same(form, text), "{text:?}");
        }
    }

    #[test]
    fn case_look_and_blanks_make_another_name() {
        // Cyrillic a; full-width a; a ligature: none of them is the letter, however alike they look.
        for other in ["Alice", "\u{430}lice", "\u{ff41}lice", "alice ", "al ice", "alic\u{435}", "alice\u{200b}"] {
            assert!(!same("alice", other), "{other:?}");
        }
        assert!(!same("\u{fb01}", "fi") && !same(COMPOSED, "Jose"));
    }

    #[test]
    fn what_has_no_form_is_refused() {
        for blank in [" alice", "alice ", " "] {
            assert_eq!(normal(blank), Err(NameError::OuterBlank), "{blank:?}");
        }
        for c in INVISIBLE.iter().copied().chain(['\n', '\t']) {
            for text in [format!("{c}alice"), format!("al{c}ice"), format!("alice{c}")] {
                assert_eq!(normal(&text), Err(NameError::Invisible(c)), "{text:?}");
            }
        }
        for text in VISIBLE {
            assert!(normal(text).is_ok(), "{text:?}");
        }
        assert_eq!(
            normal("a\u{202e}b").unwrap_err().to_string(),
            "contains U+202E; control, invisible and unassigned characters are not allowed"
        );
    }
}
