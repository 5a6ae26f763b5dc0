//! Evaluates constant expressions at compile time.

use cel::common::ast::IdedExpr;

use super::{Compiler, Typed};
use crate::policy::condition::{
    EvaluationError,
    expr::{Expr, Literal},
    step_budget::StepBudget,
    value::{Kind, Value},
};

/// Maximum steps to evaluate a constant.
const CONSTANT_STEPS: u32 = 10_000;

impl Compiler {
    /// Evaluates an expression if all its operands are constants. Rejects one that always fails.
    pub(super) fn constant(&mut self, tree: &IdedExpr, expr: Expr, kind: Option<Kind>) -> Typed {
        let meter = StepBudget::new(CONSTANT_STEPS);
        let worth: Option<Result<Literal, EvaluationError>> = match &expr {
            Expr::Binary(operator, both) => match &**both {
                [Expr::Literal(left), Expr::Literal(right)] => {
                    literal(operator.apply(&left.value(), &right.value(), &meter))
                }
                _ => None,
            },
            Expr::Call(function, arguments) => {
                let values: Option<Vec<Value<'_>>> = arguments
                    .iter()
                    .map(|argument| match argument {
                        Expr::Literal(literal) => Some(literal.value()),
                        _ => None,
                    })
                    .collect();
                values.and_then(|values| literal(function.call(&values, &meter)))
            }
            Expr::Negate(operand) => match **operand {
                Expr::Literal(Literal::Number(number)) => Some(Ok(Literal::Number(-number))),
                Expr::Literal(Literal::Span(span)) => Some(Ok(Literal::Span(-span))),
                _ => None,
            },
            Expr::Not(operand) => match **operand {
                Expr::Literal(Literal::Bool(value)) => Some(Ok(Literal::Bool(!value))),
                _ => None,
            },
            Expr::And(terms) => decided(terms, false),
            Expr::Or(terms) => decided(terms, true),
            _ => None,
        };
        match worth {
            Some(Ok(literal)) => return (Expr::Literal(literal), kind),
            Some(Err(error)) => self.refuse(tree, format!("always fails: {error}")),
            None => {}
        }
        (expr, kind)
    }
}

fn literal(value: Result<Value<'_>, EvaluationError>) -> Option<Result<Literal, EvaluationError>> {
    match value {
        Ok(value) => Literal::of(&value).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

/// The value of `&&` or `||`, if it does not depend on the terms that are not constants.
fn decided(terms: &[Expr], decisive: bool) -> Option<Result<Literal, EvaluationError>> {
    let constant = |term: &Expr| match term {
        Expr::Literal(Literal::Bool(value)) => Some(*value),
        _ => None,
    };
    if terms.iter().any(|term| constant(term) == Some(decisive)) {
        return Some(Ok(Literal::Bool(decisive)));
    }
    terms.iter().all(|term| constant(term).is_some()).then_some(Ok(Literal::Bool(!decisive)))
}
