//! The functions of conditions: those of CEL and its strings extension that are useful for JSON.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _};
use chrono_tz::Tz;

use super::{
    EvaluationError,
    operators::text,
    step_budget::StepBudget,
    value::{Kind, Value, number_text},
};
use crate::domain::truncate;

/// A function. As a method, its first argument is the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    ToBool,
    ToNumber,
    ToWhole,
    ToText,
    ToTime,
    ToSpan,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    /// The name of a value's type, from [`TYPES`].
    Type,
    /// A part of a time, in a zone, or of a duration.
    Part(Part, Tz),
}

/// A part of a time or duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// How a function may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Global,
    Method,
    Both,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) style: Style,
    /// The allowed kinds of each argument, beginning with the receiver.
    pub(super) arguments: &'static [&'static [Kind]],
    pub(super) result: Kind,
    pub(super) function: Function,
}

const fn row(
    name: &'static str,
    style: Style,
    arguments: &'static [&'static [Kind]],
    result: Kind,
    function: Function,
) -> Signature {
    Signature { name, style, arguments, result, function }
}

const fn part(name: &'static str, part: Part) -> Signature {
    row(name, Style::Method, &[&[Kind::Time]], Kind::Number, Function::Part(part, Tz::UTC))
}

const fn clock(name: &'static str, part: Part) -> Signature {
    row(name, Style::Method, &[&[Kind::Time, Kind::Span]], Kind::Number, Function::Part(part, Tz::UTC))
}

const TEXT: &[Kind] = &[Kind::Text];
const ANY: &[Kind] = &[Kind::Null, Kind::Bool, Kind::Number, Kind::Text, Kind::List, Kind::Map, Kind::Time, Kind::Span];

/// Types that conditions can name, as in `type(args.to) == list`.
pub(super) const TYPES: [(&str, Kind); 6] = [
    ("null_type", Kind::Null),
    ("bool", Kind::Bool),
    ("double", Kind::Number),
    ("string", Kind::Text),
    ("list", Kind::List),
    ("map", Kind::Map),
];

/// All functions except those that the compiler resolves itself: `has`, `matches`, `cidr`, and the comprehensions.
#[rustfmt::skip]
pub(super) static FUNCTIONS: [Signature; 25] = [
    row("type", Style::Global, &[ANY], Kind::Text, Function::Type),
    row("size", Style::Both, &[&[Kind::Text, Kind::List, Kind::Map]], Kind::Number, Function::Size),
    row("bool", Style::Global, &[&[Kind::Bool, Kind::Text]], Kind::Bool, Function::ToBool),
    row("double", Style::Global, &[&[Kind::Number, Kind::Text]], Kind::Number, Function::ToNumber),
    row("int", Style::Global, &[&[Kind::Number, Kind::Text]], Kind::Number, Function::ToWhole),
    row("string", Style::Global, &[&[Kind::Text, Kind::Number, Kind::Bool, Kind::Time]], Kind::Text, Function::ToText),
    row("timestamp", Style::Global, &[&[Kind::Time, Kind::Text]], Kind::Time, Function::ToTime),
    row("duration", Style::Global, &[&[Kind::Span, Kind::Text]], Kind::Span, Function::ToSpan),
    row("contains", Style::Method, &[TEXT, TEXT], Kind::Bool, Function::Contains),
    row("startsWith", Style::Method, &[TEXT, TEXT], Kind::Bool, Function::StartsWith),
    row("endsWith", Style::Method, &[TEXT, TEXT], Kind::Bool, Function::EndsWith),
    row("lowerAscii", Style::Method, &[TEXT], Kind::Text, Function::LowerAscii),
    row("upperAscii", Style::Method, &[TEXT], Kind::Text, Function::UpperAscii),
    row("trim", Style::Method, &[TEXT], Kind::Text, Function::Trim),
    row("split", Style::Method, &[TEXT, TEXT], Kind::List, Function::Split),
    part("getFullYear", Part::FullYear),
    part("getMonth", Part::Month),
    part("getDate", Part::Date),
    part("getDayOfMonth", Part::DayOfMonth),
    part("getDayOfWeek", Part::DayOfWeek),
    part("getDayOfYear", Part::DayOfYear),
    clock("getHours", Part::Hours),
    clock("getMinutes", Part::Minutes),
    clock("getSeconds", Part::Seconds),
    clock("getMilliseconds", Part::Milliseconds),
];

