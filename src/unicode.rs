//! Invisible characters and confusable texts: one rule for names in requests, policy files, terminals, pages and
//! messages. [`marks`] finds and names what can deceive a reader.
//!
//! The data is Unicode's: general categories and `Default_Ignorable_Code_Point` (UAX #44) from `regex-syntax`,
//! confusables and scripts (UTS #39) from `unicode-security`. Only a few blank characters without such a property are
//! listed here.

pub(crate) mod marks;
mod punycode;

use std::{borrow::Cow, cmp::Ordering, fmt::Write as _, sync::LazyLock};

use regex_syntax::hir::{Class, HirKind};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{MixedScript as _, confusable_detection};

/// The set of invisible characters.
///
/// - `\p{C}`, general category Other (UAX #44, table 12): control, format, private use and unassigned characters. All
///   bidirectional controls (UAX #9, section 2) are format characters.
/// - `\p{Z}`, Separator: spaces of every width, and line and paragraph separators.
/// - `\p{DI}`, `Default_Ignorable_Code_Point` (UAX #44, section 5): invisible in a font without the character. Includes
///   variation selectors and Hangul fillers, whose categories are marks and letters.
/// - Blanks: the null note head, the empty Braille pattern, two blank hieroglyphs and the Khitan filler are blank, but
///   have the categories of symbols, letters and marks.
const INVISIBLE: &str = r"[[\p{C}\p{Z}\p{DI}\u{1d159}\u{2800}\u{13441}\u{13442}\u{16fe4}]--\x20]";

/// The set as sorted ranges.
static RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| ranges(INVISIBLE));

fn ranges(set: &str) -> Vec<(char, char)> {
    match regex_syntax::parse(set).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.ranges().iter().map(|range| (range.start(), range.end())).collect()
        }
        other => unreachable!("{set} is a set of characters: {other:?}"),
    }
}

/// Whether a character is invisible: it has no glyph of its own, and is not U+0020. Bidirectional controls are
/// invisible.
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

/// Escapes [invisible](is_invisible) characters: `\n`, `\r`, `\t`, and `\u{202e}` for the others.
///
/// The result is one line, contains no terminal controls, and is displayed in its stored order. Backslashes are not
/// escaped, so the result cannot always be converted back.
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

/// The skeleton of a text: equal for confusable texts (UTS #39, section 4), including compatibility forms (UAX #15,
/// NFKC). Use it for warnings only; never store or show it.
pub(crate) fn skeleton(text: &str) -> String {
    let compatible: String = text.nfkc().collect();
    confusable_detection::skeleton(&compatible).collect()
}

/// Whether a text mixes scripts, such as Latin and Cyrillic (UTS #39, section 5.1).
pub(crate) fn mixes_scripts(text: &str) -> bool {
    !text.is_single_script()
}

/// A count with its thousands separated, such as `12,288`.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
