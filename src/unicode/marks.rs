//! Characters that can deceive a reader: found, named, and with their place.
//!
//! Pages and messages share these warnings; each renders them in its own format.

use std::collections::HashMap;

use super::{is_invisible, mixes_scripts, punycode, skeleton};

/// Longest excerpt of a text in a notice, in characters.
const EXCERPT: usize = 24;

/// Maximum number of notices about one text. Further ones are counted.
const NOTICES: usize = 8;

/// Longest label of a host name, in characters.
const LABEL_MAX: usize = 63;

/// One warning about a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notice(pub(crate) Vec<Piece>);

/// A notice quotes the text, which must not look like words of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Words of this server.
    Ours(String),
    /// A part of the text.
    Quoted(String),
}

impl Notice {
    /// A notice that quotes nothing.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::default().then(text)
    }

    fn then(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Ours(text.into()));
        self
    }

    fn quoting(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Quoted(text.into()));
        self
    }
}

/// The words of the notices.
mod texts {
    pub(super) const BEFORE: &str = " before ";
    pub(super) const AFTER: &str = " after ";
    pub(super) const MIXED_SCRIPTS: &str = " mixes scripts";
    pub(super) const LOOKS_LIKE: &str = "looks like ";
    pub(super) const IS: &str = ", is ";
    pub(super) const IS_HOST: &str = " is the host ";
    pub(super) const STANDS_FOR: &str = " stands for ";

    pub(super) fn invisible(count: usize) -> String {
        if count == 1 { "1 invisible character".to_owned() } else { format!("{} invisible characters", grouped(count)) }
    }

    pub(super) fn directional(count: usize) -> String {
        if count == 1 {
            "1 character that changes the direction of writing".to_owned()
        } else {
            format!("{} characters that change the direction of writing", grouped(count))
        }
    }

    pub(super) fn looks_like_letter(code: u32, like: &str) -> String {
        format!(": {} looks like '{like}'", super::code_point(code))
    }

    pub(super) fn other_letters(code: &str) -> String {
        format!(", is written with other letters ({code})")
    }

    pub(super) fn more_notices(count: usize) -> String {
        format!("and {count} more")
    }

    use crate::unicode::grouped;
}

/// How a character is named where its glyph is not shown, such as `U+202E`.
pub(crate) fn code_point(code: u32) -> String {
    format!("U+{code:04X}")
}

/// The notices about a text. Empty for nearly all.
pub(crate) fn notices(text: &str) -> Vec<Notice> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) && !has_punycode(text) {
        return Vec::new();
    }
    let (mut found, beyond) = invisible(text);
    found.extend(mixed(text));
    found.extend(hosts(text));
    if found.is_empty() {
        found.extend(look_alike(text));
    }
    let more = beyond + found.len().saturating_sub(NOTICES);
    if more > 0 {
        found.truncate(NOTICES);
        found.push(Notice::plain(texts::more_notices(more)));
    }
    found
}

/// Invisible characters: how many of each, and where the first one is; and the number of further kinds. An agent can
/// send thousands of kinds in one text, so only the notices that are shown look for their place.
fn invisible(text: &str) -> (Vec<Notice>, usize) {
    let mut found: Vec<(char, usize, usize)> = Vec::new();
    let mut known: HashMap<char, usize> = HashMap::new();
    for (at, c) in text.char_indices().filter(|(_, c)| is_invisible(*c) && !matches!(c, '\n' | '\t')) {
        let index = *known.entry(c).or_insert(found.len());
        match found.get_mut(index) {
            Some((_, count, _)) => *count += 1,
            None => found.push((c, 1, at)),
        }
    }
    let beyond = found.len().saturating_sub(NOTICES);
    found.truncate(NOTICES);
    let notice = |(c, count, at): (char, usize, usize)| {
        let what = if is_directional(c) { texts::directional(count) } else { texts::invisible(count) };
        let notice = Notice::plain(format!("{what} ({})", named(c)));
        let word = text[..at].chars().rev().take_while(|c| !c.is_whitespace() || is_invisible(*c));
        let before: String = word.filter(|c| !is_invisible(*c)).take(EXCERPT).collect();
        if before.is_empty() {
            let after: String = text[at..].chars().filter(|c| !is_invisible(*c)).take(EXCERPT).collect();
            if after.is_empty() { notice } else { notice.then(texts::BEFORE).quoting(after) }
        } else {
            notice.then(texts::AFTER).quoting(before.chars().rev().collect::<String>())
        }
    };
    (found.into_iter().map(notice).collect(), beyond)
}