/// Names that the compiler resolves itself.
pub(super) const SPECIAL: [&str; 8] = ["has", "matches", "cidr", "all", "exists", "exists_one", "filter", "map"];

/// All names of functions, sorted.
pub(super) fn names() -> BTreeSet<&'static str> {
    FUNCTIONS.iter().map(|signature| signature.name).chain(SPECIAL).collect()
}

impl Function {
    /// Calls the function. The compiler has checked the number of arguments.
    pub(super) fn call<'a>(self, arguments: &[Value<'a>], meter: &StepBudget) -> Result<Value<'a>, EvaluationError> {
        match arguments {
            [only] => self.of_one(only, meter),
            [first, second] => self.of_two(text("the function", first)?, text("the function", second)?, meter),
            _ => Err(EvaluationError::Invalid("a function is called with too many arguments".to_owned())),
        }
    }

    fn of_one<'a>(self, value: &Value<'a>, meter: &StepBudget) -> Result<Value<'a>, EvaluationError> {
        if let Value::Text(text) = value {
            meter.bytes(text.len())?;
        }
        let wrong = || EvaluationError::Invalid(format!("this function does not accept a {}", value.kind()));
        Ok(match (self, value) {
            (Self::Type, value) => {
                let name = TYPES.iter().find(|(_, kind)| *kind == value.kind()).map(|(name, _)| (*name).to_owned());
                Value::text(name.unwrap_or_else(|| value.kind().to_string()))
            }
            (Self::Size, Value::Text(text)) => Value::Number(whole(text.chars().count())),
            (Self::Size, Value::List(list)) => Value::Number(whole(list.len())),
            (Self::Size, Value::Map(map)) => Value::Number(whole(map.len())),
            (Self::ToBool, Value::Bool(_))
            | (Self::ToNumber, Value::Number(_))
            | (Self::ToText, Value::Text(_))
            | (Self::ToTime, Value::Time(_))
            | (Self::ToSpan, Value::Span(_)) => value.clone(),
            (Self::ToBool, Value::Text(text)) => Value::Bool(parsed(text, "`true` or `false`")?),
            (Self::ToNumber, Value::Text(text)) => Value::Number(finite(parsed(text, "a number")?)?),
            (Self::ToWhole, Value::Text(text)) => Value::Number(exact(parsed(text, "a whole number")?)?),
            (Self::ToWhole, Value::Number(number)) => Value::Number(number.trunc()),
            (Self::ToText, Value::Number(number)) => Value::text(number_text(*number).into_owned()),
            (Self::ToText, Value::Bool(value)) => Value::text(value.to_string()),
            (Self::ToText, Value::Time(time)) => Value::text(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            (Self::ToTime, Value::Text(text)) => {
                let time: DateTime<chrono::FixedOffset> =
                    DateTime::parse_from_rfc3339(text).map_err(|_| unreadable(text, "an RFC 3339 time"))?;
                Value::Time(truncate(time.to_utc()))
            }
            (Self::ToSpan, Value::Text(text)) => Value::Span(span(text)?),
            (Self::LowerAscii, Value::Text(text)) => Value::text(text.to_ascii_lowercase()),
            (Self::UpperAscii, Value::Text(text)) => Value::text(text.to_ascii_uppercase()),
            (Self::Trim, Value::Text(text)) => Value::text(text.trim().to_owned()),
            (Self::Part(part, zone), Value::Time(time)) => Value::Number(part.of_time(time.with_timezone(&zone))),
            (Self::Part(part, _), Value::Span(span)) => Value::Number(part.of_span(*span).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        })
    }

    fn of_two<'a>(self, text: &str, other: &str, meter: &StepBudget) -> Result<Value<'a>, EvaluationError> {
        meter.bytes(text.len() + other.len())?;
        Ok(match self {
            Self::Contains => Value::Bool(text.contains(other)),
            Self::StartsWith => Value::Bool(text.starts_with(other)),
            Self::EndsWith => Value::Bool(text.ends_with(other)),
            Self::Split => {
                // Take the steps first: the parts need far more memory than the text.
                let count = if other.is_empty() { text.len() } else { text.matches(other).count() + 1 };
                meter.take(4 * count)?;
                let parts: Vec<_> = if other.is_empty() {
                    text.chars().map(|c| Value::text(c.to_string())).collect()
                } else {
                    text.split(other).map(|part| Value::text(part.to_owned())).collect()
                };
                Value::list(parts)
            }
            _ => return Err(EvaluationError::Invalid("a function is called with too many arguments".to_owned())),
        })
    }
}

