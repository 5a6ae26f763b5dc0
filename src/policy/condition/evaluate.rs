use super::{
    EvaluationError,
    expr::{Each, Expr, Literal, Quantifier},
    operators::text,
    scope::Scope,
    step_budget::StepBudget,
    value::{List, Map, Text, Value},
};

/// Evaluates an expression for a call.
pub(super) fn evaluate<'a>(
    expr: &'a Expr,
    scope: &'a Scope<'_>,
    meter: &StepBudget,
) -> Result<Value<'a>, EvaluationError> {
    Evaluation { scope, meter, bound: Vec::new() }.value(expr)
}

struct Evaluation<'a, 'm> {
    scope: &'a Scope<'a>,
    meter: &'m StepBudget,
    /// Items of the comprehensions in progress, the outermost first.
    bound: Vec<Value<'a>>,
}

impl<'a> Evaluation<'a, '_> {
    fn value(&mut self, expr: &'a Expr) -> Result<Value<'a>, EvaluationError> {
        self.meter.take(1)?;
        match expr {
            Expr::Literal(literal) => Ok(literal.value()),
            Expr::Variable(variable) => Ok(self.scope.variable(*variable)),
            Expr::Bound(slot) => Ok(self.bound[*slot].clone()),
            Expr::Field { operand, field, path } => {
                self.map(operand)?.get(field).ok_or_else(|| EvaluationError::Missing(path.to_string()))
            }
            Expr::Has { operand, field } => Ok(Value::Bool(self.map(operand)?.get(field).is_some())),
            Expr::Index(both) => self.index(&both[0], &both[1]),
            Expr::List(items) => items.iter().map(|item| self.value(item)).collect::<Result<_, _>>().map(Value::list),
            Expr::Map(entries) => {
                let entry = |(key, value): &'a (String, Expr)| Ok((key.as_str(), self.value(value)?));
                Ok(Value::Map(Map::Made(
                    entries.iter().map(entry).collect::<Result<std::collections::BTreeMap<_, _>, _>>()?.into(),
                )))
            }
            Expr::And(terms) => self.joined(terms, false),
            Expr::Or(terms) => self.joined(terms, true),
            Expr::Not(operand) => Ok(Value::Bool(!self.truth(operand)?)),
            Expr::Negate(operand) => match self.value(operand)? {
                Value::Number(number) => Ok(Value::Number(-number)),
                Value::Span(span) => Ok(Value::Span(-span)),
                other => Err(EvaluationError::Invalid(format!("`-` requires a number, not a {}", other.kind()))),
            },
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                if self.truth(condition)? { self.value(then) } else { self.value(otherwise) }
            }
            Expr::Binary(operator, both) => {
                let (left, right) = (self.value(&both[0])?, self.value(&both[1])?);
                operator.apply(&left, &right, self.meter)
            }
            Expr::Call(function, arguments) => match arguments.as_slice() {
                [only] => function.call(&[self.value(only)?], self.meter),
                [first, second] => function.call(&[self.value(first)?, self.value(second)?], self.meter),
                _ => Err(EvaluationError::Invalid("a function is called with too many arguments".to_owned())),
            },
            Expr::Matches(operand, pattern) => {
                let operand = self.value(operand)?;
                let text = text("matches", &operand)?;
                self.meter.bytes(2 * text.len())?;
                pattern.is_match(text).map(Value::Bool)
            }
            Expr::InNetwork(operand, network) => {
                let operand = self.value(operand)?;
                let text = text("containsIP", &operand)?;
                let address: std::net::IpAddr = text.parse().map_err(|_| {
                    let shown: String = text.chars().take(40).collect();
                    EvaluationError::Invalid(format!("{shown:?} is not an IP address"))
                })?;
                Ok(Value::Bool(network.contains(&address.to_canonical())))
            }
            Expr::Each(each) => self.each(each),
        }
    }

    fn truth(&mut self, expr: &'a Expr) -> Result<bool, EvaluationError> {
        truth(&self.value(expr)?)
    }

    fn map(&mut self, expr: &'a Expr) -> Result<Map<'a>, EvaluationError> {
        match self.value(expr)? {
            Value::Map(map) => Ok(map),
            other => Err(EvaluationError::Invalid(format!("a {} has no fields", other.kind()))),
        }
    }

    fn index(&mut self, operand: &'a Expr, index: &'a Expr) -> Result<Value<'a>, EvaluationError> {
        match (self.value(operand)?, self.value(index)?) {
            (Value::List(list), Value::Number(number)) => {
                let place = position(number).and_then(|place| list.get(place));
                place
                    .ok_or_else(|| EvaluationError::Missing(format!("item {number} in a list of {} items", list.len())))
            }
            (Value::Map(map), Value::Text(key)) => {
                self.meter.key(&key)?;
                let shown = || key.chars().take(40).collect::<String>();
                map.get(&key).ok_or_else(|| EvaluationError::Missing(format!("key {:?}", shown())))
            }
            (operand, index) => {
                Err(EvaluationError::Invalid(format!("a {} cannot be indexed by a {}", operand.kind(), index.kind())))
            }
        }
    }

    /// `&&` or `||`: the first term with the value `decisive` decides, even after a term that failed.
    fn joined(&mut self, terms: &'a [Expr], decisive: bool) -> Result<Value<'a>, EvaluationError> {
        let mut failed = None;
        for term in terms {
            match self.truth(term) {
                Ok(held) if held == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(error) => {
                    self.meter.absorbed()?;
                    failed = failed.or(Some(error));
                }
            }
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn each(&mut self, each: &'a Each) -> Result<Value<'a>, EvaluationError> {
        let items = match self.value(&each.range)? {
            Value::List(list) => list,
            Value::Map(map) => {
                self.meter.take(map.len())?;
                List::Made(map.keys().into_iter().map(Value::Text).collect())
            }
            other => return Err(EvaluationError::Invalid(format!("cannot iterate over a {}", other.kind()))),
        };
        match each.quantifier {
            Quantifier::All => self.decided(each, &items, false),
            Quantifier::Exists => self.decided(each, &items, true),
            Quantifier::ExistsOne => {
                let mut count = 0;
                for item in items.iter() {
                    count += u32::from(truth(&self.with(item, &each.body)?)?);
                }
                Ok(Value::Bool(count == 1))
            }
            Quantifier::Filter => {
                let mut kept = Vec::new();
                for item in items.iter() {
                    if truth(&self.with(item.clone(), &each.body)?)? {
                        kept.push(item);
                    }
                }
                Ok(Value::list(kept))
            }
            Quantifier::Map => {
                let mut made = Vec::new();
                for item in items.iter() {
                    if let Some(filter) = &each.filter
                        && !truth(&self.with(item.clone(), filter)?)?
                    {
                        continue;
                    }
                    made.push(self.with(item, &each.body)?);
                }
                Ok(Value::list(made))
            }
        }
    }

    /// `all` or `exists`, like [`joined`](Self::joined).
    fn decided(&mut self, each: &'a Each, items: &List<'a>, decisive: bool) -> Result<Value<'a>, EvaluationError> {
        let mut failed = None;
        for item in items.iter() {
            match self.with(item, &each.body).and_then(|value| truth(&value)) {
                Ok(held) if held == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(EvaluationError::TooLong) => return Err(EvaluationError::TooLong),
                Err(error) => {
                    self.meter.absorbed()?;
                    failed = failed.or(Some(error));
                }
            }
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn with(&mut self, item: Value<'a>, body: &'a Expr) -> Result<Value<'a>, EvaluationError> {
        self.bound.push(item);
        let value = self.value(body);
        self.bound.pop();
        value
    }
}

fn truth(value: &Value<'_>) -> Result<bool, EvaluationError> {
    match value {
        Value::Bool(held) => Ok(*held),
        other => Err(EvaluationError::Invalid(format!("a {} is not a bool", other.kind()))),
    }
}

/// A number as an index into a list.
fn position(number: f64) -> Option<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
    (number.fract() == 0.0 && (0.0..=4_294_967_295.0).contains(&number)).then_some(number as usize)
}

impl Literal {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(Text::Slice(text)),
            Self::Time(time) => Value::Time(*time),
            Self::Span(span) => Value::Span(*span),
        }
    }

    /// The constant with a value. `None` for lists and maps.
    pub(super) fn of(value: &Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(*number),
            Value::Text(text) => Self::Text(text.to_string()),
            Value::Time(time) => Self::Time(*time),
            Value::Span(span) => Self::Span(*span),
            Value::List(_) | Value::Map(_) => return None,
        })
    }
}