/// Words in which letters of several scripts stand together.
fn mixed(text: &str) -> impl Iterator<Item = Notice> {
    let mut words: Vec<_> = words(text).filter(|word| !word.is_ascii() && mixes_scripts(word)).collect();
    words.dedup();
    words.into_iter().map(|word| {
        let notice = Notice::default().quoting(excerpt(word)).then(texts::MIXED_SCRIPTS);
        match disguised(word) {
            Some((c, like)) => notice.then(texts::looks_like_letter(u32::from(c), &like)),
            None => notice,
        }
    })
}

/// A text whose letters all look like Latin ones, and are others.
fn look_alike(text: &str) -> Option<Notice> {
    let (c, _) = disguised(text)?;
    let skeleton = skeleton(text);
    let latin = text.chars().any(|c| c.is_ascii_alphabetic());
    if latin || !skeleton.is_ascii() {
        return None;
    }
    let code = code_point(u32::from(c));
    Some(Notice::plain(texts::LOOKS_LIKE).quoting(excerpt(&skeleton)).then(texts::other_letters(&code)))
}

/// Host names that are shown in one way, and are another: in Punycode, or with letters that look like Latin ones.
fn hosts(text: &str) -> Vec<Notice> {
    let mut found = Vec::new();
    let whole = !text.contains(char::is_whitespace);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.') || (!c.is_ascii() && !is_invisible(c));
    let mut at = 0;
    for token in text.split(|c: char| !is_part(c)) {
        let start = at;
        at += token.len() + text[at + token.len()..].chars().next().map_or(0, char::len_utf8);
        let host = token.trim_matches('.');
        let labels: Vec<_> = host.split('.').collect();
        // Longer labels are not host names (RFC 1035), and Punycode would cost the square of their length.
        if labels.len() < 2 || labels.iter().any(|label| label.is_empty() || label.chars().count() > LABEL_MAX) {
            continue;
        }
        let announced = whole || text[..start].ends_with("//") || text[..start].ends_with('@');
        if host.is_ascii() {
            let decoded = labels.iter().map(|label| {
                let puny = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(punycode::PREFIX));
                if puny { punycode::decode(&label[4..]) } else { Some((*label).to_owned()) }
            });
            let decoded: Option<Vec<_>> = decoded.collect();
            if let Some(decoded) = decoded.map(|labels| labels.join(".")).filter(|decoded| decoded != host) {
                found.push(Notice::default().quoting(excerpt(host)).then(texts::STANDS_FOR).quoting(excerpt(&decoded)));
            }
        } else if announced {
            let encoded = labels.iter().map(|label| {
                if label.is_ascii() { Some((*label).to_owned()) } else { punycode::encode(&label.to_lowercase()) }
            });
            let Some(encoded) = encoded.collect::<Option<Vec<_>>>().map(|labels| labels.join(".")) else { continue };
            // The letters of ASCII stay: the skeleton of "m" is "rn".
            let plain = |c: char| if c.is_ascii() { c.to_string() } else { skeleton(&c.to_string()) };
            let skeleton: String = host.chars().map(plain).collect();
            let notice = if skeleton.is_ascii() {
                Notice::plain(texts::LOOKS_LIKE).quoting(excerpt(&skeleton)).then(texts::IS)
            } else {
                Notice::default().quoting(excerpt(host)).then(texts::IS_HOST)
            };
            found.push(notice.quoting(excerpt(&encoded)));
        }
    }
    found
}

/// Whether a text may have a label in Punycode, in either case.
fn has_punycode(text: &str) -> bool {
    let prefix = punycode::PREFIX.as_bytes();
    text.as_bytes().windows(prefix.len()).any(|window| window.eq_ignore_ascii_case(prefix))
}

