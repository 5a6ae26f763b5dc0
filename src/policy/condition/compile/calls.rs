//! Calls: operators, macros and functions.

use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr as Syntax, IdedExpr, LiteralValue};
use ipnet::IpNet;

use super::{Compiler, Typed};
use crate::{
    policy::condition::{
        PlacedPattern,
        expr::{Each, Expr, Quantifier},
        functions::{self, FUNCTIONS, Function, Signature, Style},
        operators::OPERATORS,
        pattern_cache,
        scope::VARIABLES,
        value::Kind,
    },
    spelling::closest,
};

/// Maximum nesting of comprehensions.
const NESTING_MAX: usize = 2;

const QUANTIFIERS: [(&str, Quantifier); 5] = [
    ("all", Quantifier::All),
    ("exists", Quantifier::Exists),
    ("exists_one", Quantifier::ExistsOne),
    ("filter", Quantifier::Filter),
    ("map", Quantifier::Map),
];

impl Compiler {
    pub(super) fn call(&mut self, tree: &IdedExpr, call: &CallExpr, depth: usize) -> Option<Typed> {
        let name = call.func_name.as_str();
        match (name, &call.target, call.args.as_slice()) {
            ("_&&_" | "_||_", None, [_, _]) => self.joined(tree, name, depth),
            ("!_", None, [operand]) => {
                let operand = self.wanted(operand, &[Kind::Bool], depth)?;
                Some(self.constant(tree, Expr::Not(Box::new(operand)), Some(Kind::Bool)))
            }
            ("-_", None, [operand]) => {
                let (kind, operand) = {
                    let (operand_expr, kind) = self.expr(operand, depth + 1)?;
                    self.fits(operand, kind, &[Kind::Number, Kind::Span])?;
                    (kind, operand_expr)
                };
                Some(self.constant(tree, Expr::Negate(Box::new(operand)), kind))
            }
            ("_?_:_", None, [condition, then, otherwise]) => {
                let condition = self.wanted(condition, &[Kind::Bool], depth);
                let (then, otherwise) = (self.expr(then, depth + 1), self.expr(otherwise, depth + 1));
                let ((then, one), (otherwise, other)) = (then?, otherwise?);
                let kind = if one == other { one } else { None };
                Some((Expr::If(Box::new([condition?, then, otherwise])), kind))
            }
            ("_[_]", None, [operand, index]) => {
                let operand = self.wanted(operand, &[Kind::List, Kind::Map], depth);
                let index = self.wanted(index, &[Kind::Number, Kind::Text], depth);
                Some((Expr::Index(Box::new([operand?, index?])), None))
            }
            ("has", None, [argument]) => match &argument.expr {
                Syntax::Select(select) => {
                    let (operand, _) = self.selected(argument, select, depth)?;
                    Some((Expr::Has { operand: Box::new(operand), field: select.field.clone() }, Some(Kind::Bool)))
                }
                _ => {
                    self.refuse(tree, "has() requires a field, such as has(args.to)");
                    None
                }
            },
            ("matches", Some(text), [pattern]) => self.matches(text, pattern, depth),
            ("matches", None, [text, pattern]) => self.matches(text, pattern, depth),
            ("containsIP", Some(network), [address]) => self.in_network(network, address, depth),
            (_, Some(range), arguments) if QUANTIFIERS.iter().any(|(known, _)| *known == name) => {
                self.each(tree, name, range, arguments, depth)
            }
            (_, None, [left, right]) if OPERATORS.iter().any(|(known, _)| *known == name) => {
                self.binary(tree, name, left, right, depth)
            }
            _ => self.function(tree, call, depth),
        }
    }

