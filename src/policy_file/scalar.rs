//! Types of scalars, by the core schema of YAML 1.2.

use std::borrow::Cow;

/// Maximum length of a text in messages, in characters.
const SHOWN: usize = 64;

/// A scalar: its text and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// The type of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number,
    Text,
}

impl Kind {
    /// The type of a plain scalar, which is neither quoted nor a block.
    pub(super) fn of_plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ if is_number(text) => Self::Number,
            _ => Self::Text,
        }
    }

    /// Its name in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
        }
    }
}

/// Text from the file for a message: quoted, on one line, and shortened.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn is_number(text: &str) -> bool {
    let all = |digits: &str, allowed: fn(&u8) -> bool| !digits.is_empty() && digits.as_bytes().iter().all(allowed);
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |digit| matches!(digit, b'0'..=b'7'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, u8::is_ascii_hexdigit);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !(whole.is_empty() && fraction.is_empty())
        && digits(whole)
        && digits(fraction)
        && all(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), u8::is_ascii_digit)
}

/// The decimal literal of a number, like JSON's, except for leading zeros and bare points. `None` for infinity, NaN,
/// and hexadecimal or octal numbers of more than 128 bits.
pub(super) fn decimal(text: &str) -> Option<Cow<'_, str>> {
    let radix = |digits, radix| u128::from_str_radix(digits, radix).ok().map(|number| number.to_string().into());
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    text.ends_with(|c: char| c.is_ascii_digit() || c == '.').then_some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_resolve_by_the_core_schema() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(Kind::of_plain(text), Kind::Null, "{text}");
        }
        for (text, flag) in [("true", true), ("True", true), ("TRUE", true), ("false", false), ("FALSE", false)] {
            assert_eq!(Kind::of_plain(text), Kind::Bool(flag), "{text}");
        }
        let numbers = [
            "0", "-0", "+5", "007", "0o17", "0xFf", "1.5", ".5", "5.", "-.5e3", "1e3", "1E-3", "+1e+3", ".inf",
            "-.Inf", "+.INF", ".nan", ".NAN",
        ];
        for text in numbers {
            assert_eq!(Kind::of_plain(text), Kind::Number, "{text}");
        }
        let texts = [
            "yes",
            "no",
            "on",
            "y",
            "tRUE",
            "nULL",
            "0o8",
            "0o",
            "0x",
            "0xg",
            "-0x1",
            "1_000",
            "1e",
            "1e+",
            ".",
            "-",
            "+",
            "+.",
            "e3",
            ".e3",
            "1.2.3",
            "--1",
            "+-1",
            "-.nan",
            "inf",
            "1:30",
            "300s",
            "2026-01-01",
            "١",
            " 1",
        ];
        for text in texts {
            assert_eq!(Kind::of_plain(text), Kind::Text, "{text}");
        }
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        let cases = [
            ("0x1F", Some("31")),
            ("0o17", Some("15")),
            ("+5", Some("5")),
            ("-.5", Some("-.5")),
            ("5.", Some("5.")),
            ("0xffffffffffffffffffffffffffffffffff", None),
            (".inf", None),
            ("-.INF", None),
            (".NaN", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decimal(text).as_deref(), expected, "{text}");
        }
    }
}
