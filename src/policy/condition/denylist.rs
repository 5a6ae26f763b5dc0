use super::{
    expr::{Each, Expr, Literal},
    functions::Function,
    operators::Operator,
};

/// Whether an expression can be `wanted` because a text matches a pattern, or contains or equals something.
/// `!x.matches(p)` is true for everything outside the pattern, so it is not a denylist if true is wanted.
pub(super) fn lists_texts(expr: &Expr, wanted: bool) -> bool {
    let lists = |expr: &Expr| lists_texts(expr, wanted);
    match expr {
        Expr::Matches(..) | Expr::Call(Function::Contains | Function::StartsWith | Function::EndsWith, _) => wanted,
        Expr::Binary(Operator::Equal | Operator::In, sides) => wanted && sides.iter().any(is_text),
        Expr::Binary(Operator::NotEqual, sides) => !wanted && sides.iter().any(is_text),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(lists),
        Expr::Not(operand) => lists_texts(operand, !wanted),
        Expr::If(parts) => lists(&parts[1]) || lists(&parts[2]),
        Expr::Each(each) => {
            let Each { filter, body, .. } = &**each;
            lists(body) || filter.as_ref().is_some_and(lists)
        }
        _ => false,
    }
}

/// Whether it is a literal text, or a list with one.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(Literal::Text(_)) => true,
        Expr::List(items) => items.iter().any(is_text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::condition::Condition;

    #[test]
    fn what_refuses_only_what_its_author_thought_of_is_a_denylist() {
        for (source, expected) in [
            (r#"args.q.matches("(?i)drop")"#, true),
            (r#"args.n > 5 || args.q.lowerAscii().contains("drop")"#, true),
            (r#"args.env == "prod""#, true),
            (r#"args.env in ["prod", "live"]"#, true),
            (r#"args.to.exists(to, to.endsWith("@evil.com"))"#, true),
            (r#"!(args.env != "prod")"#, true),
            (r#"!args.q.matches("^SELECT [a-z]+$")"#, false),
            (r#"args.env != "test""#, false),
            (r#"!(args.env in ["test", "dev"])"#, false),
            ("args.n > 5", false),
            ("args.n == 5", false),
            ("has(args.cc)", false),
        ] {
            let stack = std::thread::Builder::new().stack_size(64 << 20);
            let lists = stack.spawn(move || Condition::compile(source).unwrap().lists_texts()).unwrap().join().unwrap();
            assert_eq!(lists, expected, "{source}");
        }
    }
}
