//! Compiles the parser's syntax tree to an [`Expr`]: resolves names, checks known types, and evaluates constants.

mod calls;
mod constants;
mod syntax;

use std::sync::Arc;

use cel::{
    Env,
    common::ast::{EntryExpr, Expr as Syntax, IdedExpr, LiteralValue, SelectExpr, SourceInfo},
};

use super::{
    Condition, PlacedPattern, SOURCE_MAX,
    expr::{DEPTH_MAX, Expr, Literal},
    functions::{TYPES, exact},
    scope::{VARIABLES, Variable},
    value::{AGENT_FIELDS, CALLER_FIELDS, Kind},
};
use crate::spelling::closest;

pub(super) fn compile(source: &str) -> Result<Condition, Vec<String>> {
    if source.len() > SOURCE_MAX {
        return Err(vec![format!("has {} bytes; at most {SOURCE_MAX} are allowed", source.len())]);
    }
    // Without macros: `has` and the comprehensions are then calls, which are resolved below.
    let parser = Env::default().parser().enable_optional_syntax(false);
    let (tree, info) = parser.parse_with_source_info(source).map_err(|errors| syntax::problems(source, &errors))?;
    let mut compiler =
        Compiler { info, bound: Vec::new(), problems: Vec::new(), patterns: Vec::new(), pattern_refused: false };
    let root = compiler.expr(&tree, 0);
    if let Some((_, Some(kind))) = &root
        && *kind != Kind::Bool
    {
        compiler.refuse(&tree, format!("the condition is a {kind}; it must be a bool"));
    }
    match root {
        Some((root, _)) if compiler.problems.is_empty() => {
            let constant = match &root {
                Expr::Literal(Literal::Bool(value)) => Some(*value),
                _ => None,
            };
            Ok(Condition { root, patterns: compiler.patterns, constant })
        }
        _ => Err(compiler.problems),
    }
}

/// An expression, and its kind if known.
type Typed = (Expr, Option<Kind>);

struct Compiler {
    info: SourceInfo,
    /// Names of the items of enclosing comprehensions, the outermost first.
    bound: Vec<String>,
    problems: Vec<String>,
    patterns: Vec<PlacedPattern>,
    pattern_refused: bool,
}

impl Compiler {
    /// Adds a problem of a part of the source.
    fn refuse(&mut self, at: &IdedExpr, what: impl std::fmt::Display) {
        self.problems.push(match self.place(at) {
            Some(place) => format!("{place}: {what}"),
            None => what.to_string(),
        });
    }

    /// The position of a part of the source, if known.
    fn place(&self, at: &IdedExpr) -> Option<String> {
        let (start, _) = self.info.offset_for(at.id)?;
        let before = self.info.source.get(..start as usize)?;
        let (line, column) = (before.matches('\n').count() + 1, before.rsplit('\n').next()?.chars().count() + 1);
        Some(syntax::place(&self.info.source, line, column))
    }

    fn expr(&mut self, tree: &IdedExpr, depth: usize) -> Option<Typed> {
        if depth == DEPTH_MAX {
            self.refuse(tree, format!("nested too deeply; at most {DEPTH_MAX} levels are allowed"));
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
                                self.refuse(&entry.key, format!("duplicate key {:?}", &**key));
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
                self.refuse(tree, "is not supported; use a string or a finite number");
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
        self.refuse(tree, format!("unknown variable {name}{meant} (variables: {})", known.join(", ")));
        None
    }

    /// The operand and field of `operand.field`.
    fn selected(&mut self, tree: &IdedExpr, select: &SelectExpr, depth: usize) -> Option<(Expr, Option<Kind>)> {
        let (operand, kind) = self.expr(&select.operand, depth + 1)?;
        if let Some(kind) = kind.filter(|kind| *kind != Kind::Map) {
            self.refuse(tree, format!("a {kind} has no field {}", select.field));
            return None;
        }
        let fields: &[&str] = match operand {
            Expr::Variable(Variable::Agent) => &AGENT_FIELDS,
            Expr::Variable(Variable::Caller) => &CALLER_FIELDS,
            _ => &[],
        };
        if !fields.is_empty() && !fields.contains(&select.field.as_str()) {
            self.refuse(tree, format!("unknown field {} (fields: {})", select.field, fields.join(", ")));
            return None;
        }
        let kind = match (&operand, select.field.as_str()) {
            (Expr::Variable(Variable::Agent), "chain") => Some(Kind::List),
            (Expr::Variable(Variable::Agent | Variable::Caller | Variable::Labels), _) => Some(Kind::Text),
            _ => None,
        };
        Some((operand, kind))
    }

    fn select(&mut self, tree: &IdedExpr, select: &SelectExpr, depth: usize) -> Option<Typed> {
        let (operand, kind) = self.selected(tree, select, depth)?;
        let path = Arc::from(path(tree));
        Some((Expr::Field { operand: Box::new(operand), field: select.field.clone(), path }, kind))
    }

    /// Compiles an operand that must have one of these kinds, if its kind is known.
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
}

/// The path of a field as written: `args.to`.
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
