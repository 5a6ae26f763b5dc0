use std::sync::Arc;

use chrono::TimeDelta;
use ipnet::IpNet;

use super::{functions::Function, operators::Operator, pattern::Pattern, scope::Variable};
use crate::domain::Time;

/// A compiled expression, with names resolved and constants evaluated. At most [`DEPTH_MAX`] levels deep, so that its
/// evaluation needs little stack.
#[derive(Debug)]
pub(super) enum Expr {
    Literal(Literal),
    Variable(Variable),
    /// The item of a comprehension. The innermost comprehension has the highest number.
    Bound(usize),
    /// `operand.field`. `path` is the text as written, for messages.
    Field {
        operand: Box<Expr>,
        field: String,
        path: Arc<str>,
    },
    /// `has(operand.field)`.
    Has {
        operand: Box<Expr>,
        field: String,
    },
    Index(Box<[Expr; 2]>),
    List(Vec<Expr>),
    Map(Vec<(String, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// Condition, then, else.
    If(Box<[Expr; 3]>),
    Binary(Operator, Box<[Expr; 2]>),
    Call(Function, Vec<Expr>),
    Matches(Box<Expr>, Arc<Pattern>),
    InNetwork(Box<Expr>, IpNet),
    Each(Box<Each>),
}

/// Maximum levels of an expression.
pub(super) const DEPTH_MAX: usize = 48;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Time(Time),
    Span(TimeDelta),
}

/// A comprehension.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) quantifier: Quantifier,
    pub(super) range: Expr,
    /// The filter of a [`Quantifier::Map`] with three arguments.
    pub(super) filter: Option<Expr>,
    pub(super) body: Expr,
}

/// What a comprehension does with its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}
