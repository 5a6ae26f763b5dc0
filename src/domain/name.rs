//! Names of people, programs, groups and their authorities.
//!
//! A name has one normal form: Unicode NFC, without outer spaces and invisible characters. Two names are the same if
//! their normal forms are equal, including case. All names pass through [`normal`]: those in requests, tokens, a
//! provider's claims, settings and policies. A text without a normal form is rejected, not repaired: dropping a
//! character could turn two names of an authority into one.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::unicode::is_invisible;

/// Why a text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A space at the beginning or the end.
    #[error("begins or ends with a space; remove it")]
    OuterBlank,
    /// An invisible, control or unassigned character.
    #[error("contains U+{:04X}; control, invisible and unassigned characters are not allowed", u32::from(*.0))]
    Invisible(char),
}

/// The normal form of a name. It never changes in later versions of Unicode, because unassigned characters are
/// rejected. May be empty, and has no maximum length.
///
/// # Errors
/// When the text has no normal form.
pub fn normal(text: &str) -> Result<Cow<'_, str>, NameError> {
    if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
        return Err(NameError::Invisible(c));
    }
    if text.trim().len() != text.len() {
        return Err(NameError::OuterBlank);
    }
    Ok(composed(text))
}

/// The NFC form of a text: for names that were recorded before names were normalized, and must still be read.
#[must_use]
pub fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// Whether two names are the same, even if one was recorded before names were normalized.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    // The NFC form of a non-ASCII name can be ASCII: the Kelvin sign becomes K.
    one == other || (!(one.is_ascii() && other.is_ascii()) && one.nfc().eq(other.nfc()))
}

/// A character in a message: `'a'`, `'é' (U+00E9)` because it may look like another one, or only `U+200B`.
#[must_use]
pub fn shown(c: char) -> String {
    let code = u32::from(c);
    match c {
        ' '..='~' => format!("'{c}'"),
        c if c.is_alphanumeric() => format!("'{c}' (U+{code:04X})"),
        _ => format!("U+{code:04X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unicode::samples::{INVISIBLE, VISIBLE};

    /// José with a composed é, and with a combining accent.
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
        // Cyrillic a; full-width a; a ligature: similar to the letter, but not equal.
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