    /// `&&` or `||`. A chain of the same operator is one level, however the parser nested it.
    fn joined(&mut self, tree: &IdedExpr, name: &str, depth: usize) -> Option<Typed> {
        let mut terms = Vec::new();
        let mut todo = vec![tree];
        while let Some(next) = todo.pop() {
            match &next.expr {
                Syntax::Call(CallExpr { func_name, target: None, args }) if func_name == name => {
                    todo.extend(args.iter().rev());
                }
                _ => terms.push(next),
            }
        }
        let terms: Vec<_> = terms.into_iter().map(|term| self.wanted(term, &[Kind::Bool], depth)).collect();
        let terms: Vec<_> = terms.into_iter().collect::<Option<_>>()?;
        let joined = if name == "_&&_" { Expr::And(terms) } else { Expr::Or(terms) };
        Some(self.constant(tree, joined, Some(Kind::Bool)))
    }

    fn binary(
        &mut self,
        tree: &IdedExpr,
        name: &str,
        left: &IdedExpr,
        right: &IdedExpr,
        depth: usize,
    ) -> Option<Typed> {
        let (_, operator) = OPERATORS.iter().find(|(known, _)| *known == name)?;
        let (left, right) = (self.expr(left, depth + 1), self.expr(right, depth + 1));
        let ((left, left_kind), (right, right_kind)) = (left?, right?);
        match operator.check(left_kind, right_kind) {
            Ok(kind) => Some(self.constant(tree, Expr::Binary(*operator, Box::new([left, right])), kind)),
            Err(wrong) => {
                self.refuse(tree, wrong);
                None
            }
        }
    }

