//! Binary operators on values.

use std::cmp::Ordering;

use super::{
    EvaluationError,
    step_budget::StepBudget,
    value::{Kind, List, Map, Text, Value},
};

/// A binary operator that always evaluates both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

/// By the parser's names.
pub(super) const OPERATORS: [(&str, Operator); 12] = [
    ("_+_", Operator::Add),
    ("_-_", Operator::Subtract),
    ("_*_", Operator::Multiply),
    ("_/_", Operator::Divide),
    ("_%_", Operator::Remainder),
    ("_==_", Operator::Equal),
    ("_!=_", Operator::NotEqual),
    ("_<_", Operator::Less),
    ("_<=_", Operator::LessOrEqual),
    ("_>_", Operator::Greater),
    ("_>=_", Operator::GreaterOrEqual),
    ("@in", Operator::In),
];

impl Operator {
    /// The kind of the result for operands of these kinds; `None` is any kind. An error if the kinds never fit.
    pub(super) fn check(self, left: Option<Kind>, right: Option<Kind>) -> Result<Option<Kind>, String> {
        use Kind::{Bool, List, Map, Number, Span, Text, Time};
        let pairs: &[(Kind, Kind, Kind)] = match self {
            Self::Equal | Self::NotEqual => {
                let differ = left.zip(right).filter(|(left, right)| left != right);
                return match differ {
                    Some((left, right)) if left != Kind::Null && right != Kind::Null => {
                        Err(format!("a {left} and a {right} are never equal"))
                    }
                    _ => Ok(Some(Bool)),
                };
            }
            Self::In => match right {
                Some(Map) if left.is_some_and(|left| left != Text) => {
                    return Err("the keys of a map are strings".to_owned());
                }
                None | Some(List | Map) => return Ok(Some(Bool)),
                Some(right) => return Err(format!("`in` requires a list or map, not a {right}")),
            },
            Self::Add => &[
                (Number, Number, Number),
                (Text, Text, Text),
                (List, List, List),
                (Time, Span, Time),
                (Span, Time, Time),
                (Span, Span, Span),
            ],
            Self::Subtract => &[(Number, Number, Number), (Time, Time, Span), (Time, Span, Time), (Span, Span, Span)],
            Self::Multiply | Self::Divide | Self::Remainder => &[(Number, Number, Number)],
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => &[
                (Number, Number, Bool),
                (Text, Text, Bool),
                (Bool, Bool, Bool),
                (Time, Time, Bool),
                (Span, Span, Bool),
            ],
        };
        let fits = |kind: Option<Kind>, wanted: Kind| kind.is_none_or(|kind| kind == wanted);
        let mut fitting = pairs.iter().filter(|(l, r, _)| fits(left, *l) && fits(right, *r)).map(|(.., kind)| *kind);
        let Some(first) = fitting.next() else {
            let name = |kind: Option<Kind>| kind.map_or_else(|| "anything".to_owned(), |kind| format!("a {kind}"));
            return Err(format!("`{}` cannot {} {} and {}", self.symbol(), self.verb(), name(left), name(right)));
        };
        Ok(fitting.all(|kind| kind == first).then_some(first))
    }

