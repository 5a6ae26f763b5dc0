//! From the parser's tree to an [`Expr`]: resolves every name, checks what types are known, and works out constants.

use std::sync::Arc;

use cel::{
    Env, ParseErrors,
    common::ast::{CallExpr, EntryExpr, Expr as Syntax, IdedExpr, LiteralValue, SelectExpr, SourceInfo},
};
use ipnet::IpNet;

use super::{
    Condition, SOURCE_MAX, Unevaluable,
    expr::{DEPTH_MAX, Each, Expr, Literal, Quantifier},
    functions::{self, FUNCTIONS, Function, Signature, Style, TYPES, exact},
    meter::Meter,
    operators::OPERATORS,
    pattern::Pattern,
    scope::{VARIABLES, Variable},
    value::{AGENT_FIELDS, CALLER_FIELDS, Kind, Value},
};
use crate::spelling::closest;

/// Most comprehensions inside each other.
const NESTING_MAX: usize = 2;

/// Steps for working out a constant.
const CONSTANT_STEPS: u32 = 10_000;

const QUANTIFIERS: [(&str, Quantifier); 5] = [
    ("all", Quantifier::All),
    ("exists", Quantifier::Exists),
    ("exists_one", Quantifier::ExistsOne),
    ("filter", Quantifier::Filter),
    ("map", Quantifier::Map),
];

pub(super) fn compile(source: &str) -> Result<Condition, Vec<String>> {
    if source.len() > SOURCE_MAX {
        return Err(vec![format!("has {} bytes; at most {SOURCE_MAX} are allowed", source.len())]);
    }
    // Without macros: `has` and the comprehensions are calls, which are resolved below.
    let parser = Env::default().parser().enable_optional_syntax(false);
    let (tree, info) = parser.parse_with_source_info(source).map_err(|errors| syntax(&errors))?;
    let mut compiler = Compiler { info, bound: Vec::new(), problems: Vec::new(), pattern_bytes: 0 };
    let root = compiler.expr(&tree, 0);
    if let Some((_, Some(kind))) = &root
        && *kind != Kind::Bool
    {
        compiler.refuse(&tree, format!("the condition is a {kind}; it must be true or false"));
    }
    match root {
        Some((root, _)) if compiler.problems.is_empty() => {
            let constant = match &root {
                Expr::Literal(Literal::Bool(value)) => Some(*value),
                _ => None,
            };
            Ok(Condition { root, pattern_bytes: compiler.pattern_bytes, constant })
        }
        _ => Err(compiler.problems),
    }
}

fn syntax(errors: &ParseErrors) -> Vec<String> {
    let told = |(line, column): (isize, isize), text: &str| {
        let place = if line > 1 { format!("line {line}, column {column}") } else { format!("column {column}") };
        let text = text.strip_prefix("Syntax error: ").unwrap_or(text);
        // What could follow is a list of every token.
        let text = text.split(" expecting {").next().unwrap_or(text);
        format!("{place}: {text}")
    };
    // The parser stumbles on after the first.
    errors.errors.iter().take(1).map(|error| told(error.pos, &error.msg)).collect()
}

/// An expression, and its kind where that is known.
type Typed = (Expr, Option<Kind>);

struct Compiler {
    info: SourceInfo,
    /// Names of the comprehensions' items, the outermost first.
    bound: Vec<String>,
    problems: Vec<String>,
    pattern_bytes: usize,
}

impl Compiler {
    /// Records what is wrong with a part of the source.
    fn refuse(&mut self, at: &IdedExpr, what: impl std::fmt::Display) {
        let column = self.info.offset_for(at.id).and_then(|(start, _)| {
            let before = self.info.source.get(..start as usize)?;
            Some(before.rsplit('\n').next().unwrap_or(before).chars().count() + 1)
        });
        self.problems.push(match column {
            Some(column) => format!("column {column}: {what}"),
            None => what.to_string(),
        });
    }