    /// The pattern must be a literal, so that an invalid or too complex one is found when the policy is set.
    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr, depth: usize) -> Option<Typed> {
        let text = self.wanted(text, &[Kind::Text], depth);
        let Syntax::Literal(LiteralValue::String(literal)) = &pattern.expr else {
            self.refuse(pattern, "the pattern must be a string in quotes");
            return None;
        };
        if self.pattern_refused {
            return None; // a rejected pattern may have taken long
        }
        let compiled = pattern_cache::compiled(literal).map_err(|wrong| self.refuse(pattern, wrong)).ok();
        self.pattern_refused = compiled.is_none();
        let (place, source, pattern) = (self.place(pattern), Box::from(&**literal), compiled?);
        self.patterns.push(PlacedPattern { place, source, pattern: Arc::clone(&pattern) });
        Some((Expr::Matches(Box::new(text?), pattern), Some(Kind::Bool)))
    }

    fn in_network(&mut self, network: &IdedExpr, address: &IdedExpr, depth: usize) -> Option<Typed> {
        let address = self.wanted(address, &[Kind::Text], depth);
        let literal = match &network.expr {
            Syntax::Call(CallExpr { func_name, target: None, args }) if func_name == "cidr" => match args.as_slice() {
                [IdedExpr { expr: Syntax::Literal(LiteralValue::String(literal)), .. }] => Some(literal),
                _ => None,
            },
            _ => None,
        };
        match literal.map(|literal| literal.parse::<IpNet>()) {
            Some(Ok(network)) => Some((Expr::InNetwork(Box::new(address?), network), Some(Kind::Bool))),
            _ => {
                self.refuse(network, "containsIP must be called on a network, such as cidr(\"10.0.0.0/8\")");
                None
            }
        }
    }

    fn each(
        &mut self,
        tree: &IdedExpr,
        name: &str,
        range: &IdedExpr,
        arguments: &[IdedExpr],
        depth: usize,
    ) -> Option<Typed> {
        let (_, quantifier) = *QUANTIFIERS.iter().find(|(known, _)| *known == name)?;
        let range = self.wanted(range, &[Kind::List, Kind::Map], depth);
        let (item, filter, body) = match (quantifier, arguments) {
            (_, [item, body]) => (item, None, body),
            (Quantifier::Map, [item, filter, body]) => (item, Some(filter), body),
            _ => {
                self.refuse(tree, format!("{name}() requires a name and an expression, such as x, x != \"\""));
                return None;
            }
        };
        let Syntax::Ident(item_name) = &item.expr else {
            self.refuse(item, format!("the first argument of {name}() must be a name for the items"));
            return None;
        };
        let taken = VARIABLES.iter().any(|(known, _)| known == item_name) || self.bound.contains(item_name);
        if taken || item_name.starts_with('.') {
            self.refuse(item, format!("the name {item_name} is already in use; choose another"));
            return None;
        }
        if self.bound.len() == NESTING_MAX {
            self.refuse(tree, format!("all, exists, map, … can be nested at most {NESTING_MAX} levels deep"));
            return None;
        }
        self.bound.push(item_name.clone());
        let boolean: &[Kind] = &[Kind::Bool];
        let filter = filter.map(|filter| self.wanted(filter, boolean, depth));
        let body = match quantifier {
            Quantifier::Map => self.expr(body, depth + 1).map(|(body, _)| body),
            _ => self.wanted(body, boolean, depth),
        };
        self.bound.pop();
        let kind = match quantifier {
            Quantifier::Filter | Quantifier::Map => Kind::List,
            Quantifier::All | Quantifier::Exists | Quantifier::ExistsOne => Kind::Bool,
        };
        let filter = match filter {
            Some(filter) => Some(filter?),
            None => None,
        };
        Some((Expr::Each(Box::new(Each { quantifier, range: range?, filter, body: body? })), Some(kind)))
    }

    fn function(&mut self, tree: &IdedExpr, call: &CallExpr, depth: usize) -> Option<Typed> {
        let name = call.func_name.as_str();
        let signature = FUNCTIONS.iter().find(|signature| signature.name == name);
        let Some(signature) = signature.filter(|signature| match signature.style {
            Style::Both => true,
            Style::Global => call.target.is_none(),
            Style::Method => call.target.is_some(),
        }) else {
            self.unknown_function(tree, call, signature);
            return None;
        };
        let mut given: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let mut function = signature.function;
        if let (Function::Part(part, _), [_, zone]) = (function, given.as_slice()) {
            function = Function::Part(part, self.zone(zone)?);
            given.pop();
        }
        if given.len() != signature.arguments.len() {
            let wanted = signature.arguments.len() - usize::from(call.target.is_some());
            self.refuse(tree, format!("{name}() takes {wanted} arguments, not {}", call.args.len()));
            return None;
        }
        let given: Vec<_> =
            given.iter().zip(signature.arguments).map(|(given, kinds)| self.wanted(given, kinds, depth)).collect();
        let arguments = given.into_iter().collect::<Option<_>>()?;
        Some(self.constant(tree, Expr::Call(function, arguments), Some(signature.result)))
    }

    fn unknown_function(&mut self, tree: &IdedExpr, call: &CallExpr, known: Option<&Signature>) {
        let name = call.func_name.as_str();
        let what = match known {
            Some(Signature { style: Style::Method, .. }) => format!("{name} is a method; write x.{name}(…)"),
            Some(_) => format!("{name} is not a method; write {name}(x)"),
            None if functions::SPECIAL.contains(&name) => format!("invalid arguments for {name}()"),
            None if name.contains(['_', '@', '[', '?']) && !name.chars().any(char::is_alphanumeric) => {
                "is not supported here".to_owned()
            }
            None => {
                let meant = closest(name, functions::names().into_iter().map(str::to_owned));
                meant.map_or_else(
                    || format!("unknown function {name}"),
                    |meant| format!("unknown function {name}, did you mean {meant}?"),
                )
            }
        };
        self.refuse(tree, what);
    }

    fn zone(&mut self, tree: &IdedExpr) -> Option<chrono_tz::Tz> {
        let zone = match &tree.expr {
            Syntax::Literal(LiteralValue::String(name)) => name.parse().ok(),
            _ => None,
        };
        if zone.is_none() {
            self.refuse(tree, "a time zone must be a name in quotes, such as \"Europe/Berlin\"");
        }
        zone
    }
}