    const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => "compare",
            _ => "combine",
        }
    }

    pub(super) fn apply<'a>(
        self,
        left: &Value<'a>,
        right: &Value<'a>,
        meter: &StepBudget,
    ) -> Result<Value<'a>, EvaluationError> {
        let compared =
            |holds: fn(Ordering) -> bool| self.compare(left, right, meter).map(|ordering| Value::Bool(holds(ordering)));
        match self {
            Self::Equal => equal(left, right, meter).map(Value::Bool),
            Self::NotEqual => equal(left, right, meter).map(|equal| Value::Bool(!equal)),
            Self::Less => compared(Ordering::is_lt),
            Self::LessOrEqual => compared(Ordering::is_le),
            Self::Greater => compared(Ordering::is_gt),
            Self::GreaterOrEqual => compared(Ordering::is_ge),
            Self::In => contains(left, right, meter).map(Value::Bool),
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Remainder => {
                self.calculate(left, right, meter)
            }
        }
    }

    fn calculate<'a>(
        self,
        left: &Value<'a>,
        right: &Value<'a>,
        meter: &StepBudget,
    ) -> Result<Value<'a>, EvaluationError> {
        let in_range = || EvaluationError::Invalid(format!("the result of `{}` is out of range", self.symbol()));
        match (self, left, right) {
            (Self::Divide | Self::Remainder, Value::Number(_), Value::Number(0.0)) => {
                Err(EvaluationError::Invalid(format!("`{}` by zero", self.symbol())))
            }
            (_, Value::Number(left), Value::Number(right)) => {
                let result = match self {
                    Self::Add => left + right,
                    Self::Subtract => left - right,
                    Self::Multiply => left * right,
                    Self::Divide => left / right,
                    _ => left % right,
                };
                if result.is_finite() { Ok(Value::Number(result)) } else { Err(in_range()) }
            }
            (Self::Add, Value::Text(left), Value::Text(right)) => {
                meter.bytes(left.len() + right.len())?;
                Ok(Value::text([&**left, &**right].concat()))
            }
            (Self::Add, Value::List(left), Value::List(right)) => {
                meter.take(left.len() + right.len())?;
                Ok(Value::list(left.iter().chain(right.iter()).collect()))
            }
            (Self::Add, Value::Time(time), Value::Span(span)) | (Self::Add, Value::Span(span), Value::Time(time)) => {
                time.checked_add_signed(*span).map(Value::Time).ok_or_else(in_range)
            }
            (Self::Subtract, Value::Time(time), Value::Span(span)) => {
                time.checked_sub_signed(*span).map(Value::Time).ok_or_else(in_range)
            }
            (Self::Subtract, Value::Time(left), Value::Time(right)) => Ok(Value::Span(*left - *right)),
            (Self::Add, Value::Span(left), Value::Span(right)) => {
                left.checked_add(right).map(Value::Span).ok_or_else(in_range)
            }
            (Self::Subtract, Value::Span(left), Value::Span(right)) => {
                left.checked_sub(right).map(Value::Span).ok_or_else(in_range)
            }
            _ => Err(self.mismatch(left, right)),
        }
    }

    fn compare(self, left: &Value<'_>, right: &Value<'_>, meter: &StepBudget) -> Result<Ordering, EvaluationError> {
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                Ok(left.partial_cmp(right).unwrap_or(Ordering::Equal)) // both are finite
            }
            (Value::Text(left), Value::Text(right)) => {
                meter.bytes(left.len().min(right.len()))?;
                Ok(left.cmp(right))
            }
            (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
            (Value::Time(left), Value::Time(right)) => Ok(left.cmp(right)),
            (Value::Span(left), Value::Span(right)) => Ok(left.cmp(right)),
            _ => Err(self.mismatch(left, right)),
        }
    }

    fn mismatch(self, left: &Value<'_>, right: &Value<'_>) -> EvaluationError {
        let (left, right) = (left.kind(), right.kind());
        EvaluationError::Invalid(format!("`{}` cannot {} a {left} and a {right}", self.symbol(), self.verb()))
    }
}

/// Values of different types are not equal.
fn equal(left: &Value<'_>, right: &Value<'_>, meter: &StepBudget) -> Result<bool, EvaluationError> {
    meter.take(1)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        #[expect(clippy::float_cmp, reason = "numbers are equal when they are the same double")]
        (Value::Number(left), Value::Number(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => {
            meter.bytes(left.len().min(right.len()))?;
            **left == **right
        }
        (Value::Time(left), Value::Time(right)) => left == right,
        (Value::Span(left), Value::Span(right)) => left == right,
        (Value::List(left), Value::List(right)) => return lists_equal(left, right, meter),
        (Value::Map(left), Value::Map(right)) => return maps_equal(left, right, meter),
        _ => false,
    })
}

fn lists_equal(left: &List<'_>, right: &List<'_>, meter: &StepBudget) -> Result<bool, EvaluationError> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (left, right) in left.iter().zip(right.iter()) {
        if !equal(&left, &right, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_equal(left: &Map<'_>, right: &Map<'_>, meter: &StepBudget) -> Result<bool, EvaluationError> {
    if left.len() != right.len() {
        return Ok(false);
    }
    meter.take(left.len())?;
    for key in left.keys() {
        meter.key(&key)?;
        match (left.get(&key), right.get(&key)) {
            (Some(left), Some(right)) if equal(&left, &right, meter)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn contains(item: &Value<'_>, container: &Value<'_>, meter: &StepBudget) -> Result<bool, EvaluationError> {
    match container {
        Value::List(list) => {
            for other in list.iter() {
                if equal(item, &other, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(map) => match item {
            Value::Text(key) => {
                meter.key(key)?;
                Ok(map.get(key).is_some())
            }
            _ => Ok(false),
        },
        other => Err(EvaluationError::Invalid(format!("`in` requires a list or map, not a {}", other.kind()))),
    }
}

/// The text in a value.
pub(super) fn text<'v, 'a>(function: &str, value: &'v Value<'a>) -> Result<&'v Text<'a>, EvaluationError> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(EvaluationError::Invalid(format!("{function} requires a string, not a {}", other.kind()))),
    }
}