    fn expr(&mut self, tree: &IdedExpr, depth: usize) -> Option<Typed> {
        if depth == DEPTH_MAX {
            self.refuse(tree, format!("nested more than {DEPTH_MAX} levels deep"));
            return None;
        }
        match &tree.expr {
            Syntax::Literal(literal) => self.literal(tree, literal),
            Syntax::Ident(name) => self.ident(tree, name),
            Syntax::Select(select) => self.select(tree, select, depth),
            Syntax::Call(call) => self.call(tree, call, depth),
            Syntax::List(list) => {
                let items: Vec<_> = list.elements.iter().map(|item| self.expr(item, depth + 1)).collect();
                let items: Option<Vec<_>> = items.into_iter().collect();
                Some((Expr::List(items?.into_iter().map(|(item, _)| item).collect()), Some(Kind::List)))
            }
            Syntax::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let value = self.expr(&entry.value, depth + 1);
                    match &entry.key.expr {
                        Syntax::Literal(LiteralValue::String(key)) => {
                            if entries.iter().any(|(known, _): &(String, _)| *known == **key) {
                                self.refuse(&entry.key, format!("the key {:?} is there twice", &**key));
                            }
                            entries.push((key.to_string(), value?.0));
                        }
                        _ => self.refuse(&entry.key, "keys must be strings"),
                    }
                }
                Some((Expr::Map(entries), Some(Kind::Map)))
            }
            Syntax::Struct(_) | Syntax::Comprehension(_) | Syntax::Unspecified => {
                self.refuse(tree, "is not supported here");
                None
            }
        }
    }

    fn literal(&mut self, tree: &IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        let number = |number| (Literal::Number(number), Kind::Number);
        let (literal, kind) = match literal {
            LiteralValue::Boolean(value) => (Literal::Bool(*value.inner()), Kind::Bool),
            LiteralValue::Null => (Literal::Null, Kind::Null),
            LiteralValue::String(text) => (Literal::Text(text.to_string()), Kind::Text),
            LiteralValue::Double(value) if value.inner().is_finite() => number(*value.inner()),
            LiteralValue::Int(value) => number(self.number(tree, Some(*value.inner()))?),
            LiteralValue::UInt(value) => number(self.number(tree, i64::try_from(*value.inner()).ok())?),
            LiteralValue::Double(_) | LiteralValue::Bytes(_) => {
                self.refuse(tree, "is neither text nor a finite number");
                return None;
            }
        };
        Some((Expr::Literal(literal), Some(kind)))
    }

    fn number(&mut self, tree: &IdedExpr, number: Option<i64>) -> Option<f64> {
        let exact = exact(number.unwrap_or(i64::MAX));
        exact.map_err(|error| self.refuse(tree, error)).ok()
    }

    fn ident(&mut self, tree: &IdedExpr, name: &str) -> Option<Typed> {
        if let Some(slot) = self.bound.iter().rposition(|bound| bound == name) {
            return Some((Expr::Bound(slot), None));
        }
        if let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| *known == name) {
            let kind = match variable {
                Variable::Tool => Kind::Text,
                Variable::Now => Kind::Time,
                Variable::Args | Variable::Agent | Variable::Labels | Variable::Caller => Kind::Map,
            };
            return Some((Expr::Variable(*variable), Some(kind)));
        }
        if TYPES.iter().any(|(known, _)| *known == name) {
            return Some((Expr::Literal(Literal::Text(name.to_owned())), Some(Kind::Text)));
        }
        let known = VARIABLES.map(|(name, _)| name);
        let names = known.iter().map(ToString::to_string).chain(self.bound.iter().cloned());
        let meant = closest(name, names).map_or_else(String::new, |meant| format!(", did you mean {meant}?"));
        self.refuse(tree, format!("there is no variable {name}{meant} (there are {})", known.join(", ")));
        None
    }

    /// The operand and field of `operand.field`.
    fn selected(&mut self, tree: &IdedExpr, select: &SelectExpr, depth: usize) -> Option<(Expr, Option<Kind>)> {
        let (operand, kind) = self.expr(&select.operand, depth + 1)?;
        if let Some(kind) = kind.filter(|kind| *kind != Kind::Map) {
            self.refuse(tree, format!("a {kind} has no field {}", select.field));
            return None;
        }
        let (fields, kinds): (&[&str], fn(&str) -> Option<Kind>) = match operand {
            Expr::Variable(Variable::Agent) => {
                (&AGENT_FIELDS, |field| Some(if field == "chain" { Kind::List } else { Kind::Text }))
            }
            Expr::Variable(Variable::Caller) => (&CALLER_FIELDS, |_| Some(Kind::Text)),
            Expr::Variable(Variable::Labels) => (&[], |_| Some(Kind::Text)),
            _ => (&[], |_| None),
        };
        if !fields.is_empty() && !fields.contains(&select.field.as_str()) {
            self.refuse(tree, format!("there is no field {}; there are {}", select.field, fields.join(", ")));
            return None;
        }
        Some((operand, kinds(&select.field)))
    }

    fn select(&mut self, tree: &IdedExpr, select: &SelectExpr, depth: usize) -> Option<Typed> {
        let (operand, kind) = self.selected(tree, select, depth)?;
        let path = Arc::from(path(tree));
        Some((Expr::Field { operand: Box::new(operand), field: select.field.clone(), path }, kind))
    }

    fn call(&mut self, tree: &IdedExpr, call: &CallExpr, depth: usize) -> Option<Typed> {
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
                    self.refuse(tree, "has() wants a field, such as has(args.to)");
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

    /// `&&` or `||`. A chain of them, however the parser nested it, is one level.
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

    /// A pattern must be known when the policy is set: it may be invalid, or too complex.
    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr, depth: usize) -> Option<Typed> {
        let text = self.wanted(text, &[Kind::Text], depth);
        let Syntax::Literal(LiteralValue::String(literal)) = &pattern.expr else {
            self.refuse(pattern, "the pattern must be a string in quotes");
            return None;
        };
        let pattern = Pattern::compile(literal).map_err(|wrong| self.refuse(pattern, wrong)).ok()?;
        self.pattern_bytes += pattern.bytes();
        Some((Expr::Matches(Box::new(text?), Arc::new(pattern)), Some(Kind::Bool)))
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
                self.refuse(network, "containsIP is called on a network, such as cidr(\"10.0.0.0/8\")");
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
                self.refuse(tree, format!("{name}() wants a name and an expression, such as x, x != \"\""));
                return None;
            }
        };
        let Syntax::Ident(item_name) = &item.expr else {
            self.refuse(item, format!("{name}() wants a name for the items first"));
            return None;
        };
        let taken = VARIABLES.iter().any(|(known, _)| known == item_name) || self.bound.contains(item_name);
        if taken || item_name.starts_with('.') {
            self.refuse(item, format!("{item_name} names something else already"));
            return None;
        }
        if self.bound.len() == NESTING_MAX {
            self.refuse(tree, format!("at most {NESTING_MAX} of all, exists, map, … may be inside each other"));
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
            Some(Signature { style: Style::Method, .. }) => format!("{name} is called on a value: x.{name}(…)"),
            Some(_) => format!("{name} is called as {name}(x)"),
            None if functions::SPECIAL.contains(&name) => format!("{name} is not called like this"),
            None if name.contains(['_', '@', '[', '?']) && !name.chars().any(char::is_alphanumeric) => {
                "is not supported here".to_owned()
            }
            None => {
                let meant = closest(name, functions::names().into_iter().map(str::to_owned));
                meant.map_or_else(
                    || format!("there is no function {name}"),
                    |meant| format!("there is no function {name}, did you mean {meant}?"),
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

    /// An operand that must have one of these kinds, as far as its kind is known.
    fn wanted(&mut self, tree: &IdedExpr, kinds: &[Kind], depth: usize) -> Option<Expr> {
        let (expr, kind) = self.expr(tree, depth + 1)?;
        self.fits(tree, kind, kinds)?;
        Some(expr)
    }

    fn fits(&mut self, tree: &IdedExpr, kind: Option<Kind>, kinds: &[Kind]) -> Option<()> {
        match kind {
            Some(kind) if !kinds.contains(&kind) => {
                let kinds: Vec<_> = kinds.iter().map(ToString::to_string).collect();
                self.refuse(tree, format!("is a {kind}; it must be a {}", kinds.join(" or ")));
                None
            }
            _ => Some(()),
        }
    }

    /// Works an expression out when all of its operands are constants; one that always fails is refused.
    fn constant(&mut self, tree: &IdedExpr, expr: Expr, kind: Option<Kind>) -> Typed {
        let meter = Meter::new(CONSTANT_STEPS);
        let worth: Option<Result<Literal, Unevaluable>> = match &expr {
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

fn literal(value: Result<Value<'_>, Unevaluable>) -> Option<Result<Literal, Unevaluable>> {
    match value {
        Ok(value) => Literal::of(&value).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

/// What `&&` or `||` is worth whatever the terms are that are not constants.
fn decided(terms: &[Expr], decisive: bool) -> Option<Result<Literal, Unevaluable>> {
    let constant = |term: &Expr| match term {
        Expr::Literal(Literal::Bool(value)) => Some(*value),
        _ => None,
    };
    if terms.iter().any(|term| constant(term) == Some(decisive)) {
        return Some(Ok(Literal::Bool(decisive)));
    }
    terms.iter().all(|term| constant(term).is_some()).then_some(Ok(Literal::Bool(!decisive)))
}

/// How a field is written: `args.to`.
fn path(tree: &IdedExpr) -> String {
    let mut names = Vec::new();
    let mut next = tree;
    loop {
        match &next.expr {
            Syntax::Select(SelectExpr { operand, field, .. }) => {
                names.push(field.as_str());
                next = operand;
            }
            Syntax::Ident(name) => {
                names.push(name.as_str());
                break;
            }
            _ => break,
        }
    }
    names.reverse();
    names.join(".")
}
