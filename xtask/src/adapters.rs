//! The adapters for agent frameworks, tested with the frameworks themselves: each in an environment of its own, with
//! the newest and the oldest version that is supported. `clients/python/scripts/adapters` knows them.

use crate::clients::{self, CLIENTS};
use crate::failure::Failure;
use crate::step::Step;

/// `cargo xtask adapters`: the tests of all adapters, or of a framework, or of it in one version.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if args.len() > 2 {
        return Err(Failure::Usage("`adapters` takes a framework, and a version: `newest` or `oldest`".to_owned()));
    }
    let python: Vec<_> = CLIENTS.iter().filter(|client| client.name == "python").collect();
    clients::find_tools(&python)?;
    Step::new(&[], "cargo build --locked --bin signoff").run()?;
    for client in python {
        client.adapters(args)?.run()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_argument_is_refused() {
        let args = ["langgraph", "newest", "-v"].map(str::to_owned);
        assert!(matches!(run(&args), Err(Failure::Usage(_))));
    }
}
