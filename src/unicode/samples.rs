//! Samples with which every user of the rule is tested.

/// Invisible characters of each kind. Without line feed and tab, which texts may contain.
pub(crate) const INVISIBLE: &[char] = &[
    // Controls, C0 and C1.
    '\0',
    '\u{7}',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{80}',
    '\u{85}',
    '\u{9b}',
    // Bidirectional controls.
    '\u{61c}',
    '\u{200e}',
    '\u{200f}',
    '\u{202a}',
    '\u{202e}',
    '\u{2066}',
    '\u{2069}',
    // Other format characters.
    '\u{ad}',
    '\u{600}',
    '\u{200b}',
    '\u{200d}',
    '\u{2060}',
    '\u{feff}',
    '\u{fff9}',
    '\u{1d173}',
    '\u{e0041}',
    // Default-ignorable, of other categories.
    '\u{34f}',
    '\u{115f}',
    '\u{1160}',
    '\u{17b4}',
    '\u{180b}',
    '\u{3164}',
    '\u{fe0f}',
    '\u{ffa0}',
    '\u{e0000}',
    '\u{e0101}',
    // Blanks without a property.
    '\u{2800}',
    '\u{13441}',
    '\u{13442}',
    '\u{16fe4}',
    '\u{1d159}',
    // Spaces and separators.
    '\u{a0}',
    '\u{1680}',
    '\u{2003}',
    '\u{2028}',
    '\u{2029}',
    '\u{202f}',
    '\u{205f}',
    '\u{3000}',
    // Private use, unassigned, and noncharacters.
    '\u{e000}',
    '\u{f0000}',
    '\u{378}',
    '\u{fdd0}',
    '\u{ffff}',
    '\u{10ffff}',
];

/// Texts without invisible characters.
pub(crate) const VISIBLE: &[&str] = &[
    "",
    "billing bot",
    "a-1_b.c:d/e",
    "Zoë",
    "Jose\u{301}",
    "財務部",
    "бот",
    "بوت",
    "한국어",
    "हिन्दी",
    "🤖",
    "a\u{300}\u{301}",
    "\u{fffd}",
];
