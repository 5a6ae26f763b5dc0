//! The adapters for agent frameworks, tested with the frameworks themselves: each version of a framework in an
//! environment of its own. `clients/LANGUAGE/scripts/adapters` knows the frameworks and versions of its language.

use crate::clients::{CLIENTS, Client};
use crate::failure::Failure;
use crate::step::Step;
use crate::tools;

/// `cargo xtask adapters`: the tests of all adapters, or of those of a language, a framework, or one version of it.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (clients, named) = chosen(args)?;
    tools::ensure(clients.iter().flat_map(|client| client.tools))?;
    Step::new(&[], "cargo build --locked --bin signoff").run()?;
    let mut outcome = Ok(());
    for client in clients {
        client.set_up()?;
        // After a failure the other languages still run.
        outcome = outcome.and(client.adapters(named)?.run());
    }
    outcome
}

/// The clients whose adapters are tested, and the framework and version, if they are named.
fn chosen(args: &[String]) -> Result<(Vec<&'static Client>, &[String]), Failure> {
    let with_adapters = || CLIENTS.iter().filter(|client| client.has_adapters);
    let usage = || {
        let languages: Vec<_> = with_adapters().map(|client| client.name).collect();
        Failure::Usage(format!(
            "`adapters` takes --all, or a language ({}) with an optional framework and version",
            languages.join(", ")
        ))
    };
    match args {
        [all] if all == "--all" => Ok((with_adapters().collect(), &[])),
        [language, named @ ..] if named.len() <= 2 => {
            let client = with_adapters().find(|client| client.name == language).ok_or_else(usage)?;
            Ok((vec![client], named))
        }
        _ => Err(usage()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &[&str]) -> Result<(Vec<&'static str>, Vec<String>), Failure> {
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        let (clients, named) = chosen(&args)?;
        Ok((clients.iter().map(|client| client.name).collect(), named.to_vec()))
    }

    #[test]
    fn adapters_are_named_or_all() {
        let (all, named) = names(&["--all"]).expect("all");
        assert!(all.contains(&"python") && all.contains(&"typescript") && named.is_empty(), "{all:?} {named:?}");
        let (python, named) = names(&["python", "langgraph", "newest"]).expect("one");
        assert_eq!((python, named), (vec!["python"], vec!["langgraph".to_owned(), "newest".to_owned()]));
    }

    #[test]
    fn anything_else_is_refused_with_the_languages() {
        for args in [&[][..], &["go"], &["langgraph"], &["--all", "python"], &["python", "langgraph", "newest", "-v"]] {
            let failure = names(args).expect_err("refused").to_string();
            assert!(failure.contains("python, typescript, java"), "{args:?}: {failure}");
        }
    }
}