/// The first letter or digit that is not ASCII and looks like one that is.
fn disguised(text: &str) -> Option<(char, String)> {
    let mut letters = text.chars().filter(|c| !c.is_ascii() && c.is_alphanumeric());
    letters.find_map(|c| {
        let like = skeleton(c.encode_utf8(&mut [0; 4]));
        (like.is_ascii() && !like.is_empty()).then_some((c, like))
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The beginning of a text, with a mark if it is not whole.
pub(crate) fn excerpt(text: &str) -> String {
    let mut characters = text.chars();
    let mut start: String = characters.by_ref().take(EXCERPT * 2).collect();
    if characters.next().is_some() {
        start.push('…');
    }
    start
}

/// Whether a character changes the direction of writing (UAX #9).
const fn is_directional(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// The code point of a character, with its name if it is a usual one.
fn named(c: char) -> String {
    let code = code_point(u32::from(c));
    let name = match c {
        '\0' => "null",
        '\r' => "carriage return",
        '\u{1b}' => "escape",
        '\u{a0}' => "no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{61c}' => "Arabic letter mark",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{2028}' => "line separator",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{202f}' => "narrow no-break space",
        '\u{2060}' => "word joiner",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        '\u{fe0f}' => "variation selector-16",
        '\u{feff}' => "zero width no-break space",
        _ => return code,
    };
    format!("{code} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let plain = |piece: &Piece| match piece {
            Piece::Ours(text) => text.clone(),
            Piece::Quoted(text) => format!("'{text}'"),
        };
        notices(text).iter().map(|notice| notice.0.iter().map(plain).collect()).collect()
    }

    #[test]
    fn invisible_characters_are_named_with_their_place() {
        assert_eq!(said("Acme GmbH\u{200b}"), ["1 invisible character (U+200B zero width space) after 'GmbH'"]);
        assert_eq!(said("\u{200b}a\u{200b}"), ["2 invisible characters (U+200B zero width space) before 'a'"]);
        assert_eq!(
            said("invoice\u{202e}fdp.exe"),
            ["1 character that changes the direction of writing (U+202E right-to-left override) after 'invoice'"]
        );
        assert_eq!(said("a\0"), ["1 invisible character (U+0000 null) after 'a'"]);
        assert_eq!(said("\u{e0001}"), ["1 invisible character (U+E0001)"]);
        assert!(said("a\n\tb, é, Москва, 東京タワー, 日本語, naïve “quotes” — 5 €").is_empty());
    }

    #[test]
    fn letters_of_other_scripts_are_named() {
        assert_eq!(said("pay p\u{430}ypal"), ["'p\u{430}ypal' mixes scripts: U+0430 looks like 'a'"]);
        // Every letter is Cyrillic.
        assert_eq!(said("\u{441}\u{43e}\u{440}"), ["looks like 'cop', is written with other letters (U+0441)"]);
        assert!(said("Привет, \u{441}\u{43e}\u{440}").is_empty());
    }

    #[test]
    fn host_names_are_also_shown_as_they_are_sent() {
        assert_eq!(said("xn--pple-43d.com"), ["'xn--pple-43d.com' stands for '\u{430}pple.com'"]);
        assert_eq!(said("https://XN--pple-43d.com/a b")[0], "'XN--pple-43d.com' stands for '\u{430}pple.com'");
        assert_eq!(said("mail bob@\u{430}\u{440}\u{440}.com now"), ["looks like 'app.com', is 'xn--80a6aa.com'"]);
        assert_eq!(
            said("https://bücher.example/x"),
            ["'bücher.example' is the host xn--bcher-kva.example"
                .replace("xn--bcher-kva.example", "'xn--bcher-kva.example'")]
        );
        assert!(said("Das Ende.Über uns").is_empty());
        assert_eq!(said(&format!("{}.com", "é".repeat(63))).len(), 1);
        assert!(said(&format!("{}.com", "é".repeat(64))).is_empty(), "no host name has such a label");
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let many: String = (0x2000..0x200c_u32).filter_map(char::from_u32).collect();
        let said = said(&many);
        assert_eq!((said.len(), said[NOTICES].as_str()), (NOTICES + 1, "and 4 more"));
    }
}