impl Part {
    /// As in CEL, months, days of the month and days of the year count from 0, and Sunday is 0; `getDate` counts from
    /// 1.
    fn of_time(self, time: DateTime<Tz>) -> f64 {
        match self {
            Self::FullYear => f64::from(time.year()),
            Self::Month => f64::from(time.month0()),
            Self::Date => f64::from(time.day()),
            Self::DayOfMonth => f64::from(time.day0()),
            Self::DayOfWeek => f64::from(time.weekday().num_days_from_sunday()),
            Self::DayOfYear => f64::from(time.ordinal0()),
            Self::Hours => f64::from(time.hour()),
            Self::Minutes => f64::from(time.minute()),
            Self::Seconds => f64::from(time.second()),
            Self::Milliseconds => f64::from(time.nanosecond() / 1_000_000 % 1_000),
        }
    }

    /// As in CEL, the whole duration in the unit, except milliseconds: only the part below a second.
    fn of_span(self, span: TimeDelta) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "far more than any policy counts")]
        match self {
            Self::Hours => Some(span.num_hours() as f64),
            Self::Minutes => Some(span.num_minutes() as f64),
            Self::Seconds => Some(span.num_seconds() as f64),
            Self::Milliseconds => Some(f64::from(span.subsec_nanos() / 1_000_000)),
            _ => None,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of arguments, far below 2^53")]
fn whole(count: usize) -> f64 {
    count as f64
}

fn unreadable(text: &str, wanted: &str) -> EvaluationError {
    let shown: String = text.chars().take(40).collect();
    EvaluationError::Invalid(format!("{shown:?} is not {wanted}"))
}

fn parsed<T: std::str::FromStr>(text: &str, wanted: &str) -> Result<T, EvaluationError> {
    text.parse().map_err(|_| unreadable(text, wanted))
}

fn finite(number: f64) -> Result<f64, EvaluationError> {
    if number.is_finite() { Ok(number) } else { Err(EvaluationError::Invalid(format!("{number} is not a number"))) }
}

/// A whole number as a double. Exact up to 2^53.
pub(super) fn exact(number: i64) -> Result<f64, EvaluationError> {
    const EXACT: u64 = 1 << 53;
    #[expect(clippy::cast_precision_loss, reason = "checked")]
    if number.unsigned_abs() <= EXACT {
        Ok(number as f64)
    } else {
        Err(EvaluationError::Invalid(format!("{number} is beyond 2^53, so a double cannot hold it exactly")))
    }
}

/// A duration such as `90s`, `1h30m` or `-5m`.
fn span(text: &str) -> Result<TimeDelta, EvaluationError> {
    let (negative, positive) = text.strip_prefix('-').map_or((false, text), |positive| (true, positive));
    let span = humantime::parse_duration(positive).ok().and_then(|span| TimeDelta::from_std(span).ok());
    let span = span.ok_or_else(|| unreadable(text, "a duration such as 90s or 1h30m"))?;
    Ok(if negative { -span } else { span })
}
