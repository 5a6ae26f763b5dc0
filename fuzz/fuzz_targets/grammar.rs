//! Generates conditions that usually compile, and arguments that they usually refer to.

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

/// Maximum nesting of a condition.
const DEPTH: u8 = 4;

/// A condition: none, any text, or a valid one.
pub(crate) fn condition(u: &mut Unstructured<'_>) -> Result<String> {
    match u.int_in_range(0..=7)? {
        0 => Ok(String::new()),
        1 => Ok(u.arbitrary::<&str>()?.chars().take(100).collect()),
        _ => truth(u, DEPTH),
    }
}

/// An object with some of the names that conditions refer to.
pub(crate) fn arguments(u: &mut Unstructured<'_>) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    for name in ["n", "m", "t", "u", "l", "o"] {
        let value = match u.int_in_range(0..=9)? {
            0 => continue,
            1 => Value::Null,
            2 => json!(u.arbitrary::<bool>()?),
            3 => json!(u.arbitrary::<i64>()?),
            4 => json!({"n": u.int_in_range(-3..=3)?}),
            5 => json!(text(u)?),
            // A value of the type that the name suggests.
            _ => match name {
                "n" | "m" => json!(f64::from(u.int_in_range(-8..=8)?) / 2.0),
                "t" | "u" => json!(text(u)?),
                "l" => (0..u.int_in_range(0..=4)?).map(|_| text(u).map(Value::from)).collect::<Result<_>>()?,
                _ => json!({"n": u.int_in_range(-3..=3)?, "t": text(u)?}),
            },
        };
        object.insert(name.to_owned(), value);
    }
    Ok(object)
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.int_in_range(0..=3)? {
        0 => u.arbitrary::<&str>()?.to_owned(),
        _ => (*u.choose(&["", "a", "ab", "1.5", "ä", "10.0.0.1", "alice@company.com"])?).to_owned(),
    })
}

fn truth(u: &mut Unstructured<'_>, depth: u8) -> Result<String> {
    let kinds = if depth == 0 { 6 } else { 12 };
    Ok(match u.int_in_range(0..=kinds)? {
        0 => format!("{} {} {}", number(u, depth)?, comparison(u)?, number(u, depth)?),
        1 => format!("{} {} {}", words(u)?, comparison(u)?, words(u)?),
        2 => format!("{}.{}({})", words(u)?, u.choose(&["contains", "startsWith", "endsWith"])?, words(u)?),
        3 => format!("{}.matches({})", words(u)?, u.choose(&["'^a'", "'[.]5$'", "'(?i)B+'", "''"])?),
        4 => format!("{} in {}", words(u)?, list(u)?),
        5 => format!("has({})", u.choose(&["args.n", "args.t", "args.l", "args.o.t", "args.none", "labels.team"])?),
        6 => (*u.choose(&["true", "false", "args.t", "agent.name == 'bot'", "now.getHours() < 12", "i == 'a'"])?)
            .to_owned(),
        7 => format!("({} && {})", truth(u, depth - 1)?, truth(u, depth - 1)?),
        8 => format!("({} || {})", truth(u, depth - 1)?, truth(u, depth - 1)?),
        9 => format!("!({})", truth(u, depth - 1)?),
        10 => format!("({} ? {} : {})", truth(u, depth - 1)?, truth(u, depth - 1)?, truth(u, depth - 1)?),
        11 => {
            let quantifier = u.choose(&["all", "exists", "exists_one"])?;
            format!("{}.{quantifier}(i, {})", list(u)?, truth(u, depth - 1)?)
        }
        _ => format!("{}.filter(i, {}).size() {} 1", list(u)?, truth(u, depth - 1)?, comparison(u)?),
    })
}

fn comparison<'a>(u: &mut Unstructured<'_>) -> Result<&'a str> {
    Ok(u.choose(&["==", "!=", "<", "<=", ">", ">="])?)
}

fn number(u: &mut Unstructured<'_>, depth: u8) -> Result<String> {
    let kinds = if depth == 0 { 3 } else { 5 };
    Ok(match u.int_in_range(0..=kinds)? {
        0 => u.int_in_range(0..=9)?.to_string(),
        1 | 2 => (*u.choose(&["args.n", "args.m", "args.o.n", "args.none", "args['n']"])?).to_owned(),
        3 => format!("size({})", list(u)?),
        4 => format!("({} {} {})", number(u, depth - 1)?, u.choose(&["+", "-", "*", "/", "%"])?, number(u, depth - 1)?),
        _ => format!("(-{})", number(u, depth - 1)?),
    })
}

fn words<'a>(u: &mut Unstructured<'_>) -> Result<&'a str> {
    Ok(u.choose(&[
        "args.t",
        "args.u",
        "args.o.t",
        "args.none",
        "tool",
        "'a'",
        "''",
        "'1.5'",
        "args.l[0]",
        "(args.t + 'b')",
    ])?)
}

fn list<'a>(u: &mut Unstructured<'_>) -> Result<&'a str> {
    Ok(u.choose(&["args.l", "[args.t, 'b']", "['a', 'ab']", "args.o", "args.none", "args.t.split('')"])?)
}
