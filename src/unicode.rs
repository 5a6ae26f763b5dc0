//! Characters that people cannot see, and texts that they cannot tell apart: one rule for names in requests, policy
//! files and terminals.
//!
//! The data is Unicode's own: general categories and `Default_Ignorable_Code_Point` (UAX #44) from `regex-syntax`,
//! confusables and scripts (UTS #39) from `unicode-security`. Only the few blank characters that no property names are
//! listed here.

use std::{borrow::Cow, cmp::Ordering, fmt::Write as _, sync::LazyLock};

use regex_syntax::hir::{Class, HirKind};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{MixedScript as _, confusable_detection};

/// What is invisible, as a set of characters.
///
/// - `\p{C}`, general category Other (UAX #44, table 12): controls, format characters, private use, and what is not
///   assigned. All controls of direction (UAX #9, section 2) are format characters.
/// - `\p{Z}`, Separator: each space of another width, and the separators of lines and paragraphs.
/// - `\p{DI}`, `Default_Ignorable_Code_Point` (UAX #44, section 5): shown as nothing by a font that does not know it.
///   Variation selectors and the Hangul fillers are marks and letters by their category.
/// - Blanks: the null note head, the empty Braille pattern, two blank hieroglyphs and the Khitan filler are drawn as
///   nothing, and are symbols, letters and a mark.
const INVISIBLE: &str = r"[[\p{C}\p{Z}\p{DI}\u{1d159}\u{2800}\u{13441}\u{13442}\u{16fe4}]--\x20]";

/// The same as ranges in order.
static RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| ranges(INVISIBLE));

fn ranges(set: &str) -> Vec<(char, char)> {
    match regex_syntax::parse(set).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.ranges().iter().map(|range| (range.start(), range.end())).collect()
        }
        other => unreachable!("{set} is a set of characters: {other:?}"),
    }
}

/// Whether a reader cannot see a character, or cannot tell it from another: everything without a shape of its own but
/// U+0020. Characters that change the direction of the text around them are among them.
pub(crate) fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let place = |(first, last): &(char, char)| match () {
        () if *last < c => Ordering::Less,
        () if *first > c => Ordering::Greater,
        () => Ordering::Equal,
    };
    RANGES.binary_search_by(place).is_ok()
}

/// A text that shows what is [invisible](is_invisible) in it: `\n`, `\r`, `\t`, and `\u{202e}` for the others. The
/// result is one line, moves no cursor, and reads in the order in which it is stored. A backslash stays as it is, so
/// the result does not always lead back to the text.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_invisible) else { return Cow::Borrowed(text) };
    let (seen, rest) = text.split_at(first);
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(seen);
    for c in rest.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // Writing to a String cannot fail.
            c if is_invisible(c) => _ = write!(escaped, "\\u{{{:x}}}", u32::from(c)),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// What a text looks like: the same for two that people may take for each other (UTS #39, section 4), compatible forms
/// of a character (UAX #15, NFKC) included. For warnings only: it is no form to keep or to show.
pub(crate) fn skeleton(text: &str) -> String {
    let compatible: String = text.nfkc().collect();
    confusable_detection::skeleton(&compatible).collect()
}

/// Whether a text is written in several scripts that do not go together, such as Latin and Cyrillic (UTS #39, section
/// 5.1).
pub(crate) fn mixes_scripts(text: &str) -> bool {
    !text.is_single_script()
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
