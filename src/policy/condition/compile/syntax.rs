//! Explains syntax errors in sentences. The parser provides the position. Its own messages need knowledge of its
//! grammar, so they are only used to distinguish the cases.

use cel::ParseErrors;

/// Reserved words of the grammar. After a dot, the parser accepts all others.
const RESERVED: [&str; 4] = ["in", "true", "false", "null"];

/// Operators of other languages, and their equivalents in CEL.
const OPERATORS: [(&str, &str); 9] = [
    ("===", "=="),
    ("!==", "!="),
    ("=", "=="),
    ("<>", "!="),
    ("and", "&&"),
    ("or", "||"),
    ("not", "!"),
    ("&", "&&"),
    ("|", "||"),
];

/// Maximum length of quoted source, in characters.
const SHOWN_MAX: usize = 24;

/// The first problem. Later ones are consequences of it.
pub(super) fn problems(source: &str, errors: &ParseErrors) -> Vec<String> {
    let first = errors.errors.iter().find(|error| error.pos.0 > 0);
    let told = match first {
        Some(error) => {
            let (line, column) = (at_least_one(error.pos.0), at_least_one(error.pos.1));
            format!("{}: {}", place(source, line, column), sentence(&Position::of(source, line, column), &error.msg))
        }
        None => "cannot parse the condition".to_owned(),
    };
    vec![told]
}

fn at_least_one(number: isize) -> usize {
    usize::try_from(number).unwrap_or(1).max(1)
}

/// A position in a condition, with the line if the condition has several.
pub(super) fn place(source: &str, line: usize, column: usize) -> String {
    if source.trim_end().contains('\n') { format!("line {line}, column {column}") } else { format!("column {column}") }
}

/// The source around an error.
struct Position<'a> {
    before: &'a str,
    rest: &'a str,
}

impl<'a> Position<'a> {
    /// The column counts characters.
    fn of(source: &'a str, line: usize, column: usize) -> Self {
        let start = source.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
        let in_line = source[start..].char_indices().nth(column - 1).map_or(source.len() - start, |(at, _)| at);
        let (before, rest) = source.split_at(start + in_line);
        Self { before, rest }
    }

    /// The word or symbol at the position.
    fn token(&self) -> &'a str {
        let rest = self.rest;
        let end = |inside: fn(char) -> bool| rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let word = end(|c| c.is_alphanumeric() || c == '_');
        let sign = end(|c| "=!<>&|".contains(c));
        let one = rest.chars().next().map_or(0, char::len_utf8);
        let token = &rest[..word.max(sign).max(one)];
        &token[..token.char_indices().nth(SHOWN_MAX).map_or(token.len(), |(at, _)| at)]
    }

    /// The path before a reserved word: `args.filter` in `args.filter.in`.
    fn selected(&self) -> Option<&'a str> {
        let path = self.before.trim_end().strip_suffix('.')?.trim_end();
        let start = path.rfind(|c: char| !(c.is_alphanumeric() || "_.".contains(c))).map_or(0, |at| at + 1);
        // Not a name if the position is inside a character of several bytes.
        path.get(start..).filter(|path| !path.is_empty())
    }
}

/// Explains an error without terms of the parser.
fn sentence(at: &Position<'_>, said: &str) -> String {
    let said = said.strip_prefix("Syntax error: ").unwrap_or(said);
    if said.contains("Recursion limit") || said.contains("recovery attempt limit") {
        return "nested too deeply".to_owned();
    }
    if said.starts_with("token recognition error") {
        return unreadable(at, said);
    }
    if said.starts_with("invalid string literal") {
        return "invalid escape in a string; write r\"…\" for a pattern, or \\\\ for a backslash".to_owned();
    }
    if said.starts_with("invalid int literal") || said.starts_with("invalid uint literal") {
        return format!("the number {} is out of range", at.token());
    }
    if let Some(syntax) = said.strip_prefix("unsupported syntax ") {
        return format!("{} is not supported here", syntax.replace('\'', "`"));
    }
    if let Some(word) = said.strip_prefix("reserved identifier: ") {
        return format!("`{word}` is a reserved word; an argument of that name is args[\"{word}\"]");
    }
    let token = at.token();
    if RESERVED.contains(&token)
        && let Some(path) = at.selected()
    {
        return reserved_field(path, token, at.before.trim_end().contains("has("));
    }
    if token.is_empty() {
        return match missing(said) {
            Some(sign) => format!("unexpected end of the condition: `{sign}` is missing"),
            None if at.before.trim().is_empty() => "the condition is empty".to_owned(),
            None => "unexpected end of the condition".to_owned(),
        };
    }
    if let Some((_, ours)) = OPERATORS.iter().find(|(theirs, _)| *theirs == token) {
        return format!("`{token}` is not an operator in CEL; write {ours}");
    }
    match missing(said) {
        Some(sign) => format!("`{sign}` is missing before `{token}`"),
        None => format!("unexpected `{token}`"),
    }
}

/// `args.in`, which the grammar does not allow.
fn reserved_field(path: &str, word: &str, asked_for: bool) -> String {
    let has = if asked_for { format!(", and \"{word}\" in {path} for has({path}.{word})") } else { String::new() };
    format!("`{word}` is a reserved word; write {path}[\"{word}\"]{has}")
}

/// A character that cannot begin a token.
fn unreadable(at: &Position<'_>, said: &str) -> String {
    let text = said.split_once("at: '").map_or("", |(_, text)| text);
    let quoted = text.trim_start_matches(['r', 'R', 'b', 'B']).starts_with(['"', '\'']);
    let escape = text.rfind('\\').and_then(|at| text[at + 1..].chars().next()).filter(|c| *c != '\'');
    match (quoted, escape) {
        (true, Some(c)) => {
            format!("invalid escape \\{c} in a string; write r\"…\" for a pattern, or \\\\ for a backslash")
        }
        (true, None) => "unterminated string: the closing quote is missing".to_owned(),
        (false, _) => {
            let token = at.token();
            match OPERATORS.iter().find(|(theirs, _)| *theirs == token) {
                Some((theirs, ours)) => format!("`{theirs}` is not an operator in CEL; write {ours}"),
                None => format!("unexpected character `{}`", crate::unicode::escape(token)),
            }
        }
    }
}

/// The missing symbol in `missing ')' at …`, if it is a single one.
fn missing(said: &str) -> Option<&str> {
    said.strip_prefix("missing '")?.split_once('\'').map(|(sign, _)| sign).filter(|sign| !sign.is_empty())
}
